//! The loop: one tick in each slot of the clock, three phases in each tick.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Request, TickRecord,
    builder::Builder,
    procedures::{Calls, ProceduresPhase},
    queue::{Queue, QueueError, Waiting},
    request::Reply,
    requests::RequestsPhase,
    timeline::{PhaseUse, Timeline},
};
use crate::{
    Error, Result,
    database::{Database, Persisted, Persistence},
    metrics::{Metrics, MetricsReading},
    procedure::ProcedureRegistry,
    transaction::{Moment, refuse_nested},
};

/// Runs the ticks of a database: on a thread of its own, or step by step.
#[derive(Debug)]
pub struct Runtime {
    handle: RuntimeHandle,
    ticker: Option<Ticker>,
    thread: Option<JoinHandle<Ticker>>,
}

/// The way to a running database from any thread. Cloning it gives another handle of the same one.
#[derive(Clone)]
pub struct RuntimeHandle {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) database: Database,
    queue: Queue,
    builder: Builder,
    pub(super) metrics: Metrics,
    timeline: Timeline,
    tick: AtomicU64,
    stopping: AtomicBool,
    running: AtomicBool,
}

/// What only the thread that ticks has.
struct Ticker {
    shared: Arc<Shared>,
    calls: Calls,
    /// When slot 0 was due.
    start: Duration,
    /// The slot that comes next, counted from the start.
    slot: u64,
    /// The number of the tick in slot 0.
    first_tick: u64,
    last_tick: u64,
    last_flush: u64,
}

impl Runtime {
    /// A runtime that does nothing until it is started or stepped.
    pub fn new(database: Database) -> Self {
        let config = database.config();
        let first_tick = database.snapshot().tick() + 1;
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue_capacity(), config.period()),
            builder: Builder::new(Arc::clone(database.store())),
            metrics: Metrics::default(),
            timeline: Timeline::new(config.timeline_ticks),
            tick: AtomicU64::new(first_tick - 1),
            stopping: AtomicBool::new(false),
            running: AtomicBool::new(false),
            database,
        });
        let ticker = Ticker {
            calls: Calls::default(),
            start: shared.database.clock().now(),
            slot: 0,
            first_tick,
            last_tick: first_tick - 1,
            last_flush: first_tick - 1,
            shared: Arc::clone(&shared),
        };
        Self {
            handle: RuntimeHandle { shared },
            ticker: Some(ticker),
            thread: None,
        }
    }

    /// The way to this runtime from other threads.
    pub fn handle(&self) -> RuntimeHandle {
        self.handle.clone()
    }

    /// Runs the tick of the next slot now, whatever the clock says, and gives what it did. For
    /// tests, and for programs that own the loop.
    ///
    /// # Panics
    /// Where the runtime was started, and so steps by itself.
    pub fn step(&mut self) -> TickRecord {
        let ticker = self
            .ticker
            .as_mut()
            .expect("a runtime that was started steps by itself");
        let slot = ticker.slot;
        ticker.run_slot(slot)
    }

    /// Waits for the next slot that is due, as the thread of a started runtime does, and runs it.
    ///
    /// # Panics
    /// Where the runtime was started, and so steps by itself.
    pub fn step_when_due(&mut self) -> TickRecord {
        let ticker = self
            .ticker
            .as_mut()
            .expect("a runtime that was started steps by itself");
        ticker.run_next_due()
    }

    /// Starts a thread that runs a tick in every slot until [`stop`](Self::stop).
    pub fn start(&mut self) -> Result<()> {
        let Some(mut ticker) = self.ticker.take() else {
            return Ok(());
        };
        self.handle.shared.running.store(true, Ordering::Release);
        let run = move || {
            let _watch = Watch(Arc::clone(&ticker.shared));
            ticker.start = ticker.shared.database.clock().now();
            ticker.first_tick = ticker.last_tick + 1;
            ticker.slot = 0;
            while !ticker.shared.stopping.load(Ordering::Acquire) {
                ticker.run_next_due();
            }
            ticker
        };
        let thread = std::thread::Builder::new().name("tickbase-tick".to_owned());
        let spawned = thread.spawn(run).map_err(|error| Error::Config {
            setting: "tick thread",
            reason: format!("the system starts no thread: {error}"),
        })?;
        self.thread = Some(spawned);
        Ok(())
    }

    /// Ends the ticks, answers all who wait, and writes everything to disk; once, for good.
    pub fn stop(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.handle.shared);
        if shared.stopping.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(ticker) => self.ticker = Some(ticker),
                Err(_) => tracing::error!("the tick thread ended in a panic"),
            }
        }
        shared.running.store(false, Ordering::Release);
        let (tick, version) = (self.handle.tick(), shared.database.snapshot().version());
        let stopped = || Reply {
            result: Err(QueueError::Stopped.into()),
            tick,
            version,
            durability: Persisted::Memory,
        };
        for waiting in shared.queue.stop() {
            stopped().send(waiting.reply);
        }
        for reply in shared.builder.stop() {
            stopped().send(reply);
        }
        if let Some(ticker) = &mut self.ticker {
            for reply in ticker
                .calls
                .drain()
                .filter_map(super::procedures::Call::into_reply)
            {
                stopped().send(reply);
            }
        }
        shared
            .database
            .persistence()
            .stop(&shared.database.snapshot())?;
        Ok(())
    }
}

