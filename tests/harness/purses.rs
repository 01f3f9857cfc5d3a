//! A table of purses whose fields come and go while coins move between them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use tickbase::{Database, FieldDefinition, Name, RecordId, Snapshot, Value};

use crate::{Account, Random, table_definition};

/// Purses in the table: more than have their fields changed at once.
pub const PURSES: u64 = 8_000;
/// Coins in each purse at first.
pub const COINS: u64 = 100;

fn id(number: u64) -> RecordId {
    RecordId::new(number).expect("ids begin at 1")
}

fn purse(coins: u64) -> Value {
    Value::object([("coins", coins)])
}

/// A field of this name, type and default.
pub fn field(name: &str, type_id: &str, default: impl Into<Value>) -> FieldDefinition {
    FieldDefinition {
        default: Some(default.into()),
        ..FieldDefinition::new(Name::new(name).expect("a valid name"), type_id)
    }
}

/// A database with a table of so many purses, and one of accounts.
pub fn purses(count: u64) -> Database {
    let builder = Database::builder().table::<Account>();
    let db = builder.in_memory().expect("it fits together");
    let definition = table_definition("purse", &[("owner", "option<u8>"), ("coins", "u64")]);
    db.create_table(&definition).expect("a new table");
    db.transact(|tx| {
        (0..count).try_for_each(|_| tx.create_record("purse", &purse(COINS)).map(|_| ()))?;
        Ok(())
    })
    .expect("purses");
    db
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// How many purses a snapshot has, and how many coins are in them.
fn counted(snapshot: &Snapshot) -> (u64, u64) {
    let table = snapshot.table_by_name("purse").expect("it stays");
    let (_, coins) = table.schema().layout.field("coins").expect("it stays");
    let (mut count, mut sum) = (0, 0);
    for (_, record) in table.records() {
        count += 1;
        sum += number(coins.bytes(record.fixed));
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
        let place = usize::try_from(self.random.below(self.own.len() as u64)).expect("small");
        *self.own.keys().nth(place).expect("a place among them")
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
            assert!(
                self.own
                    .insert(made.expect("a new purse").get(), in_from)
                    .is_none()
            );
        } else if from != to && in_from > 0 {
            let moved = self.db.transact(|tx| {
                tx.partial_update("purse", id(from), &purse(in_from - 1))?;
                tx.partial_update("purse", id(to), &purse(in_to + 1))?;
                Ok(())
            });
            moved.expect("two purses of its own");
            self.own.extend([(from, in_from - 1), (to, in_to + 1)]);
        }
    }
}

/// Changes the fields of the table so many times while two writers and a reader go on, and checks
/// that every snapshot is whole and that at last each record is what its writer wrote.
pub fn change_fields_under_load(seed: u64, changes: u64) -> u64 {
    let db = purses(PURSES);
    let changing = AtomicBool::new(true);
    let writer = |number: u64| Writer {
        db: db.clone(),
        random: Random::new(2 * seed + number),
        own: (1..=PURSES)
            .filter(|id| id % 2 == number)
            .map(|id| (id, COINS))
            .collect(),
    };
    let (written, done) = std::thread::scope(|scope| {
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
                let purses = snapshot.table_by_name("purse").expect("it stays");
                assert!(purses.schema().schema_version >= last);
                last = purses.schema().schema_version;
            }
        });
        let held = db.snapshot();
        let added = [
            field("colour", "u32", 7_u64),
            field("label", "text<20>", "x"),
            field("old", "bool", true),
        ];
        let mut done = 0;
        while done < changes {
            let at = usize::try_from(done / 2).expect("small") % added.len();
            let changed = match done % 2 {
                0 => db.add_fields("purse", &added[at..=at]),
                _ => db.remove_field("purse", added[at].name.as_str()),
            };
            changed.expect("nobody else changes the fields");
            done += 1;
        }
        changing.store(false, Ordering::Relaxed);
        reader.join().expect("the reader saw what it should");
        assert_eq!(counted(&held), (PURSES, PURSES * COINS));
        let written = writers.map(|writer| writer.join().expect("the writer came to its end"));
        (written, done)
    });
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("purse").expect("it stays");
    let (_, coins) = table.schema().layout.field("coins").expect("it stays");
    let found = table
        .records()
        .map(|(id, record)| (id.get(), number(coins.bytes(record.fixed))));
    let expected: BTreeMap<u64, u64> = written.into_iter().flatten().collect();
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "seed {seed}");
    done
}
