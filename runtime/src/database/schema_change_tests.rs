//! Changes of fields, driven step by step while others write.

use std::{collections::BTreeMap, sync::Arc};

use super::{Database, FieldsBuild, Started, flatten};
use crate::{
    Config, Error, Result,
    schema::{
        FieldDefinition, FieldsChange, Name, OnDelete, RecordId, RecordRef, RelationDefinition,
        SchemaError, TableDefinition, TableSchema, Value,
    },
    storage::{Draft, StorageError},
    transaction::{Isolation, TransactionError},
};

/// More than a tick would copy.
const RECORDS: u64 = 3_000;

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

fn field(name_of: &str, type_id: &str) -> FieldDefinition {
    FieldDefinition::new(name(name_of), type_id)
}

fn width() -> FieldsChange {
    let width = FieldDefinition {
        default: Some(2.5.into()),
        ..field("width", "f64")
    };
    FieldsChange::Add(vec![width])
}

/// An item, whose level is the default.
fn item(code: u64, weight: u64) -> Value {
    Value::object([("code", code), ("weight", weight)])
}

/// A database with one table of so many items, each with a code of its own.
fn items(config: Config, records: u64) -> Database {
    let db = Database::builder().config(config).in_memory().unwrap();
    let level = FieldDefinition {
        default: Some(1_u64.into()),
        ..field("level", "u8")
    };
    let code = FieldDefinition {
        unique: true,
        ..field("code", "u64")
    };
    let definition = TableDefinition::new(name("item"), vec![level, code, field("weight", "u32")]);
    db.create_table(&definition).unwrap();
    db.transact(|tx| {
        for code in 1..=records {
            tx.create_record("item", &item(code, code))?;
        }
        Ok(())
    })
    .unwrap();
    db
}

fn started(db: &Database, change: FieldsChange) -> Result<Started, TransactionError> {
    let _alone = db.store().exclusive_gate();
    let mut draft = Draft::new(db.snapshot());
    let started = db.change_fields_in(&mut draft, "item", change);
    if !draft.is_empty() {
        db.store().publish(draft);
    }
    started
}

/// Begins a change that has much to copy.
fn begin(db: &Database, change: FieldsChange) -> Box<FieldsBuild> {
    match started(db, change).unwrap() {
        Started::UnderWay(build) => build,
        Started::Done(_) => panic!("there was little to copy"),
    }
}

fn round(db: &Database, build: &mut FieldsBuild) -> Result<bool, TransactionError> {
    build.round(db.store(), &|| true)
}

fn swap(
    db: &Database,
    build: &mut FieldsBuild,
) -> Result<Option<Arc<TableSchema>>, TransactionError> {
    let _alone = db.store().exclusive_gate();
    let mut draft = Draft::new(db.snapshot());
    let swapped = build.swap(&mut draft);
    match draft.is_empty() {
        true => assert!(!matches!(swapped, Ok(Some(_)))),
        false => drop(db.store().publish(draft)),
    }
    swapped
}

/// Gives every record of the table another weight.
fn pass(db: &Database, weight: u64) {
    db.transact(|tx| {
        for number in 1..=RECORDS {
            tx.partial_update("item", id(number), &Value::object([("weight", weight)]))?;
        }
        Ok(())
    })
    .unwrap();
}

fn number(record: &Value, field: &str) -> u64 {
    let text = record.get(field).unwrap().describe();
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is no number"))
}

/// Code and weight of each record, which are all that is compared.
fn state(db: &Database) -> BTreeMap<u64, (u64, u64)> {
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("item").unwrap();
    let layout = &table.schema().layout;
    let read = |(id, record): (RecordId, RecordRef<'_>)| {
        layout.check(record).unwrap();
        let record = layout.read(record);
        (
            id.get(),
            (number(&record, "code"), number(&record, "weight")),
        )
    };
    let state: BTreeMap<_, _> = table.records().map(read).collect();
    assert_eq!(state.len() as u64, table.len());
    state
}

/// Every code leads to its record, and no other does.
fn check_index(db: &Database) {
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("item").unwrap();
    let (place, _) = table.schema().layout.field("code").unwrap();
    for (number, (code, _)) in state(db) {
        assert_eq!(table.find(place, &code.to_le_bytes()), Some(id(number)));
    }
    assert_eq!(table.find(place, &u64::MAX.to_le_bytes()), None);
}

