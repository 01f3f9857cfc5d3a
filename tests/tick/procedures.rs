//! Procedures: side by side, with the result that one after another would give.

use harness::{Account, airport};
use tickbase::{
    CallError, Config, Error, Id, Result, TransactionError, TransactionHandle, Value, procedure,
};

use crate::world::{Entry, World, call, create_account, words, world};

/// The world of which `nest` begins a transaction.
static NESTED: std::sync::OnceLock<tickbase::Database> = std::sync::OnceLock::new();

/// Begins a transaction inside its own.
#[procedure]
fn nest(tx: &mut TransactionHandle) -> Result<()> {
    tx.insert(airport("ATL"))?;
    let db = NESTED.get().expect("the test sets it");
    db.transact(|tx| Ok(tx.insert(Account { balance: 1 }).map(|_| ())?))
}

#[procedure(every = 1)]
fn beta(tx: &mut TransactionHandle) -> Result<()> {
    let tick = tx.tick();
    tx.insert(Entry { tick, what: 2 })?;
    Ok(())
}

#[procedure(every = 2)]
fn alpha(tx: &mut TransactionHandle) -> Result<()> {
    let tick = tx.tick();
    tx.insert(Entry { tick, what: 1 })?;
    Ok(())
}

/// Sets a balance; where there is no such account, notes that.
#[procedure]
fn set_or_note(tx: &mut TransactionHandle, account: Id<Account>) -> Result<String> {
    if tx.set(account, Account::fields().balance, 5).is_ok() {
        return Ok("set".to_owned());
    }
    let tick = tx.tick();
    tx.insert(Entry { tick, what: 5 })?;
    Ok("noted".to_owned())
}

#[procedure]
fn close(tx: &mut TransactionHandle, account: Id<Account>) -> Result<()> {
    Ok(tx.delete(account)?)
}

/// Refuses, and tells the id that it would have made.
#[procedure]
fn refuse_with_id(tx: &mut TransactionHandle) -> Result<(), String> {
    let id = tx.insert(Entry { tick: 0, what: 0 });
    Err(format!(
        "not even {}",
        id.map_err(|error| error.to_string())?
    ))
}

