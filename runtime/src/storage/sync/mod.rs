//! What versions are published with: the pointer that readers load, the count of those who hold a
//! snapshot, the locks of those who write.
//!
//! `shipped` is what programs run. With `--cfg loom` the tests have `watched` in its place, by which
//! the concurrency model (`concurrency_model.rs`) tries every order in which threads can meet and
//! everything that memory may show them.

#[cfg(not(all(test, loom)))]
mod shipped;
#[cfg(loom)]
#[cfg(test)]
mod watched;

#[cfg(not(all(test, loom)))]
pub(super) use shipped::{Counted, Mutex, MutexGuard, SnapshotCell, fence};
#[cfg(loom)]
#[cfg(test)]
pub(super) use watched::{Access, Counted, Mutex, MutexGuard, SnapshotCell, fence, without_fences};
