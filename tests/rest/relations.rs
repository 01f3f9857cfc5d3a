//! `/relations`: which field refers to which table, and what that forbids.

use harness::{client::Client, served::Served};
use serde_json::json;
use tickbase::Database;

fn served() -> Served {
    let served = Served::start(Database::builder());
    let client = &served.client;
    client.create_table("airport", &[("code", "text<4>")]);
    client.create_table("gate", &[("airport", "id<airport>"), ("number", "u32")]);
    client.create_record("airport", &json!({"code": "ATL"}));
    served
}

fn relate(client: &Client) {
    let body = json!({"from": "gate.airport", "to": "airport.id"});
    client.post("/relations", &body).expect(201);
}

#[test]
fn a_relation_is_made_listed_found_by_name_and_id_and_dropped() {
    let served = served();
    let client = &served.client;
    let body = json!({"name": "stands_at", "from": "gate.airport", "to": "airport.id"});
    let made = client.post("/relations", &body).expect(201);
    assert_eq!(made.header("location"), Some("/relations/stands_at"));
    let relation = made.json();
    assert_eq!(
        relation,
        json!({"id": 1, "name": "stands_at", "from": "gate.airport", "to": "airport.id",
               "on_delete": "restrict"})
    );
    assert_eq!(client.get_json("/relations"), json!([relation]));
    assert_eq!(client.get_json("/relations/stands_at"), relation);
    assert_eq!(client.get_json("/relations/1"), relation);
    client
        .post("/relations", &body)
        .refused(409, "relation-exists");
    client.delete("/relations/1").expect(204);
    client
        .delete("/relations/stands_at")
        .refused(404, "relation-not-found");
    assert_eq!(client.get_json("/relations"), json!([]));
    relate(client);
    client.get("/relations/gate_airport").expect(200);
    client
        .get("/relations/1")
        .refused(404, "relation-not-found");
}

#[test]
fn a_record_that_refers_to_nothing_is_refused_until_the_relation_is_dropped() {
    let served = served();
    let client = &served.client;
    relate(client);
    let astray = json!({"airport": 77, "number": 1});
    let problem = client
        .post("/tables/gate/records", &astray)
        .refused(409, "relation-missing");
    assert_eq!(problem["errors"][0]["pointer"], "/airport");
    let id = client.create_record("gate", &json!({"airport": 1, "number": 1}));
    let path = format!("/tables/gate/records/{id}");
    client
        .json("PATCH", &path, &json!({"airport": 77}))
        .refused(409, "relation-missing");
    client
        .raw(
            "PUT",
            &path,
            &[77, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        )
        .refused(409, "relation-missing");
    assert_eq!(client.record("gate", id)["airport"], 1);

    client.delete("/relations/gate_airport").expect(204);
    client.create_record("gate", &astray);
    let body = json!({"from": "gate.airport", "to": "airport.id"});
    client
        .post("/relations", &body)
        .refused(409, "relation-missing");
}

#[test]
fn what_is_referred_to_stays() {
    let served = served();
    let client = &served.client;
    relate(client);
    client.create_record("gate", &json!({"airport": 1, "number": 1}));
    let problem = client
        .delete("/tables/airport/records/1")
        .refused(409, "record-referenced");
    assert!(
        problem["detail"].as_str().unwrap().contains("gate_airport"),
        "{problem}"
    );
    client
        .delete("/tables/airport")
        .refused(409, "table-referenced");
    client
        .delete("/tables/gate/fields/airport")
        .refused(409, "field-referenced");
    client.delete("/tables/gate/records/1").expect(204);
    client.delete("/tables/airport/records/1").expect(204);
    client.delete("/tables/gate").expect(204);
    client.delete("/tables/airport").expect(204);
    assert_eq!(client.get_json("/relations"), json!([]));
}

#[test]
fn a_relation_whose_ends_are_not_there_or_do_not_fit_is_refused() {
    let served = served();
    let client = &served.client;
    for (from, to, status, code) in [
        ("gate.airport", "airfield.id", 404, "table-not-found"),
        ("gate.place", "airport.id", 404, "field-not-found"),
        ("gates.airport", "airport.id", 404, "table-not-found"),
        ("gate.number", "airport.id", 422, "invalid-relation"),
        ("gate.airport", "gate.id", 422, "invalid-relation"),
        ("gate.airport", "airport.code", 422, "invalid-relation"),
        ("gate", "airport.id", 422, "invalid-schema"),
        ("../x.airport", "airport.id", 422, "invalid-schema"),
    ] {
        let response = client.post("/relations", &json!({"from": from, "to": to}));
        assert_eq!(
            response.status,
            status,
            "{from} to {to}: {}",
            response.text()
        );
        response.refused(status, code);
    }
    let body = json!({"from": "gate.airport", "to": "airport.id", "on_delete": "cascade"});
    client
        .post("/relations", &body)
        .refused(422, "invalid-schema");
    client.get("/relations/..%2Fx").refused(400, "invalid-name");
    assert_eq!(client.get_json("/relations"), json!([]));
}