#[test]
fn a_small_table_has_its_fields_changed_at_once() {
    let db = items(Config::default(), 100);
    assert!(matches!(started(&db, width()), Ok(Started::Done(_))));
    let schema = db.remove_field("item", "level").unwrap();
    assert_eq!((schema.schema_version, schema.record_size()), (3, 24));
    assert_eq!(state(&db).len(), 100);
    check_index(&db);
    assert_eq!(db.schema_changes().count(), 0);
}

#[test]
fn whoever_writes_and_reads_goes_on_until_the_table_is_swapped_in() {
    let db = items(Config::default(), RECORDS);
    let held = db.snapshot();
    let mut build = begin(&db, width());
    assert_eq!(db.schema_changes().count(), 1);
    assert!(round(&db, &mut build).unwrap());
    let table = db.table("item").unwrap();
    let weight = |weight: u64| Value::object([("weight", weight)]);
    table.partial_update(id(7), &weight(77)).unwrap();
    table.delete_record(id(8)).unwrap();
    let created = table.create_record(&item(9_999, 1)).unwrap();
    assert_eq!(created, id(RECORDS + 1));
    // A code goes to another record, whose own goes to a third.
    table.delete_record(id(2_000)).unwrap();
    table
        .partial_update(id(2_999), &Value::object([("code", 2_000_u64)]))
        .unwrap();
    table
        .partial_update(id(3), &Value::object([("code", 2_999_u64)]))
        .unwrap();
    let mut open = db.begin_with(Isolation::ReadCommitted);
    open.partial_update("item", id(1), &weight(1)).unwrap();
    assert!(table.read_value(id(7)).unwrap().get("width").is_none());
    let before = state(&db);

    let schema = swap(&db, &mut build).unwrap().unwrap();
    assert_eq!(schema.schema_version, 2);
    drop(build);
    assert_eq!(state(&db), before);
    assert_eq!(before.len() as u64, RECORDS - 1);
    check_index(&db);
    assert_eq!(
        table.read_value(id(7)).unwrap().get("width"),
        Some(&2.5.into())
    );
    let error = open.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::SchemaChanged { .. }),
        "{error}"
    );
    assert_eq!(
        table.create_record(&item(10_000, 1)).unwrap(),
        id(RECORDS + 2)
    );
    let old = held.table_by_name("item").unwrap();
    assert_eq!((old.len(), old.schema().record_size()), (RECORDS, 24));
    assert_eq!(old.records().count() as u64, RECORDS);
    assert_eq!(db.schema_changes().count(), 0);
}

#[test]
fn much_that_changed_since_is_copied_before_anybody_has_to_wait() {
    let db = items(Config::default(), RECORDS);
    let mut build = begin(&db, FieldsChange::Remove("level".to_owned()));
    for weight in 1..8 {
        pass(&db, weight);
        assert!(round(&db, &mut build).unwrap());
        pass(&db, 100 + weight);
        assert_eq!(
            swap(&db, &mut build).unwrap(),
            None,
            "after {weight} rounds"
        );
    }
    // The writers have outrun it often enough.
    assert!(round(&db, &mut build).unwrap());
    pass(&db, 9);
    swap(&db, &mut build).unwrap().unwrap();
    assert!(state(&db).values().all(|(_, weight)| *weight == 9));
    assert_eq!(db.schema_changes().records_copied(), 8 * RECORDS);
}

#[test]
fn a_change_that_is_told_to_stop_leaves_nothing_behind() {
    let db = items(Config::default(), RECORDS);
    let before = (state(&db), db.memory_bytes());
    let mut build = begin(&db, width());
    let leaves = std::cell::Cell::new(0);
    let go_on = || leaves.replace(leaves.get() + 1) < 1;
    assert!(!build.advance(db.store(), &go_on).unwrap());
    assert_eq!(leaves.get(), 2);
    assert!(db.memory_bytes() > before.1);
    drop(build);
    assert_eq!((state(&db), db.memory_bytes()), before);
    db.add_fields("item", &[field("more", "option<u8>")])
        .unwrap();
}

#[test]
fn a_second_change_of_the_same_table_is_refused_and_others_are_not() {
    let db = items(Config::default(), RECORDS);
    let other = TableDefinition::new(name("shelf"), vec![field("item", "id<item>")]);
    db.create_table(&other).unwrap();
    let build = begin(&db, width());
    let refused = |error: Error| {
        let expected = SchemaError::ChangeUnderWay {
            table: name("item"),
        };
        assert!(matches!(error, Error::Schema(error) if error == expected));
    };
    refused(db.remove_field("item", "level").unwrap_err());
    refused(
        db.add_fields("item", &[field("more", "option<u8>")])
            .unwrap_err(),
    );
    db.add_fields("shelf", &[field("height", "u32")]).unwrap();
    let relation = |from: &str, to: &str| RelationDefinition {
        name: None,
        from_table: from.to_owned(),
        from_field: "item".to_owned(),
        to_table: to.to_owned(),
        to_field: "id".to_owned(),
        on_delete: OnDelete::Restrict,
    };
    refused(db.create_relation(&relation("item", "shelf")).unwrap_err());
    db.create_relation(&relation("shelf", "item")).unwrap();
    drop(build);
    db.remove_field("item", "level").unwrap();
}

