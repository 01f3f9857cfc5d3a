//! Memory beyond the raw data: at rest, and while every record changes again and again.

use tickbase::Database;

use crate::{
    allocation::{bytes_in_use, start, stop},
    particle::{Particle, database},
    report::{Floor, Report, Row},
};

/// Passes over the whole table.
const PASSES: usize = 100;

pub(crate) fn rows(report: &mut Report) {
    if !report.wants(&["memory_at_rest", "memory_under_passes"]) {
        return;
    }
    let records = report.records();
    let raw = (records * size_of::<Particle>()) as f64;
    start();
    let db = database(records);
    let used = || bytes_in_use() as f64;
    report.row(&Row {
        name: "memory_at_rest",
        measured: (used() / raw - 1.0) * 100.0,
        unit: "% extra",
        baseline: None,
        floor: Floor::AtMost(5.0),
        aim: "5 %",
    });
    let old = db.snapshot();
    let mut most = 0.0_f64;
    for _ in 0..PASSES {
        pass(&db);
        most = most.max(used());
    }
    drop(old);
    stop();
    report.row(&Row {
        name: "memory_under_passes",
        measured: most / raw,
        unit: "x raw",
        baseline: None,
        floor: Floor::AtMost(3.3),
        aim: "3 x + 10 %",
    });
}

fn pass(db: &Database) {
    db.transact(|tx| {
        Ok(tx
            .table_mut::<Particle>()
            .par_for_each_mut(|_, p| p.step())?)
    })
    .expect("a commit");
}
