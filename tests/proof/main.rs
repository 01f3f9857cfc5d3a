//! Runs the promises that are proven so far, one row each, and says what was reached.
//!
//! Run: `cargo proof` (`--only NAME` for rows whose name contains it, `--seed N` for the first
//! seed, `--short` for a quarter and without the rows that build, `--builds` for these alone,
//! `--soak` for twenty times as much). The last line is `N passed, N failed, N skipped`.

mod building;
mod every_order;
mod memcheck;
mod rows;
mod sanitizer;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use rows::{ROWS, Reached, Row, Run};

/// Runs the promises that are proven so far, one row each.
#[derive(Parser)]
struct Arguments {
    /// Only rows whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A quarter of what is asked, and without the rows that build
    #[arg(long, conflicts_with = "soak")]
    short: bool,
    /// Only the rows that build
    #[arg(long, conflicts_with = "short")]
    builds: bool,
    /// Twenty times what is asked
    #[arg(long)]
    soak: bool,
}

/// How a row ended.
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    line(&format!(
        "{:<44} {:>10} {:>10} {:>8} {:>8}",
        "row", "asked", "reached", "seeds", "seconds"
    ));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let asked_for =
        |row: &&Row| row.name.contains(&arguments.only) && (row.builds || !arguments.builds);
    for row in ROWS.iter().filter(asked_for) {
        match try_row(row, &arguments) {
            Verdict::Passed => passed += 1,
            Verdict::Failed => failed += 1,
            Verdict::Skipped => skipped += 1,
        }
    }
    line(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn try_row(row: &Row, arguments: &Arguments) -> Verdict {
    let Arguments {
        seed, short, soak, ..
    } = *arguments;
    let asked = match (short, soak) {
        // These take no seed, and do the same each time.
        _ if row.builds => row.asked,
        (true, _) => row.asked.div_ceil(4),
        (_, true) => row.asked * 20,
        _ => row.asked,
    };
    let start = Instant::now();
    let run = Run { seed, asked };
    let reached = match row.builds && short {
        true => Ok(Reached::Skipped("it builds, see `--builds`".to_owned())),
        false => catch_unwind(AssertUnwindSafe(|| (row.prove)(&run))),
    };
    let (reached, verdict, said) = match reached {
        Ok(Reached::Times(times)) if times >= asked => {
            (times.to_string(), Verdict::Passed, String::new())
        }
        Ok(Reached::Times(times)) => (times.to_string(), Verdict::Failed, "  FAILED".to_owned()),
        Ok(Reached::Skipped(why)) => (
            "-".to_owned(),
            Verdict::Skipped,
            format!("  skipped: {why}"),
        ),
        Err(_) => ("-".to_owned(), Verdict::Failed, "  FAILED".to_owned()),
    };
    let seeds = format!("{seed}..");
    let seconds = start.elapsed().as_secs_f64();
    line(&format!(
        "{:<44} {asked:>10} {reached:>10} {seeds:>8} {seconds:>8.1}{said}",
        row.name
    ));
    verdict
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}
