//! Many threads on one database, each of which checks all that it reads.
//!
//! Every thread owns a share of the records and keeps a model of it: whatever the others do, its
//! reads show what the model says. Of the records that all of them change, each snapshot must show
//! the same sum and equal twins. Snapshots taken at random, kept, and handed on show what they
//! showed at first.

mod changes;
mod common;
mod share;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use share::{NOTE_FIELDS, Parcel};
use tickbase::{Database, Snapshot, Table};
use worker::Worker;

use crate::{Account, digest, table_definition};

/// What a crowd came across.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often each step ran, by its name.
    pub steps: BTreeMap<&'static str, u64>,
    /// Operations of all threads.
    pub operations: u64,
    /// Commits by hand that somebody else's compaction refused.
    pub refused: u64,
    /// Codes that another thread held when this one asked for them.
    pub taken: u64,
    /// Snapshots that were read a second time.
    pub read_again: u64,
}

/// A snapshot, and what it showed at first.
struct Held {
    snapshot: Snapshot,
    digest: u64,
}

impl Held {
    fn take(db: &Database) -> Self {
        let snapshot = db.snapshot();
        let digest = digest(&snapshot);
        Self { snapshot, digest }
    }

    fn read_again(&self) {
        assert_eq!(
            digest(&self.snapshot),
            self.digest,
            "{:?} changed",
            self.snapshot
        );
    }
}

/// What the threads share.
struct Crowd {
    db: Database,
    notes: Table,
    twins: Table,
    /// Snapshots that wait for another thread to read and drop them.
    handed_on: Mutex<Vec<Held>>,
    /// Who holds each of the codes that all want: 0, or a thread's number and 1.
    lots: [AtomicU64; 8],
    compactions_begun: AtomicU64,
    compactions_done: AtomicU64,
}

impl Crowd {
    fn new() -> Self {
        let builder = Database::builder().table::<Parcel>().table::<Account>();
        let db = builder.in_memory().expect("a database in memory");
        db.create_table(&table_definition("note", &NOTE_FIELDS))
            .expect("a new table");
        common::fill(&db).expect("new records");
        let table = |name| db.table(name).expect("it was just created");
        Self {
            notes: table("note"),
            twins: table("twin"),
            db,
            handed_on: Mutex::default(),
            lots: Default::default(),
            compactions_begun: AtomicU64::new(0),
            compactions_done: AtomicU64::new(0),
        }
    }

    /// Compactions that are over, and whether one runs.
    fn compactions(&self) -> (u64, bool) {
        let done = self.compactions_done.load(Ordering::SeqCst);
        (done, self.compactions_begun.load(Ordering::SeqCst) > done)
    }

    fn hand_on(&self, held: Held) {
        let mut waiting = self
            .handed_on
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.push(held);
    }

    fn take_over(&self) -> Option<Held> {
        let mut waiting = self
            .handed_on
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.pop()
    }

    /// What is left is the shares of all, and no snapshot but the current one.
    fn check_end(&self, workers: &[Worker<'_>]) {
        let snapshot = self.db.snapshot();
        common::check(&snapshot);
        let (mut parcels, mut notes) = (0, 0);
        for worker in workers {
            worker.share.check(&snapshot);
            parcels += worker.share.parcels.len() as u64;
            notes += worker.share.notes.len() as u64;
        }
        assert_eq!(snapshot.table::<Parcel>().len(), parcels);
        assert_eq!(
            self.notes.buffer().load().expect("a table").view().len(),
            notes
        );
        drop(snapshot);
        self.db.compact_table("note").expect("nobody is in the way");
        assert_eq!(self.db.live_snapshots(), 1);
    }
}

/// Runs so many operations on so many threads. What they do follows from the seed; how they meet
/// does not.
///
/// # Panics
/// Where anything that was read is not what it has to be.
pub fn run(seed: u64, threads: u32, operations: u64) -> Tally {
    let crowd = Crowd::new();
    let each = operations.div_ceil(u64::from(threads));
    let workers: Vec<Worker<'_>> = std::thread::scope(|scope| {
        let worker = |number| {
            let worker = Worker::new(&crowd, number, seed);
            scope.spawn(move || worker.run(each))
        };
        let running: Vec<_> = (0..threads).map(worker).collect();
        let done = running.into_iter().map(|thread| thread.join());
        // The thread has said already what it saw.
        done.map(|worker| worker.expect("each thread sees what it should"))
            .collect()
    });
    while let Some(held) = crowd.take_over() {
        held.read_again();
    }
    let mut tally = Tally::default();
    let mut workers = workers;
    for worker in &mut workers {
        worker.let_go();
        worker.add_to(&mut tally);
    }
    crowd.check_end(&workers);
    tally
}
