//! Each phase has its share of a tick; what does not fit moves on to the next.

use std::time::Duration;

use harness::Account;
use tickbase::{Config, Phase, QueueError, Result, TransactionHandle, procedure};

use crate::world::{Entry, World, call, create_account, words, world};

/// Passes over a table, so it has a round of its own once that is known.
fn pass(tx: &mut TransactionHandle, what: u64) -> Result<()> {
    tx.table_mut::<Account>()
        .par_for_each_mut(|_, account| account.balance += 1)?;
    let tick = tx.tick();
    tx.insert(Entry { tick, what })?;
    Ok(())
}

#[procedure(every = 1)]
fn pass_1(tx: &mut TransactionHandle) -> Result<()> {
    pass(tx, 1)
}

#[procedure(every = 1)]
fn pass_2(tx: &mut TransactionHandle) -> Result<()> {
    pass(tx, 2)
}

#[procedure(every = 1)]
fn pass_3(tx: &mut TransactionHandle) -> Result<()> {
    pass(tx, 3)
}

fn passing_world() -> World {
    let mut world = World::with(
        |builder| {
            builder
                .procedure::<pass_3>()
                .procedure::<pass_1>()
                .procedure::<pass_2>()
        },
        Config::default(),
    );
    // From the first tick the runtime knows that they pass over a table.
    world.runtime.step();
    assert_eq!(world.entries(), [(1, 1), (1, 2), (1, 3)]);
    world
}

#[test]
fn a_spent_request_budget_moves_the_rest_to_the_next_ticks_in_order() {
    let mut world = world();
    for balance in 0..12 {
        world.submit(create_account(balance)).unwrap();
    }
    world.clock.advance_at_each_look(Duration::from_millis(1));
    // The tick looks when it begins and before each request; 6 ms are for requests.
    let record = world.runtime.step();
    assert_eq!((record.requests.done, record.requests.left), (5, 7));
    assert_eq!(record.requests.budget, Duration::from_millis(6));
    assert!(record.phase(Phase::Requests).used >= record.requests.budget);
    assert_eq!(world.replies().len(), 5);
    assert_eq!(world.handle.metrics().queue_size, 7);
    assert_eq!(world.runtime.step().requests.left, 2);
    assert_eq!(world.runtime.step().requests.left, 0);
    let snapshot = world.db().snapshot();
    let balances = snapshot.table::<Account>().iter().map(|(_, a)| a.balance);
    assert!(balances.eq(0..12), "in the order in which they came");
}

#[test]
fn a_tick_that_is_late_from_its_start_still_takes_one_request_and_one_round() {
    let mut world = passing_world();
    for balance in 0..3 {
        world.submit(create_account(balance)).unwrap();
    }
    world.clock.advance_at_each_look(Duration::from_millis(50));
    let record = world.runtime.step();
    assert_eq!((record.requests.done, record.requests.left), (1, 2));
    assert_eq!((record.procedures.done, record.procedures.left), (1, 2));
}

#[test]
fn a_spent_procedure_budget_moves_the_rest_to_the_next_tick_before_what_is_due_then() {
    let mut world = passing_world();
    world.clock.advance_at_each_look(Duration::from_millis(5));
    let record = world.runtime.step();
    assert_eq!((record.procedures.done, record.procedures.left), (1, 2));
    assert_eq!(record.procedures.budget, Duration::from_millis(10));
    // A procedure that still waits is not due twice.
    world.runtime.step();
    world.runtime.step();
    world.runtime.step();
    let later: Vec<_> = world.entries().split_off(3);
    assert_eq!(later, [(2, 1), (3, 2), (4, 3), (5, 1)]);
}

#[test]
fn calls_are_answered_though_the_schedule_takes_more_than_its_budget() {
    let mut world = passing_world();
    world.clock.advance_at_each_look(Duration::from_millis(5));
    world.call("note", &[("what", 7_u64.into())]);
    let mut ticks = 0;
    while world.entries().iter().all(|(_, what)| *what != 7) {
        world.runtime.step();
        ticks += 1;
        assert!(ticks < 10, "the call waits for ever");
    }
    assert_eq!(words(&world.reply()), world.entries().len().to_string());
}

#[test]
fn calls_that_wait_for_their_turn_count_in_the_capacity_of_the_queue() {
    let mut world = passing_world();
    world.clock.advance_at_each_look(Duration::from_millis(5));
    let arguments = [("what", 7_u64.into())];
    let mut taken = 0;
    let refused = loop {
        // Calls are taken out of the queue faster than they are carried out.
        world.clock.advance_at_each_look(Duration::ZERO);
        match world.submit(call("note", &arguments)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        if taken % 1_000 == 0 {
            world.clock.advance_at_each_look(Duration::from_millis(30));
            world.runtime.step();
        }
        assert!(taken < 20_000, "calls pile up");
    };
    assert!(
        matches!(
            refused,
            QueueError::Full {
                capacity: 5_000,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(world.handle.metrics().queue_size, 5_000);
    world.clock.advance_at_each_look(Duration::ZERO);
    world.runtime.step();
    assert_eq!(world.replies().len(), taken, "everybody is answered");
    assert_eq!(world.handle.metrics().queue_size, 0);
    world.submit(call("note", &arguments)).unwrap();
}

#[test]
fn a_call_that_waited_past_its_deadline_is_answered_and_not_carried_out() {
    let mut world = passing_world();
    world.call("note", &[("what", 7_u64.into())]);
    world.clock.advance_at_each_look(Duration::from_millis(30));
    world.runtime.step();
    assert_eq!(world.replies().len(), 0);
    world.clock.advance(Duration::from_secs(6));
    world.runtime.step();
    let reply = words(&world.reply());
    assert!(reply.contains("was not executed"), "{reply}");
    world.clock.advance_at_each_look(Duration::ZERO);
    world.runtime.step();
    assert!(world.entries().iter().all(|(_, what)| *what != 7));
    assert_eq!(world.handle.metrics().expired_requests, 1);
}

#[test]
fn the_timeline_says_what_each_phase_was_given_and_took() {
    let mut world = world();
    world.clock.advance_at_each_look(Duration::from_millis(5));
    let record = world.runtime.step();
    assert_eq!(record.persistence.budget, Duration::from_millis(4));
    assert!(record.phase(Phase::Persistence).is_over());
    assert!(record.used() > Duration::from_millis(20));
    assert_eq!(world.handle.last_ticks(5), [record]);
    assert_eq!(world.handle.metrics().tick_overruns, 1);
}
