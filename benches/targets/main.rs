//! Measures what the project promises, each row beside a plain `Vec` or beside an
//! `ArcSwap<Vec<Particle>>` that is cloned for each write, in the same run.
//!
//! Run: `cargo targets` (`--only NAME` for rows whose name contains it, `--long` for 10 M records).
//! It fails where a row is below its floor.

mod allocation;
mod commits;
mod lanes;
mod memory;
mod particle;
mod passes;
mod reads;
mod report;
mod scans;

use std::process::ExitCode;

use clap::Parser;
use report::Report;

/// Measures what the project promises.
#[derive(Parser)]
struct Arguments {
    /// Only rows whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Ten million records instead of one
    #[arg(long)]
    long: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let records = if arguments.long {
        10_000_000
    } else {
        1_000_000
    };
    let mut report = Report::new(arguments.only, records);
    reads::rows(&mut report);
    commits::rows(&mut report);
    scans::rows(&mut report);
    passes::rows(&mut report);
    lanes::rows(&mut report);
    memory::rows(&mut report);
    report.end()
}
