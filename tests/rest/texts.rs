//! Fields of variable length over REST: `string` and `bytes`, as JSON and as a record's bytes.

use harness::{client::Client, served::Served};
use serde_json::{Value, json};
use tickbase::{Database, ServerLimits};

/// A table with two texts, one of which need not be there, between other fields.
fn notes() -> Served {
    let served = Served::start(Database::builder());
    create_notes(&served.client);
    served
}

fn create_notes(client: &Client) {
    let fields = [
        ("stars", "u8"),
        ("title", "string"),
        ("seal", "bytes"),
        ("remark", "option<string>"),
    ];
    client.create_table("note", &fields);
}

/// A text that fits into its field, or the slot of one that does not, which repeats its first
/// bytes and says where it stands in the tail.
fn slot(text: &[u8], offset: u32) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut slot = length.to_vec();
    if text.len() <= 12 {
        slot.extend_from_slice(text);
    } else {
        slot.extend_from_slice(&text[..4]);
        slot.extend_from_slice(&offset.to_le_bytes());
    }
    slot.resize(16, 0);
    slot
}

/// A text as it stands in the tail.
fn prefixed(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text].concat()
}

#[test]
fn texts_and_bytes_of_any_length_are_created_read_replaced_and_patched_as_json() {
    let served = notes();
    let client = &served.client;
    let long = "Überlang, \"with\" \\ and \u{1F980}. ".repeat(100);
    let body = json!({"stars": 1, "title": long, "seal": "AAECAw==", "remark": null});
    assert_eq!(client.create_record("note", &body), 1);
    let with_id = |mut body: Value| {
        body["id"] = json!(1);
        body
    };
    assert_eq!(client.record("note", 1), with_id(body.clone()));

    let path = "/tables/note/records/1";
    client
        .json("PATCH", path, &json!({"remark": "a remark of some length"}))
        .expect(204);
    let mut expected = body;
    expected["remark"] = json!("a remark of some length");
    assert_eq!(client.record("note", 1), with_id(expected.clone()));
    client
        .json("PATCH", path, &json!({"title": "short", "stars": 2}))
        .expect(204);
    expected["title"] = json!("short");
    expected["stars"] = json!(2);
    assert_eq!(client.record("note", 1), with_id(expected));

    let body = json!({"stars": 3, "title": "", "seal": "", "remark": ""});
    client.json("PUT", path, &body).expect(204);
    assert_eq!(client.record("note", 1), with_id(body));
    client.delete(path).expect(204);
    client.get(path).refused(404, "record-not-found");
}

#[test]
fn a_record_with_texts_has_the_bytes_that_were_written_by_hand_and_is_made_from_them() {
    let served = notes();
    let client = &served.client;
    let (title, seal) = ("a title of some length", [9; 13]);
    let bytes = [
        &[1, 0, 0, 0][..],
        &slot(title.as_bytes(), 0),
        &slot(&seal, 26),
        &slot(b"twelve bytes", 0),
        &[1, 0, 0, 0],
        &prefixed(title.as_bytes()),
        &prefixed(&seal),
    ]
    .concat();
    let seal_in_json = "CQkJCQkJCQkJCQkJCQ==";
    let body = json!({"stars": 1, "title": title, "seal": seal_in_json, "remark": "twelve bytes"});
    client.create_record("note", &body);
    assert_eq!(client.get("/tables/note/records/1").body, bytes);

    let created = client
        .raw("POST", "/tables/note/records", &bytes)
        .expect(201);
    let path = created.header("location").unwrap();
    assert_eq!(client.record("note", 2)["title"], title);
    assert_eq!(client.record("note", 2)["seal"], seal_in_json);
    assert_eq!(client.get(path).body, bytes);

    let short = [&[2, 0, 0, 0][..], &slot(b"x", 0), &slot(b"", 0), &[0; 20]].concat();
    client.raw("PUT", path, &short).expect(204);
    assert_eq!(client.get(path).body, short);
    let mut with_padding = short.clone();
    with_padding[1..4].fill(7);
    client.raw("PUT", path, &with_padding).expect(204);
    assert_eq!(client.get(path).body, short, "padding is 0");

    let table = client.get_json("/tables/note");
    assert_eq!(table["record_size"], 56);
    assert_eq!(table["has_tails"], true);
    let fields = client.get_json("/tables/note/fields");
    let places = fields.as_array().unwrap().iter().map(|field| {
        let number = |name: &str| field[name].as_u64().unwrap();
        (number("offset"), number("size"))
    });
    let places: Vec<_> = places.collect();
    assert_eq!(places, [(0, 1), (4, 16), (20, 16), (36, 20)]);
}

