//! Transactions: all or nothing, reads of their own changes, no lost update.

use harness::{Account, Airport, Gate, State, airport};
use tickbase::{Database, Error, Id, Isolation, Text, TransactionError, Value};

fn database() -> (Database, Id<Account>) {
    let db = Database::builder()
        .table::<Account>()
        .table::<Airport>()
        .table::<Gate>()
        .in_memory()
        .unwrap();
    let id = db
        .transact(|tx| Ok(tx.insert(Account { balance: 100 })?))
        .unwrap();
    (db, id)
}

fn balance(db: &Database, id: Id<Account>) -> i64 {
    db.snapshot().table::<Account>().get(id).unwrap().balance
}

#[test]
fn a_transaction_that_is_dropped_or_fails_leaves_no_trace() {
    let (db, id) = database();
    let before = db.snapshot();
    let mut tx = db.begin();
    tx.update(id, |account| account.balance = 1).unwrap();
    tx.insert(airport("ATL")).unwrap();
    drop(tx);
    let failed: Result<(), Error> = db.transact(|tx| {
        tx.delete(id)?;
        Err(Error::Transaction(TransactionError::RecordNotFound {
            table: tickbase::Name::new("account").unwrap(),
            id: id.record_id(),
        }))
    });
    failed.unwrap_err();
    assert_eq!(balance(&db, id), 100);
    assert!(db.snapshot().table::<Airport>().is_empty());
    assert_eq!(db.snapshot().version(), before.version());
}

#[test]
fn a_transaction_reads_its_own_changes_and_others_read_them_after_commit() {
    let (db, id) = database();
    let mut tx = db.begin();
    tx.update(id, |account| account.balance = 7).unwrap();
    let new = tx.insert(Account { balance: 1 }).unwrap();
    assert_eq!(tx.get(id).unwrap().balance, 7);
    assert_eq!(tx.table::<Account>().len(), 2);
    assert_eq!(
        tx.table::<Account>()
            .iter()
            .map(|(_, a)| a.balance)
            .sum::<i64>(),
        8
    );
    assert_eq!(balance(&db, id), 100);
    let version = tx.commit().unwrap();
    assert_eq!(db.snapshot().version(), version);
    assert_eq!((balance(&db, id), balance(&db, new)), (7, 1));
}

#[test]
fn a_serializable_commit_whose_reads_changed_is_refused() {
    let (db, id) = database();
    let (mut left, mut right) = (db.begin(), db.begin());
    left.update(id, |account| account.balance += 1).unwrap();
    right.update(id, |account| account.balance += 1).unwrap();
    left.commit().unwrap();
    let error = right.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::Conflict { .. }),
        "{error}"
    );
    assert_eq!(balance(&db, id), 101);
}

#[test]
fn writes_of_different_fields_and_records_are_merged_and_of_one_field_the_later_wins() {
    let (db, _) = database();
    let gate = db
        .transact(|tx| {
            let airport = tx.insert(airport("ATL"))?;
            let label = Text::EMPTY;
            Ok(tx.insert(Gate {
                airport,
                state: State::Closed,
                passengers: 0,
                label,
            })?)
        })
        .unwrap();
    let begin = || db.begin_with(Isolation::ReadCommitted);
    let (mut left, mut right) = (begin(), begin());
    left.set(gate, Gate::fields().passengers, 5).unwrap();
    left.set(gate, Gate::fields().label, Text::new("old").unwrap())
        .unwrap();
    right.set(gate, Gate::fields().state, State::Open).unwrap();
    right
        .partial_update("gate", gate.record_id(), &Value::object([("label", "new")]))
        .unwrap();
    right.insert(airport("SEA")).unwrap();
    left.commit().unwrap();
    right.commit().unwrap();
    let snapshot = db.snapshot();
    let merged = snapshot.table::<Gate>().get(gate).unwrap();
    assert_eq!(
        (merged.passengers, merged.state, &*merged.label),
        (5, State::Open, "new")
    );
    assert_eq!(snapshot.table::<Airport>().len(), 2);
}

