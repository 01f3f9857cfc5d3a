//! When ticks run: slots of an absolute schedule, none made up for by a burst.

use std::time::Duration;

use tickbase::{Clock, Config, Result, TransactionHandle, procedure};

use crate::world::{Entry, PERIOD, World, world};

/// Notes the ticks, in twentieths of a second, since it ran last.
#[procedure(every = 3)]
fn third(tx: &mut TransactionHandle) -> Result<()> {
    let tick = tx.tick();
    let what = tx.delta().as_millis() as u64;
    tx.insert(Entry { tick, what })?;
    Ok(())
}

#[test]
fn ticks_are_due_at_multiples_of_the_period_however_long_each_takes() {
    let mut world = world();
    world.clock.advance_at_each_look(Duration::from_micros(700));
    for tick in 1..=100 {
        let record = world.runtime.step_when_due();
        assert_eq!((record.tick, record.skipped), (tick, 0));
        assert!(record.late_by < Duration::from_millis(1));
    }
    let due: Vec<Duration> = (0..100).map(|slot| PERIOD * slot).collect();
    assert_eq!(world.clock.waits(), due);
}

#[test]
fn skipped_slots_are_counted_and_never_made_up_for() {
    let mut world = world();
    world.runtime.step_when_due();
    // The next slot was due at 20 ms; now it is the sixth that runs.
    world.clock.advance(Duration::from_millis(105));
    let record = world.runtime.step_when_due();
    assert_eq!((record.tick, record.skipped), (6, 4));
    assert_eq!(record.late_by, Duration::from_millis(5));
    let record = world.runtime.step_when_due();
    assert_eq!((record.tick, record.skipped), (7, 0));
    assert_eq!(world.clock.now(), PERIOD * 6, "it waited for its slot");
    let metrics = world.handle.metrics();
    assert_eq!((metrics.ticks, metrics.skipped_slots), (3, 4));
    assert_eq!(world.handle.tick(), 7);
}

#[test]
fn a_tick_that_is_less_than_a_period_late_keeps_its_slot() {
    let mut world = world();
    world.runtime.step_when_due();
    world.clock.advance(Duration::from_millis(39));
    let record = world.runtime.step_when_due();
    assert_eq!((record.tick, record.skipped), (2, 0));
    assert_eq!(record.late_by, Duration::from_millis(19));
    assert_eq!(world.runtime.step_when_due().late_by, Duration::ZERO);
}

#[test]
fn a_procedure_runs_every_so_many_ticks_and_once_for_slots_that_were_skipped() {
    let mut world = World::with(|builder| builder.procedure::<third>(), Config::default());
    for _ in 0..4 {
        world.runtime.step_when_due();
    }
    assert_eq!(world.entries(), [(3, 20)]);
    // Slots 4 to 9, the ticks 5 to 10, pass: it was due in the ticks 6 and 9.
    world.clock.advance(PERIOD * 7);
    let record = world.runtime.step_when_due();
    assert_eq!((record.tick, record.skipped), (11, 6));
    assert_eq!(
        world.entries(),
        [(3, 20), (11, 140)],
        "once, and the time spans what was skipped"
    );
    world.runtime.step_when_due();
    assert_eq!(world.entries().last(), Some(&(12, 20)));
}