#[test]
fn bytes_with_any_part_of_the_tail_missing_or_more_than_it_are_refused() {
    let served = notes();
    let client = &served.client;
    let title = "a title of some length";
    let bytes = [
        &[1, 0, 0, 0][..],
        &slot(title.as_bytes(), 0),
        &[0; 36],
        &prefixed(title.as_bytes()),
    ]
    .concat();
    let path = "/tables/note/records";
    client.raw("POST", path, &bytes).expect(201);
    for length in [0, 1, 55] {
        let problem = client
            .raw("POST", path, &bytes[..length])
            .refused(422, "wrong-record-size");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("56 bytes or more"), "{detail}");
    }
    for length in [56, 59, 60, 80, bytes.len() - 1] {
        let problem = client
            .raw("POST", path, &bytes[..length])
            .refused(422, "invalid-field");
        let fault = &problem["errors"][0];
        assert_eq!(
            (&fault["pointer"], &fault["code"]),
            (&json!("/title"), &json!("invalid-bytes"))
        );
    }
    let longer = [&bytes[..], &[0, 0, 0]].concat();
    let problem = client
        .raw("POST", path, &longer)
        .refused(422, "invalid-field");
    let detail = problem["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("3 bytes stand behind"), "{detail}");
    let mut no_text = bytes.clone();
    no_text[70] = 0xFF;
    let problem = client
        .raw("PUT", "/tables/note/records/1", &no_text)
        .refused(422, "invalid-field");
    assert!(problem.to_string().contains("utf-8"), "{problem}");
    assert_eq!(client.get_json("/tables/note")["records"], 1);
    assert_eq!(client.get("/tables/note/records/1").body, bytes);
}

#[test]
fn the_entity_tag_changes_with_the_tail_alone() {
    let served = notes();
    let client = &served.client;
    let body = json!({"stars": 1, "title": "the same beginning, A", "seal": ""});
    client.create_record("note", &body);
    let path = "/tables/note/records/1";
    let tag = || {
        let response = client.get(path).expect(200);
        response.header("etag").unwrap().to_owned()
    };
    let before = tag();
    let unchanged = client.send("GET", path, &[("If-None-Match", &before)], b"");
    assert_eq!(unchanged.status, 304);
    let title = json!({"title": "the same beginning, B"});
    client.json("PATCH", path, &title).expect(204);
    let after = tag();
    assert_ne!(before, after);
    let title = json!({"title": "the same beginning, A"});
    client.json("PATCH", path, &title).expect(204);
    assert_eq!(tag(), before, "the same record has the same tag");
}

#[test]
fn a_unique_text_is_refused_twice_and_free_again_when_it_is_gone() {
    let served = Served::start(Database::builder());
    let client = &served.client;
    let name = json!({"name": "name", "type": "string", "unique": true});
    let alias = json!({"name": "alias", "type": "option<string>", "unique": true});
    let body = json!({"fields": [name, alias]});
    client.post("/tables/user", &body).expect(201);
    // They differ behind their first bytes, and in zeros at their end.
    let names = [
        "a name that is long, 1",
        "a name that is long, 2",
        "a",
        "a\0",
        "",
    ];
    for (index, name) in names.iter().enumerate() {
        let alias = format!("alias {index}");
        client.create_record("user", &json!({"name": name, "alias": alias}));
    }
    for (index, name) in names.iter().enumerate() {
        let body = json!({"name": name, "alias": "another"});
        let problem = client
            .post("/tables/user/records", &body)
            .refused(409, "duplicate-key");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("record {} of", index + 1)),
            "{detail}"
        );
    }
    // Another length before it moves the alias in the record, and must not hide that it is there.
    let body = json!({"name": "a name of quite another length", "alias": "alias 0"});
    client
        .post("/tables/user/records", &body)
        .refused(409, "duplicate-key");
    let alias = json!({"alias": "an alias that is longer now"});
    client
        .json("PATCH", "/tables/user/records/1", &alias)
        .expect(204);
    client
        .json(
            "PATCH",
            "/tables/user/records/1",
            &json!({"name": names[1]}),
        )
        .refused(409, "duplicate-key");
    client.delete("/tables/user/records/2").expect(204);
    client
        .json(
            "PATCH",
            "/tables/user/records/1",
            &json!({"name": names[1]}),
        )
        .expect(204);
    let body = json!({"name": names[0], "alias": "alias 0"});
    client.create_record("user", &body);
}