#[test]
fn both_ways_of_a_commit_leave_the_same_records() {
    let change = |tx: &mut tickbase::TransactionHandle| {
        tx.table_mut::<Account>().par_for_each_mut(|id, account| {
            if id.get() % 3 == 0 {
                account.balance *= 2;
            }
        })?;
        tx.insert(Account { balance: -1 })?;
        tx.delete(Id::<Account>::from_u64(10).unwrap())?;
        Ok(())
    };
    let run = |moved: bool| {
        let (db, _) = database();
        db.transact(|tx| {
            (0..300).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
            Ok(())
        })
        .unwrap();
        let mut tx = db.begin_with(Isolation::ReadCommitted);
        change(&mut tx)
            .map_err(|error: TransactionError| error)
            .unwrap();
        let other = |db: &Database| {
            db.transact(
                |tx| Ok(tx.update(Id::<Account>::from_u64(5).unwrap(), |a| a.balance = 9)?),
            )
            .unwrap();
        };
        if moved {
            other(&db);
        }
        tx.commit().unwrap();
        if !moved {
            other(&db);
        }
        let snapshot = db.snapshot();
        assert_eq!(snapshot.table::<Account>().len(), 301);
        snapshot
            .table::<Account>()
            .iter()
            .map(|(id, a)| (id.get(), a.balance))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn no_increment_is_lost_among_threads() {
    let (db, id) = database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    db.transact(|tx| Ok(tx.update(id, |account| account.balance += 1)?))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(balance(&db, id), 8_100);
}

#[test]
fn beyond_the_memory_limit_writes_are_refused_and_reads_go_on() {
    let config = tickbase::Config {
        memory_limit_bytes: 1 << 20,
        ..Default::default()
    };
    let db = Database::builder()
        .table::<Account>()
        .config(config)
        .in_memory()
        .unwrap();
    let mut kept = 0_u64;
    let refused = loop {
        match db.transact(|tx| {
            (0..1_000).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
            Ok(())
        }) {
            Ok(()) => kept += 1_000,
            Err(error) => break error,
        }
    };
    assert!(
        refused.to_string().contains("raise the memory limit"),
        "{refused}"
    );
    assert_eq!(db.snapshot().table::<Account>().len(), kept);
    assert!(kept >= 50_000, "{kept} records of 8 bytes in 1 MiB");
}

#[test]
fn one_table_is_written_while_another_is_read() {
    let (db, _) = database();
    db.transact(|tx| {
        let atl = tx.insert(airport("ATL"))?;
        let label = Text::EMPTY;
        tx.insert(Gate {
            airport: atl,
            state: State::Open,
            passengers: 1,
            label,
        })?;
        let (mut gates, airports) = tx.split::<Gate, Airport>();
        gates.par_for_each_mut(|_, gate| {
            gate.label = Text::truncated(&airports.get(gate.airport).unwrap().code);
        })?;
        Ok(())
    })
    .unwrap();
    assert_eq!(
        db.snapshot().table::<Gate>().iter().next().unwrap().1.label,
        "ATL"
    );
}

#[test]
fn a_record_that_comes_and_goes_in_one_transaction_leaves_the_others_alone() {
    let (db, id) = database();
    let mut tx = db.begin();
    let new = tx.insert(Account { balance: 5 }).unwrap();
    tx.delete(new).unwrap();
    let kept = tx.insert(Account { balance: 6 }).unwrap();
    db.transact(|tx| Ok(tx.update(id, |account| account.balance = 7)?))
        .unwrap();
    tx.commit().unwrap();
    assert_eq!((balance(&db, id), balance(&db, kept)), (7, 6));
    assert_eq!(db.snapshot().table::<Account>().len(), 2);
}

#[test]
fn a_search_of_a_field_that_is_not_unique_counts_as_a_read_of_all_records() {
    let (db, first) = database();
    let last = db
        .transact(|tx| Ok(tx.insert(Account { balance: 7 })?))
        .unwrap();
    let mut tx = db.begin();
    let found = tx.find(Account::fields().balance, 7).unwrap().0;
    assert_eq!(found, last);
    tx.insert(Account { balance: 1 }).unwrap();
    db.transact(|tx| Ok(tx.set(first, Account::fields().balance, 7)?))
        .unwrap();
    let error = tx.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::Conflict { .. }),
        "{error}"
    );
}

