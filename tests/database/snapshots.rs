//! Snapshots: each sees one version for as long as it is held, and memory is given back.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Account, Airport, airport};
use tickbase::{Database, Id};

fn accounts(count: usize) -> Database {
    let db = Database::builder()
        .table::<Account>()
        .table::<Airport>()
        .in_memory()
        .unwrap();
    db.transact(|tx| {
        (0..count).try_for_each(|_| tx.insert(Account { balance: 100 }).map(|_| ()))?;
        Ok(())
    })
    .unwrap();
    db
}

#[test]
fn a_snapshot_stays_as_it_was_whatever_is_written_after_it() {
    let db = accounts(5_000);
    let mut held = vec![db.snapshot()];
    for round in 1..=20 {
        db.transact(|tx| {
            tx.table_mut::<Account>()
                .par_for_each_mut(|_, account| account.balance += 1)?;
            tx.delete(Id::<Account>::from_u64(round).unwrap())?;
            tx.insert(Account { balance: 1_000 })?;
            tx.insert(airport(&format!("{round}")))?;
            Ok(())
        })
        .unwrap();
        held.push(db.snapshot());
    }
    for (round, snapshot) in held.iter().enumerate() {
        let accounts = snapshot.table::<Account>();
        assert_eq!(accounts.len(), 5_000);
        let expected = 100 + i64::try_from(round).unwrap();
        let old = accounts
            .iter()
            .take(4_000)
            .filter(|(_, a)| a.balance != expected)
            .count();
        assert_eq!(old, 0, "round {round}");
        assert_eq!(accounts.get(Id::from_u64(1).unwrap()).is_some(), round == 0);
        assert_eq!(snapshot.table::<Airport>().len(), round as u64);
        let sum = accounts.par_fold(|| 0, |sum, _, a| sum + a.balance, |a, b| a + b);
        let one_by_one: i64 = accounts.iter().map(|(_, a)| a.balance).sum();
        assert_eq!(sum, one_by_one);
    }
}

#[test]
fn memory_is_given_back_once_no_snapshot_needs_it() {
    let db = accounts(50_000);
    let pass = || {
        db.transact(|tx| {
            Ok(tx
                .table_mut::<Account>()
                .par_for_each_mut(|_, account| account.balance += 1)?)
        })
        .unwrap();
    };
    pass();
    pass();
    let two_versions = db.memory_bytes();
    let old = db.snapshot();
    for _ in 0..100 {
        pass();
    }
    let with_old = db.memory_bytes();
    assert!(
        with_old <= two_versions * 2,
        "{with_old} bytes, {two_versions} without a snapshot"
    );
    assert_eq!(old.table::<Account>().iter().next().unwrap().1.balance, 102);
    drop(old);
    for _ in 0..100 {
        pass();
    }
    assert!(
        db.memory_bytes() <= with_old,
        "what was given back is used again"
    );
    assert_eq!(db.live_snapshots(), 1);
}

#[test]
fn readers_see_whole_commits_while_a_writer_writes() {
    let db = accounts(1_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                let mut held = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = db.snapshot();
                    let accounts = snapshot.table::<Account>();
                    let sum: i64 = accounts.iter().map(|(_, account)| account.balance).sum();
                    assert_eq!(sum, 100_000);
                    assert!(snapshot.version() >= last, "versions never go back");
                    last = snapshot.version();
                    held.push(snapshot);
                    if held.len() > 7 {
                        held.remove(held.len() / 2);
                    }
                }
            });
        }
        for round in 0..20_000_u64 {
            let account = |seed: u64| Id::<Account>::from_u64(seed * 7_919 % 1_000 + 1).unwrap();
            let (from, to) = (account(round), account(round * 31 + 17));
            db.transact(|tx| {
                tx.update(from, |account| account.balance -= 3)?;
                Ok(tx.update(to, |account| account.balance += 3)?)
            })
            .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}
