//! Fields of variable length in process: records as values and as bytes, beside other transactions.

use harness::table_definition;
use tickbase::{
    Database, Error, FieldDefinition, Isolation, Name, RecordId, TransactionError, Value,
};

const LONG: &str = "a text that is too long for its field";

fn notes() -> Database {
    let db = Database::builder().in_memory().unwrap();
    let fields = [("title", "string"), ("stars", "u8"), ("seal", "bytes")];
    db.create_table(&table_definition("note", &fields)).unwrap();
    db
}

fn note(title: &str, stars: u8, seal: &[u8]) -> Value {
    let seal = Value::Bytes(seal.to_vec());
    Value::object([
        ("title", title.into()),
        ("stars", stars.into()),
        ("seal", seal),
    ])
}

fn patch(field: &str, value: impl Into<Value>) -> Value {
    Value::object([(field, value)])
}

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

#[test]
fn a_record_with_texts_is_created_read_updated_patched_and_deleted() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let first = notes.create_record(&note(LONG, 1, &[7; 100])).unwrap();
    let second = notes.create_record(&note("", 2, b"short")).unwrap();
    assert_eq!(notes.read_value(first).unwrap(), note(LONG, 1, &[7; 100]));
    assert_eq!(notes.read_value(second).unwrap(), note("", 2, b"short"));
    assert_eq!(notes.record_size().unwrap(), 36);
    let bytes = notes.read_record(first).unwrap();
    assert_eq!(bytes.len(), 36 + 4 + LONG.len() + 4 + 100);
    assert_eq!(notes.read_record(second).unwrap().len(), 36);

    notes.update_record(second, &bytes).unwrap();
    assert_eq!(notes.read_value(second).unwrap(), note(LONG, 1, &[7; 100]));
    assert_eq!(
        notes.read_record(second).unwrap(),
        bytes,
        "equal values, equal bytes"
    );
    notes
        .partial_update(first, &patch("title", "short"))
        .unwrap();
    assert_eq!(
        notes.read_value(first).unwrap(),
        note("short", 1, &[7; 100])
    );
    notes.partial_update(first, &patch("stars", 9_u8)).unwrap();
    notes
        .partial_update(first, &patch("seal", Value::Bytes(Vec::new())))
        .unwrap();
    assert_eq!(notes.read_value(first).unwrap(), note("short", 9, b""));
    notes.delete_record(first).unwrap();
    assert!(notes.read_value(first).is_err());
    assert_eq!(notes.read_value(second).unwrap(), note(LONG, 1, &[7; 100]));
}

#[test]
fn a_transaction_reads_its_own_texts_and_an_abort_leaves_those_that_were() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let first = notes.create_record(&note(LONG, 1, b"")).unwrap();
    let held = db.snapshot();
    let mut tx = db.begin();
    let longer = LONG.repeat(1000);
    tx.partial_update("note", first, &patch("title", &*longer))
        .unwrap();
    let made = tx
        .create_record("note", &note(&longer, 2, &[1; 20]))
        .unwrap();
    let layout = &held.table_by_name("note").unwrap().schema().layout;
    let read = |id| {
        let record = tx.record("note", id).unwrap().unwrap();
        layout.read(record)
    };
    assert_eq!(read(first), note(&longer, 1, b""));
    assert_eq!(read(made), note(&longer, 2, &[1; 20]));
    assert_eq!(notes.read_value(first).unwrap(), note(LONG, 1, b""));
    tx.abort();
    assert_eq!(notes.read_value(first).unwrap(), note(LONG, 1, b""));
    assert_eq!(db.snapshot().table_by_name("note").unwrap().len(), 1);

    notes
        .partial_update(first, &patch("title", &*longer))
        .unwrap();
    let before = held.table_by_name("note").unwrap().record(first).unwrap();
    assert_eq!(
        layout.read(before),
        note(LONG, 1, b""),
        "a snapshot stays as it is"
    );
    assert_eq!(notes.read_value(first).unwrap(), note(&longer, 1, b""));
}

#[test]
fn a_commit_beside_others_keeps_what_they_wrote_in_other_fields() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let first = notes.create_record(&note("one", 1, b"one")).unwrap();
    let mut tx = db.begin_with(Isolation::ReadCommitted);
    tx.partial_update("note", first, &patch("title", LONG))
        .unwrap();
    tx.create_record("note", &note(LONG, 5, &[5; 50])).unwrap();
    notes
        .partial_update(first, &patch("seal", Value::Bytes(vec![8; 80])))
        .unwrap();
    notes.partial_update(first, &patch("stars", 3_u8)).unwrap();
    tx.commit().unwrap();
    assert_eq!(notes.read_value(first).unwrap(), note(LONG, 3, &[8; 80]));
    assert_eq!(notes.read_value(id(2)).unwrap(), note(LONG, 5, &[5; 50]));

    let mut tx = db.begin_with(Isolation::ReadCommitted);
    tx.partial_update("note", first, &patch("title", "short"))
        .unwrap();
    notes
        .partial_update(first, &patch("title", LONG.repeat(2)))
        .unwrap();
    tx.commit().unwrap();
    assert_eq!(
        notes.read_value(first).unwrap(),
        note("short", 3, &[8; 80]),
        "the later one wins"
    );
}