#[test]
fn that_a_record_to_set_was_there_or_missing_counts_as_a_read() {
    let (db, id) = database();
    let balance = Account::fields().balance;
    let conflicts = |tx: tickbase::TransactionHandle| {
        let error = tx.commit().unwrap_err();
        assert!(
            matches!(error, TransactionError::Conflict { .. }),
            "{error}"
        );
    };
    let mut tx = db.begin();
    tx.set(id, balance, 7).unwrap();
    db.transact(|tx| Ok(tx.delete(id)?)).unwrap();
    conflicts(tx);

    let next = Id::<Account>::from_u64(2).unwrap();
    let (mut typed, mut dynamic) = (db.begin(), db.begin());
    typed.set(next, balance, 7).unwrap_err();
    let fields = Value::object([("balance", 7_i64)]);
    let record = next.record_id();
    dynamic
        .partial_update("account", record, &fields)
        .unwrap_err();
    for tx in [&mut typed, &mut dynamic] {
        tx.insert(airport("ATL")).unwrap();
    }
    db.transact(|tx| Ok(tx.insert(Account { balance: 0 })?))
        .unwrap();
    conflicts(typed);
    conflicts(dynamic);
}

#[test]
fn a_change_that_panicked_half_way_keeps_its_transaction_from_committing() {
    let (db, id) = database();
    db.transact(|tx| {
        (0..5_000).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
        Ok(())
    })
    .unwrap();
    let refused = |change: &dyn Fn(&mut tickbase::TransactionHandle)| {
        let mut tx = db.begin();
        tx.insert(airport("ATL")).unwrap();
        let change = std::panic::AssertUnwindSafe(|| change(&mut tx));
        std::panic::catch_unwind(change).unwrap_err();
        let error = tx.commit().unwrap_err();
        assert!(matches!(error, TransactionError::Broken { .. }), "{error}");
    };
    refused(&|tx| {
        tx.update(id, |account| {
            account.balance = 1;
            panic!("half-way");
        })
        .unwrap();
    });
    refused(&|tx| {
        tx.table_mut::<Account>()
            .par_for_each_mut(|id, account| {
                account.balance = 1;
                assert_ne!(id.get(), 3_000, "half-way");
            })
            .unwrap();
    });
    assert_eq!(balance(&db, id), 100);
    assert!(db.snapshot().table::<Airport>().is_empty());
}

#[test]
fn a_transaction_does_not_begin_inside_another() {
    let (db, id) = database();
    let nested = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(
            matches!(error, Error::Transaction(TransactionError::Nested)),
            "{error}"
        );
    };
    db.transact(|tx| {
        nested(db.transact(|inner| Ok(inner.update(id, |account| account.balance = 1)?)));
        nested(db.compact_table("account"));
        let mut inner = db.begin();
        inner.insert(Account { balance: 1 })?;
        assert_eq!(inner.commit().unwrap_err(), TransactionError::Nested);
        Ok(tx.update(id, |account| account.balance += 1)?)
    })
    .unwrap();
    assert_eq!(balance(&db, id), 101);
    db.transact(|tx| Ok(tx.update(id, |account| account.balance += 1)?))
        .unwrap();
}

#[test]
fn a_transaction_runs_again_where_its_table_was_compacted_meanwhile() {
    let (db, id) = database();
    let mut runs = 0;
    db.transact(|tx| {
        runs += 1;
        if runs == 1 {
            std::thread::scope(|scope| {
                scope
                    .spawn(|| db.compact_table("account"))
                    .join()
                    .unwrap()
                    .unwrap();
            });
        }
        Ok(tx.update(id, |account| account.balance += 1)?)
    })
    .unwrap();
    assert_eq!((runs, balance(&db, id)), (2, 101));
}
