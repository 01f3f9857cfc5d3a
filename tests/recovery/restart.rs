//! Records and schema over a clean stop, and what the files say meanwhile.

use std::fs;

use harness::{
    Account, Airport, Gate, State, airport, client::Client, served::Served, table_definition,
};
use serde_json::{Value as Json, json};
use tickbase::{Database, Error, FieldDefinition, Name, TableDefinition, Text, Value};

use crate::lazy;

#[test]
fn a_record_lives_through_create_read_update_delete_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || lazy().table::<Airport>().table::<Gate>().open(&folder);
    let gate = {
        let db = open().unwrap();
        let (gate, doomed) = db
            .transact(|tx| {
                let airport = tx.insert(airport("ATL"))?;
                let label = Text::new("B7").unwrap();
                let gate = Gate {
                    airport,
                    state: State::Closed,
                    passengers: 0,
                    label,
                };
                Ok((tx.insert(gate)?, tx.insert(gate)?))
            })
            .unwrap();
        assert_eq!(
            db.snapshot().table::<Gate>().get(gate).unwrap().state,
            State::Closed
        );
        db.transact(|tx| Ok(tx.update(gate, |gate| gate.passengers = 9)?))
            .unwrap();
        db.transact(|tx| Ok(tx.set(gate, Gate::fields().state, State::Open)?))
            .unwrap();
        db.transact(|tx| Ok(tx.delete(doomed)?)).unwrap();
        tickbase::Runtime::new(db).stop().unwrap();
        gate
    };
    let db = open().unwrap();
    let snapshot = db.snapshot();
    let gates = snapshot.table::<Gate>();
    assert_eq!(gates.len(), 1);
    let found = gates.get(gate).unwrap();
    assert_eq!((found.state, found.passengers), (State::Open, 9));
    assert_eq!(found.label.as_str(), "B7");
    let airports = snapshot.table::<Airport>();
    let code = Text::new("ATL").unwrap();
    let (atlanta, _) = airports.find(Airport::fields().code, code).unwrap();
    assert_eq!(found.airport, atlanta);
    let error = db.transact(|tx| Ok(tx.delete(atlanta)?)).unwrap_err();
    assert!(error.to_string().contains("gate_airport"), "{error}");
    db.transact(|tx| Ok(tx.delete(gate)?)).unwrap();
    tickbase::Runtime::new(db).stop().unwrap();
    let db = open().unwrap();
    assert!(db.snapshot().table::<Gate>().is_empty());
    db.transact(|tx| Ok(tx.delete(atlanta)?)).unwrap();
}

#[test]
fn a_record_lives_through_create_read_update_delete_and_restart_over_rest() {
    let folder = tempfile::tempdir().unwrap();
    let serve = || Served::run(lazy().open(&folder).unwrap());
    let served = serve();
    let client = served.client;
    client.create_table("airport", &[("code", "text<4>")]);
    client.create_table("gate", &[("airport", "id<airport>"), ("label", "text<5>")]);
    let relation = json!({"from": "gate.airport", "to": "airport.id"});
    client.post("/relations", &relation).expect(201);
    client.create_record("airport", &json!({"code": "ATL"}));
    client.create_record("gate", &json!({"airport": 1, "label": "B7"}));
    client.create_record("gate", &json!({"airport": 1, "label": "B8"}));
    let label = json!({"label": "C7"});
    client
        .json("PATCH", "/tables/gate/records/1", &label)
        .expect(204);
    client.delete("/tables/gate/records/2").expect(204);
    let expected = json!({"id": 1, "airport": 1, "label": "C7"});
    assert_eq!(client.record("gate", 1), expected);
    let (bytes, tables) = (client.get("/tables/gate/records/1").body, schema(client));
    served.stop();

    let served = serve();
    let client = served.client;
    assert_eq!(client.record("gate", 1), expected);
    assert_eq!(client.get("/tables/gate/records/1").body, bytes);
    assert_eq!(schema(client), tables);
    client
        .get("/tables/gate/records/2")
        .refused(404, "record-not-found");
    client
        .delete("/tables/airport/records/1")
        .refused(409, "record-referenced");
    client.delete("/tables/gate/records/1").expect(204);
    client.delete("/tables/gate").expect(204);
    served.stop();

    let served = serve();
    let client = served.client;
    client.get("/tables/gate").refused(404, "table-not-found");
    assert_eq!(client.get_json("/relations"), json!([]));
    client.delete("/tables/airport/records/1").expect(204);
}

