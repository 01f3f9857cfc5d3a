//! Passes over all records: one that changes all of them, and one that only computes.

use std::{hint::black_box, sync::Arc};

use rayon::ThreadPoolBuilder;

use crate::{
    particle::{Particle, cloned_per_write, database},
    report::{Floor, ROUNDS, Report, Row, in_turns, median, seconds},
};

pub(crate) fn rows(report: &mut Report) {
    if report.wants(&["update_all"]) {
        update_all(report);
    }
    if report.wants(&["parallel_efficiency"]) {
        efficiency(report);
    }
}

fn update_all(report: &mut Report) {
    let records = report.records();
    let (db, swap) = (database(records), cloned_per_write(records));
    let (ours, theirs) = in_turns(
        records,
        || {
            db.transact(|tx| {
                Ok(tx
                    .table_mut::<Particle>()
                    .par_for_each_mut(|_, p| p.step())?)
            })
            .expect("a commit");
        },
        || {
            let mut copy = Vec::clone(&swap.load());
            copy.iter_mut().for_each(Particle::step);
            swap.store(Arc::new(copy));
        },
    );
    report.row(&Row {
        name: "update_all",
        measured: ours,
        unit: "M records/s",
        baseline: Some(("clone per write", theirs)),
        floor: Floor::None,
        aim: "ratio 0.7",
    });
}

/// A pass whose closure computes more than it reads, on one core and on two.
fn efficiency(report: &mut Report) {
    let db = database(report.records().min(200_000));
    let snapshot = db.snapshot();
    let table = snapshot.table::<Particle>();
    let compute = |particle: &Particle| {
        let mut angle = particle.mass;
        for _ in 0..40 {
            angle = (angle * 1.000_1).sin() + 1.5;
        }
        angle
    };
    let pass = || {
        black_box(table.par_fold(|| 0.0, |sum, _, p| sum + compute(p), |a, b| a + b));
    };
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(pass);
        move || seconds(|| pool.install(pass))
    };
    let (one, two) = (on(1), on(2));
    let (mut alone, mut both) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(one());
        both.push(two());
    }
    let efficiency = median(alone) / median(both) / 2.0 * 100.0;
    report.row(&Row {
        name: "parallel_efficiency",
        measured: efficiency,
        unit: "% of 2",
        baseline: None,
        floor: Floor::AtLeast(90.0),
        aim: "90 %",
    });
}
