//! A process that is killed at any moment leaves the database as of one moment before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use harness::{Account, Random, client::Client};
use serde_json::{Value, json};

use crate::{child::Process, lazy};

const ROUNDS: u32 = 15;

/// What clients of the killed process know of it.
#[derive(Default)]
struct Known {
    /// The count that a flush has written for certain.
    flushed: AtomicU64,
    /// The highest count that was asked for.
    asked: AtomicU64,
    schema: Mutex<Schema>,
}

/// What was answered of schema changes, and the one change that may or may not be made.
#[derive(Clone, Default)]
struct Schema {
    tables: BTreeSet<String>,
    /// Fields of `note` with their defaults.
    fields: BTreeMap<String, u64>,
    in_flight: Option<String>,
}

#[test]
fn a_killed_process_leaves_all_tables_as_of_one_moment() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = now.as_nanos() as u64;
    // Shown where the test fails.
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let known = Arc::new(Known::default());
    {
        let process = Process::start(folder.path());
        let fields = [("count", "u64"), ("left", "id<left>")];
        process.client.create_table("note", &fields);
        let relation = json!({"from": "note.left", "to": "left.id"});
        process.client.post("/relations", &relation).expect(201);
        process.kill();
    }
    for round in 0..ROUNDS {
        let process = Process::start(folder.path());
        let count = check(process.client, &known);
        known.flushed.fetch_max(count, Ordering::Relaxed);
        known.asked.store(count, Ordering::Relaxed);
        let client = process.client;
        let load = [
            spawn(&known, move |known| advance(client, known)),
            spawn(&known, move |known| observe_flushes(client, known)),
            spawn(&known, move |known| change_schema(client, known, round)),
        ];
        thread::sleep(Duration::from_micros(random.below(200_000)));
        process.kill();
        for worker in load {
            worker.join().unwrap();
        }
    }
    let process = Process::start(folder.path());
    let count = check(process.client, &known);
    assert!(count > 0, "something was flushed in {ROUNDS} rounds");
    let next = process.client.post("/rpc/advance", &json!({})).expect(200);
    assert_eq!(next.json(), count + 1);
}

fn spawn(
    known: &Arc<Known>,
    work: impl FnOnce(&Known) -> Option<()> + Send + 'static,
) -> thread::JoinHandle<()> {
    let known = Arc::clone(known);
    // None says that the server is gone.
    thread::spawn(move || work(&known).unwrap_or(()))
}

/// Counts on until the server is gone.
fn advance(client: Client, known: &Known) -> Option<()> {
    loop {
        known.asked.fetch_add(1, Ordering::Relaxed);
        let called = client.try_json("POST", "/rpc/advance", &json!({})).ok()?;
        called.expect(200);
    }
}

/// Finds out which counts are on disk: two flushes that ended after a count was read have it,
/// since the second of them began behind the first.
fn observe_flushes(client: Client, known: &Known) -> Option<()> {
    loop {
        let left = client
            .try_send("GET", "/tables/left/records/1", &[], b"")
            .ok()?;
        if left.status == 404 {
            continue;
        }
        let count = u64::from_le_bytes(left.body.try_into().unwrap());
        let flushes = metric(client, "tickbase_flushes_total")?;
        while metric(client, "tickbase_flushes_total")? < flushes + 2 {
            thread::yield_now();
        }
        known.flushed.fetch_max(count, Ordering::Relaxed);
    }
}

fn metric(client: Client, name: &str) -> Option<u64> {
    let metrics = client.try_send("GET", "/metrics", &[], b"").ok()?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line?.trim().parse().ok()
}

/// Makes and drops tables and fields until the server is gone. What was answered must stay.
fn change_schema(client: Client, known: &Known, round: u32) -> Option<()> {
    for number in 0_u64.. {
        let table = format!("t{round}_{number}");
        let body = json!({"fields": [{"name": "a", "type": "u8"}]});
        change(
            known,
            &table,
            |schema| schema.tables.insert(table.clone()),
            || {
                let made = client
                    .try_json("POST", &format!("/tables/{table}"), &body)
                    .ok()?;
                made.expect(201);
                Some(())
            },
        )?;
        if number % 2 == 0 {
            change(
                known,
                &table,
                |schema| schema.tables.remove(&table),
                || {
                    let path = format!("/tables/{table}");
                    let dropped = client.try_send("DELETE", &path, &[], b"").ok()?;
                    dropped.expect(204);
                    Some(())
                },
            )?;
        }
        let field = format!("f{round}_{number}");
        let default = u64::from(round) * 1000 + number;
        let body = json!({"name": field, "type": "u64", "default": default});
        change(
            known,
            &field,
            |schema| schema.fields.insert(field.clone(), default).is_none(),
            || {
                let added = client.try_json("POST", "/tables/note/fields", &body).ok()?;
                added.expect(201);
                Some(())
            },
        )?;
        if number % 3 != 0 || round > 4 {
            change(
                known,
                &field,
                |schema| schema.fields.remove(&field).is_some(),
                || {
                    let path = format!("/tables/note/fields/{field}");
                    let removed = client.try_send("DELETE", &path, &[], b"").ok()?;
                    removed.expect(204);
                    Some(())
                },
            )?;
        }
    }
    None
}

