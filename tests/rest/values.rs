//! Every type of field, from JSON to its bytes and back.

use harness::served::Served;
use serde_json::{Value, json};
use tickbase::{Database, EnumVariant, TypeDefinition};

fn served() -> Served {
    let variant = |name: &str, number| EnumVariant {
        name: name.to_owned(),
        number,
    };
    let state = TypeDefinition::Enum {
        variants: vec![variant("Closed", 0), variant("Open", 3)],
    };
    let part = |name: &str, type_id: &str| (name.to_owned(), type_id.to_owned());
    let place = TypeDefinition::Composite {
        parts: vec![part("level", "u8"), part("metres", "[f32; 2]")],
    };
    Served::start(
        Database::builder()
            .register_type("state", state)
            .register_type("place", place),
    )
}

/// One value that a field of this type takes: what is sent, what comes back, and its bytes.
struct Case {
    type_id: &'static str,
    sent: Value,
    read: Value,
    bytes: Vec<u8>,
}

/// A value that comes back as it was sent.
fn same(type_id: &'static str, value: Value, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        type_id,
        sent: value.clone(),
        read: value,
        bytes: bytes.into(),
    }
}

/// A value that comes back in its usual form.
fn other(type_id: &'static str, sent: Value, read: Value, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        type_id,
        sent,
        read,
        bytes: bytes.into(),
    }
}

fn numbers() -> Vec<Case> {
    vec![
        same("bool", json!(true), [1]),
        same("i8", json!(-128), [0x80]),
        same("u8", json!(255), [0xFF]),
        same("i16", json!(-2), (-2_i16).to_le_bytes()),
        same("u32", json!(u32::MAX), [0xFF; 4]),
        same("i64", json!(i64::MIN), i64::MIN.to_le_bytes()),
        same("i64", json!(i64::MAX), i64::MAX.to_le_bytes()),
        same("u64", json!(u64::MAX), [0xFF; 8]),
        same(
            "i128",
            json!(i128::MIN.to_string()),
            i128::MIN.to_le_bytes(),
        ),
        same("u128", json!(u128::MAX.to_string()), [0xFF; 16]),
        other("u128", json!(7), json!("7"), 7_u128.to_le_bytes()),
        same("f32", json!(0.1), 0.1_f32.to_le_bytes()),
        other("f32", json!(3), json!(3.0), 3.0_f32.to_le_bytes()),
        same("f64", json!(f64::MAX), f64::MAX.to_le_bytes()),
        same("f64", json!(5e-324), 5e-324_f64.to_le_bytes()),
        same("f64", json!(-0.0), (-0.0_f64).to_le_bytes()),
        same("f64", json!("Infinity"), f64::INFINITY.to_le_bytes()),
        same("f32", json!("-Infinity"), f32::NEG_INFINITY.to_le_bytes()),
        same("f64", json!("NaN"), f64::NAN.to_le_bytes()),
        same("f32", json!("NaN"), f32::NAN.to_le_bytes()),
    ]
}

fn texts_and_moments() -> Vec<Case> {
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let uuid_bytes = [
        0x67, 0xe5, 0x50, 0x44, 0x10, 0xb1, 0x42, 0x6f, 0x92, 0x47, 0xbb, 0x68, 0x0e, 0x5f, 0xe0,
        0xc8,
    ];
    vec![
        same("text<5>", json!(""), [0; 8]),
        same(
            "text<5>",
            json!("\"\n\u{e9}"),
            [4, 0, b'"', b'\n', 0xC3, 0xA9, 0, 0],
        ),
        same(
            "text<4>",
            json!("\u{1F6EB}"),
            [4, 0, 0xF0, 0x9F, 0x9B, 0xAB],
        ),
        same(
            "timestamp",
            json!("2001-01-01T05:00:00.000001Z"),
            978_325_200_000_001_i64.to_le_bytes(),
        ),
        other(
            "timestamp",
            json!("2001-01-01T06:00:00+01:00"),
            json!("2001-01-01T05:00:00Z"),
            978_325_200_000_000_i64.to_le_bytes(),
        ),
        same(
            "timestamp",
            json!("1969-12-31T23:59:59Z"),
            (-1_000_000_i64).to_le_bytes(),
        ),
        same("uuid", json!(uuid), uuid_bytes),
        other("uuid", json!(uuid.to_uppercase()), json!(uuid), uuid_bytes),
    ]
}