/// Sees to it that nobody waits for ticks that have ended in a panic.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.running.store(false, Ordering::Release);
            // Who waits for a reply learns that there will be none.
            drop(self.0.queue.stop());
            drop(self.0.builder.stop());
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the last flush failed");
        }
    }
}

impl RuntimeHandle {
    /// Queues a request for the next tick. `reply` is called once, on the tick thread or that of
    /// persistence, and must only pass the reply on. A call of a procedure that only reads is no
    /// change: it runs here and now.
    pub fn submit(
        &self,
        request: Request,
        reply: impl FnOnce(Reply) + Send + 'static,
    ) -> Result<(), QueueError> {
        if let Request::Call {
            procedure,
            arguments,
        } = &request
            && self.is_read_only(procedure)
        {
            self.read(procedure, arguments).send(Box::new(reply));
            return Ok(());
        }
        let since = self.shared.database.clock().now();
        let pushed = self.shared.queue.push(Waiting {
            request,
            reply: Box::new(reply),
            since,
        });
        if let Err(QueueError::Full { .. }) = pushed {
            Metrics::add(&self.shared.metrics.dropped_requests, 1);
        }
        pushed
    }

    /// Queues a request and waits for its reply. Not for the thread that steps the runtime.
    pub fn request(&self, request: Request) -> Result<Reply> {
        refuse_nested()?;
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(request, move |reply| {
            // Whoever asked may have gone.
            let _nobody_waits = sender.send(reply);
        })?;
        receiver.recv().map_err(|_| QueueError::Stopped.into())
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The procedures.
    pub fn procedures(&self) -> &ProcedureRegistry {
        self.shared.database.procedures()
    }

    /// The counters.
    pub fn metrics(&self) -> MetricsReading {
        let mut reading = self.shared.metrics.read();
        reading.queue_size = self.shared.queue.waiting() as u64;
        reading.live_snapshots = self.shared.database.live_snapshots() as u64;
        let changes = self.shared.database.schema_changes();
        reading.schema_changes = changes.count() as u64;
        reading.schema_change_records = changes.records_copied();
        self.shared
            .database
            .persistence()
            .read_metrics(&mut reading);
        reading
    }

    #[cfg(test)]
    pub(super) fn builder(&self) -> &Builder {
        &self.shared.builder
    }

    /// What the last ticks did, oldest first.
    pub fn last_ticks(&self, count: usize) -> Vec<TickRecord> {
        self.shared.timeline.last(count)
    }

    /// Whether ticks run, so that requests are carried out.
    pub fn is_ready(&self) -> bool {
        self.shared.running.load(Ordering::Acquire) && !self.shared.stopping.load(Ordering::Acquire)
    }

    /// The number of the last tick.
    pub fn tick(&self) -> u64 {
        self.shared.tick.load(Ordering::Acquire)
    }
}

impl Ticker {
    /// Waits for the next slot and runs it; where that one is long over, the one that is due now.
    fn run_next_due(&mut self) -> TickRecord {
        let clock = Arc::clone(self.shared.database.clock());
        let period = self.shared.database.config().period();
        let due_of = |slot: u64| self.start + multiply(period, slot);
        let now = clock.now();
        let mut slot = self.slot;
        if now >= due_of(slot + 1) {
            // At least one slot was missed: go on with the one in which we are.
            let since = now.saturating_sub(self.start).as_nanos();
            let here = u64::try_from(since / period.as_nanos()).unwrap_or(u64::MAX);
            slot = here.max(slot);
        }
        clock.sleep_until(due_of(slot));
        self.run_slot(slot)
    }