#[test]
fn a_text_that_another_changed_behind_its_first_bytes_is_a_conflict() {
    let db = notes();
    let notes = db.table("note").unwrap();
    // The slots of both are the same: of one length, and with the same first bytes.
    let first = notes
        .create_record(&note(&format!("{LONG} A"), 1, b""))
        .unwrap();
    let second = notes.create_record(&note("", 1, b"")).unwrap();
    let mut tx = db.begin();
    tx.record("note", first).unwrap().unwrap();
    tx.partial_update("note", second, &patch("stars", 2_u8))
        .unwrap();
    notes
        .partial_update(first, &patch("title", format!("{LONG} B")))
        .unwrap();
    let error = tx.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::Conflict { .. }),
        "{error}"
    );

    let mut tx = db.begin();
    tx.record("note", first).unwrap().unwrap();
    tx.partial_update("note", second, &patch("stars", 2_u8))
        .unwrap();
    notes
        .partial_update(first, &patch("title", format!("{LONG} C")))
        .unwrap();
    notes
        .partial_update(first, &patch("title", format!("{LONG} B")))
        .unwrap();
    tx.commit().expect("what it read is so again");
}

#[test]
fn a_record_that_is_more_than_it_can_hold_is_refused_by_its_field_also_where_two_meet() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let half = "x".repeat(9 * 1024 * 1024);
    let first = notes.create_record(&note(&half, 1, b"")).unwrap();
    let bytes = Value::Bytes(half.clone().into_bytes());
    let refused = |error: Error| {
        let error = error.to_string();
        assert!(
            error.contains("`seal`") && error.contains("16777216"),
            "{error}"
        );
    };
    refused(
        notes
            .partial_update(first, &patch("seal", bytes.clone()))
            .unwrap_err(),
    );
    refused(
        notes
            .create_record(&note(&half, 1, half.as_bytes()))
            .unwrap_err(),
    );
    let field = FieldDefinition {
        default: Some(half.clone().into()),
        ..FieldDefinition::new(Name::new("more").unwrap(), "string")
    };
    let error = db.add_fields("note", &[field]).unwrap_err().to_string();
    assert!(
        error.contains("`more`") && error.contains("16777216"),
        "{error}"
    );

    notes.partial_update(first, &patch("title", "")).unwrap();
    let mut tx = db.begin_with(Isolation::ReadCommitted);
    tx.partial_update("note", first, &patch("seal", bytes))
        .unwrap();
    notes
        .partial_update(first, &patch("title", &*half))
        .unwrap();
    let error = tx.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::InvalidRecord { .. }),
        "{error}"
    );
    refused(error.into());
    assert_eq!(notes.read_value(first).unwrap(), note(&half, 1, b""));
}

#[test]
fn a_buffer_that_is_stored_again_has_the_texts_that_it_had() {
    let db = notes();
    let notes = db.table("note").unwrap();
    for length in 0..100_u8 {
        let title = LONG.repeat(length.into());
        notes
            .create_record(&note(&title, length, &vec![length; length.into()]))
            .unwrap();
    }
    let before = notes.buffer().load().unwrap();
    for number in 1..=100 {
        notes
            .partial_update(id(number), &patch("title", "gone"))
            .unwrap();
    }
    notes.buffer().store(&before).unwrap();
    notes.compact_table().unwrap();
    for length in 0..100_u8 {
        let title = LONG.repeat(length.into());
        let value = notes.read_value(id(u64::from(length) + 1)).unwrap();
        assert_eq!(value, note(&title, length, &vec![length; length.into()]));
    }
}

#[test]
fn memory_of_long_texts_is_counted_and_given_back() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let before = db.memory_bytes();
    let title = "x".repeat(1024 * 1024);
    let first = notes.create_record(&note(&title, 1, b"")).unwrap();
    let with_one = db.memory_bytes();
    assert!(with_one >= before + 1024 * 1024, "{before}, {with_one}");
    for round in 0..20 {
        notes
            .partial_update(first, &patch("title", &*format!("{title}{round}")))
            .unwrap();
    }
    notes
        .partial_update(first, &patch("title", "short"))
        .unwrap();
    notes.partial_update(first, &patch("stars", 1_u8)).unwrap();
    let after = db.memory_bytes();
    assert!(after < with_one + 3 * 1024 * 1024, "{with_one}, {after}");
}

#[test]
fn a_table_at_its_limit_of_memory_takes_no_more_text_until_some_is_deleted() {
    let db = notes();
    let notes = db.table("note").unwrap();
    let first = notes.create_record(&note("kept", 1, b"")).unwrap();
    db.set_table_memory_limit("note", Some(4 << 20)).unwrap();
    let title = "x".repeat(100_000);
    let refused = (0..100).find_map(|_| notes.create_record(&note(&title, 1, b"")).err());
    let error = refused
        .expect("a hundred of them are more than the limit")
        .to_string();
    assert!(
        error.contains("table `note` uses") && error.contains("4194304"),
        "{error}"
    );
    let count = db.snapshot().table_by_name("note").unwrap().len();
    assert!((30..=42).contains(&count), "{count}");
    let longer = patch("title", title.repeat(40));
    let error = notes.partial_update(first, &longer).unwrap_err();
    assert!(error.to_string().contains("table `note` uses"), "{error}");
    assert_eq!(notes.read_value(first).unwrap(), note("kept", 1, b""));

    for number in 2..=10 {
        notes.delete_record(id(number)).unwrap();
    }
    notes.compact_table().unwrap();
    for _ in 0..5 {
        notes.create_record(&note(&title, 2, b"")).unwrap();
    }
    assert_eq!(notes.read_value(first).unwrap(), note("kept", 1, b""));
}