#[test]
fn texts_and_bytes_live_through_create_update_delete_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || lazy().open(&folder).unwrap();
    let text = |length: usize| "Ünïcode ".repeat(length);
    let note = |title: String, seal: &[u8]| {
        Value::object([
            ("title", title.into()),
            ("seal", Value::Bytes(seal.to_vec())),
        ])
    };
    let db = open();
    let fields = [("title", "string"), ("seal", "bytes")];
    db.create_table(&table_definition("note", &fields)).unwrap();
    let notes = db.table("note").unwrap();
    let ids: Vec<_> = (0..200)
        .map(|length| {
            notes
                .create_record(&note(text(length), &[length as u8; 30]))
                .unwrap()
        })
        .collect();
    notes
        .update_record(ids[1], &notes.read_record(ids[150]).unwrap())
        .unwrap();
    notes
        .partial_update(ids[2], &Value::object([("title", text(500))]))
        .unwrap();
    notes
        .partial_update(ids[3], &Value::object([("title", "short")]))
        .unwrap();
    notes.delete_record(ids[4]).unwrap();
    let mark = FieldDefinition {
        default: Some("a mark that is a default".into()),
        ..FieldDefinition::new(Name::new("mark").unwrap(), "string")
    };
    db.add_fields("note", &[mark]).unwrap();
    let before: Vec<_> = ids.iter().map(|id| notes.read_value(*id).ok()).collect();
    let bytes: Vec<_> = ids.iter().map(|id| notes.read_record(*id).ok()).collect();
    drop(notes);
    tickbase::Runtime::new(db).stop().unwrap();

    let db = open();
    let notes = db.table("note").unwrap();
    let after: Vec<_> = ids.iter().map(|id| notes.read_value(*id).ok()).collect();
    assert!(after == before, "the values are those before the stop");
    let again: Vec<_> = ids.iter().map(|id| notes.read_record(*id).ok()).collect();
    assert!(again == bytes, "the bytes are those before the stop");
    let value = |place: usize| notes.read_value(ids[place]).unwrap();
    assert_eq!(value(1).get("title"), Some(&text(150).into()));
    assert_eq!(value(2).get("title"), Some(&text(500).into()));
    assert_eq!(value(3).get("seal"), Some(&Value::Bytes(vec![3; 30])));
    assert_eq!(
        value(199).get("mark"),
        Some(&"a mark that is a default".into())
    );
    notes
        .partial_update(ids[199], &Value::object([("title", "after")]))
        .unwrap();
    db.remove_field("note", "seal").unwrap();
    drop(notes);
    tickbase::Runtime::new(db).stop().unwrap();
    let value = open().table("note").unwrap().read_value(ids[199]).unwrap();
    let expected = [("title", "after"), ("mark", "a mark that is a default")];
    assert_eq!(value, Value::object(expected));
}

#[test]
fn texts_and_bytes_live_through_create_update_delete_and_restart_over_rest() {
    let folder = tempfile::tempdir().unwrap();
    let serve = || Served::run(lazy().open(&folder).unwrap());
    let served = serve();
    let client = served.client;
    let name = json!({"name": "name", "type": "string", "unique": true});
    let seal = json!({"name": "seal", "type": "option<bytes>", "default": "AAEC"});
    let body = json!({"fields": [name, seal]});
    client.post("/tables/user", &body).expect(201);
    let long = "a name that is long ".repeat(300);
    client.create_record("user", &json!({"name": long, "seal": null}));
    client.create_record("user", &json!({"name": "doomed"}));
    client.create_record("user", &json!({"name": "patched"}));
    client.delete("/tables/user/records/2").expect(204);
    let patch = json!({"name": format!("{long}, patched")});
    client
        .json("PATCH", "/tables/user/records/3", &patch)
        .expect(204);
    let bytes = client.get("/tables/user/records/3").body;
    let fields = client.get_json("/tables/user/fields");
    served.stop();

    let served = serve();
    let client = served.client;
    assert_eq!(
        client.record("user", 1),
        json!({"id": 1, "name": long, "seal": null})
    );
    let expected = json!({"id": 3, "name": format!("{long}, patched"), "seal": "AAEC"});
    assert_eq!(client.record("user", 3), expected);
    assert_eq!(client.get("/tables/user/records/3").body, bytes);
    assert_eq!(client.get_json("/tables/user/fields"), fields);
    client
        .get("/tables/user/records/2")
        .refused(404, "record-not-found");
    let twice = json!({"name": long});
    client
        .post("/tables/user/records", &twice)
        .refused(409, "duplicate-key");
    client.create_record("user", &json!({"name": "doomed"}));
    // What is asked for again is what is there, and so no mistake.
    client.post("/tables/user", &body).expect(200);
}

