//! `/tables/{table}/records`: single records and pages of them, as JSON and as bytes.

use harness::{client::Client, served::Served};
use serde_json::{Value, json};
use tickbase::Database;

/// A database with a table that has padding.
fn gates() -> Served {
    let served = Served::start(Database::builder());
    served.client.create_table(
        "gate",
        &[("open", "bool"), ("number", "u32"), ("label", "text<5>")],
    );
    served
}

fn bytes(open: u8, number: u32, label: &str) -> Vec<u8> {
    let length = u16::try_from(label.len()).unwrap().to_le_bytes();
    let mut bytes = [&[open, 0, 0, 0][..], &number.to_le_bytes(), &length].concat();
    bytes.extend_from_slice(label.as_bytes());
    bytes.resize(16, 0);
    bytes
}

/// The part of a record that a field takes, found as a client finds it: from the table's JSON.
fn field<'b>(client: &Client, name: &str, record: &'b [u8]) -> &'b [u8] {
    let field = client.get_json(&format!("/tables/gate/fields/{name}"));
    let number = |part: &str| usize::try_from(field[part].as_u64().unwrap()).unwrap();
    &record[number("offset")..][..number("size")]
}

#[test]
fn a_record_is_created_read_replaced_patched_and_deleted_as_json() {
    let served = gates();
    let client = &served.client;
    let body = json!({"open": true, "number": 7, "label": "B7"});
    let created = client.post("/tables/gate/records", &body).expect(201);
    assert_eq!(created.json(), json!({"id": 1}));
    assert_eq!(created.header("location"), Some("/tables/gate/records/1"));
    assert_eq!(
        client.record("gate", 1),
        json!({"id": 1, "open": true, "number": 7, "label": "B7"})
    );

    let path = "/tables/gate/records/1";
    let body = json!({"open": false, "number": 8, "label": ""});
    client.json("PUT", path, &body).expect(204);
    assert_eq!(
        client.record("gate", 1),
        json!({"id": 1, "open": false, "number": 8, "label": ""})
    );
    client
        .json("PATCH", path, &json!({"label": "C8"}))
        .expect(204);
    let patched = client.send(
        "PATCH",
        path,
        &[
            ("Content-Type", "application/merge-patch+json"),
            ("Prefer", "return=representation"),
        ],
        br#"{"id": 1, "number": 9}"#,
    );
    assert_eq!(
        patched.header("preference-applied"),
        Some("return=representation")
    );
    let expected = json!({"id": 1, "open": false, "number": 9, "label": "C8"});
    assert_eq!(patched.expect(200).json(), expected);
    assert_eq!(client.record("gate", 1), expected);

    client.delete(path).expect(204);
    for gone in [
        client.get(path),
        client.delete(path),
        client.json("PUT", path, &body),
        client.json("PATCH", path, &json!({"number": 1})),
    ] {
        gone.refused(404, "record-not-found");
    }
    assert_eq!(
        client.create_record("gate", &body),
        2,
        "an id is given once"
    );
}

#[test]
fn a_record_is_created_read_and_replaced_as_bytes() {
    let served = gates();
    let client = &served.client;
    let created = client
        .raw("POST", "/tables/gate/records", &bytes(1, 7, "B7"))
        .expect(201);
    let path = created.header("location").unwrap();
    let read = client.get(path).expect(200);
    assert_eq!(
        read.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(read.body, bytes(1, 7, "B7"));
    assert_eq!(
        client.record("gate", 1),
        json!({"id": 1, "open": true, "number": 7, "label": "B7"})
    );
    client.raw("PUT", path, &bytes(0, 8, "Gate")).expect(204);
    assert_eq!(client.get(path).body, bytes(0, 8, "Gate"));
    client
        .raw("PATCH", path, &bytes(0, 8, "Gate"))
        .refused(415, "unsupported-media-type");
}

#[test]
fn the_bytes_of_a_record_are_where_its_table_says() {
    let served = gates();
    let client = &served.client;
    client.create_record(
        "gate",
        &json!({"open": true, "number": 0xDEAD_BEEF_u32, "label": "B\u{e9}"}),
    );
    let record = client.get("/tables/gate/records/1").body;
    let size = client.get_json("/tables/gate")["record_size"].clone();
    assert_eq!(json!(record.len()), size);
    assert_eq!(field(client, "open", &record), [1]);
    assert_eq!(field(client, "number", &record), [0xEF, 0xBE, 0xAD, 0xDE]);
    assert_eq!(
        field(client, "label", &record),
        [3, 0, b'B', 0xC3, 0xA9, 0, 0, 0]
    );
}

#[test]
fn a_record_that_does_not_fit_is_refused_field_by_field_and_nothing_is_written() {
    let served = gates();
    let client = &served.client;
    let good = json!({"open": true, "number": 7, "label": "B7"});
    client.create_record("gate", &good);
    let bad = json!({"open": 1, "nmber": 7, "label": "much too long"});
    for (method, path) in [
        ("POST", "/tables/gate/records"),
        ("PUT", "/tables/gate/records/1"),
    ] {
        let problem = client
            .json(method, path, &bad)
            .refused(422, "invalid-field");
        let mut told: Vec<(&str, &str)> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let text = |name: &str| fault[name].as_str().unwrap();
                (text("pointer"), text("code"))
            })
            .collect();
        told.sort_unstable();
        let expected = [
            ("/label", "too-long"),
            ("/nmber", "unknown-field"),
            ("/number", "missing-field"),
            ("/open", "type-mismatch"),
        ];
        assert_eq!(told, expected, "{method}");
    }
    client
        .json("PATCH", "/tables/gate/records/1", &json!({"number": -1}))
        .refused(422, "invalid-field");
    client
        .json("PUT", "/tables/gate/records/1", &json!({"id": 2}))
        .refused(422, "invalid-field");
    assert_eq!(client.get_json("/tables/gate")["records"], 1);
    assert_eq!(
        client.record("gate", 1),
        json!({"id": 1, "open": true, "number": 7, "label": "B7"})
    );
}