#[test]
fn dropping_the_table_ends_the_change_of_its_fields() {
    let db = items(Config::default(), RECORDS);
    let before = db.memory_bytes();
    let mut builds = Vec::new();
    for rounds in 0..2 {
        let db = items(Config::default(), RECORDS);
        let mut build = begin(&db, width());
        for _ in 0..rounds {
            assert!(round(&db, &mut build).unwrap());
        }
        db.drop_table("item").unwrap();
        // A table of the same name is another one.
        let again = TableDefinition::new(name("item"), vec![field("size", "u8")]);
        db.create_table(&again).unwrap();
        let dropped = SchemaError::TableDropped {
            table: name("item"),
        };
        let error = match rounds {
            0 => round(&db, &mut build).unwrap_err(),
            _ => swap(&db, &mut build).unwrap_err(),
        };
        assert_eq!(error, dropped.into());
        drop(build);
        assert_eq!(db.schema_changes().count(), 0);
        assert_eq!(
            db.add_fields("item", &[field("width", "f32")])
                .unwrap()
                .schema_version,
            2
        );
        builds.push(db);
    }
    assert_eq!(db.memory_bytes(), before);
    assert!(builds.iter().all(|db| db.memory_bytes() < before / 10));
}

#[test]
fn a_table_whose_records_moved_meanwhile_is_copied_anew() {
    let db = items(Config::default(), RECORDS);
    let mut build = begin(&db, width());
    assert!(round(&db, &mut build).unwrap());
    let table = db.table("item").unwrap();
    let then = table.buffer().load().unwrap();
    for number in 1..=1_500 {
        table.delete_record(id(number)).unwrap();
    }
    table.compact_table().unwrap();
    assert_eq!(swap(&db, &mut build).unwrap(), None);
    assert!(round(&db, &mut build).unwrap());
    table
        .partial_update(id(2_000), &Value::object([("weight", 5_u64)]))
        .unwrap();
    table.buffer().store(&then).unwrap();
    assert!(round(&db, &mut build).unwrap());
    let before = state(&db);
    assert_eq!(before.len() as u64, RECORDS);
    swap(&db, &mut build).unwrap().unwrap();
    assert_eq!(state(&db), before);
    check_index(&db);
}

#[test]
fn two_records_with_one_key_refuse_the_change_whenever_the_second_comes() {
    let unique = || {
        let serial = FieldDefinition {
            unique: true,
            default: Some(0_u64.into()),
            ..field("serial", "u64")
        };
        FieldsChange::Add(vec![serial])
    };
    let db = items(Config::default(), RECORDS);
    let before = (state(&db), db.memory_bytes());
    let mut build = begin(&db, unique());
    let error = round(&db, &mut build).unwrap_err();
    assert!(
        matches!(error, TransactionError::DuplicateKey { .. }),
        "{error}"
    );
    drop(build);
    assert_eq!((state(&db), db.memory_bytes()), before);

    // With one record left there is nothing wrong yet, however many it was of.
    db.transact(|tx| {
        (2..=RECORDS).try_for_each(|number| tx.delete_record("item", id(number)))?;
        Ok(())
    })
    .unwrap();
    match started(&db, unique()).unwrap() {
        Started::Done(schema) => assert_eq!(schema.schema_version, 2),
        Started::UnderWay(_) => panic!("one record is little"),
    }
}

