//! Fields that come and go while others read and write.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use harness::{Account, Random, table_definition};
use tickbase::{
    Database, Error, FieldDefinition, Name, RecordId, SchemaError, Snapshot, TransactionError,
    Value,
};

const PURSES: u64 = 8_000;
const COINS: u64 = 100;

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

fn field(name: &str, type_id: &str, default: impl Into<Value>) -> FieldDefinition {
    FieldDefinition {
        default: Some(default.into()),
        ..FieldDefinition::new(Name::new(name).unwrap(), type_id)
    }
}

fn purse(coins: u64) -> Value {
    Value::object([("coins", coins)])
}

/// A database with a table of so many purses.
fn purses(count: u64) -> Database {
    let db = Database::builder().table::<Account>().in_memory().unwrap();
    let definition = table_definition("purse", &[("owner", "option<u8>"), ("coins", "u64")]);
    db.create_table(&definition).unwrap();
    db.transact(|tx| {
        (0..count).try_for_each(|_| tx.create_record("purse", &purse(COINS)).map(|_| ()))?;
        Ok(())
    })
    .unwrap();
    db
}

/// How many purses a snapshot has, and how many coins are in them.
fn counted(snapshot: &Snapshot) -> (u64, u64) {
    let table = snapshot.table_by_name("purse").unwrap();
    let (_, coins) = table.schema().layout.field("coins").unwrap();
    let (mut count, mut sum) = (0, 0);
    for (_, record) in table.records() {
        count += 1;
        sum += u64::from_le_bytes(coins.bytes(record).try_into().unwrap());
    }
    assert_eq!(count, table.len());
    (count, sum)
}

/// A writer of its own purses, which knows what is in each.
struct Writer {
    db: Database,
    random: Random,
    own: BTreeMap<u64, u64>,
}

impl Writer {
    fn pick(&mut self) -> u64 {
        let place = usize::try_from(self.random.below(self.own.len() as u64)).unwrap();
        *self.own.keys().nth(place).unwrap()
    }

    /// Moves a coin from one purse to another, or all of a purse into a new one in its place.
    fn write(&mut self) {
        let (from, to) = (self.pick(), self.pick());
        let (in_from, in_to) = (self.own[&from], self.own[&to]);
        if self.random.below(10) == 0 {
            let made = self.db.transact(|tx| {
                tx.delete_record("purse", id(from))?;
                Ok(tx.create_record("purse", &purse(in_from))?)
            });
            self.own.remove(&from);
            assert!(self.own.insert(made.unwrap().get(), in_from).is_none());
        } else if from != to && in_from > 0 {
            let moved = self.db.transact(|tx| {
                tx.partial_update("purse", id(from), &purse(in_from - 1))?;
                tx.partial_update("purse", id(to), &purse(in_to + 1))?;
                Ok(())
            });
            moved.unwrap();
            self.own.extend([(from, in_from - 1), (to, in_to + 1)]);
        }
    }
}

#[test]
fn readers_and_writers_go_on_while_the_fields_of_a_large_table_come_and_go() {
    let db = purses(PURSES);
    let seed = 7;
    eprintln!("seed {seed}");
    let changing = AtomicBool::new(true);
    let writer = |number: u64| Writer {
        db: db.clone(),
        random: Random::new(seed + number),
        own: (1..=PURSES)
            .filter(|id| id % 2 == number)
            .map(|id| (id, COINS))
            .collect(),
    };
    let written = std::thread::scope(|scope| {
        let writers = [writer(0), writer(1)].map(|mut writer| {
            let changing = &changing;
            scope.spawn(move || {
                let mut written = 0;
                while changing.load(Ordering::Relaxed) || written < 200 {
                    writer.write();
                    written += 1;
                }
                writer.own
            })
        });
        let reader = scope.spawn(|| {
            let mut last = 0;
            while changing.load(Ordering::Relaxed) {
                let snapshot = db.snapshot();
                assert_eq!(counted(&snapshot), (PURSES, PURSES * COINS));
                let schema_version = snapshot
                    .table_by_name("purse")
                    .unwrap()
                    .schema()
                    .schema_version;
                assert!(schema_version >= last);
                last = schema_version;
            }
            last
        });
        let held = db.snapshot();
        for round in 0..4_u64 {
            db.add_fields("purse", &[field("colour", "u32", round)])
                .unwrap();
            db.add_fields(
                "purse",
                &[field("label", "text<20>", "x"), field("old", "bool", true)],
            )
            .unwrap();
            for field in ["colour", "label", "old"] {
                db.remove_field("purse", field).unwrap();
            }
        }
        db.remove_field("purse", "owner").unwrap();
        changing.store(false, Ordering::Relaxed);
        assert!(reader.join().unwrap() <= 22);
        assert_eq!(counted(&held), (PURSES, PURSES * COINS));
        writers.map(|writer| writer.join().unwrap())
    });
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("purse").unwrap();
    assert_eq!(
        (table.schema().schema_version, table.schema().record_size()),
        (22, 8)
    );
    let found = table
        .records()
        .map(|(id, record)| (id.get(), u64::from_le_bytes(record.try_into().unwrap())));
    let expected: BTreeMap<u64, u64> = written.into_iter().flatten().collect();
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "seed {seed}");
}

#[test]
fn a_transaction_that_read_a_record_of_other_fields_runs_again() {
    let db = purses(3);
    let mut tx = db.begin();
    let read = tx.read_record("purse", id(1)).unwrap().unwrap().to_vec();
    tx.insert(Account { balance: 1 }).unwrap();
    // Fields come and go until the bytes are as they were, and say something else.
    db.remove_field("purse", "owner").unwrap();
    db.remove_field("purse", "coins").unwrap_err();
    db.add_fields("purse", &[field("owner", "option<u8>", Value::Null)])
        .unwrap();
    db.remove_field("purse", "coins").unwrap();
    db.add_fields("purse", &[field("money", "u64", COINS)])
        .unwrap();
    let now = db.table("purse").unwrap().read_record(id(1)).unwrap();
    assert_eq!(now, read, "the bytes are the same");
    let error = tx.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::Conflict { .. }),
        "{error}"
    );
    assert!(db.snapshot().table::<Account>().is_empty());
}

#[test]
fn a_table_can_be_dropped_while_its_fields_change() {
    let db = purses(PURSES);
    let ended = std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let mut changes = 0;
            loop {
                let added = db.add_fields("purse", &[field("label", "text<20>", "x")]);
                let error = match added.and_then(|_| db.remove_field("purse", "label")) {
                    Ok(_) => {
                        changes += 1;
                        continue;
                    }
                    Err(error) => error,
                };
                let Error::Schema(
                    SchemaError::TableDropped { .. } | SchemaError::TableNotFound { .. },
                ) = error
                else {
                    panic!("{error}");
                };
                return changes;
            }
        });
        while db
            .snapshot()
            .table_by_name("purse")
            .unwrap()
            .schema()
            .schema_version
            < 3
        {
            std::thread::yield_now();
        }
        db.drop_table("purse").unwrap();
        changing.join().unwrap()
    });
    assert!(ended >= 1);
    assert!(db.snapshot().table_by_name("purse").is_none());
    let accounts = db.memory_bytes();
    assert_eq!(accounts, 0, "nothing of the table, old or new, is kept");
}

#[test]
fn a_change_of_fields_inside_a_transaction_is_refused() {
    let db = purses(1);
    let refused = db.transact(|_| {
        db.add_fields("purse", &[field("label", "text<20>", "x")])?;
        Ok(())
    });
    assert!(matches!(
        refused,
        Err(Error::Transaction(TransactionError::Nested))
    ));
}
