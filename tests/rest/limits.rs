//! What happens where something is full, slow or out of turn.

use std::{io::Read, sync::Arc, thread, time::Duration};

use harness::{
    client::{Client, Response, wait_until},
    served::Served,
};
use serde_json::json;
use tickbase::{
    Config, Database, FieldDefinition, ManualClock, Name, RecordInput, Request, ServerLimits,
    TableDefinition, Value,
};

fn notes() -> TableDefinition {
    let stars = FieldDefinition::new(Name::new("stars").unwrap(), "u8");
    TableDefinition::new(Name::new("note").unwrap(), vec![stars])
}

fn add_note() -> Request {
    Request::CreateRecord {
        table: "note".to_owned(),
        record: RecordInput::Fields(Value::object([("stars", 1_u8)])),
    }
}

/// A database with a table of notes whose ticks stand still.
fn still(limits: ServerLimits) -> Served {
    let database = Database::builder().tick_rate_hz(15).in_memory().unwrap();
    database.create_table(&notes()).unwrap();
    Served::still(database, limits)
}

/// Asks for a change that no tick has carried out yet, as the last of those that wait.
fn ask(
    served: &Served,
    request: impl FnOnce(Client) -> Response + Send + 'static,
) -> thread::JoinHandle<Response> {
    let waiting = served.handle().metrics().queue_size;
    let client = served.client;
    let asked = thread::spawn(move || request(client));
    wait_until("one more waits", || {
        served.handle().metrics().queue_size > waiting
    });
    asked
}

#[test]
fn a_full_queue_is_answered_503_at_once_and_counted_and_reads_go_on() {
    let mut served = still(ServerLimits::default());
    let handle = served.handle();
    let capacity = handle.database().config().queue_capacity();
    assert_eq!(capacity, 15 * 100);
    for _ in 0..capacity {
        handle.submit(add_note(), |_| ()).unwrap();
    }
    let client = served.client;
    let refused = client.post("/tables/note/records", &json!({"stars": 1}));
    refused.refused(503, "queue-full");
    assert_eq!(refused.header("retry-after"), Some("1"));
    client
        .post(
            "/tables/other",
            &json!({"fields": [{"name": "a", "type": "u8"}]}),
        )
        .refused(503, "queue-full");
    assert_eq!(client.metric("tickbase_dropped_requests_total"), 2);
    assert_eq!(client.metric("tickbase_queue_size"), capacity as u64);
    assert_eq!(client.get_json("/tables/note")["records"], 0);

    while handle.metrics().queue_size > 0 {
        served.runtime.step();
    }
    assert_eq!(client.get_json("/tables/note")["records"], json!(capacity));
    let last = ask(&served, |client| {
        client.post("/tables/note/records", &json!({"stars": 1}))
    });
    served.runtime.step();
    last.join().unwrap().expect(201);
    assert_eq!(client.metric("tickbase_queue_size"), 0);
}

/// Puts many notes into the table, so that it takes longer than a tick to change their fields.
fn add_many_notes(database: &Database, count: u64) {
    let note = Value::object([("stars", 1_u8)]);
    let added = database.transact(|tx| {
        (0..count).try_for_each(|_| tx.create_record("note", &note).map(|_| ()))?;
        Ok(())
    });
    added.unwrap();
}

#[test]
fn a_large_table_is_read_and_written_while_its_fields_change() {
    let mut served = still(ServerLimits::default());
    let client = served.client;
    add_many_notes(served.handle().database(), 20_000);
    let width = json!({"name": "width", "type": "f64", "default": 2.5});
    let height = json!({"name": "height", "type": "f64", "default": 2.5});
    let first = ask(&served, move |client| {
        client.post("/tables/note/fields", &width)
    });
    let second = ask(&served, move |client| {
        client.post("/tables/note/fields", &height)
    });
    let bad = json!({"name": "stars", "type": "f64", "default": 2.5});
    let bad = ask(&served, move |client| {
        client.post("/tables/note/fields", &bad)
    });
    served.runtime.step();
    let refused = second.join().unwrap();
    let problem = refused.refused(409, "schema-change-under-way");
    let detail = "the fields of table `note` are being changed: wait until that is done";
    assert_eq!(problem["detail"], detail);
    bad.join().unwrap().refused(409, "field-exists");
    assert_eq!(client.metric("tickbase_schema_changes"), 1);

    let created = ask(&served, |client| {
        client.post("/tables/note/records", &json!({"stars": 5}))
    });
    assert_eq!(
        client.record("note", 20_000),
        json!({"id": 20_000, "stars": 1})
    );
    while !first.is_finished() {
        served.runtime.step();
        thread::yield_now();
    }
    first.join().unwrap().expect(201);
    created.join().unwrap().expect(201);
    let expected = json!({"id": 20_001, "stars": 5, "width": 2.5});
    assert_eq!(client.record("note", 20_001), expected);
    assert_eq!(client.get_json("/tables/note")["records"], 20_001);
    assert_eq!(client.metric("tickbase_schema_changes"), 0);
    assert!(client.metric("tickbase_schema_change_records_total") >= 20_000);
}

