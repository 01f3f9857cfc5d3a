//! Procedures called from Rust: with types that the compiler checks, in a tick or beside it.

use harness::Account;
use tickbase::{
    CallError, Config, Error, Id, Procedure, Result, TransactionError, TransactionHandle, Value,
    procedure,
};

use crate::world::{World, add, call, fail, note, words, world};

/// What is on an account.
#[procedure(read_only)]
fn balance(tx: &TransactionHandle, account: Id<Account>) -> Result<Option<i64>> {
    Ok(tx.get(account).map(|account| account.balance))
}

/// A type that the database does not know, but serde does.
#[derive(Debug, PartialEq, serde::Serialize)]
struct Receipt(String);

/// Writes what it was given.
#[procedure]
fn receipt(tx: &mut TransactionHandle, lines: Vec<Option<String>>) -> Result<Receipt, String> {
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    Ok(Receipt(format!(
        "{} in tick {}",
        lines.join(", "),
        tx.tick()
    )))
}

/// Sets an account to what the sum of all is, at whatever isolation it is called.
fn set_to_sum(tx: &mut TransactionHandle, account: Id<Account>) -> Result<i64> {
    let sum = tx.table::<Account>().iter().map(|(_, a)| a.balance).sum();
    tx.set(account, Account::fields().balance, sum)?;
    Ok(sum)
}

#[procedure(isolation = read_committed)]
fn sum_loosely(tx: &mut TransactionHandle, account: Id<Account>) -> Result<i64> {
    set_to_sum(tx, account)
}

#[procedure(isolation = serializable)]
fn sum_strictly(tx: &mut TransactionHandle, account: Id<Account>) -> Result<i64> {
    set_to_sum(tx, account)
}

/// Calls another one, which is refused.
#[procedure]
fn nest(_tx: &mut TransactionHandle, account: Id<Account>) -> Result<()> {
    OTHER.with_borrow(|world| {
        let world = world.as_ref().unwrap();
        assert!(matches!(
            world.db().call(balance::with(account)),
            Err(Error::Transaction(TransactionError::Nested))
        ));
        let request = call("balance", &[("account", account.get().into())]);
        world.handle.request(request)?;
        Ok(())
    })
}

thread_local! {
    static OTHER: std::cell::RefCell<Option<World>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn the_database_calls_at_once_and_gives_the_value_itself() {
    let world = world();
    let account = world.account(5);
    assert_eq!(world.db().call(add::with(account, 2)).unwrap(), 7);
    assert_eq!(world.balance(account), Some(7));
    // Neither of these is registered.
    assert_eq!(world.db().call(balance::with(account)).unwrap(), Some(7));
    let lines = vec![Some("a".to_owned()), None, Some("b".to_owned())];
    let given = world.db().call(receipt::with(lines)).unwrap();
    assert_eq!(given, Receipt("a, b in tick 0".to_owned()));
}

#[test]
fn a_call_from_rust_that_fails_leaves_nothing() {
    let world = world();
    let account = world.account(5);
    let error = world.db().call(fail::with(account)).unwrap_err();
    assert!(matches!(
        &error,
        Error::Call(CallError::Failed { procedure, .. }) if procedure == "fail"
    ));
    assert_eq!(error.to_string(), "no such luck");
    assert_eq!(world.balance(account), Some(5));
    assert!(world.entries().is_empty());
    let gone = Id::from_u64(99).unwrap();
    let error = world.db().call(add::with(gone, 1)).unwrap_err();
    assert!(matches!(
        error,
        Error::Transaction(TransactionError::RecordNotFound { .. })
    ));
}

#[test]
fn the_runtime_calls_in_its_next_tick_and_gives_the_value_itself() {
    let mut world = World::with(|builder| builder.procedure::<balance>(), Config::default());
    let account = world.account(5);
    let handle = world.handle.clone();
    world.runtime.start().unwrap();
    assert_eq!(handle.call(add::with(account, 2)).unwrap(), 7);
    assert_eq!(handle.call(note::with(3)).unwrap(), 1);
    let error = handle.call(fail::with(account)).unwrap_err();
    assert_eq!(error.to_string(), "no such luck");
    let given = handle.call(receipt::with(Vec::new())).unwrap();
    assert!(given.0.starts_with(" in tick ") && given.0 != " in tick 0");
    world.runtime.stop().unwrap();
    assert_eq!(world.balance(account), Some(7));
    let error = handle.call(add::with(account, 2)).unwrap_err();
    assert!(matches!(error, Error::Queue(_)), "{error}");
}

#[test]
fn a_procedure_that_only_reads_never_waits_for_a_tick() {
    let world = World::with(|builder| builder.procedure::<balance>(), Config::default());
    let account = world.account(5);
    assert_eq!(world.handle.call(balance::with(account)).unwrap(), Some(5));
    let arguments = [("account", Value::from(account.get()))];
    let reply = world.handle.request(call("balance", &arguments)).unwrap();
    assert_eq!(words(&reply), "5");
    assert_eq!(reply.version, world.db().snapshot().version());
    let reply = world.handle.request(call("balance", &[])).unwrap();
    assert!(words(&reply).contains("`account`: the argument is missing"));
    assert_eq!(world.handle.metrics().queue_size, 0);
    assert_eq!(world.handle.tick(), 0);
}

#[test]
fn calls_with_less_isolation_do_not_run_again_for_what_they_read() {
    for (procedure, runs_again, last) in [("sum_loosely", 0, 40), ("sum_strictly", 1, 70)] {
        let mut world = World::with(
            |builder| {
                let builder = builder.procedure::<sum_loosely>();
                builder.procedure::<sum_strictly>()
            },
            Config::default(),
        );
        let (one, other) = (world.account(10), world.account(30));
        for account in [one, other] {
            world.call(procedure, &[("account", account.get().into())]);
        }
        let tick = world.runtime.step();
        let told: Vec<_> = world.replies().iter().map(|(_, r)| words(r)).collect();
        assert_eq!(told, ["40".to_owned(), last.to_string()], "{procedure}");
        assert_eq!(tick.runs_again, runs_again, "{procedure}");
        assert_eq!(world.balance(other), Some(last), "{procedure}");
    }
}

#[test]
fn a_procedure_calls_no_procedure_not_even_one_that_only_reads() {
    let other = World::with(|builder| builder.procedure::<balance>(), Config::default());
    let account = other.account(5);
    OTHER.set(Some(other));
    let world = world();
    let error = world.db().call(nest::with(account)).unwrap_err();
    assert!(
        matches!(error, Error::Transaction(TransactionError::Nested)),
        "{error}"
    );
    OTHER.take();
}

#[test]
fn a_call_knows_where_its_procedure_stands() {
    let place = balance::PLACE;
    assert_eq!(place.file.rsplit('/').next(), Some("calls.rs"));
    assert_eq!(place.module, "tick::calls");
    let text = include_str!("calls.rs");
    let line = text.lines().nth(place.line as usize - 1).unwrap();
    assert_eq!(line, "#[procedure(read_only)]");
}
