//! `/tables` and what is below it: making and dropping tables, adding and removing fields.

use harness::{Account, Gate, client::Client, served::Served};
use serde_json::{Value, json};
use tickbase::Database;

fn served() -> Served {
    Served::start(Database::builder())
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|entry| entry["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn a_table_is_made_listed_described_and_dropped() {
    let served = served();
    let client = &served.client;
    let body = json!({
        "documentation": "Where passengers board.",
        "fields": [
            {"name": "open", "type": "bool", "documentation": "Whether it is."},
            {"name": "number", "type": "u32", "unique": true},
            {"name": "label", "type": "text<5>", "default": "none"},
        ]
    });
    let made = client.post("/tables/gate", &body).expect(201);
    assert_eq!(made.header("location"), Some("/tables/gate"));
    assert_eq!(made.header("tickbase-durability"), Some("memory"));
    let expected = json!([
        {"name": "open", "type": "bool", "offset": 0, "size": 1, "unique": false,
         "documentation": "Whether it is."},
        {"name": "number", "type": "u32", "offset": 4, "size": 4, "unique": true,
         "documentation": ""},
        {"name": "label", "type": "text<5>", "offset": 8, "size": 8, "unique": false,
         "default": "none", "documentation": ""},
    ]);
    let table = client.get_json("/tables/gate");
    assert_eq!(table["fields"], expected);
    assert_eq!(made.json()["fields"], expected);
    assert_eq!(client.get_json("/tables/gate/fields"), expected);
    assert_eq!(client.get_json("/tables/gate/fields/label"), expected[2]);
    assert_eq!(table["record_size"], 16);
    assert_eq!(table["align"], 4);
    assert_eq!(table["documentation"], "Where passengers board.");

    client.create_table("belt", &[("length", "f64")]);
    let list = client.get_json("/tables");
    assert_eq!(names(&list), ["belt", "gate"]);
    let (belt, gate) = (&list[0], &list[1]);
    assert_eq!((&gate["fields"], &gate["records"]), (&json!(3), &json!(0)));
    assert_eq!(belt["record_size"], 8);

    client.create_record("gate", &json!({"open": true, "number": 1}));
    assert_eq!(client.get_json("/tables/gate")["records"], 1);
    let dropped = client.delete("/tables/gate").expect(204);
    assert_eq!(dropped.body, b"");
    client
        .get("/tables/gate/records/1")
        .refused(404, "table-not-found");
    client
        .delete("/tables/gate")
        .refused(404, "table-not-found");
    assert_eq!(names(&client.get_json("/tables")), ["belt"]);
}

#[test]
fn a_table_of_the_same_name_starts_empty_and_counts_from_1() {
    let served = served();
    let client = &served.client;
    client.create_table("note", &[("stars", "u8")]);
    assert_eq!(client.create_record("note", &json!({"stars": 5})), 1);
    client.delete("/tables/note").expect(204);
    client.create_table("note", &[("stars", "u8")]);
    client
        .get("/tables/note/records/1")
        .refused(404, "record-not-found");
    assert_eq!(client.create_record("note", &json!({"stars": 4})), 1);
}

#[test]
fn asking_again_for_the_same_table_is_answered_and_for_another_is_refused() {
    let served = served();
    let client = &served.client;
    let body = json!({"fields": [{"name": "stars", "type": "u8"}]});
    client.post("/tables/note", &body).expect(201);
    client.post("/tables/note", &body).expect(200);
    // Defaults are the same however they were written, and where they are no number.
    let defaults = |average, seal| {
        json!({"fields": [
            {"name": "average", "type": "f32", "default": average},
            {"name": "worst", "type": "f64", "default": "NaN"},
            {"name": "seal", "type": "bytes", "default": seal},
        ]})
    };
    let body = defaults(json!(3), "AAEC");
    client.post("/tables/mark", &body).expect(201);
    client.post("/tables/mark", &body).expect(200);
    client
        .post("/tables/mark", &defaults(json!(3.0), "AAEC"))
        .expect(200);
    client
        .post("/tables/mark", &defaults(json!(3), "AAED"))
        .refused(409, "table-exists");
    let other = json!({"fields": [{"name": "stars", "type": "u16"}]});
    client
        .post("/tables/note", &other)
        .refused(409, "table-exists");
    assert_eq!(
        client.get_json("/tables/note/fields/stars")["type"],
        "u8",
        "what is there stays"
    );
}

#[test]
fn all_that_is_wrong_with_a_table_is_told_at_once() {
    let served = served();
    let client = &served.client;
    let body = json!({"fields": [
        {"name": "Bad", "type": "u8"},
        {"name": "good"},
        {"name": "other", "type": 7, "uniqe": true},
        {"name": "third", "type": "in32"},
    ], "notes": ""});
    let problem = client
        .post("/tables/note", &body)
        .refused(422, "invalid-schema");
    let faults = problem["errors"].as_array().unwrap();
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap();
            (text("pointer"), text("code"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/notes", "unknown-member"),
            ("/fields/0/name", "invalid-name"),
            ("/fields/1/type", "missing-member"),
            ("/fields/2/uniqe", "unknown-member"),
            ("/fields/2/type", "type-mismatch"),
            ("/fields/3/type", "invalid-type"),
        ]
    );
    assert!(
        faults[3]["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `unique`?"),
        "{problem}"
    );
    for (fields, status, code) in [
        (json!([]), 422, "invalid-schema"),
        (json!([{"name": "a", "type": "u9"}]), 422, "invalid-schema"),
        (
            json!([{"name": "a", "type": "text<99999>"}]),
            422,
            "invalid-schema",
        ),
        (
            json!([{"name": "a", "type": "[u8; 99999999999]"}]),
            422,
            "invalid-schema",
        ),
        (
            json!([{"name": "a", "type": "u8"}, {"name": "a", "type": "u8"}]),
            409,
            "field-exists",
        ),
        (
            json!([{"name": "a", "type": "u8", "default": 300}]),
            422,
            "invalid-schema",
        ),
        (json!([{"name": "id", "type": "u8"}]), 422, "invalid-schema"),
    ] {
        let response = client.post("/tables/note", &json!({"fields": fields}));
        assert_eq!(response.status, status, "{fields}: {}", response.text());
        response.refused(status, code);
    }
    client.get("/tables/note").refused(404, "table-not-found");
}

#[test]
fn fields_are_added_and_removed_while_records_keep_their_ids_and_values() {
    let served = served();
    let client = &served.client;
    client.create_table("gate", &[("level", "u8"), ("number", "u32")]);
    for number in 1..=3 {
        client.create_record("gate", &json!({"level": 2, "number": number}));
    }
    client.delete("/tables/gate/records/2").expect(204);
    let width = json!({"name": "width", "type": "f32"});
    client
        .post("/tables/gate/fields", &width)
        .refused(422, "default-required");
    let width = json!({"name": "width", "type": "f32", "default": 2.5});
    let added = client.post("/tables/gate/fields", &width).expect(201);
    assert_eq!(added.header("location"), Some("/tables/gate/fields/width"));
    client
        .post("/tables/gate/fields", &width)
        .refused(409, "field-exists");
    assert_eq!(
        client.record("gate", 3),
        json!({"id": 3, "level": 2, "number": 3, "width": 2.5})
    );

    client.delete("/tables/gate/fields/level").expect(204);
    client
        .delete("/tables/gate/fields/level")
        .refused(404, "field-not-found");
    let table = client.get_json("/tables/gate");
    assert_eq!(table["record_size"], 8);
    assert_eq!(table["fields"][0]["offset"], 0);
    let bytes = [3_u32.to_le_bytes(), 2.5_f32.to_le_bytes()].concat();
    assert_eq!(client.get("/tables/gate/records/3").body, bytes);
    client
        .get("/tables/gate/records/2")
        .refused(404, "record-not-found");
    assert_eq!(client.create_record("gate", &json!({"number": 4})), 4);
    assert_eq!(client.record("gate", 4)["width"], 2.5);

    let two = json!([
        {"name": "east", "type": "bool", "default": true},
        {"name": "west", "type": "bool", "default": false},
    ]);
    let added = client.post("/tables/gate/fields", &two).expect(201);
    assert_eq!(added.header("location"), Some("/tables/gate/fields"));
    assert_eq!(client.record("gate", 1)["east"], true);
}

#[test]
fn the_last_field_of_a_table_stays() {
    let served = served();
    let client = &served.client;
    client.create_table("gate", &[("level", "u8")]);
    client
        .delete("/tables/gate/fields/level")
        .refused(422, "invalid-schema");
}

#[test]
fn tables_of_the_program_have_records_changed_and_their_layout_not() {
    let builder = Database::builder()
        .table::<harness::Airport>()
        .table::<Gate>()
        .table::<Account>();
    let served = Served::start(builder);
    let client = &served.client;
    let table = client.get_json("/tables/account");
    assert_eq!(table["compiled"], true);
    for refused in [
        client.delete("/tables/account"),
        client.delete("/tables/account/fields/balance"),
        client.post(
            "/tables/account/fields",
            &json!({"name": "owner", "type": "u8"}),
        ),
    ] {
        refused.refused(403, "table-is-compiled");
    }
    let id = client.create_record("account", &json!({"balance": -7}));
    assert_eq!(
        client.record("account", id),
        json!({"id": id, "balance": -7})
    );
    let gate = client.get_json("/tables/gate");
    let offset = |name: &str| {
        let fields = gate["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        usize::try_from(field["offset"].as_u64().unwrap()).unwrap()
    };
    assert_eq!(offset("airport"), Gate::fields().airport.offset);
    assert_eq!(offset("state"), Gate::fields().state.offset);
    assert_eq!(offset("label"), Gate::fields().label.offset);
}

#[test]
fn types_are_listed_and_found_by_name_with_parameters_too() {
    let served = Served::start(
        Database::builder()
            .table::<harness::Airport>()
            .table::<Gate>(),
    );
    let client = &served.client;
    let types = client.get_json("/types");
    let ids: Vec<&str> = types
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    for id in ["bool", "u8", "i128", "f64", "timestamp", "uuid", "state"] {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
    let state = client.get_json("/types/state");
    assert_eq!(state["kind"], "enum");
    assert_eq!(state["variants"][1], json!({"name": "Open", "number": 1}));
    assert_eq!(client.get_json("/types/text%3C5%3E")["size"], 8);
    let array = client.get_json("/types/%5Bu16;%203%5D");
    assert_eq!((&array["size"], &array["align"]), (&json!(6), &json!(2)));
    client.get("/types/u9").refused(404, "type-not-found");
}

#[test]
fn the_first_page_lists_the_routes_and_v1_is_the_same() {
    let served = served();
    let client = &served.client;
    let routes = client.get_json("/");
    let paths: Vec<&str> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|route| route["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"/tables/{table}/records/{id}"));
    assert_eq!(client.get_json("/v1"), routes);
    let body = json!({"fields": [{"name": "stars", "type": "u8"}]});
    let made = client.post("/v1/tables/note", &body).expect(201);
    assert_eq!(made.header("location"), Some("/v1/tables/note"));
    assert_eq!(
        client.get_json("/tables/note"),
        client.get_json("/v1/tables/note")
    );
    assert_eq!(client.get_json("/livez")["status"], "live");
    assert_eq!(client.get_json("/readyz")["status"], "ready");
    assert_eq!(client.get_json("/version")["name"], "tickbase");
}

#[test]
fn every_answer_says_its_tick_and_version() {
    let served = served();
    let number = |client: &Client, path: &str, name: &str| -> u64 {
        let response = client.get(path);
        response.header(name).expect(name).parse().unwrap()
    };
    let client = &served.client;
    let before = number(client, "/tables", "tickbase-version");
    client.create_table("note", &[("stars", "u8")]);
    assert!(number(client, "/tables", "tickbase-version") > before);
    let tick = number(client, "/nowhere", "tickbase-tick");
    let created = client.post("/tables/note/records", &json!({"stars": 1}));
    let made_at: u64 = created.header("tickbase-tick").unwrap().parse().unwrap();
    assert!(made_at > tick, "{made_at} comes behind {tick}");
    assert!(number(client, "/livez", "tickbase-tick") >= made_at);
}