    /// One tick: the three phases in order, each with its budget.
    fn run_slot(&mut self, slot: u64) -> TickRecord {
        let shared = Arc::clone(&self.shared);
        let (database, config) = (&shared.database, shared.database.config());
        let clock = database.clock();
        let period = config.period();
        let began = clock.now();
        let tick = self.first_tick + slot;
        let skipped = slot - self.slot;
        self.slot = slot + 1;
        let delta = multiply(period, tick - self.last_tick);
        let moment = Moment {
            tick,
            now: Some(clock.wall()),
            delta,
        };
        database.store().set_tick(tick);

        let budget = config.share(config.request_budget_percent);
        let (until, metrics) = (began + budget, &shared.metrics);
        let phase = RequestsPhase {
            database,
            queue: &shared.queue,
            builder: &shared.builder,
            metrics,
            moment,
            until,
        };
        let requests = phase.run(&mut self.calls);
        let after_requests = clock.now();
        let requests = timed(requests, budget, after_requests.saturating_sub(began));

        let budget = config.share(config.procedure_budget_percent);
        let (until, last_tick) = (after_requests + budget, self.last_tick);
        let phase = ProceduresPhase {
            database,
            metrics,
            moment,
            last_tick,
            until,
        };
        let (procedures, runs_again) = phase.run(&mut self.calls);
        shared.queue.set_calls(self.calls.waiting());
        let after_procedures = clock.now();
        let procedures = timed(
            procedures,
            budget,
            after_procedures.saturating_sub(after_requests),
        );

        let budget = config.share(config.persistence_budget_percent);
        let persistence = self.persist(database.persistence(), tick);
        let ended = clock.now();
        let persistence = timed(persistence, budget, ended.saturating_sub(after_procedures));

        self.last_tick = tick;
        let due = self.start + multiply(period, slot);
        let late_by = began.saturating_sub(due);
        let record = TickRecord {
            tick,
            late_by,
            skipped,
            requests,
            procedures,
            persistence,
            runs_again,
        };
        self.note(&record, period);
        record
    }

    /// Hands a flush over where one is due.
    fn persist(&mut self, persistence: &Persistence, tick: u64) -> PhaseUse {
        let database = &self.shared.database;
        database.store().reclaim();
        self.shared.builder.look();
        if tick >= self.last_flush + database.config().flush_interval_ticks {
            self.last_flush = tick;
            persistence.flush_if_changed(&database.snapshot());
        }
        PhaseUse::default()
    }

    fn note(&self, record: &TickRecord, period: Duration) {
        let metrics = &self.shared.metrics;
        Metrics::add(&metrics.ticks, 1);
        Metrics::add(&metrics.skipped_slots, record.skipped);
        if record.used() > period {
            Metrics::add(&metrics.tick_overruns, 1);
        }
        self.shared.tick.store(record.tick, Ordering::Release);
        self.shared.timeline.push(record.clone());
    }
}

fn timed(phase: PhaseUse, budget: Duration, used: Duration) -> PhaseUse {
    PhaseUse {
        budget,
        used,
        ..phase
    }
}

/// A period times a number of slots, which may be more than 32 bits hold.
fn multiply(period: Duration, slots: u64) -> Duration {
    let nanos = period.as_nanos().saturating_mul(u128::from(slots));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl fmt::Debug for RuntimeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeHandle")
            .field("tick", &self.tick())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}
