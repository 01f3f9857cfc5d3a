//! Rows: what was measured, what the baseline did, and whether the floor holds.

use std::{process::ExitCode, time::Instant};

/// Rounds that every figure is the median of, baseline and product in turns.
pub(crate) const ROUNDS: usize = 5;

/// The limit that a row must keep.
#[derive(Clone, Copy)]
pub(crate) enum Floor {
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
    /// There is none; the figure is told.
    None,
}

/// One line of the report.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The figure, in `unit`.
    pub(crate) measured: f64,
    pub(crate) unit: &'static str,
    /// What the figure is compared with, and its name.
    pub(crate) baseline: Option<(&'static str, f64)>,
    pub(crate) floor: Floor,
    /// What we want, in words.
    pub(crate) aim: &'static str,
}

/// The rows so far.
pub(crate) struct Report {
    only: String,
    records: usize,
    failed: Vec<&'static str>,
    rows: usize,
}

impl Report {
    pub(crate) fn new(only: String, records: usize) -> Self {
        let report = Self {
            only,
            records,
            failed: Vec::new(),
            rows: 0,
        };
        line(&format!(
            "{:<34} {:>12} {:<10} {:<22} {:>10} {:>7}  {:<14} aim",
            "row", "measured", "unit", "baseline", "", "ratio", "floor"
        ));
        report
    }

    /// Records in the tables.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Whether any row of these names is asked for.
    pub(crate) fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.contains(&self.only))
    }

    pub(crate) fn row(&mut self, row: &Row) {
        if !row.name.contains(&self.only) {
            return;
        }
        self.rows += 1;
        let (baseline, value, ratio) = match row.baseline {
            Some((name, value)) => (
                name,
                format!("{value:.2}"),
                format!("{:.2}", row.measured / value),
            ),
            None => ("", String::new(), String::new()),
        };
        let (floor, holds) = match row.floor {
            Floor::AtLeast(least) => (format!(">= {least}"), row.measured >= least),
            Floor::AtMost(most) => (format!("<= {most}"), row.measured <= most),
            Floor::None => (String::new(), true),
        };
        if !holds {
            self.failed.push(row.name);
        }
        let verdict = if holds { "" } else { "  BELOW ITS FLOOR" };
        line(&format!(
            "{:<34} {:>12.2} {:<10} {baseline:<22} {value:>10} {ratio:>7}  {floor:<14} {}{verdict}",
            row.name, row.measured, row.unit, row.aim
        ));
    }

    pub(crate) fn end(self) -> ExitCode {
        let failed = self.failed.len();
        line(&format!("{} passed, {failed} failed", self.rows - failed));
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]
fn line(text: &str) {
    println!("{text}");
}

/// Seconds that `work` takes.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The middle of several figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The medians of two ways to do `work` operations, in millions a second, measured in turns.
pub(crate) fn in_turns(
    operations: usize,
    mut product: impl FnMut(),
    mut baseline: impl FnMut(),
) -> (f64, f64) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(seconds(&mut product));
        theirs.push(seconds(&mut baseline));
    }
    let rate = |seconds| operations as f64 / median(seconds) / 1e6;
    (rate(ours), rate(theirs))
}
