//! Requests that wait for their tick.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::request::{ReplyTo, Request};

/// Why a request was not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Too many wait already.
    #[error("{capacity} requests are waiting already, try again in {retry_after_ms} ms")]
    Full {
        /// How many may wait.
        capacity: usize,
        /// When there may be room again.
        retry_after_ms: u64,
    },
    /// It waited too long and was not executed.
    #[error("the request waited {waited_ms} ms for its turn and was not executed")]
    Expired {
        /// How long it waited.
        waited_ms: u64,
    },
    /// The runtime is stopping.
    #[error("the database is stopping and takes no more requests")]
    Stopped,
}

/// A request with who is to be told.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) reply: ReplyTo,
    /// When it came.
    pub(super) since: Duration,
}

/// The bounded queue: schema changes before all others, each in the order in which they came.
///
/// Calls that were taken out and wait for their turn count as waiting, so that nothing that waits
/// is without a bound.
pub(super) struct Queue {
    capacity: usize,
    retry_after_ms: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    schema_changes: VecDeque<Waiting>,
    others: VecDeque<Waiting>,
    /// Calls that were taken out and are not answered yet.
    calls: usize,
    stopped: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.schema_changes.len() + self.others.len() + self.calls
    }
}

impl Queue {
    pub(super) fn new(capacity: usize, retry_after: Duration) -> Self {
        let retry_after_ms = u64::try_from(retry_after.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        Self {
            capacity,
            retry_after_ms,
            state: Mutex::default(),
        }
    }

    /// Adds a request, or gives back why not.
    pub(super) fn push(&self, waiting: Waiting) -> Result<(), QueueError> {
        let mut state = self.lock();
        if state.stopped {
            return Err(QueueError::Stopped);
        }
        if state.waiting() >= self.capacity {
            let (capacity, retry_after_ms) = (self.capacity, self.retry_after_ms);
            return Err(QueueError::Full {
                capacity,
                retry_after_ms,
            });
        }
        match waiting.request.is_schema_change() {
            true => state.schema_changes.push_back(waiting),
            false => state.others.push_back(waiting),
        }
        Ok(())
    }

    /// The next in turn.
    pub(super) fn pop(&self) -> Option<Waiting> {
        let mut state = self.lock();
        let next = state.schema_changes.pop_front();
        let next = next.or_else(|| state.others.pop_front())?;
        state.calls += usize::from(next.request.is_call());
        Some(next)
    }

    /// Says how many of the calls that were taken out still wait.
    pub(super) fn set_calls(&self, calls: usize) {
        self.lock().calls = calls;
    }

    /// Requests that are to be taken out.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.schema_changes.len() + state.others.len()
    }

    /// Requests that wait, calls that were taken out included.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Takes no more, and gives what waits.
    pub(super) fn stop(&self) -> Vec<Waiting> {
        let mut state = self.lock();
        state.stopped = true;
        let State {
            schema_changes,
            others,
            ..
        } = &mut *state;
        schema_changes.drain(..).chain(others.drain(..)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
