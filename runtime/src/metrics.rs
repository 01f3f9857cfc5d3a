//! Counters of a running database. The tick writes them, whoever wants to reads them.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) ticks: AtomicU64,
    pub(crate) tick_overruns: AtomicU64,
    pub(crate) skipped_slots: AtomicU64,
    pub(crate) dropped_requests: AtomicU64,
    pub(crate) expired_requests: AtomicU64,
    pub(crate) calls_run_again: AtomicU64,
    pub(crate) procedure_panics: AtomicU64,
    requests: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// The counters at one moment, and what else the metrics tell.
#[derive(Clone, Debug, Default)]
pub struct MetricsReading {
    /// Ticks that ran.
    pub ticks: u64,
    /// Ticks whose phases took longer than the period.
    pub tick_overruns: u64,
    /// Slots in which no tick ran, since the one before took too long.
    pub skipped_slots: u64,
    /// Requests that were refused, since the queue was full.
    pub dropped_requests: u64,
    /// Requests that waited too long and were not executed.
    pub expired_requests: u64,
    /// Requests that wait now.
    pub queue_size: u64,
    /// Calls that ran again, since one before them changed what they had read.
    pub calls_run_again: u64,
    /// Calls that panicked.
    pub procedure_panics: u64,
    /// Flushes that wrote all files.
    pub flushes: u64,
    /// Flushes that were due while one was running.
    pub flushes_skipped: u64,
    /// Flushes that failed; the files of the one before are still there.
    pub flush_failures: u64,
    /// Snapshots that somebody holds, the current one included.
    pub live_snapshots: u64,
    /// Changes of fields that are under way now: their tables are being copied.
    pub schema_changes: u64,
    /// Records that changes of fields have copied beside the ticks.
    pub schema_change_records: u64,
    /// Requests by kind and outcome, which is `ok` or `refused`.
    pub requests: Vec<(&'static str, &'static str, u64)>,
}

impl Metrics {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count_request(&self, kind: &'static str, ok: bool) {
        let outcome = if ok { "ok" } else { "refused" };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((kind, outcome)).or_default() += 1;
    }

    pub(crate) fn read(&self) -> MetricsReading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        MetricsReading {
            ticks: get(&self.ticks),
            tick_overruns: get(&self.tick_overruns),
            skipped_slots: get(&self.skipped_slots),
            dropped_requests: get(&self.dropped_requests),
            expired_requests: get(&self.expired_requests),
            calls_run_again: get(&self.calls_run_again),
            procedure_panics: get(&self.procedure_panics),
            requests: requests
                .iter()
                .map(|((kind, outcome), n)| (*kind, *outcome, *n))
                .collect(),
            ..MetricsReading::default()
        }
    }
}
