//! Requests: a bounded queue, one version per tick, an outcome for each.

use std::{sync::mpsc::channel, time::Duration};

use harness::{Account, table_definition};
use tickbase::{
    Answer, Config, Error, FieldDefinition, Name, QueueError, RecordId, RecordInput, Request,
    SchemaError, TransactionError, Value,
};

use crate::world::{World, call, create_account, words, world};

fn create(table: &str, fields: Value) -> Request {
    Request::CreateRecord {
        table: table.to_owned(),
        record: RecordInput::Fields(fields),
    }
}

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

#[test]
fn schema_changes_come_before_data_changes_of_the_same_tick() {
    let mut world = world();
    let fields = Value::object([("level", Value::from(3_u8)), ("number", 7_u32.into())]);
    world.submit(create("lounge", fields)).unwrap();
    let lounge = table_definition("lounge", &[("level", "u8")]);
    world.submit(Request::CreateTable(lounge)).unwrap();
    let number = FieldDefinition::new(Name::new("number").unwrap(), "u32");
    let add = Request::AddFields {
        table: "lounge".to_owned(),
        fields: vec![number],
    };
    world.submit(add).unwrap();
    world.runtime.step();
    for (number, reply) in world.replies() {
        assert!(reply.result.is_ok(), "{number}: {}", words(&reply));
    }
    let record = world.db().table("lounge").unwrap().read_record(id(1));
    assert_eq!(record.unwrap(), [3, 0, 0, 0, 7, 0, 0, 0]);
}

#[test]
fn a_tick_takes_no_more_requests_than_it_may() {
    let config = Config {
        max_api_requests_per_tick: Some(3),
        ..Config::default()
    };
    let mut world = World::with(|builder| builder, config);
    for balance in 0..7 {
        world.submit(create_account(balance)).unwrap();
    }
    let taken: Vec<_> = (0..4)
        .map(|_| world.runtime.step().requests)
        .map(|requests| (requests.done, requests.left))
        .collect();
    assert_eq!(taken, [(3, 4), (3, 1), (1, 0), (0, 0)]);
}

#[test]
fn a_full_queue_refuses_at_once_and_counts_what_it_dropped() {
    let mut world = world();
    let capacity = world.db().config().queue_capacity();
    assert_eq!(capacity, 50 * 100);
    for balance in 0..5_000 {
        world.submit(create_account(balance)).unwrap();
    }
    for _ in 0..2 {
        let full = QueueError::Full {
            capacity,
            retry_after_ms: 20,
        };
        assert_eq!(world.submit(create_account(0)).unwrap_err(), full);
    }
    let metrics = world.handle.metrics();
    assert_eq!((metrics.queue_size, metrics.dropped_requests), (5_000, 2));
    world.runtime.step();
    assert_eq!(world.replies().len(), 5_000, "who was taken is answered");
    world.submit(create_account(0)).unwrap();
    assert_eq!(world.handle.metrics().queue_size, 1);
}

#[test]
fn a_request_that_waited_past_its_deadline_is_answered_and_not_carried_out() {
    let mut world = world();
    world.submit(create_account(1)).unwrap();
    world.clock.advance(Duration::from_millis(5_001));
    world.submit(create_account(2)).unwrap();
    world.runtime.step();
    let replies = world.replies();
    assert_eq!(
        words(&replies[0].1),
        "error: the request waited 5001 ms for its turn and was not executed"
    );
    assert!(replies[1].1.result.is_ok());
    let snapshot = world.db().snapshot();
    let balances = snapshot.table::<Account>().iter().map(|(_, a)| a.balance);
    assert!(balances.eq([2]));
    assert_eq!(world.handle.metrics().expired_requests, 1);
}

