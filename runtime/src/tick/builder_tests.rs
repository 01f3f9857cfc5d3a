//! Changes of fields of large tables beside ticks that go on, with the thread's work done by hand.

use std::sync::{
    Arc,
    mpsc::{Receiver, channel},
};

use super::{Answer, QueueError, RecordInput, Reply, Request, Runtime};
use crate::{
    Config, Database, Error,
    clock::ManualClock,
    schema::{FieldDefinition, Name, RecordId, SchemaError, TableDefinition, Value},
    storage::StorageError,
    transaction::TransactionError,
};

const RECORDS: u64 = 20_000;

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// A database with a large table of items and a small one of shelves, whose builder stands still.
fn still(config: Config) -> Runtime {
    let clock = Arc::new(ManualClock::new());
    let builder = Database::builder().config(config).clock(clock);
    let db = builder.in_memory().unwrap();
    for table in ["item", "shelf"] {
        let definition = TableDefinition::new(
            name(table),
            vec![FieldDefinition::new(name("weight"), "u64")],
        );
        db.create_table(&definition).unwrap();
    }
    db.transact(|tx| {
        for weight in 1..=RECORDS {
            tx.create_record("item", &Value::object([("weight", weight)]))?;
        }
        Ok(())
    })
    .unwrap();
    let runtime = Runtime::new(db);
    runtime.handle().builder().hold();
    runtime
}

fn ask(runtime: &Runtime, request: Request) -> Receiver<Reply> {
    let (sender, receiver) = channel();
    let reply = move |reply| sender.send(reply).unwrap();
    runtime.handle().submit(request, reply).unwrap();
    receiver
}

fn add(table: &str, field: FieldDefinition) -> Request {
    Request::AddFields {
        table: table.to_owned(),
        fields: vec![field],
    }
}

fn field(name_of: &str, type_id: &str, default: impl Into<Value>) -> FieldDefinition {
    FieldDefinition {
        default: Some(default.into()),
        ..FieldDefinition::new(name(name_of), type_id)
    }
}

fn create(fields: Value) -> Request {
    Request::CreateRecord {
        table: "item".to_owned(),
        record: RecordInput::Fields(fields),
    }
}

fn error(receiver: &Receiver<Reply>) -> Error {
    receiver
        .try_recv()
        .expect("it is answered")
        .result
        .unwrap_err()
}

#[test]
fn ticks_go_on_while_a_large_table_is_copied() {
    let mut runtime = still(Config::default());
    let (handle, db) = (runtime.handle(), runtime.handle().database().clone());
    let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
    for tick in 1..=50 {
        let created = ask(&runtime, create(Value::object([("weight", tick)])));
        let record = runtime.step();
        assert_eq!(
            (record.tick, record.requests.done),
            (tick, 1 + u64::from(tick == 1) as usize)
        );
        let reply = created.try_recv().unwrap();
        assert!(matches!(reply.result, Ok(Answer::Record { id }) if id.get() == RECORDS + tick));
        assert!(added.try_recv().is_err(), "nobody has copied yet");
        assert_eq!(handle.metrics().schema_changes, 1);
    }
    handle.builder().work();
    assert!(handle.metrics().schema_change_records >= RECORDS);
    // What comes in the tick of the swap, before it or behind it, finds the new fields.
    let wide = Value::object([("weight", Value::from(1_u64)), ("width", 7.5.into())]);
    let created = ask(&runtime, create(wide.clone()));
    runtime.step();
    let reply = added.try_recv().unwrap();
    match reply.result.unwrap() {
        Answer::Table(schema) => assert_eq!((schema.schema_version, schema.record_size()), (2, 16)),
        other => panic!("{other:?}"),
    }
    assert_eq!(reply.tick, 51);
    let created = created.try_recv().unwrap();
    assert_eq!(created.version, reply.version, "it is one version");
    let Answer::Record { id } = created.result.unwrap() else {
        panic!("a record was made");
    };
    assert_eq!(
        db.table("item")
            .unwrap()
            .read_value(id)
            .unwrap()
            .get("width"),
        Some(&7.5.into())
    );
    let snapshot = db.snapshot();
    assert_eq!(snapshot.table_by_name("item").unwrap().len(), RECORDS + 51);
    let metrics = handle.metrics();
    assert_eq!(metrics.schema_changes, 0);
    assert!(metrics.requests.contains(&("add_fields", "ok", 1)));

    // The former table is given back by the thread, once nobody sees it.
    let (both, held) = (
        db.memory_bytes(),
        snapshot.table_by_name("item").unwrap().memory_bytes(),
    );
    handle.builder().work();
    runtime.step();
    assert_eq!(db.memory_bytes(), both, "the tick leaves it to the thread");
    handle.builder().work();
    let now = db.memory_bytes();
    assert!(now < both && now >= held, "{now} of {both}");
}

