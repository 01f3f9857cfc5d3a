//! A filtered sum over all records: written in order, and after a million random updates.

use std::hint::black_box;

use tickbase::{Database, Isolation};

use crate::{
    particle::{Particle, Random, database, vec},
    report::{Floor, Report, Row, in_turns},
};

pub(crate) fn rows(report: &mut Report) {
    if !report.wants(&["scan_in_order", "scan_after_random_updates"]) {
        return;
    }
    let records = report.records();
    let (db, plain) = (database(records), vec(records));
    scan(report, &db, &plain, "scan_in_order", "ratio 0.77");
    let mut random = Random::new(7);
    for _ in 0..100 {
        let mut tx = db.begin_with(Isolation::ReadCommitted);
        let mut particles = tx.table_mut::<Particle>();
        for id in random.ids(records / 100, records) {
            particles.update(id, |p| p.hits += 1).expect("a record");
        }
        tx.commit().expect("a commit");
    }
    scan(
        report,
        &db,
        &plain,
        "scan_after_random_updates",
        "ratio 0.5",
    );
}

fn scan(
    report: &mut Report,
    db: &Database,
    plain: &[Particle],
    name: &'static str,
    aim: &'static str,
) {
    let snapshot = db.snapshot();
    let table = snapshot.table::<Particle>();
    let (ours, theirs) = in_turns(
        plain.len(),
        || {
            let mut sum = 0.0;
            table.for_each(|_, particle| {
                if particle.kind == 1 {
                    sum += particle.mass;
                }
            });
            black_box(sum);
        },
        || {
            let mut sum = 0.0;
            for particle in plain {
                if particle.kind == 1 {
                    sum += particle.mass;
                }
            }
            black_box(sum);
        },
    );
    report.row(&Row {
        name,
        measured: ours,
        unit: "M records/s",
        baseline: Some(("Vec", theirs)),
        floor: Floor::None,
        aim,
    });
}