/// Fields and relations, without what counts or measures.
fn schema(client: Client) -> Json {
    json!([
        client.get_json("/tables/gate/fields"),
        client.get_json("/tables/airport/fields"),
        client.get_json("/relations"),
    ])
}

fn note() -> TableDefinition {
    let stars = FieldDefinition::new(Name::new("stars").unwrap(), "u8");
    TableDefinition::new(Name::new("note").unwrap(), vec![stars])
}

#[test]
fn ids_go_on_behind_those_of_deleted_records() {
    let folder = tempfile::tempdir().unwrap();
    let open = || lazy().table::<Account>().open(&folder).unwrap();
    let db = open();
    db.create_table(&note()).unwrap();
    let ids = db
        .transact(|tx| {
            let ids: Result<Vec<_>, tickbase::TransactionError> = (1..=3)
                .map(|balance| tx.insert(Account { balance }))
                .collect();
            Ok(ids?)
        })
        .unwrap();
    db.transact(|tx| Ok(tx.delete(ids[2])?)).unwrap();
    let notes = db.table("note").unwrap();
    let only = notes
        .create_record(&Value::object([("stars", 1_u8)]))
        .unwrap();
    notes.delete_record(only).unwrap();
    drop(notes);
    tickbase::Runtime::new(db).stop().unwrap();

    let db = open();
    let next = db
        .transact(|tx| Ok(tx.insert(Account { balance: 4 })?))
        .unwrap();
    assert_eq!(next.get(), 4);
    let notes = db.table("note").unwrap();
    let next = notes
        .create_record(&Value::object([("stars", 1_u8)]))
        .unwrap();
    assert_eq!(next.get(), 2, "also where no record is left");
}

#[test]
fn a_schema_change_is_on_disk_before_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::run(lazy().open(&folder).unwrap());
    let client = served.client;
    let on_disk = || -> Json {
        let text = fs::read(folder.path().join("schema.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let fields = |document: &Json| -> Vec<String> {
        let gate = &document["tables"][0]["fields"];
        let fields = gate.as_array().into_iter().flatten();
        fields
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let body = json!({"fields": [{"name": "level", "type": "u8"}]});
    let made = client.post("/tables/gate", &body).expect(201);
    assert_eq!(made.header("tickbase-durability"), Some("disk"));
    assert_eq!(fields(&on_disk()), ["level"]);
    let number = json!({"name": "number", "type": "id<gate>", "default": 1});
    client.post("/tables/gate/fields", &number).expect(201);
    assert_eq!(fields(&on_disk()), ["level", "number"]);
    let relation = json!({"from": "gate.number", "to": "gate.id"});
    client.post("/relations", &relation).expect(201);
    assert_eq!(on_disk()["relations"][0]["name"], "gate_number");
    client.delete("/relations/gate_number").expect(204);
    assert_eq!(on_disk()["relations"], json!([]));
    client.delete("/tables/gate/fields/level").expect(204);
    assert_eq!(fields(&on_disk()), ["number"]);
    client.delete("/tables/gate").expect(204);
    assert_eq!(on_disk()["tables"], json!([]));
}

#[test]
fn fields_of_a_large_table_are_on_disk_with_its_records_before_they_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::run(lazy().open(&folder).unwrap());
    let client = served.client;
    client.create_table("gate", &[("level", "u8"), ("number", "u32")]);
    let db = served.handle().database().clone();
    db.transact(|tx| {
        for number in 1..=20_000_u32 {
            let gate = Value::object([("level", Value::from(1_u8)), ("number", number.into())]);
            tx.create_record("gate", &gate)?;
        }
        Ok(())
    })
    .unwrap();
    // What a crash would leave at this moment.
    let left = || {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("data")).unwrap();
        fs::copy(
            folder.path().join("schema.json"),
            copy.path().join("schema.json"),
        )
        .unwrap();
        let file = crate::data_file(folder.path(), "gate");
        let name = file.file_name().unwrap();
        fs::copy(&file, copy.path().join("data").join(name)).unwrap();
        let db = lazy().open(&copy).unwrap();
        let gate = db.table("gate").unwrap();
        let last = gate.read_value(tickbase::RecordId::new(20_000).unwrap());
        (
            db.snapshot().table_by_name("gate").unwrap().len(),
            last.unwrap(),
        )
    };
    let width = json!({"name": "width", "type": "f64", "default": 2.5});
    let added = client.post("/tables/gate/fields", &width).expect(201);
    assert_eq!(added.header("tickbase-durability"), Some("disk"));
    let (records, last) = left();
    assert_eq!((records, last.get("width")), (20_000, Some(&2.5.into())));
    client.delete("/tables/gate/fields/level").expect(204);
    let (records, last) = left();
    assert_eq!((records, last.get("level")), (20_000, None));
    assert_eq!(
        last.get("number").map(Value::describe).as_deref(),
        Some("20000")
    );
}

