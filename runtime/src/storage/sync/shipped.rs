//! What programs run.

use arc_swap::ArcSwap;

pub(in crate::storage) use std::sync::{Arc as Counted, Mutex, MutexGuard, atomic::fence};

/// The one pointer that readers load.
pub(in crate::storage) struct SnapshotCell<T>(ArcSwap<T>);

impl<T> SnapshotCell<T> {
    pub(in crate::storage) fn new(first: Counted<T>) -> Self {
        Self(ArcSwap::new(first))
    }

    /// What it points at. Takes no lock.
    #[inline]
    pub(in crate::storage) fn load(&self) -> Counted<T> {
        self.0.load_full()
    }

    /// Points at `next` from here on, and gives what it pointed at. Everybody who loaded that is
    /// counted by then.
    pub(in crate::storage) fn swap(&self, next: Counted<T>) -> Counted<T> {
        self.0.swap(next)
    }
}
