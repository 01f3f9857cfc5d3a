//! Input that no route takes: each is refused, and the server is as well as before.

use harness::{client::Client, served::Served};
use serde_json::json;
use tickbase::Database;

fn served() -> Served {
    let served = Served::start(Database::builder());
    let client = &served.client;
    client.create_table("gate", &[("open", "bool"), ("number", "u32")]);
    client.create_record("gate", &json!({"open": true, "number": 7}));
    served
}

/// A request with a JSON body, as bytes.
fn json_request(line: &str, body: &str) -> Vec<u8> {
    request(line, "Content-Type: application/json\r\n", body.as_bytes())
}

/// A request with the bytes of a record.
fn raw_request(line: &str, body: &[u8]) -> Vec<u8> {
    request(line, "Content-Type: application/octet-stream\r\n", body)
}

fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
}

/// What is answered: a problem with this status and code.
type Case = (Vec<u8>, u16, &'static str);

fn assert_refused(client: &Client, cases: &[Case]) {
    for (request, status, code) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        let Some(answer) = client.talk(request) else {
            panic!("no answer to {shown}");
        };
        assert_eq!(answer.status, *status, "{shown}\n{}", answer.text());
        let problem = answer.refused(*status, code);
        let told = problem.to_string();
        assert!(!told.contains("src/") && !told.contains(".rs"), "{told}");
    }
    client.get("/tables/gate/records/1").expect(200);
    let number = client.record("gate", 1)["number"].clone();
    client
        .json(
            "PUT",
            "/tables/gate/records/1",
            &json!({"open": true, "number": number}),
        )
        .expect(204);
    assert_eq!(client.get_json("/tables/gate")["records"], 1);
}

