//! The rows: what is promised, and how it is tried.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use harness::{Account, Random, crowd, purses::change_fields_under_load, stress};
use tickbase::{Database, Id};

use crate::{every_order, memcheck, sanitizer};

/// How much is asked of a row, and from which seed on.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) asked: u64,
}

/// What came of a row.
pub(crate) enum Reached {
    /// It held this often.
    Times(u64),
    /// It was not tried, for this reason.
    Skipped(String),
}

/// One promise.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How often it is tried in every run.
    pub(crate) asked: u64,
    /// Whether it builds tests with other settings, which takes minutes.
    pub(crate) builds: bool,
    /// Tries it, and gives how often that was done; panics where it does not hold.
    pub(crate) prove: fn(&Run) -> Reached,
}

/// All rows.
pub(crate) const ROWS: [Row; 9] = [
    Row {
        name: "snapshots_are_whole",
        asked: 3_000_000,
        builds: false,
        prove: snapshots_are_whole,
    },
    Row {
        name: "no_update_is_lost",
        asked: 200_000,
        builds: false,
        prove: no_update_is_lost,
    },
    Row {
        name: "held_snapshots_never_change",
        asked: 2_000,
        builds: false,
        prove: held_snapshots_never_change,
    },
    Row {
        name: "nothing_is_lost_while_fields_change",
        asked: 1_000,
        builds: false,
        prove: nothing_is_lost_while_fields_change,
    },
    Row {
        name: "threads_read_what_they_must",
        asked: 1_000_000,
        builds: false,
        prove: threads_read_what_they_must,
    },
    Row {
        name: "snapshots_of_every_age_never_change",
        asked: 20_000,
        builds: false,
        prove: snapshots_of_every_age_never_change,
    },
    Row {
        name: "publishing_holds_in_every_order",
        asked: 100_000,
        builds: true,
        prove: every_order::holds,
    },
    Row {
        name: "address_sanitizer_finds_nothing",
        asked: 1,
        builds: true,
        prove: sanitizer::finds_nothing,
    },
    Row {
        name: "memcheck_finds_nothing",
        asked: 1,
        builds: true,
        prove: memcheck::finds_nothing,
    },
];

const ACCOUNTS: u64 = 64;

fn bank() -> Database {
    let db = Database::builder()
        .table::<Account>()
        .in_memory()
        .expect("a database in memory");
    db.transact(|tx| {
        (0..ACCOUNTS).try_for_each(|_| tx.insert(Account { balance: 100 }).map(|_| ()))?;
        Ok(())
    })
    .expect("accounts");
    db
}

fn transfer(db: &Database, random: &mut Random) {
    let account = |random: &mut Random| Id::<Account>::from_u64(1 + random.below(ACCOUNTS));
    let (from, to) = (
        account(random).expect("an id"),
        account(random).expect("an id"),
    );
    let cents = i64::try_from(random.below(50)).expect("a small number");
    db.transact(|tx| {
        tx.update(from, |account| account.balance -= cents)?;
        Ok(tx.update(to, |account| account.balance += cents)?)
    })
    .expect("a transfer");
}

fn sum(db: &Database) -> i64 {
    db.snapshot()
        .table::<Account>()
        .iter()
        .map(|(_, account)| account.balance)
        .sum()
}

/// Readers add up a bank while a writer moves money at full speed: the sum never changes.
fn snapshots_are_whole(run: &Run) -> Reached {
    let (db, stop, reads) = (bank(), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(run.seed);
            while !stop.load(Ordering::Relaxed) {
                transfer(&db, &mut random);
            }
        });
        while reads.load(Ordering::Relaxed) < run.asked {
            assert_eq!(sum(&db), 100 * i64::try_from(ACCOUNTS).expect("small"));
            reads.fetch_add(1, Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
    });
    Reached::Times(reads.into_inner())
}

/// Threads add to few accounts: at the end each addition is there.
fn no_update_is_lost(run: &Run) -> Reached {
    let db = bank();
    let threads = 4;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let db = &db;
            scope.spawn(move || {
                let mut random = Random::new(run.seed + thread);
                for _ in 0..run.asked / threads {
                    let id = Id::<Account>::from_u64(1 + random.below(3)).expect("an id");
                    db.transact(|tx| Ok(tx.update(id, |account| account.balance += 1)?))
                        .expect("an update");
                }
            });
        }
    });
    Reached::Times(u64::try_from(sum(&db)).expect("not negative") - 100 * ACCOUNTS)
}

/// Snapshots of every age are read again while much is written, and say what they said at first.
fn held_snapshots_never_change(run: &Run) -> Reached {
    let db = bank();
    let mut random = Random::new(run.seed);
    let read = |snapshot: &tickbase::Snapshot| -> Vec<(u64, i64)> {
        snapshot
            .table::<Account>()
            .iter()
            .map(|(id, a)| (id.get(), a.balance))
            .collect()
    };
    let mut held = Vec::new();
    for _ in 0..run.asked {
        for _ in 0..random.below(8) {
            transfer(&db, &mut random);
        }
        db.transact(|tx| {
            match random.below(4) {
                0 => tx
                    .table_mut::<Account>()
                    .par_for_each_mut(|_, account| account.balance += 1)?,
                1 => {
                    tx.insert(Account { balance: 1 })?;
                }
                _ => {}
            }
            Ok(())
        })
        .expect("a change");
        let snapshot = db.snapshot();
        let seen = read(&snapshot);
        held.push((snapshot, seen));
        if held.len() > 32 {
            let place = usize::try_from(random.below(32)).expect("small");
            let (snapshot, seen) = held.swap_remove(place);
            assert_eq!(read(&snapshot), seen);
        }
    }
    for (snapshot, seen) in held {
        assert_eq!(read(&snapshot), seen);
    }
    Reached::Times(run.asked)
}

/// Eight threads change their own records and those of all, and check whatever they read.
fn threads_read_what_they_must(run: &Run) -> Reached {
    let mut operations = 0;
    for seed in run.seed.. {
        if operations >= run.asked {
            break;
        }
        operations += crowd::run(seed, 8, run.asked.min(250_000)).operations;
    }
    Reached::Times(operations)
}

/// Snapshots are held for a moment or for long, and handed to other threads, while records are
/// written and deleted, tables compacted, and fields added and removed.
fn snapshots_of_every_age_never_change(run: &Run) -> Reached {
    Reached::Times(stress::run(run.seed, run.asked).read_again)
}

/// Fields of a table come and go while others write to it and read it.
fn nothing_is_lost_while_fields_change(run: &Run) -> Reached {
    let at_a_time = 50;
    let seeds = run.seed..run.seed + run.asked.div_ceil(at_a_time);
    Reached::Times(
        seeds
            .map(|seed| change_fields_under_load(seed, at_a_time))
            .sum(),
    )
}