#[test]
fn who_waits_for_a_change_of_a_table_that_is_dropped_or_too_large_is_told() {
    let mut served = still(ServerLimits::default());
    let client = served.client;
    add_many_notes(served.handle().database(), 20_000);
    let width = json!({"name": "width", "type": "f64", "default": 2.5});
    let changed = ask(&served, move |client| {
        client.post("/tables/note/fields", &width)
    });
    let dropped = ask(&served, |client| client.delete("/tables/note"));
    served.runtime.step();
    dropped.join().unwrap().expect(204);
    while !changed.is_finished() {
        served.runtime.step();
        thread::yield_now();
    }
    changed.join().unwrap().refused(409, "table-dropped");
    client.get("/tables/note").refused(404, "table-not-found");

    let config = Config {
        memory_limit_bytes: 200_000,
        ..Config::default()
    };
    let database = Database::builder().config(config).in_memory().unwrap();
    database.create_table(&notes()).unwrap();
    add_many_notes(&database, 20_000);
    let before = database.memory_bytes();
    let served = Served::run(database.clone());
    let client = served.client;
    let large = json!({"name": "label", "type": "text<100>", "default": ""});
    let refused = client.post("/tables/note/fields", &large);
    refused.refused(507, "storage-full");
    assert_eq!(client.get_json("/tables/note")["record_size"], 1);
    client
        .post("/tables/note/records", &json!({"stars": 5}))
        .expect(201);
    assert_eq!(database.memory_bytes(), before);
}