fn amount(account: Id<Account>, amount: i64) -> [(&'static str, Value); 2] {
    [("account", account.get().into()), ("amount", amount.into())]
}

#[test]
fn a_counter_that_two_procedures_increment_in_one_tick_goes_up_by_two() {
    let mut world = world();
    let account = world.account(40);
    let before = world.db().snapshot().version();
    world.call("add", &amount(account, 1));
    world.call("add", &amount(account, 1));
    let record = world.runtime.step();
    assert_eq!(world.balance(account), Some(42));
    assert_eq!(record.runs_again, 1, "the later call runs again, once");
    assert_eq!(world.handle.metrics().calls_run_again, 1);
    let replies: Vec<_> = world.replies();
    let told: Vec<_> = replies.iter().map(|(_, reply)| words(reply)).collect();
    assert_eq!(told, ["41", "42"]);
    let versions: Vec<_> = replies.iter().map(|(_, reply)| reply.version).collect();
    assert_eq!(versions, [before + 1, before + 2]);
}

#[test]
fn calls_that_touch_different_records_do_not_run_again() {
    let mut world = world();
    let accounts: Vec<_> = (0..20).map(|_| world.account(1)).collect();
    for account in &accounts {
        world.call("add", &amount(*account, 1));
    }
    let record = world.runtime.step();
    assert_eq!((record.procedures.done, record.runs_again), (20, 0));
    assert!(accounts.iter().all(|id| world.balance(*id) == Some(2)));
}

#[test]
fn records_that_calls_of_one_tick_add_have_ids_in_the_order_of_the_calls() {
    let mut world = world();
    for what in 1..=10_u64 {
        world.call("note", &[("what", what.into())]);
    }
    world.runtime.step();
    let told: Vec<_> = world.replies().iter().map(|(_, r)| words(r)).collect();
    let ids: Vec<_> = (1..=10).map(|id| id.to_string()).collect();
    assert_eq!(told, ids);
    let noted: Vec<_> = world.entries().iter().map(|(_, what)| *what).collect();
    assert_eq!(noted, (1..=10).collect::<Vec<_>>());
}

#[test]
fn the_schedule_comes_in_the_order_of_names_and_calls_behind_it_as_they_arrived() {
    let mut world = World::with(
        |builder| builder.procedure::<beta>().procedure::<alpha>(),
        Config::default(),
    );
    world.runtime.step();
    for what in [30_u64, 10, 20] {
        world.call("note", &[("what", what.into())]);
    }
    world.runtime.step();
    assert_eq!(
        world.entries(),
        [(1, 2), (2, 1), (2, 2), (2, 30), (2, 10), (2, 20)]
    );
}

#[test]
fn a_procedure_that_panics_leaves_nothing_and_the_others_commit() {
    let mut world = world();
    let accounts: Vec<_> = (0..3_000).map(create_account).collect();
    for account in accounts {
        world.submit(account).unwrap();
    }
    world.runtime.step();
    world.replies();
    let first = Id::from_u64(1).unwrap();
    for _ in 0..3 {
        world.call("add", &amount(first, 1));
        world.call("burst", &[("at", 1_500_u64.into())]);
        world.call("add", &amount(first, 1));
        world.runtime.step();
    }
    assert_eq!(world.balance(first), Some(6));
    let snapshot = world.db().snapshot();
    assert!(
        snapshot
            .table::<Account>()
            .iter()
            .all(|(_, a)| a.balance >= 0)
    );
    assert_eq!(world.handle.metrics().procedure_panics, 3);
    let replies = world.replies();
    assert_eq!(replies.len(), 9);
    let Err(Error::Call(CallError::Panicked { procedure, message })) = &replies[1].1.result else {
        panic!("{}", words(&replies[1].1))
    };
    assert_eq!(procedure, "burst");
    assert!(message.contains("account 1500 bursts"), "{message}");
    assert_eq!(
        words(&replies[1].1),
        "error: procedure `burst` panicked; nothing of the call remains"
    );
}

#[test]
fn memory_stays_flat_however_often_a_pass_panics() {
    let mut world = world();
    for balance in 0..5_000 {
        world.submit(create_account(balance)).unwrap();
    }
    world.runtime.step();
    let mut burst = |times: usize| {
        for _ in 0..times {
            world.call("burst", &[("at", 1_u64.into())]);
            world.runtime.step();
        }
        world.db().memory_bytes()
    };
    let before = burst(20);
    assert_eq!(burst(200), before);
}

#[test]
fn an_error_of_a_procedure_is_told_and_leaves_nothing() {
    let mut world = world();
    let account = world.account(7);
    let before = world.db().snapshot().version();
    world.call("fail", &[("account", account.get().into())]);
    world.runtime.step();
    let reply = world.reply();
    assert_eq!(words(&reply), "error: no such luck");
    let Err(Error::Call(CallError::Failed { procedure, .. })) = reply.result else {
        panic!("it failed by itself")
    };
    assert_eq!(procedure, "fail");
    assert_eq!(world.balance(account), Some(7));
    assert!(world.entries().is_empty());
    assert_eq!(world.db().snapshot().version(), before);
}

#[test]
fn an_error_counts_only_where_it_would_come_in_the_order_of_the_queue_too() {
    let mut world = World::with(
        |builder| {
            builder
                .procedure::<set_or_note>()
                .procedure::<close>()
                .procedure::<refuse_with_id>()
        },
        Config::default(),
    );
    let account = world.account(1);
    let argument = [("account", account.get().into())];
    world.call("note", &[("what", 1_u64.into())]);
    world.call("close", &argument);
    world.call("set_or_note", &argument);
    world.call("close", &argument);
    world.call("refuse_with_id", &[]);
    world.runtime.step();
    let told: Vec<_> = world.replies().iter().map(|(_, r)| words(r)).collect();
    assert_eq!(
        told,
        [
            "1",
            "null",
            "\"noted\"",
            "error: table `account` has no record 1",
            "error: not even 3"
        ]
    );
}

#[test]
fn nothing_of_a_procedure_is_seen_before_its_commit() {
    let mut world = world();
    let account = world.account(1);
    let held = world.db().snapshot();
    let mut tx = world.db().begin();
    tx.update(account, |account| account.balance = 9).unwrap();
    assert_eq!(tx.get(account).unwrap().balance, 9);
    assert_eq!(world.balance(account), Some(1));
    world.call("add", &amount(account, 1));
    assert_eq!(world.balance(account), Some(1));
    world.runtime.step();
    assert_eq!(world.balance(account), Some(2));
    assert_eq!(held.table::<Account>().get(account).unwrap().balance, 1);
    assert!(matches!(
        tx.commit().unwrap_err(),
        TransactionError::Conflict { .. }
    ));
}

#[test]
fn a_transaction_inside_a_procedure_is_refused() {
    let mut world = World::with(|builder| builder.procedure::<nest>(), Config::default());
    NESTED.set(world.db().clone()).unwrap();
    world.call("nest", &[]);
    world.call("nest", &[]);
    world.runtime.step();
    for (_, reply) in world.replies() {
        assert!(matches!(
            reply.result,
            Err(Error::Transaction(TransactionError::Nested))
        ));
    }
    let snapshot = world.db().snapshot();
    assert!(snapshot.table::<Account>().is_empty());
    assert!(snapshot.table::<harness::Airport>().is_empty());
}

#[test]
fn ids_that_others_took_while_a_call_ran_are_not_given_twice() {
    let mut world = world();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let db = world.db().clone();
    let direct = std::thread::scope(|scope| {
        let direct = scope.spawn(|| {
            let mut made = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                db.transact(|tx| Ok(tx.insert(Entry { tick: 0, what: 0 }).map(|_| ())?))
                    .unwrap();
                made += 1;
            }
            made
        });
        for what in 1..=200_u64 {
            for _ in 0..5 {
                world
                    .submit(call("note", &[("what", what.into())]))
                    .unwrap();
            }
            world.runtime.step();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        direct.join().unwrap()
    });
    for (_, reply) in world.replies() {
        assert!(reply.result.is_ok(), "{}", words(&reply));
    }
    let entries = world.entries();
    assert_eq!(entries.len(), 1_000 + direct);
    assert_eq!(entries.iter().filter(|(_, what)| *what != 0).count(), 1_000);
}