fn made_of_others() -> Vec<Case> {
    let place = json!({"level": 2, "metres": [1.5, -0.5]});
    let place_bytes = [
        &[2, 0, 0, 0][..],
        &1.5_f32.to_le_bytes(),
        &(-0.5_f32).to_le_bytes(),
    ];
    vec![
        same("[u16; 3]", json!([1, 2, 65535]), [1, 0, 2, 0, 255, 255]),
        same("[[u8; 2]; 2]", json!([[1, 2], [3, 4]]), [1, 2, 3, 4]),
        same("state", json!("Open"), [3]),
        same("[state; 2]", json!(["Closed", "Open"]), [0, 3]),
        same("option<u16>", json!(null), [0; 4]),
        same("option<u16>", json!(0), [0, 0, 1, 0]),
        same("option<state>", json!("Open"), [3, 1]),
        same(
            "option<f32>",
            json!("NaN"),
            [&f32::NAN.to_le_bytes()[..], &[1, 0, 0, 0]].concat(),
        ),
        same("id<thing>", json!(u64::MAX), [0xFF; 8]),
        same("option<id<thing>>", json!(null), [0; 8]),
        same("option<id<thing>>", json!(7), 7_u64.to_le_bytes()),
        same("place", place, place_bytes.concat()),
    ]
}