#[test]
fn a_change_that_the_writers_outran_goes_back_to_be_copied_on() {
    let mut runtime = still(Config::default());
    let (handle, db) = (runtime.handle(), runtime.handle().database().clone());
    let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
    runtime.step();
    for weight in 0..3_u64 {
        handle.builder().work();
        db.transact(|tx| {
            for number in 1..=2_000 {
                let patch = Value::object([("weight", weight)]);
                tx.partial_update("item", RecordId::new(number).unwrap(), &patch)?;
            }
            Ok(())
        })
        .unwrap();
        runtime.step();
        assert!(added.try_recv().is_err());
    }
    handle.builder().work();
    runtime.step();
    assert!(added.try_recv().unwrap().result.is_ok());
    let record = db
        .table("item")
        .unwrap()
        .read_value(RecordId::new(2_000).unwrap())
        .unwrap();
    assert_eq!(
        record.get("weight").map(Value::describe).as_deref(),
        Some("2")
    );
}

#[test]
fn what_is_wrong_with_a_change_is_answered_in_its_tick() {
    let mut runtime = still(Config::default());
    let refused = [
        add("item", field("weight", "u64", 1)),
        add("item", field("width", "f65", 1)),
        add("item", field("width", "u8", 300)),
        add("item", FieldDefinition::new(name("width"), "u8")),
        add("itme", field("width", "u8", 1)),
        Request::RemoveField {
            table: "item".to_owned(),
            field: "wieght".to_owned(),
        },
        Request::RemoveField {
            table: "item".to_owned(),
            field: "weight".to_owned(),
        },
    ];
    let replies = refused.map(|request| ask(&runtime, request));
    let first = ask(&runtime, add("item", field("width", "f64", 2.5)));
    let second = ask(&runtime, add("item", field("height", "f64", 2.5)));
    let relation = crate::RelationDefinition {
        name: None,
        from_table: "item".to_owned(),
        from_field: "weight".to_owned(),
        to_table: "shelf".to_owned(),
        to_field: "id".to_owned(),
        on_delete: crate::OnDelete::Restrict,
    };
    let third = ask(&runtime, Request::CreateRelation(relation));
    let small = ask(&runtime, add("shelf", field("height", "f64", 2.5)));
    runtime.step();
    for reply in replies {
        assert!(matches!(error(&reply), Error::Schema(_)));
    }
    let under_way = SchemaError::ChangeUnderWay {
        table: name("item"),
    };
    for reply in [second, third] {
        assert!(matches!(error(&reply), Error::Schema(error) if error == under_way));
    }
    assert!(small.try_recv().unwrap().result.is_ok());
    assert!(first.try_recv().is_err());
    let handle = runtime.handle();
    handle.builder().work();
    runtime.step();
    assert!(first.try_recv().unwrap().result.is_ok());
}