#[test]
fn a_stop_flushes_everything_and_answers_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::run(lazy().open(&folder).unwrap());
    let client = served.client;
    client.create_table("note", &[("stars", "u8")]);
    let created = client.post("/tables/note/records", &json!({"stars": 5}));
    assert_eq!(created.header("tickbase-durability"), Some("memory"));
    served.stop();
    assert!(client.connect().is_err(), "nobody listens");
    let served = Served::run(lazy().open(&folder).unwrap());
    assert_eq!(served.client.record("note", 1)["stars"], 5);
}

#[test]
fn a_table_above_its_limit_opens_readable_and_can_be_made_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let open = |limit: Option<u64>| {
        let builder = lazy().table::<Account>();
        match limit {
            Some(limit) => builder.table_memory_limit::<Account>(limit),
            None => builder,
        }
        .open(&folder)
        .unwrap()
    };
    let add = |db: &Database, count: i64| {
        db.transact(|tx| {
            (0..count).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
            Ok(())
        })
    };
    let db = open(None);
    add(&db, 100_000).unwrap();
    let limited = TableDefinition {
        memory_limit_bytes: Some(1 << 20),
        ..note()
    };
    db.create_table(&limited).unwrap();
    tickbase::Runtime::new(db).stop().unwrap();

    let db = open(Some(1 << 18));
    let snapshot = db.snapshot();
    let accounts = snapshot.table::<Account>();
    assert_eq!(
        (accounts.len(), accounts.iter().count()),
        (100_000, 100_000)
    );
    assert_eq!(accounts.as_bytes().memory_limit_bytes(), Some(1 << 18));
    assert!(accounts.as_bytes().memory_bytes() > 1 << 19);
    let notes = snapshot.table_by_name("note").unwrap();
    assert_eq!(
        notes.memory_limit_bytes(),
        Some(1 << 20),
        "it is in schema.json"
    );
    drop(snapshot);
    let error = add(&db, 100_000).unwrap_err().to_string();
    assert!(error.contains("table `account` uses"), "{error}");
    db.transact(|tx| {
        for number in 1..=99_000 {
            tx.delete(tickbase::Id::<Account>::from_u64(number).unwrap())?;
        }
        Ok(())
    })
    .unwrap();
    db.compact_table("account").unwrap();
    add(&db, 1_000).unwrap();
    tickbase::Runtime::new(db).stop().unwrap();

    // What the program says counts, not what it said before.
    let db = open(None);
    let snapshot = db.snapshot();
    let accounts = snapshot.table::<Account>();
    assert_eq!(accounts.len(), 2_000);
    assert_eq!(accounts.as_bytes().memory_limit_bytes(), None);
    db.set_table_memory_limit("note", None).unwrap();
    db.flush().unwrap();
    drop((snapshot, db));
    let db = open(None);
    let notes = db.snapshot();
    let notes = notes.table_by_name("note").unwrap();
    assert_eq!(notes.memory_limit_bytes(), None);
}

#[test]
fn other_programs_read_the_records_where_schema_json_says() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::run(lazy().open(&folder).unwrap());
    let client = served.client;
    client.create_table("gate", &[("open", "bool"), ("number", "u32")]);
    for number in 1..=3 {
        client.create_record("gate", &json!({"open": true, "number": number * 100}));
    }
    client.delete("/tables/gate/records/2").expect(204);
    served.stop();

    let text = fs::read(folder.path().join("schema.json")).unwrap();
    let document: Json = serde_json::from_slice(&text).unwrap();
    let gate = &document["tables"][0];
    let number = |value: &Json| usize::try_from(value.as_u64().unwrap()).unwrap();
    let record_size = number(&gate["record_size"]);
    let field = &gate["fields"][1];
    assert_eq!(
        (&field["name"], &field["type"]),
        (&json!("number"), &json!("u32"))
    );
    let file = fs::read(folder.path().join("data/gate.bin")).unwrap();
    let records: Vec<u32> = file[4096..]
        .chunks(record_size)
        .take(number(&gate["records"]))
        .map(|record| {
            let bytes = &record[number(&field["offset"])..][..number(&field["size"])];
            u32::from_le_bytes(bytes.try_into().unwrap())
        })
        .collect();
    assert_eq!(records, [100, 300]);
}