#[test]
fn at_the_memory_limit_nothing_is_left_of_the_change() {
    let config = Config {
        memory_limit_bytes: 900_000,
        ..Config::default()
    };
    let db = items(config, 10_000);
    let before = (state(&db), db.memory_bytes());
    let is_limit = |error: TransactionError| {
        let error = flatten(error);
        let limit = matches!(error, Error::Storage(StorageError::MemoryLimit { .. }));
        assert!(limit, "{error}");
    };
    // What can only fail is not begun.
    let label = |default: &str| FieldDefinition {
        default: Some(default.into()),
        ..field("label", "text<200>")
    };
    is_limit(started(&db, FieldsChange::Add(vec![label("x")])).unwrap_err());
    for _ in 0..3 {
        let mut build = begin(&db, width());
        // Somebody else takes the memory that there was.
        let other = TableDefinition::new(name("other"), vec![label("y")]);
        db.create_table(&other).unwrap();
        let label = Value::object([("label", "z")]);
        while let Ok(()) = db.transact(|tx| {
            (0..100).try_for_each(|_| tx.create_record("other", &label).map(|_| ()))?;
            Ok(())
        }) {}
        is_limit(round(&db, &mut build).unwrap_err());
        drop(build);
        assert_eq!(db.schema_changes().count(), 0);
        db.drop_table("other").unwrap();
        assert_eq!((state(&db), db.memory_bytes()), before);
    }
    let table = db.table("item").unwrap();
    let weight = Value::object([("weight", 3_u64)]);
    table.partial_update(id(1), &weight).unwrap();
    check_index(&db);
}

/// What a random writer did, beside a map that says what should be there.
struct Writer {
    db: Database,
    random: u64,
    state: BTreeMap<u64, (u64, u64)>,
    last_code: u64,
}

impl Writer {
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end
    }

    /// One transaction with a few changes, or many.
    fn write(&mut self) {
        let many = self.below(12) == 0;
        let count = if many { 2_500 } else { 1 + self.below(20) };
        let db = self.db.clone();
        let mut tx = db.begin();
        for _ in 0..count {
            let last = self.state.keys().next_back().copied().unwrap_or(1);
            let number = 1 + self.below(last);
            match self.below(8) {
                0..=1 => {
                    self.last_code += 1;
                    let code = self.last_code;
                    let id = tx.create_record("item", &item(code, 5)).unwrap();
                    self.state.insert(id.get(), (code, 5));
                }
                2..=3 => {
                    let deleted = tx.delete_record("item", id(number)).is_ok();
                    assert_eq!(self.state.remove(&number).is_some(), deleted);
                }
                4 => {
                    // Somebody else's code, once that one has another.
                    let other = 1 + self.below(last);
                    let pair = (
                        self.state.get(&number).copied(),
                        self.state.get(&other).copied(),
                    );
                    let (Some(one), Some(two)) = pair else {
                        continue;
                    };
                    for (number, (code, weight)) in
                        [(number, (two.0, one.1)), (other, (one.0, two.1))]
                    {
                        let code_of = Value::object([("code", code)]);
                        tx.partial_update("item", id(number), &code_of).unwrap();
                        self.state.insert(number, (code, weight));
                    }
                }
                _ => {
                    let weight = self.below(1_000);
                    let patch = Value::object([("weight", weight)]);
                    let updated = tx.partial_update("item", id(number), &patch).is_ok();
                    let known = self.state.get_mut(&number);
                    assert_eq!(known.map(|known| known.1 = weight).is_some(), updated);
                }
            }
        }
        tx.commit().unwrap();
    }
}

#[test]
fn nothing_that_is_written_while_fields_change_is_lost() {
    for seed in 1..=25_u64 {
        eprintln!("seed {seed}");
        let db = items(Config::default(), RECORDS);
        let mut writer = Writer {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            state: state(&db),
            last_code: RECORDS,
            db: db.clone(),
        };
        let changes = [
            width(),
            FieldsChange::Remove("level".to_owned()),
            FieldsChange::Add(vec![field("level", "option<u8>")]),
            FieldsChange::Remove("width".to_owned()),
        ];
        for (version, change) in (1..).zip(changes) {
            (0..writer.below(3)).for_each(|_| writer.write());
            let mut build = begin(&db, change);
            let mut held = Vec::new();
            loop {
                (0..writer.below(3)).for_each(|_| writer.write());
                if writer.below(3) > 0 {
                    assert!(round(&db, &mut build).unwrap());
                    (0..writer.below(3)).for_each(|_| writer.write());
                }
                if writer.below(9) == 0 {
                    db.compact_table("item").unwrap();
                }
                held.push((db.snapshot(), writer.state.len() as u64));
                if swap(&db, &mut build).unwrap().is_some() {
                    break;
                }
            }
            assert_eq!(state(&db), writer.state, "seed {seed}");
            check_index(&db);
            for (snapshot, records) in held {
                let table = snapshot.table_by_name("item").unwrap();
                assert_eq!(
                    (table.len(), table.schema().schema_version),
                    (records, version)
                );
                assert_eq!(table.records().count() as u64, records, "seed {seed}");
            }
        }
    }
}