#[test]
fn the_requests_of_a_tick_are_one_version_and_each_has_its_own_outcome() {
    let mut world = world();
    let code = |code: &str| Value::object([("code", Value::from(code)), ("latitude", 1.5.into())]);
    let before = world.db().snapshot().version();
    let record = id(1);
    let airport = || "airport".to_owned();
    world.submit(create("airport", code("ATL"))).unwrap();
    world.submit(create("airport", code("ATL"))).unwrap();
    let patch = Request::PatchRecord {
        table: airport(),
        id: record,
        patch: Value::object([("latitude", 33.64)]),
    };
    world.submit(patch).unwrap();
    let missing = Request::DeleteRecord {
        table: airport(),
        id: id(99),
    };
    world.submit(missing).unwrap();
    let bytes = Request::ReplaceRecord {
        table: airport(),
        id: record,
        record: RecordInput::Bytes(vec![0; 3]),
    };
    world.submit(bytes).unwrap();
    world.submit(create("airport", code("SEA"))).unwrap();
    world.submit(create("airfield", code("SEA"))).unwrap();
    world.runtime.step();
    let replies = world.replies();
    let result = |number: usize| &replies[number].1.result;
    assert!(matches!(result(0), Ok(Answer::Record { id }) if *id == record));
    assert!(matches!(
        result(1),
        Err(Error::Transaction(TransactionError::DuplicateKey { .. }))
    ));
    assert!(matches!(result(2), Ok(Answer::Done)));
    assert!(matches!(
        result(3),
        Err(Error::Transaction(TransactionError::RecordNotFound { .. }))
    ));
    assert!(matches!(
        result(4),
        Err(Error::Transaction(TransactionError::WrongRecordSize { .. }))
    ));
    assert!(result(5).is_ok());
    assert!(matches!(
        result(6),
        Err(Error::Schema(SchemaError::TableNotFound { .. }))
    ));
    let snapshot = world.db().snapshot();
    assert_eq!(snapshot.version(), before + 1);
    for (_, reply) in &replies {
        assert_eq!((reply.version, reply.tick), (before + 1, 1));
    }
    let airports = snapshot.table::<harness::Airport>();
    let found: Vec<_> = airports
        .iter()
        .map(|(_, a)| (a.code.to_string(), a.latitude))
        .collect();
    assert_eq!(found, [("ATL".to_owned(), 33.64), ("SEA".to_owned(), 1.5)]);
}

#[test]
fn a_tick_without_a_change_publishes_no_version() {
    let mut world = world();
    let before = world.db().snapshot().version();
    world
        .submit(call("fail", &[("account", 1.into())]))
        .unwrap();
    world.submit(create("airfield", Value::Null)).unwrap();
    world.runtime.step();
    assert_eq!(world.replies().len(), 2);
    assert_eq!(world.db().snapshot().version(), before);
}

#[test]
fn a_reply_that_panics_keeps_nobody_else_from_theirs() {
    let mut world = world();
    for request in [create_account(1), call("note", &[("what", 1_u64.into())])] {
        let panics = |_| panic!("the one who asked is gone");
        world.handle.submit(request.clone(), panics).unwrap();
        world.submit(request).unwrap();
    }
    world.runtime.step();
    assert_eq!(world.replies().len(), 2);
    world.submit(create_account(3)).unwrap();
    world.runtime.step();
    assert!(world.reply().result.is_ok());
}

#[test]
fn stopping_answers_all_who_wait_and_takes_no_more() {
    let mut world = world();
    world.submit(create_account(1)).unwrap();
    world.call("note", &[("what", 1_u64.into())]);
    world.runtime.stop().unwrap();
    let replies = world.replies();
    assert_eq!(replies.len(), 2);
    for (_, reply) in replies {
        assert!(matches!(
            reply.result,
            Err(Error::Queue(QueueError::Stopped))
        ));
    }
    assert_eq!(
        world.submit(create_account(1)).unwrap_err(),
        QueueError::Stopped
    );
    assert!(world.db().snapshot().table::<Account>().is_empty());
    world.runtime.stop().unwrap();
}

#[test]
fn a_started_runtime_answers_every_request_until_it_is_stopped_and_after() {
    let mut world = World::with(
        |builder| builder.clock(std::sync::Arc::new(tickbase::SystemClock::new())),
        Config::default(),
    );
    assert!(!world.handle.is_ready());
    world.runtime.start().unwrap();
    assert!(world.handle.is_ready());
    let (sender, receiver) = channel();
    let handle = world.handle.clone();
    let asking = std::thread::spawn(move || {
        let mut taken = 0;
        loop {
            let sender = sender.clone();
            match handle.submit(create_account(1), move |reply| sender.send(reply).unwrap()) {
                Ok(()) => taken += 1,
                Err(QueueError::Stopped) => return taken,
                Err(_) => std::thread::yield_now(),
            }
        }
    });
    // The other thread may have filled the queue.
    let answered = loop {
        match world.handle.request(create_account(2)) {
            Err(tickbase::Error::Queue(QueueError::Full { .. })) => std::thread::yield_now(),
            answered => break answered.unwrap(),
        }
    };
    assert!(answered.result.is_ok());
    std::thread::sleep(Duration::from_millis(100));
    world.runtime.stop().unwrap();
    assert!(!world.handle.is_ready());
    let taken: usize = asking.join().unwrap();
    let replies: Vec<_> = receiver.iter().collect();
    assert_eq!(replies.len(), taken);
    let made = replies.iter().filter(|reply| reply.result.is_ok()).count();
    let snapshot = world.db().snapshot();
    assert_eq!(snapshot.table::<Account>().len(), made as u64 + 1);
}
