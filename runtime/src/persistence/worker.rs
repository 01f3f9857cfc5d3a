//! The thread that writes, so that nobody else waits for the disk.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{PersistenceError, Store, Written};
use crate::storage::Snapshot;

/// Jobs that wait at most; one more is refused.
const QUEUE_LENGTH_MAX: usize = 64;

/// What was written, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FlushSummary {
    /// The version of the records that are durable now.
    pub(crate) version: u64,
    /// Tables whose file is new.
    pub(crate) tables_written: u64,
    /// Bytes of all files written.
    pub(crate) bytes_written: u64,
    /// From the start of the job to its end.
    pub(crate) seconds: f64,
}

/// Called on the persistence thread when a job has ended.
pub(crate) type Done = Box<dyn FnOnce(Result<FlushSummary, PersistenceError>) + Send>;

/// The time since some fixed moment.
pub(crate) type Elapsed = Box<dyn Fn() -> Duration + Send>;

enum Job {
    Flush {
        snapshot: Snapshot,
        done: Done,
    },
    Schema {
        snapshot: Snapshot,
        full: bool,
        done: Done,
    },
    Stop,
}

/// The way to the persistence thread. Dropping it stops the thread, after the jobs that wait.
pub(crate) struct PersistenceHandle {
    jobs: SyncSender<Job>,
    /// Whether a flush waits or runs.
    flushing: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl PersistenceHandle {
    /// Starts the thread, which owns `store` from here on; `elapsed` tells it the time.
    pub(crate) fn start(store: Store, elapsed: Elapsed) -> Result<Self, PersistenceError> {
        let (jobs, queue) = sync_channel(QUEUE_LENGTH_MAX);
        let flushing = Arc::new(AtomicBool::new(false));
        let folder = store.disk.folder().to_owned();
        let worker = Worker {
            store,
            elapsed,
            flushing: Arc::clone(&flushing),
        };
        let thread = thread::Builder::new()
            .name("tickbase-persistence".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(|source| {
                PersistenceError::io(folder, "starting the thread that writes", source)
            })?;
        Ok(Self {
            jobs,
            flushing,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands a snapshot over to be flushed. Gives false, and does nothing, where a flush waits or
    /// runs, or the thread has stopped.
    pub(crate) fn try_flush(&self, snapshot: Snapshot, done: Done) -> bool {
        if self.flushing.swap(true, Ordering::AcqRel) {
            return false;
        }
        let taken = self.jobs.try_send(Job::Flush { snapshot, done }).is_ok();
        if !taken {
            self.flushing.store(false, Ordering::Release);
        }
        taken
    }

    /// Hands a snapshot with another catalog over; `done` hears when it is durable. With `full`
    /// the records are written too, and the tick even where nothing else changed. Never waits:
    /// where too much is waiting already, `done` is told at once, on this thread.
    pub(crate) fn submit_schema(&self, snapshot: Snapshot, full: bool, done: Done) {
        let job = Job::Schema {
            snapshot,
            full,
            done,
        };
        let (job, reason) = match self.jobs.try_send(job) {
            Ok(()) => return,
            Err(TrySendError::Full(job)) => (job, "has too much to do already"),
            Err(TrySendError::Disconnected(job)) => (job, STOPPED),
        };
        job.refuse(reason);
    }

    /// Waits for the jobs that were handed over, then for the thread to end. The folder is
    /// unlocked then.
    pub(crate) fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // Where this fails the thread has ended already.
            let _ = self.jobs.send(Job::Stop);
            if thread.join().is_err() {
                tracing::error!("the persistence thread panicked");
            }
        }
    }
}

const STOPPED: &str = "has stopped";

impl Drop for PersistenceHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for PersistenceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistenceHandle")
            .field("flushing", &self.flushing)
            .finish_non_exhaustive()
    }
}

impl Job {
    fn refuse(self, reason: &'static str) {
        match self {
            Self::Flush { done, .. } | Self::Schema { done, .. } => {
                done(Err(PersistenceError::Unavailable { reason }));
            }
            Self::Stop => {}
        }
    }
}

struct Worker {
    store: Store,
    elapsed: Elapsed,
    flushing: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Flush { snapshot, done } => {
                    let result = self.timed(|store| store.flush(&snapshot));
                    drop(snapshot);
                    self.flushing.store(false, Ordering::Release);
                    done(result);
                }
                Job::Schema {
                    snapshot,
                    full,
                    done,
                } => {
                    let result = self.timed(|store| {
                        if full {
                            store.flush_always(&snapshot)
                        } else {
                            store.write_schema_only(&snapshot)
                        }
                    });
                    drop(snapshot);
                    done(result);
                }
                Job::Stop => break,
            }
        }
        for job in queue.try_iter() {
            job.refuse(STOPPED);
        }
    }

    fn timed(
        &mut self,
        write: impl FnOnce(&mut Store) -> Result<Written, PersistenceError>,
    ) -> Result<FlushSummary, PersistenceError> {
        let start = (self.elapsed)();
        let result = write(&mut self.store);
        let seconds = (self.elapsed)().saturating_sub(start).as_secs_f64();
        if let Err(error) = &result {
            tracing::warn!(%error, "a flush failed, the files of the last one stay current");
        }
        result.map(|written| FlushSummary {
            version: written.version,
            tables_written: written.tables,
            bytes_written: written.bytes,
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::persistence::{
        fake_disk::{FakeDisk, Fault},
        testing::{gates, open_fake, snapshot},
    };

    fn handle(disk: &FakeDisk) -> PersistenceHandle {
        let store = open_fake(disk).unwrap().store;
        PersistenceHandle::start(store, Box::new(|| Duration::ZERO)).unwrap()
    }

    fn done() -> Done {
        Box::new(|_| {})
    }

    #[test]
    fn a_flush_is_refused_while_another_one_waits_or_runs() {
        let disk = FakeDisk::default();
        let handle = handle(&disk);
        let (hold, held) = channel::<()>();
        let (say, said) = channel();
        // The thread waits in here, so that the flush behind it waits in the queue.
        let wait = Box::new(move |_| held.recv().unwrap());
        handle.submit_schema(snapshot(1, &gates(), &[]), false, wait);
        let answer = Box::new(move |result| say.send(result).unwrap());
        assert!(handle.try_flush(snapshot(2, &gates(), &[]), answer));
        assert!(!handle.try_flush(snapshot(3, &gates(), &[]), done()));
        hold.send(()).unwrap();
        let summary = said.recv().unwrap().unwrap();
        assert_eq!((summary.version, summary.tables_written), (2, 2));
        assert!(handle.try_flush(snapshot(3, &gates(), &[]), done()));
        handle.stop();
        assert_eq!(open_fake(&disk).unwrap().version, 3);
    }

    #[test]
    fn a_thread_that_has_stopped_refuses_work() {
        let disk = FakeDisk::default();
        let handle = handle(&disk);
        handle.stop();
        handle.stop();
        assert!(!handle.try_flush(snapshot(1, &gates(), &[]), done()));
        let (say, said) = channel();
        let answer = Box::new(move |result| say.send(result).unwrap());
        handle.submit_schema(snapshot(1, &gates(), &[]), true, answer);
        assert!(matches!(
            said.recv().unwrap(),
            Err(PersistenceError::Unavailable { .. })
        ));
    }

    #[test]
    fn a_failed_flush_is_told_and_the_next_one_succeeds() {
        let disk = FakeDisk::default();
        let handle = handle(&disk);
        disk.set_fault(Fault::Once(1));
        let flush = || {
            let (say, said) = channel();
            let answer = Box::new(move |result| say.send(result).unwrap());
            assert!(handle.try_flush(snapshot(1, &gates(), &[]), answer));
            said.recv().unwrap()
        };
        let error = flush().unwrap_err().to_string();
        let expected = "writing /fake/data/airport.1.bin failed: the test disk failed";
        assert_eq!(error, expected);
        assert_eq!(flush().unwrap().version, 1);
    }
}