#[test]
fn dropping_a_table_and_stopping_answer_whoever_waits_for_a_change() {
    let mut runtime = still(Config::default());
    let handle = runtime.handle();
    let before = handle.database().memory_bytes();
    let drop_item = || Request::DropTable {
        table: "item".to_owned(),
    };
    // In the same tick, before anything was copied.
    let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
    let dropped = ask(&runtime, drop_item());
    runtime.step();
    assert!(dropped.try_recv().unwrap().result.is_ok());
    handle.builder().work();
    runtime.step();
    let gone = SchemaError::TableDropped {
        table: name("item"),
    };
    assert!(matches!(error(&added), Error::Schema(error) if error == gone));
    assert_eq!(handle.metrics().schema_changes, 0);

    // When all was copied.
    let mut runtime = still(Config::default());
    let handle = runtime.handle();
    let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
    runtime.step();
    handle.builder().work();
    let db = handle.database();
    assert!(db.memory_bytes() > before);
    db.drop_table("item").unwrap();
    runtime.step();
    assert!(matches!(error(&added), Error::Schema(error) if error == gone));
    handle.builder().work();
    runtime.step();
    assert!(db.memory_bytes() < before / 10);

    for rounds in 0..2 {
        let mut runtime = still(Config::default());
        let handle = runtime.handle();
        let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
        runtime.step();
        (0..rounds).for_each(|_| handle.builder().work());
        runtime.stop().unwrap();
        assert!(matches!(error(&added), Error::Queue(QueueError::Stopped)));
        assert_eq!(handle.database().schema_changes().count(), 0);
        assert_eq!(handle.database().memory_bytes(), before);
        handle
            .database()
            .add_fields("item", &[field("width", "f64", 2.5)])
            .unwrap();
    }
}

#[test]
fn a_change_that_fails_while_it_is_copied_gives_its_memory_back_at_once() {
    let config = Config {
        memory_limit_bytes: 600_000,
        ..Config::default()
    };
    let mut runtime = still(config);
    let handle = runtime.handle();
    let db = handle.database().clone();
    // What can only fail is not begun.
    let doomed = ask(&runtime, add("item", field("label", "text<100>", "x")));
    let added = ask(&runtime, add("item", field("width", "f64", 2.5)));
    runtime.step();
    let is_limit =
        |error: &Error| matches!(error, Error::Storage(StorageError::MemoryLimit { .. }));
    let refused = error(&doomed);
    assert!(is_limit(&refused), "{refused}");
    // Somebody else takes the memory that there was.
    db.transact(|tx| {
        for weight in 1..=RECORDS {
            tx.create_record("shelf", &Value::object([("weight", weight)]))?;
        }
        Ok(())
    })
    .unwrap();
    let before = db.memory_bytes();
    handle.builder().work();
    assert_eq!(db.memory_bytes(), before, "before the tick has heard of it");
    runtime.step();
    let refused = error(&added);
    assert!(is_limit(&refused), "{refused}");
    let metrics = handle.metrics();
    assert!(metrics.requests.contains(&("add_fields", "refused", 2)));

    // Two records with one key.
    let mut runtime = still(Config::default());
    let handle = runtime.handle();
    let serial = FieldDefinition {
        unique: true,
        ..field("serial", "option<u8>", Value::Null)
    };
    let added = ask(&runtime, add("item", serial));
    runtime.step();
    handle.builder().work();
    runtime.step();
    let reply = added.try_recv().unwrap();
    let duplicate = matches!(
        reply.result,
        Err(Error::Transaction(TransactionError::DuplicateKey { .. }))
    );
    assert!(duplicate, "{reply:?}");
    assert_eq!(handle.database().schema_changes().count(), 0);
}

#[test]
fn the_thread_carries_out_changes_one_after_the_other() {
    let mut runtime = still(Config::default());
    let db = runtime.handle().database().clone();
    // Nobody holds this one's builder.
    let mut other = Runtime::new(db.clone());
    runtime.stop().unwrap();
    db.transact(|tx| {
        for weight in 1..=RECORDS {
            tx.create_record("shelf", &Value::object([("weight", weight)]))?;
        }
        Ok(())
    })
    .unwrap();
    let replies =
        ["item", "shelf"].map(|table| ask(&other, add(table, field("width", "f64", 2.5))));
    let mut steps = 0_u64;
    for reply in &replies {
        let answered = loop {
            other.step();
            steps += 1;
            if let Ok(reply) = reply.try_recv() {
                break reply;
            }
            std::thread::yield_now();
        };
        assert!(answered.result.is_ok());
    }
    assert!(
        steps >= 2,
        "no change was swapped in by the tick that took it"
    );
    for table in ["item", "shelf"] {
        let snapshot = db.snapshot();
        let table = snapshot.table_by_name(table).unwrap();
        assert_eq!((table.len(), table.schema().record_size()), (RECORDS, 16));
    }
    other.stop().unwrap();
}