#[test]
fn fields_of_variable_length_come_and_go_and_the_others_keep_their_texts() {
    let served = notes();
    let client = &served.client;
    let texts: Vec<String> = (0..200).map(|length| "text ".repeat(length)).collect();
    for text in &texts {
        client.create_record("note", &json!({"stars": 1, "title": text, "seal": ""}));
    }
    let tags = json!({"name": "tags", "type": "string", "default": "none so far, but a default"});
    client.post("/tables/note/fields", &tags).expect(201);
    let mark = json!({"name": "mark", "type": "bytes", "default": "AAEC"});
    client.post("/tables/note/fields", &mark).expect(201);
    let needed = json!({"name": "needed", "type": "string"});
    client
        .post("/tables/note/fields", &needed)
        .refused(422, "default-required");
    for (index, text) in texts.iter().enumerate() {
        let id = index as u64 + 1;
        let expected = json!({
            "id": id, "stars": 1, "title": text, "seal": "", "remark": null,
            "tags": "none so far, but a default", "mark": "AAEC",
        });
        assert_eq!(client.record("note", id), expected);
    }
    client.delete("/tables/note/fields/title").expect(204);
    client.delete("/tables/note/fields/stars").expect(204);
    let expected = json!({
        "id": 200, "seal": "", "remark": null, "tags": "none so far, but a default",
        "mark": "AAEC",
    });
    assert_eq!(client.record("note", 200), expected);
    for field in ["seal", "remark", "tags"] {
        client
            .delete(&format!("/tables/note/fields/{field}"))
            .expect(204);
    }
    let bytes = client.get("/tables/note/records/7").body;
    assert_eq!(bytes, slot(&[0, 1, 2], 0));
}

#[test]
fn types_of_variable_length_are_listed_and_refused_as_parts_of_others() {
    let served = Served::start(Database::builder());
    let client = &served.client;
    let string = client.get_json("/types/string");
    let expected = json!({
        "id": "string", "size": 16, "align": 4, "plain": false, "ordered": true,
        "kind": "variable",
    });
    assert_eq!(string, expected);
    let option = client.get_json("/types/option%3Cbytes%3E");
    assert_eq!(
        (&option["size"], &option["plain"]),
        (&json!(20), &json!(false))
    );
    for type_id in ["[string; 2]", "option<option<bytes>>"] {
        let body = json!({"fields": [{"name": "value", "type": type_id}]});
        let problem = client
            .post("/tables/thing", &body)
            .refused(422, "invalid-schema");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("not plain data"), "{detail}");
    }
    let fields = json!([{"name": "value", "type": "bytes", "default": "no base64"}]);
    let problem = client.post("/tables/thing", &json!({"fields": fields}));
    assert_eq!(problem.status, 422, "{}", problem.text());
    assert!(problem.text().contains("its default does not fit"));
}

#[test]
fn a_list_of_long_records_ends_early_and_goes_on_behind_its_link() {
    let served = notes();
    served.stop();
    let database = Database::builder().in_memory().unwrap();
    let limits = ServerLimits {
        list_bytes_max: 100_000,
        body_bytes_max: 200_000,
        buffered_bytes_max: 1_000_000,
        ..ServerLimits::default()
    };
    let mut served = Served::still(database, limits);
    served.runtime.start().unwrap();
    let client = &served.client;
    create_notes(client);
    let title = "x".repeat(40_000);
    for _ in 0..8 {
        client.create_record("note", &json!({"stars": 1, "title": title, "seal": ""}));
    }
    let (mut found, mut path) = (Vec::new(), "/tables/note/records".to_owned());
    loop {
        let page = client.get(&path).expect(200);
        let records = page.json();
        let records = records.as_array().unwrap();
        assert!(records.len() <= 3, "{}", records.len());
        for record in records {
            assert_eq!(record["title"], title);
            found.push(record["id"].as_u64().unwrap());
        }
        let Some(link) = page.header("link") else {
            break;
        };
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(found, (1..=8).collect::<Vec<u64>>());
    let title = json!({"stars": 1, "title": "x".repeat(200_000), "seal": ""});
    client
        .post("/tables/note/records", &title)
        .refused(413, "body-too-large");
}