/// A database with one table `item` of a unique text and another one.
fn texts() -> Database {
    let db = Database::builder().in_memory().unwrap();
    let code = FieldDefinition {
        unique: true,
        ..field("code", "string")
    };
    let definition = TableDefinition::new(name("item"), vec![code, field("body", "string")]);
    db.create_table(&definition).unwrap();
    db
}

/// An item whose body is so long.
fn text(code: u64, length: usize) -> Value {
    let code = format!("an item with the code {code}");
    Value::object([("code", code), ("body", "body ".repeat(length))])
}

/// Every record, and that its code leads to it.
fn text_state(db: &Database) -> BTreeMap<u64, Value> {
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("item").unwrap();
    let layout = &table.schema().layout;
    let (place, code) = layout.field("code").unwrap();
    let read = |(id, record): (RecordId, RecordRef<'_>)| {
        layout.check(record).unwrap();
        assert_eq!(table.find(place, &code.key_bytes(record)), Some(id));
        let value = layout.read(record);
        let parts = ["code", "body"].map(|part| (part, value.get(part).unwrap().clone()));
        (id.get(), Value::object(parts))
    };
    table.records().map(read).collect()
}

#[test]
fn texts_are_copied_beside_those_who_write_them() {
    let db = texts();
    let length = |number: u64| (number * number % 97) as usize;
    db.transact(|tx| {
        for number in 1..=RECORDS {
            tx.create_record("item", &text(number, length(number)))?;
        }
        Ok(())
    })
    .unwrap();
    let note = FieldDefinition {
        default: Some("a note that is a default".into()),
        ..field("note", "string")
    };
    let mut build = begin(&db, FieldsChange::Add(vec![note]));
    let table = db.table("item").unwrap();
    for round_number in 0..3 {
        assert!(round(&db, &mut build).unwrap());
        for number in (1..=600).map(|number| number * 5 + round_number) {
            let patch = |part, value: Value| Value::object([(part, value)]);
            match number % 4 {
                0 => table.delete_record(id(number)).ok(),
                1 => table
                    .partial_update(id(number), &patch("body", "short".into()))
                    .ok(),
                2 => {
                    let longer = "longer ".repeat(length(number + round_number));
                    table
                        .partial_update(id(number), &patch("body", longer.into()))
                        .ok()
                }
                _ => {
                    let code = format!("another code, {number} of {round_number}");
                    table
                        .partial_update(id(number), &patch("code", code.into()))
                        .ok()
                }
            };
        }
        table
            .create_record(&text(10_000 + round_number, 50))
            .unwrap();
    }
    let before = text_state(&db);
    assert!(before.len() as u64 > RECORDS / 2);
    while swap(&db, &mut build).unwrap().is_none() {
        assert!(round(&db, &mut build).unwrap());
    }
    assert_eq!(text_state(&db), before);
    let noted = |id: &u64| {
        let value = table.read_value(self::id(*id)).unwrap();
        value.get("note") == Some(&"a note that is a default".into())
    };
    assert!(before.keys().all(noted));

    let mut build = begin(&db, FieldsChange::Remove("note".to_owned()));
    assert!(build.advance(db.store(), &|| true).unwrap());
    swap(&db, &mut build).unwrap().unwrap();
    assert_eq!(text_state(&db), before);
}

#[test]
fn few_records_with_long_texts_are_much_to_copy() {
    let db = texts();
    let table = db.table("item").unwrap();
    for number in 1..=10 {
        table.create_record(&text(number, 10_000)).unwrap();
    }
    let before = text_state(&db);
    let mut build = begin(&db, width());
    assert!(build.advance(db.store(), &|| true).unwrap());
    swap(&db, &mut build).unwrap().unwrap();
    assert_eq!(text_state(&db), before);
}

#[test]
fn a_default_that_is_too_much_for_a_record_ends_the_change_by_its_field() {
    let db = texts();
    let table = db.table("item").unwrap();
    table.create_record(&text(1, 0)).unwrap();
    let long = "x".repeat(9 * 1024 * 1024);
    table.create_record(&text(2, 2 * 1024 * 1024)).unwrap();
    let before = (text_state(&db), db.memory_bytes());
    let more = FieldDefinition {
        default: Some(long.into()),
        ..field("more", "string")
    };
    let mut build = begin(&db, FieldsChange::Add(vec![more]));
    let error = build.advance(db.store(), &|| true).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("`more`") && error.contains("16777216"),
        "{error}"
    );
    drop(build);
    assert_eq!((text_state(&db), db.memory_bytes()), before);
}
