//! Runs the promises that are proven so far, one row each, and says what was reached.
//!
//! Run: `cargo proof` (`--only NAME` for rows whose name contains it, `--seed N` for the first
//! seed, `--soak` for twenty times as much). The last line is `N passed, N failed, N skipped`.

mod rows;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

use rows::{ROWS, Run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value_of = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let only = value_of("--only").unwrap_or_default();
    let seed = value_of("--seed")
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let times = if arguments.iter().any(|argument| argument == "--soak") {
        20
    } else {
        1
    };
    let (mut passed, mut failed) = (0, 0);
    line(&format!(
        "{:<44} {:>10} {:>10} {:>14} {:>8}",
        "row", "asked", "reached", "seeds", "seconds"
    ));
    for row in ROWS.iter().filter(|row| row.name.contains(&only)) {
        let asked = row.asked * times;
        let start = Instant::now();
        let run = Run { seed, asked };
        let reached = catch_unwind(AssertUnwindSafe(|| (row.prove)(&run)));
        let holds = reached.as_ref().is_ok_and(|reached| *reached >= asked);
        let (reached, verdict) = match reached {
            Ok(reached) => (reached.to_string(), if holds { "" } else { "  FAILED" }),
            Err(_) => ("-".to_owned(), "  FAILED"),
        };
        let seeds = format!("{seed}..");
        let seconds = start.elapsed().as_secs_f64();
        line(&format!(
            "{:<44} {asked:>10} {reached:>10} {seeds:>14} {seconds:>8.1}{verdict}",
            row.name
        ));
        if holds { passed += 1 } else { failed += 1 }
    }
    line(&format!("{passed} passed, {failed} failed, 0 skipped"));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}
