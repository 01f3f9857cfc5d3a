//! The thread on which large tables get other fields, so that no tick waits for it.
//!
//! The tick hands it changes that are too large for a tick, and takes them back when little is left
//! to do. One is copied at a time, in the order in which they came. There are never more than one
//! for each table, so what waits here has a bound.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use super::request::ReplyTo;
use crate::{
    Error,
    database::{FieldsBuild, flatten},
    procedure::shielded,
    storage::{Store, TableShared},
};

/// A change of fields under way, and who asked for it.
pub(super) struct Job {
    pub(super) build: Box<FieldsBuild>,
    /// The kind of the request, as metrics name it.
    pub(super) kind: &'static str,
    pub(super) reply: ReplyTo,
}

/// A change that the tick takes back.
pub(super) enum Ended {
    /// It is to be swapped in.
    Ready(Job),
    /// It is to be answered; nothing of it is left.
    Failed {
        kind: &'static str,
        reply: ReplyTo,
        error: Error,
    },
}

/// The way to the thread. It starts with the first change.
pub(super) struct Builder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether a test does the work of the thread.
    #[cfg(test)]
    held: AtomicBool,
}

struct Shared {
    store: Arc<Store>,
    state: Mutex<State>,
    /// Told when there is something to do.
    more: Condvar,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    ended: Vec<Ended>,
    /// Changes at their end, to be taken apart where nobody waits for it.
    remains: Vec<FieldsBuild>,
    /// Tables that others have taken the place of. Their memory is given back here, once no
    /// snapshot sees them.
    replaced: Vec<Arc<TableShared>>,
    /// Whether some of them may have come to that.
    look: bool,
}

impl Job {
    /// Drops what was made, and keeps who is to be told.
    fn fail(self, error: Error) -> Ended {
        let Self { kind, reply, .. } = self;
        Ended::Failed { kind, reply, error }
    }
}

impl Builder {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            shared: Arc::new(Shared {
                store,
                state: Mutex::default(),
                more: Condvar::new(),
                stopped: AtomicBool::new(false),
            }),
            thread: Mutex::default(),
            #[cfg(test)]
            held: AtomicBool::new(false),
        }
    }

    /// Leaves all work to [`work`](Self::work).
    #[cfg(test)]
    pub(super) fn hold(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    /// Does what the thread does for one change.
    #[cfg(test)]
    pub(super) fn work(&self) {
        self.shared.work();
    }

    /// Hands a change over to be copied.
    pub(super) fn submit(&self, job: Job) {
        let started = self.start();
        let mut state = self.shared.lock();
        match started {
            Ok(()) => state.waiting.push_back(job),
            Err(error) => state.ended.push(job.fail(error)),
        }
        self.shared.more.notify_all();
    }

    /// Takes the changes that are ready to be swapped in, or that failed.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.shared.lock().ended)
    }

    /// Drops what is left of a change on the thread.
    pub(super) fn dispose(&self, remains: Box<FieldsBuild>) {
        self.shared.lock().remains.push(*remains);
        self.shared.more.notify_all();
    }

    /// Looks for replaced tables that no snapshot sees any more; for when some were dropped.
    pub(super) fn look(&self) {
        let mut state = self.shared.lock();
        if !state.replaced.is_empty() {
            state.look = true;
            self.shared.more.notify_all();
        }
    }

    /// Ends the thread, and gives back who waits for what will not be done any more.
    pub(super) fn stop(&self) -> Vec<ReplyTo> {
        {
            // Under the lock, so that the thread does not miss it on its way to waiting.
            let _state = self.shared.lock();
            self.shared.stopped.store(true, Ordering::Release);
            self.shared.more.notify_all();
        }
        let thread = self.lock_thread().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that changes fields panicked");
        }
        let State { waiting, ended, .. } = std::mem::take(&mut *self.shared.lock());
        let waiting = waiting.into_iter().map(|job| job.reply);
        let ended = ended.into_iter().map(|ended| match ended {
            Ended::Ready(job) => job.reply,
            Ended::Failed { reply, .. } => reply,
        });
        waiting.chain(ended).collect()
    }

    fn start(&self) -> Result<(), Error> {
        #[cfg(test)]
        if self.held.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut thread = self.lock_thread();
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let named = std::thread::Builder::new().name("tickbase-fields".to_owned());
            let spawned = named.spawn(move || shared.run());
            *thread = Some(spawned.map_err(|error| Error::Config {
                setting: "thread that changes fields",
                reason: format!("the system starts no thread: {error}"),
            })?);
        }
        Ok(())
    }

    fn lock_thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn run(&self) {
        while self.wait() {
            self.work();
        }
    }

    /// Waits until there is something to do; false where there will be nothing any more.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            if self.is_stopped() {
                return false;
            }
            if !state.waiting.is_empty() || !state.remains.is_empty() || state.look {
                return true;
            }
            let waited = self.more.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what is to be dropped, and copies for the change that is next.
    fn work(&self) {
        self.clear();
        let Some(mut job) = self.lock().waiting.pop_front() else {
            return;
        };
        let mut advanced = Ok(false);
        let copying = || advanced = job.build.advance(&self.store, &|| !self.is_stopped());
        if let Err(message) = shielded(copying) {
            // Who waits for the reply learns that there will be none.
            tracing::error!(message, kind = job.kind, "a change of fields panicked");
            return;
        }
        match advanced {
            Ok(true) => self.lock().ended.push(Ended::Ready(job)),
            Ok(false) => self.lock().waiting.push_front(job),
            Err(error) => {
                let failed = job.fail(flatten(error));
                self.lock().ended.push(failed);
            }
        }
    }

    fn clear(&self) {
        let (remains, mut replaced) = {
            let mut state = self.lock();
            state.look = false;
            let State {
                remains, replaced, ..
            } = &mut *state;
            (std::mem::take(remains), std::mem::take(replaced))
        };
        replaced.extend(remains.into_iter().filter_map(FieldsBuild::into_replaced));
        replaced.retain(|table| Arc::strong_count(table) > 1);
        self.lock().replaced.append(&mut replaced);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