fn of_variable_length() -> Vec<Case> {
    let short = b"\x05\0\0\0B\0\xC3\xA9\n\0\0\0\0\0\0\0";
    let bytes = [3, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    vec![
        same("string", json!(""), [0; 16]),
        same("string", json!("B\0\u{e9}\n"), short),
        // The only one of this table that is too long for its field, so it begins the tail.
        same(
            "string",
            json!("thirteen byte"),
            b"\x0D\0\0\0thir\0\0\0\0\0\0\0\0",
        ),
        same("bytes", json!("AAEC"), bytes),
        same("option<string>", json!(null), [0; 20]),
        same(
            "option<string>",
            json!(""),
            [&[0; 16][..], &[1, 0, 0, 0]].concat(),
        ),
        same(
            "option<bytes>",
            json!("AAEC"),
            [&bytes[..], &[1, 0, 0, 0]].concat(),
        ),
    ]
}

#[test]
fn values_of_every_type_come_back_as_they_went_in() {
    let served = served();
    let client = &served.client;
    // A table that fields of type `id<thing>` can refer to.
    client.create_table("thing", &[("number", "u8")]);
    let all = [
        numbers(),
        texts_and_moments(),
        made_of_others(),
        of_variable_length(),
    ];
    let cases: Vec<Case> = all.into_iter().flatten().collect();
    let names: Vec<String> = (0..cases.len()).map(|index| format!("f{index}")).collect();
    let fields: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(cases.iter().map(|case| case.type_id))
        .collect();
    let table = client.create_table("all", &fields);
    let sent = names
        .iter()
        .cloned()
        .zip(cases.iter().map(|case| case.sent.clone()));
    let id = client.create_record("all", &Value::Object(sent.collect()));

    let read = client.record("all", id);
    let record = client.get(&format!("/tables/all/records/{id}")).body;
    for (index, case) in cases.iter().enumerate() {
        let (name, type_id) = (&names[index], case.type_id);
        assert_eq!(read[name], case.read, "{type_id} {}", case.sent);
        let field = &table["fields"][index];
        let number = |part: &str| usize::try_from(field[part].as_u64().unwrap()).unwrap();
        let bytes = &record[number("offset")..][..number("size")];
        assert_eq!(bytes, case.bytes, "{type_id} {}", case.sent);
    }
    let again = client
        .raw("POST", "/tables/all/records", &record)
        .expect(201);
    let again = client.record("all", again.json()["id"].as_u64().unwrap());
    assert_eq!(again["f0"], read["f0"]);
    let mut expected = read.clone();
    expected["id"] = again["id"].clone();
    assert_eq!(again, expected, "the bytes are the same record");
}

#[test]
fn values_that_a_type_does_not_have_are_refused() {
    let served = served();
    let client = &served.client;
    for (index, (type_id, value, code)) in [
        ("bool", json!(1), "type-mismatch"),
        ("bool", json!("true"), "type-mismatch"),
        ("u8", json!(256), "out-of-range"),
        ("u8", json!(-1), "out-of-range"),
        ("u8", json!(1.0), "type-mismatch"),
        ("u8", json!("1"), "type-mismatch"),
        ("u8", json!(null), "type-mismatch"),
        ("u64", json!(18_446_744_073_709_551_616.0), "out-of-range"),
        ("i64", json!(u64::MAX), "out-of-range"),
        (
            "u128",
            json!("340282366920938463463374607431768211456"),
            "type-mismatch",
        ),
        ("u128", json!("-1"), "type-mismatch"),
        ("f32", json!(1e300), "out-of-range"),
        ("f64", json!("nan"), "type-mismatch"),
        ("f64", json!([1.0]), "type-mismatch"),
        ("text<5>", json!("123456"), "too-long"),
        ("text<5>", json!(5), "type-mismatch"),
        ("string", json!(5), "type-mismatch"),
        ("string", json!(null), "type-mismatch"),
        ("bytes", json!([1, 2]), "type-mismatch"),
        ("bytes", json!("AAE"), "type-mismatch"),
        ("bytes", json!("AAE\n"), "type-mismatch"),
        ("option<bytes>", json!("-_-_"), "type-mismatch"),
        ("timestamp", json!("yesterday"), "invalid-value"),
        ("timestamp", json!(0), "type-mismatch"),
        ("uuid", json!("67e55044"), "type-mismatch"),
        ("[u16; 3]", json!([1, 2]), "type-mismatch"),
        ("state", json!("Opn"), "invalid-value"),
        ("state", json!(3), "type-mismatch"),
        ("option<u16>", json!(65536), "out-of-range"),
        ("place", json!({"level": 1}), "missing-field"),
        (
            "place",
            json!({"level": 1, "metres": [0, 0], "yards": 1}),
            "unknown-field",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{index}");
        client.create_table(&table, &[("value", type_id)]);
        let path = format!("/tables/{table}/records");
        let response = client.post(&path, &json!({"value": value}));
        assert_eq!(
            response.status,
            422,
            "{type_id} {value}: {}",
            response.text()
        );
        let problem = response.refused(422, "invalid-field");
        let fault = &problem["errors"][0];
        assert_eq!(fault["code"], code, "{type_id} {value}: {problem}");
        let pointer = fault["pointer"].as_str().unwrap();
        assert!(pointer.starts_with("/value"), "{pointer}");
    }
}

#[test]
fn bytes_that_a_type_does_not_have_are_refused() {
    let served = served();
    let client = &served.client;
    for (index, (type_id, bytes)) in [
        ("bool", vec![7]),
        ("state", vec![1]),
        ("[state; 2]", vec![0, 1]),
        ("text<4>", vec![5, 0, b'a', b'b', b'c', b'd']),
        ("text<4>", vec![1, 0, b'a', b'b', 0, 0]),
        ("text<4>", vec![1, 0, 0xFF, 0, 0, 0]),
        ("string", [&[2, 0, 0, 0, b'a'][..], &[0; 10], &[1]].concat()),
        ("string", [&[1, 0, 0, 0, 0xFF][..], &[0; 11]].concat()),
        ("string", [&[13, 0, 0, 0][..], &[0; 12]].concat()),
        ("option<bytes>", [&[1, 0, 0, 0][..], &[0; 16]].concat()),
        ("option<u8>", vec![1, 0]),
        ("option<u8>", vec![0, 2]),
        ("id<thing>", vec![0; 8]),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{index}");
        if index == 0 {
            client.create_table("thing", &[("number", "u8")]);
        }
        client.create_table(&table, &[("value", type_id)]);
        let response = client.raw("POST", &format!("/tables/{table}/records"), &bytes);
        assert_eq!(response.status, 422, "{type_id} {bytes:?}");
        let problem = response.refused(422, "invalid-field");
        assert_eq!(problem["errors"][0]["code"], "invalid-bytes", "{problem}");
        assert_eq!(client.get_json(&format!("/tables/{table}"))["records"], 0);
    }
}