/// Asks for one change of the schema and notes whether it was answered.
fn change(
    known: &Known,
    what: &str,
    note: impl FnOnce(&mut Schema) -> bool,
    ask: impl FnOnce() -> Option<()>,
) -> Option<()> {
    known.schema.lock().unwrap().in_flight = Some(what.to_owned());
    ask()?;
    let mut schema = known.schema.lock().unwrap();
    assert!(note(&mut schema), "{what} was not so before");
    schema.in_flight = None;
    Some(())
}

/// Compares what a restarted process has with what is known of the killed one. Gives its count.
fn check(client: Client, known: &Known) -> u64 {
    check_schema(client, known);
    let list = |table: &str| -> Vec<Value> {
        let list = client.get_json(&format!("/tables/{table}/records?limit=10000"));
        list.as_array().unwrap().clone()
    };
    let (left, right, notes) = (list("left"), list("right"), list("note"));
    let count_of = |records: &[Value]| {
        let first = records.first();
        first.map_or(0, |record| record["count"].as_u64().unwrap())
    };
    let count = count_of(&left);
    assert_eq!(count_of(&right), count, "the halves agree");
    let counts: Vec<u64> = notes
        .iter()
        .map(|note| note["count"].as_u64().unwrap())
        .collect();
    assert!(counts.iter().copied().eq(1..=count), "{count}: {counts:?}");
    let (flushed, asked) = (
        known.flushed.load(Ordering::Relaxed),
        known.asked.load(Ordering::Relaxed),
    );
    assert!(count >= flushed, "{flushed} was flushed, {count} is there");
    assert!(count <= asked, "{asked} was asked for, {count} is there");
    let schema = known.schema.lock().unwrap();
    for note in &notes {
        for (field, default) in &schema.fields {
            assert_eq!(note[field], json!(default), "{field} of {note}");
        }
    }
    count
}

fn check_schema(client: Client, known: &Known) {
    let names = |path: &str, but: &[&str]| -> BTreeSet<String> {
        let list = client.get_json(path);
        let names = list.as_array().unwrap().iter();
        names
            .map(|entry| entry["name"].as_str().unwrap().to_owned())
            .filter(|name| !but.contains(&name.as_str()))
            .collect()
    };
    let tables = names("/tables", &["left", "right", "note"]);
    let fields = names("/tables/note/fields", &["count", "left"]);
    let mut schema = known.schema.lock().unwrap();
    let known_fields: BTreeSet<String> = schema.fields.keys().cloned().collect();
    let differing = schema
        .tables
        .symmetric_difference(&tables)
        .chain(known_fields.symmetric_difference(&fields));
    for name in differing {
        assert_eq!(Some(name), schema.in_flight.as_ref(), "was answered");
    }
    schema.in_flight = None;
    schema.tables = tables;
    let defaults = client.get_json("/tables/note/fields");
    let default = |name: &str| {
        let fields = defaults.as_array().unwrap().iter();
        let mut found = fields.filter(|field| field["name"] == name);
        found.next().unwrap()["default"].as_u64().unwrap()
    };
    schema.fields = fields
        .into_iter()
        .map(|name| (name.clone(), default(&name)))
        .collect();
    assert_eq!(client.get_json("/relations")[0]["name"], "note_left");
}

#[test]
fn a_folder_that_another_process_serves_is_refused_until_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let error = lazy().table::<Account>().open(&folder).unwrap_err();
    assert!(error.to_string().contains("LOCK"), "{error}");
    process.client.create_table("note", &[("stars", "u8")]);
    process.kill();
    let db = lazy().table::<Account>().open(&folder).unwrap();
    assert!(db.table("note").is_ok());
}