#[test]
fn records_that_are_no_records_are_refused() {
    const POST: &str = "POST /tables/gate/records";
    let served = served();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let wide = format!("{{\"open\":true,\"number\":{}}}", "9".repeat(400));
    let json = |body: &str| json_request(POST, body);
    let cases = [
        (
            json_request("POST /tables/gat/records", "{}"),
            404,
            "table-not-found",
        ),
        (
            json(r#"{"open":true,"number":"seven"}"#),
            422,
            "invalid-field",
        ),
        (json(r#"{"open":true}"#), 422, "invalid-field"),
        (
            json(r#"{"open":true,"number":7,"gate":1}"#),
            422,
            "invalid-field",
        ),
        (
            json(r#"{"open":true,"number":4294967296}"#),
            422,
            "invalid-field",
        ),
        (json(r#"{"open":true,"number":1e3}"#), 422, "invalid-field"),
        (json(r#"{"open":true,"number":-0}"#), 422, "invalid-field"),
        (json(r#"{"open":true,"number":null}"#), 422, "invalid-field"),
        (json("[true, 7]"), 422, "invalid-field"),
        (json("null"), 422, "invalid-field"),
        (
            raw_request(POST, &[1, 0, 0, 0, 7, 0, 0]),
            422,
            "wrong-record-size",
        ),
        (
            raw_request(POST, &[1, 0, 0, 0, 7, 0, 0, 0, 0]),
            422,
            "wrong-record-size",
        ),
        (raw_request(POST, b""), 422, "wrong-record-size"),
        (
            raw_request(POST, &[7, 0, 0, 0, 7, 0, 0, 0]),
            422,
            "invalid-field",
        ),
        (json(""), 400, "invalid-json"),
        (json("{"), 400, "invalid-json"),
        (json(r#"{"open":true,"number":7}}"#), 400, "invalid-json"),
        (json("{'open':true,'number':7}"), 400, "invalid-json"),
        (json(r#"{"open":true,"number":NaN}"#), 400, "invalid-json"),
        (json(r#"{"open":true,"number":1e400}"#), 400, "invalid-json"),
        (json(&wide), 400, "invalid-json"),
        (
            json(r#"{"open":true,"number":7,"number":8}"#),
            400,
            "invalid-json",
        ),
        (json(r#"{"open":true,"\ud800":7}"#), 400, "invalid-json"),
        (json(&deep), 400, "invalid-json"),
        (
            request(POST, "Content-Type: application/json\r\n", b"{\"\xff\":1}"),
            400,
            "invalid-json",
        ),
        (request(POST, "", b"{}"), 415, "unsupported-media-type"),
        (
            request(
                POST,
                "Content-Type: application/x-www-form-urlencoded\r\n",
                b"open=true",
            ),
            415,
            "unsupported-media-type",
        ),
        (
            request(
                POST,
                "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
                b"\x1f\x8b",
            ),
            415,
            "encoded-body",
        ),
    ];
    assert_refused(&served.client, &cases);
}

#[test]
fn names_ids_and_queries_that_are_none_are_refused() {
    let served = served();
    let long = "a".repeat(300);
    let table = r#"{"fields":[{"name":"a","type":"u8"}]}"#;
    let create = |name: &str| json_request(&format!("POST /tables/{name}"), table);
    let cases = [
        (create("..%2Fx"), 400, "invalid-name"),
        (create("%2e%2e%2fx"), 400, "invalid-name"),
        (create(".."), 400, "invalid-name"),
        (create("x%00"), 400, "invalid-name"),
        (create("Gate"), 400, "invalid-name"),
        (create("g%C3%A4te"), 400, "invalid-name"),
        (create("%D0%B0"), 400, "invalid-name"),
        (create(&long), 400, "invalid-name"),
        (create("%FF"), 400, "bad-request"),
        (create("../x"), 404, "route-not-found"),
        (get("/tables/..%2Fx/records/1"), 400, "invalid-name"),
        (get("/tables/gate/fields/..%2Fx"), 400, "invalid-name"),
        (get("/tables/gate/records/2"), 404, "record-not-found"),
        (
            get("/tables/gate/records/18446744073709551615"),
            404,
            "record-not-found",
        ),
        (get("/tables/gate/records/0"), 400, "invalid-id"),
        (get("/tables/gate/records/-1"), 400, "invalid-id"),
        (get("/tables/gate/records/1.0"), 400, "invalid-id"),
        (get("/tables/gate/records/%31x"), 400, "invalid-id"),
        (
            get("/tables/gate/records/18446744073709551616"),
            400,
            "invalid-id",
        ),
        (get("/tables/gate/records?limit=0"), 400, "invalid-query"),
        (get("/tables/gate/records?limit=-1"), 400, "invalid-query"),
        (
            get("/tables/gate/records?limit=10001"),
            400,
            "invalid-query",
        ),
        (
            get("/tables/gate/records?limit=4294967296"),
            400,
            "invalid-query",
        ),
        (
            get("/tables/gate/records?after=9223372036854775808x"),
            400,
            "invalid-query",
        ),
        (get("/tables/gate/records?limt=1"), 400, "invalid-query"),
        (get("/tables/gate/record"), 404, "route-not-found"),
        (get("/admin"), 404, "route-not-found"),
        (
            json_request("PATCH /tables", "{}"),
            405,
            "method-not-allowed",
        ),
        (json_request("BREW /tables", ""), 405, "method-not-allowed"),
        (
            json_request("DELETE /tables/gate/records", ""),
            405,
            "method-not-allowed",
        ),
    ];
    assert_refused(&served.client, &cases);
    let answer = served.client.talk(&json_request("PATCH /tables", "{}"));
    assert_eq!(answer.unwrap().header("allow"), Some("GET,HEAD"));
}

#[test]
fn requests_that_are_not_meant_for_this_server_are_refused() {
    let served = served();
    let with = |headers: &str| {
        let head = format!("DELETE /tables/gate HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        head.into_bytes()
    };
    let cases = [
        (with(""), 400, "invalid-host"),
        (
            with("Host: localhost\r\nHost: localhost\r\n"),
            400,
            "invalid-host",
        ),
        (with("Host: a b\r\n"), 400, "invalid-host"),
        (with("Host: attacker.example\r\n"), 421, "wrong-host"),
        (with("Host: 10.0.0.1\r\n"), 421, "wrong-host"),
        (
            with("Host: localhost\r\nOrigin: https://attacker.example\r\n"),
            403,
            "cross-site",
        ),
        (
            with("Host: localhost\r\nOrigin: null\r\n"),
            403,
            "cross-site",
        ),
        (
            with("Host: localhost\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "ambiguous-length",
        ),
    ];
    assert_refused(&served.client, &cases);
}

#[test]
fn bodies_beyond_the_limit_are_refused_and_not_kept() {
    let served = served();
    let huge = 100 << 20;
    let head = format!(
        "POST /tables/gate/records HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/json\r\nContent-Length: {huge}\r\n\r\n"
    );
    let announced = head.clone().into_bytes();
    let sent = [head.as_bytes(), &vec![b' '; huge]].concat();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let chunked = [
        b"POST /tables/gate/records HTTP/1.1\r\nHost: localhost\r\n\
          Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_vec(),
        chunk.repeat(40),
        b"0\r\n\r\n".to_vec(),
    ]
    .concat();
    let cases = [
        (announced, 413, "body-too-large"),
        (sent, 413, "body-too-large"),
        (chunked, 413, "body-too-large"),
    ];
    assert_refused(&served.client, &cases);
}

#[test]
fn what_is_not_http_gets_a_bare_4xx_or_nothing() {
    let served = served();
    let client = &served.client;
    let line = |line: &str| format!("{line}\r\nHost: localhost\r\n\r\n").into_bytes();
    let headers = |count: usize| {
        let lines: String = (0..count)
            .map(|index| format!("X-{index}: 1\r\n"))
            .collect();
        line(&format!("GET /livez HTTP/1.1\r\n{}", lines.trim_end()))
    };
    let long = format!("GET /livez HTTP/1.1\r\nX-Long: {}", "x".repeat(20 << 10));
    let cases: [(Vec<u8>, &[u16]); 12] = [
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            &[400],
        ),
        (b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(), &[400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 505]),
        (line("GET /livez HTTP/1.9"), &[400, 505]),
        (line("GET"), &[400]),
        (headers(200), &[431]),
        (line(&long), &[431]),
        (get(&format!("/{}", "a".repeat(70_000))), &[414, 431]),
        (
            line("POST /tables HTTP/1.1\r\nContent-Length: 99999999999999999999"),
            &[400],
        ),
        (line("POST /tables HTTP/1.1\r\nContent-Length: -1"), &[400]),
        (
            line("POST /tables HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2"),
            &[400],
        ),
        (
            line("POST /tables HTTP/1.1\r\nTransfer-Encoding: gzip"),
            &[400],
        ),
    ];
    for (request, statuses) in &cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        // Closing without a word is an answer too.
        if let Some(answer) = client.talk(request) {
            assert!(
                statuses.contains(&answer.status),
                "{shown}: {}",
                answer.status
            );
        }
    }
    let largest = line(
        "POST /tables/gate/records HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 18446744073709551615",
    );
    if let Some(answer) = client.talk(&largest) {
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    assert!(
        client
            .talk(&headers(90))
            .is_some_and(|answer| answer.status == 200)
    );
    client.get("/tables/gate/records/1").expect(200);
}

#[test]
fn ten_thousand_bad_requests_leave_the_server_as_it_was() {
    let served = served();
    let client = &served.client;
    let bad = "GET /tables/..%2Fx HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_000);
    let last = String::from_utf8(get("/tables/gate")).unwrap();
    let mut stream = client.connect().unwrap();
    let mut sending = stream.try_clone().unwrap();
    let mut answers = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let all = [bad, last].concat();
            std::io::Write::write_all(&mut sending, all.as_bytes()).unwrap();
        });
        std::io::Read::read_to_end(&mut stream, &mut answers).unwrap();
    });
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 400").count(), 10_000);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1);
}
