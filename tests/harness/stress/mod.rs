//! Snapshots of every age, held while much is written, deleted, compacted and given other fields.
//!
//! Readers take snapshots and hold them for none of their rounds or for all, hand them to another
//! thread or keep a clone and drop the first. Whoever lets go of one reads it once more, and sees
//! what was seen at first. When all are dropped, memory is again that of the records.

mod readers;
mod writers;

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use readers::Reader;
use tickbase::{Database, Snapshot};

use crate::{Account, Random, digest, table_definition};

/// Accounts, so many at all times.
const ACCOUNTS: u64 = 10_000;
/// What all of them hold together, at all times.
const TOTAL: i64 = 100 * ACCOUNTS as i64;
/// Threads that read.
const READERS: u64 = 3;

/// What a run came across.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Snapshots that were read once more as they were let go.
    pub read_again: u64,
    /// Versions that were published.
    pub versions: u64,
    /// Schema changes and compactions among them.
    pub schema_changes: u64,
    /// The most snapshots that lived at one time.
    pub live_max: usize,
    /// The most versions that lay between taking a snapshot and letting it go.
    pub age_max: u64,
}

/// A snapshot, and what it showed at first.
#[derive(Clone)]
struct Held {
    snapshot: Snapshot,
    digest: u64,
}

impl Held {
    /// Reads the current version, which is whole.
    fn take(db: &Database) -> Self {
        let snapshot = db.snapshot();
        let accounts = snapshot.table::<Account>();
        let sum: i64 = accounts.iter().map(|(_, account)| account.balance).sum();
        assert_eq!(
            (accounts.len(), sum),
            (ACCOUNTS, TOTAL),
            "{snapshot:?} is half"
        );
        let digest = digest(&snapshot);
        Self { snapshot, digest }
    }

    fn read_again(&self) {
        let now = digest(&self.snapshot);
        assert_eq!(now, self.digest, "{:?} changed", self.snapshot);
    }
}

/// What all threads share.
struct Stage {
    db: Database,
    /// How many snapshots shall be read again in all.
    wanted: u64,
    read_again: AtomicU64,
    age_max: AtomicU64,
    schema_changes: AtomicU64,
    /// Set where a thread has failed, so that the others end.
    broken: AtomicBool,
}

impl Stage {
    fn new(wanted: u64) -> Self {
        let db = Database::builder().table::<Account>().in_memory();
        let db = db.expect("a database in memory");
        db.create_table(&table_definition(
            "note",
            &[("number", "i64"), ("text", "string")],
        ))
        .expect("a new table");
        db.transact(|tx| {
            for _ in 0..ACCOUNTS {
                tx.insert(Account { balance: 100 })?;
            }
            Ok(())
        })
        .expect("new records");
        Self {
            db,
            wanted,
            read_again: AtomicU64::new(0),
            age_max: AtomicU64::new(0),
            schema_changes: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        }
    }

    fn goes_on(&self) -> bool {
        self.read_again.load(Ordering::Relaxed) < self.wanted
            && !self.broken.load(Ordering::Relaxed)
    }

    /// Reads a snapshot once more and drops it.
    fn let_go(&self, held: Held) {
        held.read_again();
        let age = self.db.snapshot().version() - held.snapshot.version();
        self.age_max.fetch_max(age, Ordering::Relaxed);
        drop(held);
        self.read_again.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of all records.
    fn raw_bytes(&self) -> u64 {
        let snapshot = self.db.snapshot();
        let bytes = snapshot
            .tables()
            .flat_map(|table| table.records())
            .map(|(_, record)| record.len() as u64);
        bytes.sum()
    }

    /// With no snapshot held, memory is that of the records: at once where the tables are built
    /// anew, and for ever after.
    fn check_memory(&self) {
        for table in ["account", "note"] {
            self.db.compact_table(table).expect("nobody is in the way");
        }
        assert_eq!(self.db.live_snapshots(), 1, "a snapshot is kept by nobody");
        // Chunks come in amounts that double, and a page that changes is there twice for a while.
        let most = 4 * self.raw_bytes() + (256 << 10);
        let random = &mut Random::new(1);
        for _ in 0..20 {
            let bytes = self.db.memory_bytes();
            assert!(bytes <= most, "{bytes} bytes of memory, {most} at most");
            writers::pass(&self.db);
            writers::transfer(&self.db, random);
        }
    }
}

/// Ends the others where its thread panics.
struct EndsAll<'s>(&'s Stage);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs until so many snapshots were read again. What the threads do follows from the seed; how they
/// meet does not.
///
/// # Panics
/// Where a snapshot shows what it did not show at first, or memory is kept.
pub fn run(seed: u64, snapshots: u64) -> Seen {
    let stage = Stage::new(snapshots);
    let mut live_max = 0;
    std::thread::scope(|scope| {
        let (hand_on, handed_on) = mpsc::channel::<Held>();
        for number in 0..READERS {
            let reader = Reader::new(&stage, seed * READERS + number, hand_on.clone());
            scope.spawn(move || reader.run());
        }
        drop(hand_on);
        let stage = &stage;
        scope.spawn(move || {
            let _ends_all = EndsAll(stage);
            handed_on.into_iter().for_each(|held| stage.let_go(held));
        });
        scope.spawn(move || writers::write_accounts(stage, Random::new(seed)));
        scope.spawn(move || writers::change_notes(stage, Random::new(seed + 1)));
        while stage.goes_on() {
            live_max = live_max.max(stage.db.live_snapshots());
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    stage.check_memory();
    Seen {
        read_again: stage.read_again.load(Ordering::Relaxed),
        versions: stage.db.snapshot().version(),
        schema_changes: stage.schema_changes.load(Ordering::Relaxed),
        live_max,
        age_max: stage.age_max.load(Ordering::Relaxed),
    }
}