#[test]
fn a_table_at_its_limit_is_answered_507_until_it_may_take_more() {
    let served = Served::start(Database::builder().table::<harness::Account>());
    let client = served.client;
    let body = json!({
        "fields": [{"name": "label", "type": "text<1000>"}],
        "memory_limit_bytes": 100_000,
    });
    client.post("/tables/note", &body).expect(201);
    client.post("/tables/note", &body).expect(200);
    assert_eq!(
        client.get_json("/tables/note")["memory_limit_bytes"],
        100_000
    );
    let note = json!({"label": "x"});
    let add = || client.post("/tables/note/records", &note);
    let mut kept = 0;
    let refused = loop {
        let response = add();
        if response.status != 201 {
            break response;
        }
        kept += 1;
    };
    let problem = refused.refused(507, "table-full");
    let detail = problem["detail"].as_str().unwrap();
    for part in [
        "table `note` uses",
        "of 100000 bytes",
        "raise its memory limit",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    assert!(kept >= 60, "{kept} records of 1,002 bytes in 100,000");
    let table = client.get_json("/tables/note");
    assert_eq!(table["records"], kept);
    assert!(
        table["memory_bytes"].as_u64().unwrap() <= 110_000,
        "{table}"
    );
    for _ in 0..20 {
        add().refused(507, "table-full");
    }
    assert_eq!(client.get_json("/tables/note"), table);
    assert_eq!(client.record("note", 1)["label"], "x");
    client.delete("/tables/note/records/1").expect(204);

    let limit = |limit: serde_json::Value| {
        let body = json!({"memory_limit_bytes": limit});
        client.json("PATCH", "/tables/note", &body)
    };
    limit(json!(200_000)).expect(204);
    add().expect(201);
    assert_eq!(
        client.get_json("/tables/note")["memory_limit_bytes"],
        200_000
    );
    limit(json!(null)).expect(204);
    assert!(client.get_json("/tables/note")["memory_limit_bytes"].is_null());
    client.json("PATCH", "/tables/note", &json!({})).expect(204);
    client
        .post("/tables/note", &body)
        .refused(409, "table-exists");
    for wrong in [json!(-1), json!(1.5), json!("1 GB"), json!(true)] {
        limit(wrong).refused(422, "invalid-schema");
    }
    limit(json!(65_535)).refused(422, "invalid-schema");
    let body = json!({"memory_limit_bytes": 100_000});
    client
        .json("PATCH", "/tables/account", &body)
        .refused(403, "table-is-compiled");
    client
        .json("PATCH", "/tables/nowhere", &body)
        .refused(404, "table-not-found");
    client
        .json("PATCH", "/tables/nowhere", &json!({}))
        .refused(404, "table-not-found");
    let body = json!({"memory_limit": 100_000});
    client
        .json("PATCH", "/tables/note", &body)
        .refused(422, "invalid-schema");
}

#[test]
fn a_tick_changes_the_schema_before_the_records_however_they_came() {
    let mut served = still(ServerLimits::default());
    let record = ask(&served, |client| {
        client.post("/tables/later/records", &json!({"stars": 1}))
    });
    let drop = ask(&served, |client| client.delete("/tables/note"));
    let into_dropped = ask(&served, |client| {
        client.post("/tables/note/records", &json!({"stars": 1}))
    });
    let table = ask(&served, |client| {
        let body = json!({"fields": [{"name": "stars", "type": "u8"}]});
        client.post("/tables/later", &body)
    });
    served.runtime.step();
    let made = table.join().unwrap().expect(201);
    let created = record.join().unwrap().expect(201);
    drop.join().unwrap().expect(204);
    into_dropped.join().unwrap().refused(404, "table-not-found");
    assert_eq!(
        created.header("tickbase-tick"),
        made.header("tickbase-tick")
    );
}

#[test]
fn a_tick_takes_as_many_requests_as_it_may() {
    let config = Config {
        max_api_requests_per_tick: Some(2),
        ..Config::default()
    };
    let database = Database::builder().config(config).in_memory().unwrap();
    database.create_table(&notes()).unwrap();
    let mut served = Served::still(database, ServerLimits::default());
    for _ in 0..5 {
        served.handle().submit(add_note(), |_| ()).unwrap();
    }
    for left in [3, 1, 0] {
        served.runtime.step();
        assert_eq!(served.client.metric("tickbase_queue_size"), left);
    }
    assert_eq!(served.client.get_json("/tables/note")["records"], 5);
}

#[test]
fn a_request_that_waited_too_long_is_answered_and_not_carried_out() {
    let clock = Arc::new(ManualClock::new());
    let shared = Arc::clone(&clock);
    let database = Database::builder().clock(shared).in_memory().unwrap();
    database.create_table(&notes()).unwrap();
    let mut served = Served::still(database, ServerLimits::default());
    let late = ask(&served, |client| {
        client.post("/tables/note/records", &json!({"stars": 1}))
    });
    clock.advance(Duration::from_secs(6));
    served.runtime.step();
    let late = late.join().unwrap();
    late.refused(503, "queue-expired");
    assert_eq!(late.header("retry-after"), Some("1"));
    assert_eq!(served.client.get_json("/tables/note")["records"], 0);
    assert_eq!(served.client.metric("tickbase_expired_requests_total"), 1);
}

#[test]
fn an_answer_that_does_not_come_in_time_says_that_the_outcome_is_unknown() {
    let mut served = still(ServerLimits {
        request_timeout_ms: 300,
        ..ServerLimits::default()
    });
    let client = served.client;
    client
        .post("/tables/note/records", &json!({"stars": 1}))
        .refused(504, "outcome-unknown");
    assert_eq!(client.get_json("/tables/note")["records"], 0);
    served.runtime.step();
    assert_eq!(client.get_json("/tables/note")["records"], 1);
}

#[test]
fn who_waits_when_the_database_stops_is_told_that_nothing_was_done() {
    let mut served = still(ServerLimits::default());
    let client = served.client;
    client.get("/readyz").refused(503, "not-ready");
    client.get("/livez").expect(200);
    let waiting = ask(&served, |client| {
        client.post("/tables/note/records", &json!({"stars": 1}))
    });
    served.runtime.stop().unwrap();
    waiting.join().unwrap().refused(503, "stopped");
    client
        .post("/tables/note/records", &json!({"stars": 1}))
        .refused(503, "stopped");
    assert_eq!(client.get_json("/tables/note")["records"], 0);
}

/// What a client gets that sends this and then waits.
fn after(client: Client, sent: &str) -> Vec<u8> {
    let mut stream = client.connect().unwrap();
    std::io::Write::write_all(&mut stream, sent.as_bytes()).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    received
}

#[test]
fn a_client_that_stops_in_the_middle_is_not_waited_for() {
    let served = still(ServerLimits {
        head_timeout_ms: 250,
        idle_timeout_ms: 250,
        body_timeout_ms: 250,
        ..ServerLimits::default()
    });
    let client = served.client;
    assert_eq!(after(client, ""), b"", "nothing at all");
    assert_eq!(after(client, "GET /liv"), b"", "half a line");
    let half = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Half: ";
    assert_eq!(after(client, half), b"", "half a header");
    let idle = after(client, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(idle.starts_with(b"HTTP/1.1 200"), "an answer, then nothing");

    let drip = "POST /tables/note/records HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    let mut stream = client.connect().unwrap();
    std::io::Write::write_all(&mut stream, drip.as_bytes()).unwrap();
    let answer = Response::read_of(&mut stream, "POST").unwrap();
    answer.refused(408, "body-timeout");
    assert_eq!(answer.header("connection"), Some("close"));
    client.get("/livez").expect(200);
}

#[test]
fn one_connection_more_than_allowed_is_answered_503() {
    let served = still(ServerLimits {
        connections_max: 1,
        ..ServerLimits::default()
    });
    let client = served.client;
    let held = client.connect().unwrap();
    wait_until("the connection is taken", || {
        let refused = after(client, "");
        refused.starts_with(b"HTTP/1.1 503") && {
            let text = String::from_utf8(refused).unwrap();
            text.contains("too-many-connections") && text.contains("Retry-After")
        }
    });
    drop(held);
    wait_until("its place is free", || {
        client
            .try_send("GET", "/livez", &[], b"")
            .is_ok_and(|answer| answer.status == 200)
    });
    assert!(client_metric_when_free(client) > 0);
}

/// The number of refused connections, once there is a place to ask for it.
fn client_metric_when_free(client: Client) -> u64 {
    let mut refused = 0;
    wait_until("there is a place", || {
        let answer = client.try_send("GET", "/metrics", &[], b"");
        let text = answer.map(|answer| answer.text()).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("tickbase_connections_refused_total "));
        refused = line.and_then(|count| count.parse().ok()).unwrap_or(0);
        line.is_some()
    });
    refused
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_loses_its_place() {
    let served = still(ServerLimits {
        connections_max: 1,
        write_timeout_ms: 60,
        list_bytes_max: 64 << 20,
        ..ServerLimits::default()
    });
    let database = served.handle().database().clone();
    let mut wide = notes();
    wide.name = Name::new("wide").unwrap();
    wide.fields[0].type_id = "text<60000>".to_owned();
    database.create_table(&wide).unwrap();
    let table = database.table("wide").unwrap();
    let text = Value::object([("stars", "x".repeat(60_000))]);
    for _ in 0..500 {
        table.create_record(&text).unwrap();
    }
    let client = served.client;
    let mut stream = client.connect().unwrap();
    let list = "GET /tables/wide/records?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::io::Write::write_all(&mut stream, list.as_bytes()).unwrap();
    wait_until("the place is free", || {
        client
            .try_send("GET", "/livez", &[], b"")
            .is_ok_and(|answer| answer.status == 200)
    });
    let mut received = Vec::new();
    let _reset = stream.read_to_end(&mut received);
    assert!(received.len() < 500 * 60_000, "the answer was cut off");
}

#[test]
fn metrics_count_what_was_asked_by_kind_and_route() {
    let served = Served::start(Database::builder());
    let client = &served.client;
    client.create_table("note", &[("stars", "u8")]);
    for stars in [json!(1), json!(2), json!(300)] {
        client.post("/tables/note/records", &json!({"stars": stars}));
    }
    client.get("/tables/note/records/1").expect(200);
    client.get("/v1/tables/note/records/2").expect(200);
    client.get("/../../etc/passwd");
    let answer = client.get("/metrics").expect(200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = answer.text();
    for line in [
        r#"tickbase_requests_total{kind="create_record",outcome="ok"} 2"#,
        r#"tickbase_requests_total{kind="create_record",outcome="refused"} 1"#,
        r#"tickbase_table_records{table="note"} 2"#,
        "tickbase_dropped_requests_total 0",
        "tickbase_queue_size 0",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
         http_route=\"/tables/{table}/records/{id}\",http_response_status_code=\"200\"} 2",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} in:\n{text}"
        );
    }
    assert!(!text.contains("passwd"), "paths are no labels");
    assert!(text.ends_with("# EOF\n"));
    assert!(client.metric("tickbase_ticks_total") > 0);
}
