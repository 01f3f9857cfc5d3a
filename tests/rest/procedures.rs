//! `/rpc`: procedures by name, with arguments by name.

use harness::{Account, served::Served};
use serde_json::{Value, json};
use tickbase::{Database, Id, TransactionHandle, procedure};

/// Moves cents from one account to another.
#[procedure]
fn transfer(
    tx: &mut TransactionHandle,
    from: Id<Account>,
    to: Id<Account>,
    cents: i64,
) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
    let give = tx.update(from, |account| {
        account.balance -= cents;
        account.balance
    })?;
    let take = tx.update(to, |account| {
        account.balance += cents;
        account.balance
    })?;
    if give < 0 {
        return Err(format!("{} cents are missing", -give).into());
    }
    Ok(json!({"from": give, "to": take}))
}

/// Adds an account and says nothing.
#[procedure]
fn open_account(tx: &mut TransactionHandle) -> tickbase::Result<()> {
    tx.insert(Account { balance: 0 })?;
    Ok(())
}

/// Changes an account and then breaks.
#[procedure]
fn embezzle(tx: &mut TransactionHandle, from: Id<Account>) -> tickbase::Result<()> {
    tx.update(from, |account| account.balance = 0)?;
    panic!("a secret that no client may read");
}

/// A database with two accounts of 100 cents each.
fn bank() -> Served {
    let served = Served::start(
        Database::builder()
            .table::<Account>()
            .procedure::<transfer>()
            .procedure::<open_account>()
            .procedure::<embezzle>(),
    );
    for _ in 0..2 {
        served
            .client
            .create_record("account", &json!({"balance": 100}));
    }
    served
}

fn balances(served: &Served) -> Vec<i64> {
    let accounts = served.client.get_json("/tables/account/records");
    let accounts: &Vec<Value> = accounts.as_array().unwrap();
    accounts
        .iter()
        .map(|account| account["balance"].as_i64().unwrap())
        .collect()
}

#[test]
fn procedures_are_listed_with_what_they_take() {
    let served = bank();
    let list = served.client.get_json("/rpc");
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|procedure| procedure["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["embezzle", "open_account", "transfer"]);
    assert_eq!(
        served.client.get_json("/rpc/transfer"),
        json!({
            "name": "transfer",
            "parameters": [
                {"name": "from", "type": "id<account>"},
                {"name": "to", "type": "id<account>"},
                {"name": "cents", "type": "i64"},
            ],
            "returns": "any",
            "read_only": false,
            "isolation": "serializable",
            "documentation": "Moves cents from one account to another.",
        })
    );
}

#[test]
fn a_call_changes_the_data_and_gives_its_result() {
    let served = bank();
    let client = &served.client;
    let body = json!({"from": 1, "to": 2, "cents": 30});
    let called = client.post("/rpc/transfer", &body).expect(200);
    assert_eq!(called.json(), json!({"from": 70, "to": 130}));
    assert!(called.header("tickbase-version").is_some());
    assert_eq!(balances(&served), [70, 130]);
    client
        .send("POST", "/rpc/open_account", &[], b"")
        .expect(204);
    client.post("/rpc/open_account", &json!({})).expect(204);
    assert_eq!(balances(&served), [70, 130, 0, 0]);
}

#[test]
fn a_call_that_refuses_says_why_and_leaves_nothing() {
    let served = bank();
    let body = json!({"from": 1, "to": 2, "cents": 130});
    let problem = served
        .client
        .post("/rpc/transfer", &body)
        .refused(422, "procedure-failed");
    assert_eq!(problem["detail"], "30 cents are missing");
    assert_eq!(balances(&served), [100, 100]);
    let body = json!({"from": 1, "to": 9, "cents": 30});
    served
        .client
        .post("/rpc/transfer", &body)
        .refused(404, "record-not-found");
    assert_eq!(balances(&served), [100, 100]);
}

#[test]
fn arguments_that_do_not_fit_are_told_by_name_and_nothing_is_called() {
    let served = bank();
    let client = &served.client;
    let body = json!({"form": 1, "to": 0, "cents": 1.5});
    let problem = client
        .post("/rpc/transfer", &body)
        .refused(422, "invalid-argument");
    let told: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap();
            (text("pointer"), text("code"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/form", "unknown-argument"),
            ("/from", "missing-argument"),
            ("/to", "out-of-range"),
            ("/cents", "type-mismatch"),
        ]
    );
    assert!(problem.to_string().contains("did you mean `from`?"));
    client
        .post("/rpc/transfer", &json!([1, 2, 3]))
        .refused(422, "invalid-argument");
    client
        .send("POST", "/rpc/transfer", &[], b"")
        .refused(422, "invalid-argument");
    client
        .send("POST", "/rpc/transfer", &[], b"{}")
        .refused(415, "unsupported-media-type");
    assert_eq!(balances(&served), [100, 100]);
}

#[test]
fn a_panic_is_answered_500_undone_and_survived() {
    let served = bank();
    let client = &served.client;
    let response = client.post("/rpc/embezzle", &json!({"from": 1}));
    let problem = response.refused(500, "procedure-panicked");
    assert!(!problem.to_string().contains("secret"), "{problem}");
    assert_eq!(balances(&served), [100, 100]);
    assert_eq!(client.metric("tickbase_procedure_panics_total"), 1);
    let body = json!({"from": 2, "to": 1, "cents": 100});
    client.post("/rpc/transfer", &body).expect(200);
    assert_eq!(balances(&served), [200, 0]);
}

#[test]
fn a_procedure_that_nobody_knows_is_404_with_the_nearest_name() {
    let served = bank();
    let client = &served.client;
    let problem = client
        .post("/rpc/transfr", &json!({}))
        .refused(404, "procedure-not-found");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `transfer`?"),
        "{problem}"
    );
    client
        .get("/rpc/transfr")
        .refused(404, "procedure-not-found");
    client
        .post("/rpc/..%2Ftransfer", &json!({}))
        .refused(400, "invalid-name");
}