#[test]
fn a_record_that_the_client_has_already_is_not_sent_again() {
    let served = gates();
    let client = &served.client;
    let body = json!({"open": true, "number": 7, "label": "B7"});
    client.create_record("gate", &body);
    let path = "/tables/gate/records/1";
    let tag = client.get(path).header("etag").unwrap().to_owned();
    let condition = [("If-None-Match", tag.as_str())];
    let known = client.send("GET", path, &condition, b"").expect(304);
    assert_eq!(known.body, b"");
    let json_form = [condition[0], ("Accept", "application/json")];
    client.send("GET", path, &json_form, b"").expect(200);
    client
        .json("PATCH", path, &json!({"number": 8}))
        .expect(204);
    client.send("GET", path, &condition, b"").expect(200);
    client
        .send("DELETE", path, &[("If-Match", &tag)], b"")
        .refused(501, "condition-unsupported");
    let head = client.send("HEAD", path, &[], b"").expect(200);
    assert_eq!(head.header("content-length"), Some("16"));
    client
        .send("GET", path, &[("Accept", "text/html")], b"")
        .refused(406, "not-acceptable");
}

#[test]
fn the_pages_of_a_list_lead_to_one_another_and_show_every_record_once() {
    let served = gates();
    let client = &served.client;
    for number in 1..=23 {
        let body = json!({"open": false, "number": number, "label": ""});
        client.create_record("gate", &body);
    }
    client.delete("/tables/gate/records/10").expect(204);
    let mut path = "/tables/gate/records?limit=5".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = client.get(&path).expect(200);
        let records = page.json();
        let records: &Vec<Value> = records.as_array().unwrap();
        seen.extend(records.iter().map(|record| record["id"].as_u64().unwrap()));
        pages += 1;
        let Some(link) = page.header("link") else {
            break;
        };
        let (next, rest) = link[1..].split_once('>').unwrap();
        assert_eq!(rest, "; rel=\"next\"");
        assert_eq!(records.len(), 5);
        path = next.to_owned();
    }
    let expected: Vec<u64> = (1..=23).filter(|id| *id != 10).collect();
    assert_eq!(seen, expected);
    assert_eq!(pages, 5);
    let whole = client.get("/tables/gate/records").expect(200);
    assert_eq!(whole.header("link"), None);
    assert_eq!(whole.json().as_array().unwrap().len(), 22);
    assert_eq!(client.get_json("/tables/gate/records?after=23"), json!([]));
    assert_eq!(
        client.get_json("/tables/gate/records?after=18446744073709551615"),
        json!([])
    );
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let served = gates();
    let client = &served.client;
    let get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let delete = "DELETE /tables/gate HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /tables/gate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = client.connect().unwrap();
    std::io::Write::write_all(&mut stream, [get, delete, last].concat().as_bytes()).unwrap();
    let mut answers = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answers).unwrap();
    let statuses: Vec<&str> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| &answer[..3])
        .collect();
    assert_eq!(statuses, ["200", "204", "404"]);
}
