//! What a database asks of persistence: a flush when one is due, the schema before it is answered.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
};

use crate::{
    Result,
    clock::Clock,
    metrics::MetricsReading,
    persistence::{FlushSummary, PersistenceError, PersistenceHandle, Store as FileStore},
    storage::Snapshot,
};

/// How much an answered change has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persisted {
    /// It is in memory; the next flush writes it.
    Memory,
    /// It is on disk.
    Disk,
}

/// How much of the files a schema change touches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SchemaChange {
    /// The list of tables.
    Tables,
    /// Records, or what must hold of them.
    Records,
}

/// The way to the persistence thread, where there is one.
#[derive(Default)]
pub(crate) struct Persistence {
    thread: Option<PersistenceHandle>,
    /// The version that was handed over last.
    handed_over: AtomicU64,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    flushes: AtomicU64,
    skipped: AtomicU64,
    failures: AtomicU64,
    /// Set by a failed flush, so that the next one is not taken for needless.
    failed: AtomicU64,
}

impl Counts {
    fn count(&self, flushed: &Result<FlushSummary, PersistenceError>) {
        let counter = match flushed {
            Ok(_) => &self.flushes,
            Err(_) => {
                self.failed.store(1, Ordering::Release);
                &self.failures
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Persistence {
    /// Starts the thread that keeps the files; none where nothing is kept.
    pub(crate) fn start(files: Option<FileStore>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let Some(files) = files else {
            return Ok(Self::default());
        };
        let clock = Arc::clone(clock);
        let thread = PersistenceHandle::start(files, Box::new(move || clock.now()))?;
        Ok(Self {
            thread: Some(thread),
            ..Self::default()
        })
    }

    /// Writes all that differs from the files, and waits for it.
    pub(crate) fn flush_and_wait(&self, snapshot: &Snapshot) -> Result<()> {
        let Some(thread) = &self.thread else {
            return Ok(());
        };
        let (sender, receiver) = sync_channel(1);
        let done = move |written| {
            // The other side waits for this and for nothing else.
            let _nobody_waits = sender.send(written);
        };
        thread.submit_schema(snapshot.clone(), true, Box::new(done));
        if let Ok(written) = receiver.recv() {
            self.counts.count(&written);
            written?;
        }
        self.handed_over
            .store(snapshot.version(), Ordering::Relaxed);
        Ok(())
    }

    /// Starts a flush where something changed and none is running; a due flush that is not started
    /// is counted.
    pub(crate) fn flush_if_changed(&self, snapshot: &Snapshot) {
        let Some(thread) = &self.thread else { return };
        let failed = self.counts.failed.swap(0, Ordering::AcqRel) != 0;
        if !failed && self.handed_over.load(Ordering::Relaxed) == snapshot.version() {
            return;
        }
        let counts = Arc::clone(&self.counts);
        if thread.try_flush(
            snapshot.clone(),
            Box::new(move |flushed| counts.count(&flushed)),
        ) {
            self.handed_over
                .store(snapshot.version(), Ordering::Relaxed);
        } else {
            self.counts
                .failed
                .fetch_or(u64::from(failed), Ordering::AcqRel);
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the schema, then says whether it is on disk.
    pub(crate) fn write_schema(
        &self,
        snapshot: &Snapshot,
        change: SchemaChange,
        told: impl FnOnce(Result<Persisted, String>) + Send + 'static,
    ) {
        let Some(thread) = &self.thread else {
            return told(Ok(Persisted::Memory));
        };
        let full = change == SchemaChange::Records;
        let counts = Arc::clone(&self.counts);
        let done = move |written: Result<_, PersistenceError>| {
            if written.is_err() {
                counts.count(&written);
            }
            told(
                written
                    .map(|_| Persisted::Disk)
                    .map_err(|error| error.to_string()),
            );
        };
        thread.submit_schema(snapshot.clone(), full, Box::new(done));
    }

    /// Writes everything and ends the thread.
    pub(crate) fn stop(&self, last: &Snapshot) -> Result<()> {
        let Some(thread) = &self.thread else {
            return Ok(());
        };
        let flushed = self.flush_and_wait(last);
        thread.stop();
        flushed
    }

    /// Adds what persistence counts.
    pub(crate) fn read_metrics(&self, reading: &mut MetricsReading) {
        reading.flushes = self.counts.flushes.load(Ordering::Relaxed);
        reading.flushes_skipped = self.counts.skipped.load(Ordering::Relaxed);
        reading.flush_failures = self.counts.failures.load(Ordering::Relaxed);
    }
}

impl fmt::Debug for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistence").finish_non_exhaustive()
    }
}
