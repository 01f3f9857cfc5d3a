//! The domestic flights of 1 January 2001, flown again: typed tables, procedures, REST, restart.
//!
//! Run: `cargo run --release --example flights`
//!
//! Options: `--speed 120` times real time, `--copies 70` for about a million flights,
//! `--data DIR` to go on where it was, `--listen 127.0.0.1:7400`, `--tick-rate 60`.

mod data;
mod geo;
mod model;
mod procedures;

use clap::Parser;
use example_support::{Failure, Options, log_to_stderr};
use model::{Airport, Flight, Simulation, Status};
use procedures::{board, divert, fly, hold};
use tickbase::{Database, RuntimeHandle};

/// The flights of a day, in the air again.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// How much faster than real time the clock runs
    #[arg(long, default_value_t = 120.0)]
    speed: f64,
    /// How many times each flight of the day flies
    #[arg(long, default_value_t = 1)]
    copies: u32,
}

fn main() -> Result<(), Failure> {
    log_to_stderr();
    let arguments = Arguments::parse();
    let database = arguments.options.open(
        Database::builder()
            .table::<Airport>()
            .table::<Flight>()
            .table::<Simulation>()
            .procedure::<fly>()
            .procedure::<divert>()
            .procedure::<hold>()
            .procedure::<board>(),
    )?;
    data::load(&database, arguments.speed, arguments.copies)?;
    arguments.options.serve(database, status)
}

/// One line on stderr: where the simulation is, and how much of the tick it takes.
fn status(handle: &RuntimeHandle) {
    let snapshot = handle.database().snapshot();
    let Some((_, simulation)) = snapshot.table::<Simulation>().iter().next() else {
        return;
    };
    let (in_the_air, landed) = snapshot.table::<Flight>().par_fold(
        || (0_u64, 0_u64),
        |(in_the_air, landed), _, flight| match flight.status {
            Status::Scheduled => (in_the_air, landed),
            Status::Airborne | Status::Holding => (in_the_air + 1, landed),
            Status::Landed => (in_the_air, landed + 1),
        },
        |left, right| (left.0 + right.0, left.1 + right.1),
    );
    let ticks = handle.last_ticks(handle.database().config().tick_rate_hz as usize);
    let mean_ms = |used: &dyn Fn(&tickbase::TickRecord) -> std::time::Duration| {
        let sum: f64 = ticks
            .iter()
            .map(|tick| used(tick).as_secs_f64() * 1e3)
            .sum();
        sum / ticks.len().max(1) as f64
    };
    let used = mean_ms(&|tick| tick.used());
    let period = handle.database().config().period().as_secs_f64() * 1e3;
    let over: Vec<String> = [
        (
            "requests",
            mean_ms(&|tick| tick.requests.used),
            mean_ms(&|tick| tick.requests.budget),
        ),
        (
            "procedures",
            mean_ms(&|tick| tick.procedures.used),
            mean_ms(&|tick| tick.procedures.budget),
        ),
    ]
    .into_iter()
    .filter(|(_, used, budget)| used > budget)
    .map(|(phase, used, budget)| format!(", {phase} {used:.1} of {budget:.1} ms"))
    .collect();
    let skipped: u64 = ticks.iter().map(|tick| tick.skipped).sum();
    let skipped = if skipped > 0 {
        format!(", {skipped} slots skipped")
    } else {
        String::new()
    };
    eprintln!(
        "tick {}, {}, {in_the_air} in the air, {landed} landed, tick {used:.2} of {period:.1} ms{}{skipped}",
        snapshot.tick(),
        simulation.now,
        over.concat(),
    );
}
