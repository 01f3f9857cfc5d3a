//! What each tick did, and how long it took, for the last so many ticks.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A part of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Requests that change data or schema.
    Requests,
    /// Procedures, by schedule and by call.
    Procedures,
    /// Handing work to the persistence thread.
    Persistence,
}

/// What one phase of one tick was given and took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseUse {
    /// The time that it may take.
    pub budget: Duration,
    /// The time that it took.
    pub used: Duration,
    /// Requests or calls that it carried out.
    pub done: usize,
    /// Requests or calls that it left to the next tick, since its budget was spent.
    pub left: usize,
}

impl PhaseUse {
    /// Whether it took longer than it may.
    pub fn is_over(&self) -> bool {
        self.used > self.budget
    }
}

/// What one tick did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickRecord {
    /// Its number.
    pub tick: u64,
    /// How long after it was due it began.
    pub late_by: Duration,
    /// Slots that were skipped just before it.
    pub skipped: u64,
    /// The requests phase.
    pub requests: PhaseUse,
    /// The procedures phase.
    pub procedures: PhaseUse,
    /// The persistence phase.
    pub persistence: PhaseUse,
    /// Calls that ran again, since one before them changed what they had read.
    pub runs_again: usize,
}

impl TickRecord {
    /// The time that all phases took.
    pub fn used(&self) -> Duration {
        self.requests.used + self.procedures.used + self.persistence.used
    }

    /// What the phase took.
    pub fn phase(&self, phase: Phase) -> &PhaseUse {
        match phase {
            Phase::Requests => &self.requests,
            Phase::Procedures => &self.procedures,
            Phase::Persistence => &self.persistence,
        }
    }
}

/// The last ticks.
#[derive(Debug)]
pub(super) struct Timeline {
    length_max: usize,
    ticks: Mutex<VecDeque<TickRecord>>,
}

impl Timeline {
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            length_max,
            ticks: Mutex::default(),
        }
    }

    pub(super) fn push(&self, record: TickRecord) {
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        if ticks.len() >= self.length_max {
            ticks.pop_front();
        }
        ticks.push_back(record);
    }

    /// The last `count` ticks, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<TickRecord> {
        let ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        ticks
            .iter()
            .skip(ticks.len().saturating_sub(count))
            .cloned()
            .collect()
    }
}
