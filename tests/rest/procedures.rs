//! `/rpc`: procedures by name, with arguments by name.

use harness::{Account, served::Served};
use serde_json::{Value, json};
use tickbase::{Database, FieldType, Id, ServerLimits, TransactionHandle, procedure};

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

/// How fast money moves.
#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Speed {
    Slow,
    Instant,
}

/// What one account gets; there is padding behind the speed.
#[derive(Clone, Copy, FieldType)]
#[repr(C)]
struct Share {
    to: Id<Account>,
    cents: i64,
    speed: Speed,
}

/// Pays several accounts, and gives what was paid.
#[procedure(isolation = read_committed)]
fn pay(
    tx: &mut TransactionHandle,
    shares: Vec<Share>,
    /// Paid by `speed` where it is left out.
    speed: Option<Speed>,
    notes: Option<Vec<Option<String>>>,
) -> tickbase::Result<Vec<Share>> {
    let mut paid = Vec::new();
    for mut share in shares {
        share.speed = speed.unwrap_or(share.speed);
        share.cents += notes.iter().flatten().flatten().count() as i64;
        tx.update(share.to, |account| account.balance += share.cents)?;
        paid.push(share);
    }
    Ok(paid)
}

/// The sum of all accounts of this balance at least.
#[procedure(read_only)]
fn total(tx: &TransactionHandle, least: Option<i64>) -> tickbase::Result<i64> {
    let accounts = tx.table::<Account>();
    let balances = accounts.iter().map(|(_, account)| account.balance);
    Ok(balances.filter(|b| Some(*b) >= least).sum())
}

/// Looks and then breaks.
#[procedure(read_only)]
fn stumble(_tx: &TransactionHandle) -> tickbase::Result<()> {
    panic!("a secret that no client may read");
}

/// A database with two accounts of 100 cents each.
fn bank() -> Served {
    let served = Served::start(
        Database::builder()
            .table::<Account>()
            .procedure::<transfer>()
            .procedure::<open_account>()
            .procedure::<pay>()
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
    assert_eq!(names, ["embezzle", "open_account", "pay", "transfer"]);
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
fn parameters_and_results_are_lists_options_enums_and_composites() {
    let served = bank();
    let client = &served.client;
    assert_eq!(
        client.get_json("/rpc/pay"),
        json!({
            "name": "pay",
            "parameters": [
                {"name": "shares", "type": "[share]"},
                {
                    "name": "speed",
                    "type": "option<speed>",
                    "documentation": "Paid by `speed` where it is left out.",
                },
                {"name": "notes", "type": "option<[option<string>]>"},
            ],
            "returns": "[share]",
            "read_only": false,
            "isolation": "read_committed",
            "documentation": "Pays several accounts, and gives what was paid.",
        })
    );
    let share = |cents: i64, speed: &str| json!({"to": 1, "cents": cents, "speed": speed});
    let body = json!({"shares": [share(5, "Slow"), share(7, "Instant")]});
    let paid = client.post("/rpc/pay", &body).expect(200).json();
    assert_eq!(paid, body["shares"]);
    let body = json!({"shares": [share(1, "Slow")], "speed": "Instant", "notes": ["a", null]});
    let paid = client.post("/rpc/pay", &body).expect(200).json();
    assert_eq!(paid, json!([share(2, "Instant")]));
    assert_eq!(balances(&served), [114, 100]);
    let body = json!({"shares": [share(1, "Slow"), share(2, "Fast")], "notes": [1]});
    let problem = client.post("/rpc/pay", &body);
    let problem = problem.refused(422, "invalid-argument");
    let pointer = |index: usize| problem["errors"][index]["pointer"].as_str().unwrap();
    assert_eq!([pointer(0), pointer(1)], ["/shares/1/speed", "/notes/0"]);
    assert_eq!(balances(&served), [114, 100]);
}

#[test]
fn a_procedure_that_only_reads_is_answered_while_no_tick_runs() {
    let database = Database::builder()
        .table::<Account>()
        .procedure::<total>()
        .procedure::<stumble>()
        .in_memory()
        .unwrap();
    for balance in [30, 70] {
        let pay_in = database.transact(|tx| Ok(tx.insert(Account { balance })?));
        pay_in.unwrap();
    }
    let limits = ServerLimits {
        reader_threads: 1,
        ..ServerLimits::default()
    };
    let served = Served::still(database, limits);
    let client = &served.client;
    let signature = client.get_json("/rpc/total");
    assert_eq!(signature["read_only"], json!(true));
    assert_eq!(signature["returns"], json!("i64"));
    assert_eq!(signature.get("isolation"), None);
    let all = client.post("/rpc/total", &json!({})).expect(200);
    assert_eq!(all.json(), json!(100));
    assert_eq!(all.header("tickbase-tick"), Some("0"));
    let rich = client.post("/rpc/total", &json!({"least": 50}));
    assert_eq!(rich.expect(200).json(), json!(70));
    client
        .post("/rpc/total", &json!({"most": 50}))
        .refused(422, "invalid-argument");
    // More of them than there are threads for: each gives its thread back.
    for _ in 0..3 {
        let problem = client.post("/rpc/stumble", &json!({}));
        let problem = problem.refused(500, "procedure-panicked");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    assert_eq!(client.metric("tickbase_procedure_panics_total"), 3);
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