mod before {
    use tickbase::table;

    /// A measurement.
    #[table]
    pub(super) struct Reading {
        pub(super) level: u16,
        pub(super) place: u8,
    }
}

mod after {
    use tickbase::table;

    /// The same one, after a change of the program.
    #[table]
    pub(super) struct Reading {
        pub(super) level: u32,
        pub(super) station: u8,
    }
}

#[test]
fn a_struct_that_is_not_the_stored_one_is_refused_with_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let db = lazy().table::<before::Reading>().open(&folder).unwrap();
    let reading = before::Reading { level: 3, place: 1 };
    let id = db.transact(|tx| Ok(tx.insert(reading)?)).unwrap();
    tickbase::Runtime::new(db).stop().unwrap();
    let untouched = crate::contents(folder.path());

    let error = lazy()
        .table::<after::Reading>()
        .open(&folder)
        .expect_err("the structs differ");
    assert!(matches!(error, Error::Schema(_)), "{error}");
    let error = error.to_string();
    for part in [
        "`reading.station` is new, and nothing says what the record that is there has in it",
        "`reading.place` is not in the struct any more, and its values would be lost",
        "or `#[field(renamed_from = \"place\")]` on `station`, if that is what it is called now",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(crate::contents(folder.path()), untouched);
    let db = lazy().table::<before::Reading>().open(&folder).unwrap();
    assert_eq!(
        db.snapshot()
            .table::<before::Reading>()
            .get(id)
            .unwrap()
            .level,
        3
    );
}

#[test]
fn a_table_whose_struct_is_gone_goes_on_as_one_made_at_run_time() {
    let folder = tempfile::tempdir().unwrap();
    let db = lazy().table::<before::Reading>().open(&folder).unwrap();
    let reading = before::Reading { level: 3, place: 1 };
    db.transact(|tx| Ok(tx.insert(reading)?)).unwrap();
    tickbase::Runtime::new(db).stop().unwrap();
    let served = Served::run(lazy().open(&folder).unwrap());
    let client = served.client;
    assert_eq!(client.get_json("/tables/reading")["compiled"], false);
    assert_eq!(
        client.record("reading", 1),
        json!({"id": 1, "level": 3, "place": 1})
    );
    client.delete("/tables/reading/fields/place").expect(204);
}

#[test]
fn the_tick_and_the_version_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = |client: Client| {
        let answer = client.get("/tables");
        let number = |name: &str| answer.header(name).unwrap().parse::<u64>().unwrap();
        (number("tickbase-tick"), number("tickbase-version"))
    };
    let served = Served::run(lazy().open(&folder).unwrap());
    served.client.create_table("note", &[("stars", "u8")]);
    served.client.create_record("note", &json!({"stars": 1}));
    let (tick, version) = numbers(served.client);
    served.stop();
    let served = Served::run(lazy().open(&folder).unwrap());
    let (tick_after, version_after) = numbers(served.client);
    assert!(tick_after >= tick, "{tick_after} comes after {tick}");
    assert!(
        version_after >= version,
        "{version_after} comes after {version}"
    );
}

#[test]
fn an_empty_folder_and_one_that_is_not_there_are_made_into_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let deeper = folder.path().join("deeper");
    for path in [folder.path(), &deeper] {
        let db = Database::builder().open(path).unwrap();
        assert_eq!(db.snapshot().tables().count(), 0);
        assert!(path.join("schema.json").exists());
    }
}

#[test]
fn a_program_without_a_runtime_keeps_what_it_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        Database::builder()
            .table::<Account>()
            .open(&folder)
            .unwrap()
    };
    let db = open();
    let id = db
        .transact(|tx| Ok(tx.insert(Account { balance: 5 })?))
        .unwrap();
    db.flush().unwrap();
    db.transact(|tx| Ok(tx.insert(Account { balance: 6 })?))
        .unwrap();
    drop(db);
    let db = open();
    let snapshot = db.snapshot();
    assert_eq!(snapshot.table::<Account>().get(id).unwrap().balance, 5);
    assert_eq!(
        snapshot.table::<Account>().len(),
        1,
        "what was not flushed is gone"
    );
}

#[test]
fn a_folder_without_durability_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = tickbase::Config {
        durability: tickbase::Durability::None,
        ..Default::default()
    };
    let refused = Database::builder()
        .config(config)
        .open(&folder)
        .unwrap_err();
    assert!(refused.to_string().contains("in_memory()"), "{refused}");
}
