//! Point reads: with a snapshot in hand, with one loaded each time, beside a busy writer.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tickbase::{Database, Id};

use crate::{
    particle::{Particle, Random, cloned_per_write, database, vec},
    report::{Floor, Report, Row, in_turns, median},
};

const READS: usize = 2_000_000;
/// Particles that fit a processor's second cache.
const CACHED: usize = 8_000;

pub(crate) fn rows(report: &mut Report) {
    if report.wants(&["point_read_held"]) {
        held(report);
    }
    if report.wants(&["point_read_many"]) {
        many(report);
    }
    if report.wants(&["point_read_loaded"]) {
        loaded(report);
    }
    if report.wants(&["read_p999_beside_writer"]) {
        beside_writer(report);
    }
}

fn held(report: &mut Report) {
    let records = report.records();
    let (db, plain) = (database(records), vec(records));
    let ids = Random::new(1).ids(READS, records);
    let snapshot = db.snapshot();
    let table = snapshot.table::<Particle>();
    let (ours, theirs) = in_turns(
        READS,
        || {
            let sum: f64 = ids
                .iter()
                .filter_map(|id| table.get(*id))
                .map(|p| p.mass)
                .sum();
            black_box(sum);
        },
        || {
            let get = |id: &Id<Particle>| plain.get(id.get() as usize - 1);
            let sum: f64 = ids.iter().filter_map(get).map(|p| p.mass).sum();
            black_box(sum);
        },
    );
    report.row(&Row {
        name: "point_read_held",
        measured: ours,
        unit: "M reads/s",
        baseline: Some(("Vec", theirs)),
        floor: Floor::AtLeast(10.0),
        aim: "ratio 0.67",
    });
}

/// The same reads as a list of ids.
fn many(report: &mut Report) {
    let records = report.records();
    let (db, plain) = (database(records), vec(records));
    let ids = Random::new(1).ids(READS, records);
    let snapshot = db.snapshot();
    let table = snapshot.table::<Particle>();
    let (ours, theirs) = in_turns(
        READS,
        || {
            let found = table.get_many(ids.iter().copied()).flatten();
            black_box(found.map(|p| p.mass).sum::<f64>());
        },
        || {
            let get = |id: &Id<Particle>| plain.get(id.get() as usize - 1);
            black_box(ids.iter().filter_map(get).map(|p| p.mass).sum::<f64>());
        },
    );
    report.row(&Row {
        name: "point_read_many",
        measured: ours,
        unit: "M reads/s",
        baseline: Some(("Vec", theirs)),
        floor: Floor::AtLeast(10.0),
        aim: "ratio 0.67",
    });
}

fn loaded(report: &mut Report) {
    let (db, swap) = (database(CACHED), cloned_per_write(CACHED));
    let ids = Random::new(2).ids(READS, CACHED);
    let (ours, theirs) = in_turns(
        READS,
        || {
            for id in &ids {
                black_box(db.snapshot().table::<Particle>().get(*id).map(|p| p.mass));
            }
        },
        || {
            for id in &ids {
                black_box(swap.load_full().get(id.get() as usize - 1).map(|p| p.mass));
            }
        },
    );
    report.row(&Row {
        name: "point_read_loaded",
        measured: ours,
        unit: "M reads/s",
        baseline: Some(("ArcSwap::load_full", theirs)),
        floor: Floor::AtLeast(10.0),
        aim: "cost of one load",
    });
}

/// The time that 999 of 1,000 reads take at most, in nanoseconds.
fn p999(db: &Database, ids: &[Id<Particle>]) -> f64 {
    let mut taken: Vec<u64> = Vec::with_capacity(ids.len());
    for id in ids {
        let start = Instant::now();
        let snapshot = db.snapshot();
        black_box(snapshot.table::<Particle>().get(*id).map(|p| p.mass));
        drop(snapshot);
        taken.push(start.elapsed().as_nanos() as u64);
    }
    taken.sort_unstable();
    taken[taken.len() * 999 / 1000] as f64
}

fn beside_writer(report: &mut Report) {
    let records = report.records();
    let db = database(records);
    let ids = Random::new(3).ids(200_000, records);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..5 {
        alone.push(p999(&db, &ids));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(4 + round);
                while !stop.load(Ordering::Relaxed) {
                    let id = random.ids(1, records)[0];
                    db.transact(|tx| Ok(tx.update(id, |p| p.hits += 1)?))
                        .expect("a commit");
                }
            });
            beside.push(p999(&db, &ids));
            stop.store(true, Ordering::Relaxed);
        });
    }
    let (alone, beside) = (median(alone), median(beside));
    report.row(&Row {
        name: "read_p999_beside_writer",
        measured: beside,
        unit: "ns",
        baseline: Some(("without writer", alone)),
        floor: Floor::None,
        aim: "ratio at most 2",
    });
}
