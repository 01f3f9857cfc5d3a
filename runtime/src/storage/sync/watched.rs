//! What the concurrency model watches: the same as what ships, made of the parts of loom.

#![expect(
    unsafe_code,
    reason = "loom's cells are shared so that it can say who was there at once"
)]

use std::{cell::Cell, fmt, ops::Deref};

use loom::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicUsize,
        Ordering::{self, Acquire, Relaxed, Release},
    },
};

pub(in crate::storage) use loom::sync::{Mutex, MutexGuard};

/// Who reads and writes something. The model fails where a write is not ordered with another access.
#[derive(Debug)]
pub(in crate::storage) struct Access(UnsafeCell<()>);

// SAFETY: there is nothing in the cell, and loom, which alone looks into it, runs one thread at a
// time.
unsafe impl Sync for Access {}
// SAFETY: as above.
unsafe impl Send for Access {}

impl Access {
    pub(in crate::storage) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    pub(in crate::storage) fn read(&self) {
        self.0.with(|_| ());
    }

    pub(in crate::storage) fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

/// An `Arc`, as the standard library makes it: counted up without order, down with `Release`, and
/// read without order.
pub(in crate::storage) struct Counted<T>(std::sync::Arc<Inner<T>>);

struct Inner<T> {
    count: AtomicUsize,
    access: Access,
    value: T,
}

impl<T> Counted<T> {
    pub(in crate::storage) fn new(value: T) -> Self {
        Self(std::sync::Arc::new(Inner {
            count: AtomicUsize::new(1),
            access: Access::new(),
            value,
        }))
    }

    pub(in crate::storage) fn strong_count(this: &Self) -> usize {
        this.0.count.load(Relaxed)
    }

    pub(in crate::storage) fn make_mut(this: &mut Self) -> &mut T
    where
        T: Clone,
    {
        let alone = this.0.count.compare_exchange(1, 0, Acquire, Relaxed);
        match alone {
            Ok(_) => this.0.count.store(1, Release),
            Err(_) => *this = Self::new(T::clone(this)),
        }
        let own = std::sync::Arc::get_mut(&mut this.0).expect("it is held here alone");
        own.access.write();
        &mut own.value
    }
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        self.0.count.fetch_add(1, Relaxed);
        Self(std::sync::Arc::clone(&self.0))
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Release) == 1 {
            loom::sync::atomic::fence(Acquire);
            self.0.access.write();
        }
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.access.read();
        &self.0.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Counted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

/// The pointer that readers load. The one that ships orders all that its users do with it, and so
/// does a lock.
pub(in crate::storage) struct SnapshotCell<T>(Mutex<Counted<T>>);

impl<T> SnapshotCell<T> {
    pub(in crate::storage) fn new(first: Counted<T>) -> Self {
        Self(Mutex::new(first))
    }

    pub(in crate::storage) fn load(&self) -> Counted<T> {
        self.0.lock().expect("nobody panics").clone()
    }

    pub(in crate::storage) fn swap(&self, next: Counted<T>) -> Counted<T> {
        std::mem::replace(&mut self.0.lock().expect("nobody panics"), next)
    }
}

thread_local! {
    /// Loom runs all threads of a model on the one that started it.
    static FENCES: Cell<bool> = const { Cell::new(true) };
}

/// Runs `test`, which panics, as if there were no fences.
pub(in crate::storage) fn without_fences(test: impl FnOnce()) {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            FENCES.set(true);
        }
    }
    let _restore = Restore;
    FENCES.set(false);
    test();
}

pub(in crate::storage) fn fence(order: Ordering) {
    if FENCES.get() {
        loom::sync::atomic::fence(order);
    }
}
