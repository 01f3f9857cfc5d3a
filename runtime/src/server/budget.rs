//! A bound on the bytes that large bodies and large answers hold, over all connections.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes up to which a body or answer is not counted: as many as a connection's own buffers.
const FREE_BYTES: usize = 16 * 1024;
/// What a permit of the semaphore stands for, since it counts in `u32`.
const UNIT_BYTES: usize = 1024;

/// The bytes that may be held.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// Bytes taken from the budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// Takes this many bytes, or nothing where fewer are left.
    pub(super) fn take(&self, bytes: usize) -> Option<Held> {
        if bytes <= FREE_BYTES {
            return Some(Held { _permit: None });
        }
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = Arc::clone(&self.0).try_acquire_many_owned(units).ok()?;
        Some(Held {
            _permit: Some(permit),
        })
    }

    /// The bytes as an answer's body, counted until the last of them is sent.
    pub(super) fn hold(&self, bytes: Vec<u8>) -> Option<Bytes> {
        let held = self.take(bytes.len())?;
        Some(Bytes::from_owner(HeldBytes { bytes, _held: held }))
    }
}

struct HeldBytes {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_to_the_budget_when_the_answer_is_sent() {
        let budget = Budget::new(100 * 1024);
        let first = budget.hold(vec![1; 60 * 1024]).unwrap();
        assert!(budget.hold(vec![2; 60 * 1024]).is_none());
        assert!(budget.take(10).is_some(), "small ones are free");
        drop(first.clone());
        assert!(budget.take(60 * 1024).is_none());
        drop(first);
        assert!(budget.take(60 * 1024).is_some());
    }
}
