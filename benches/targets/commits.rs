//! Commits of one record, and of many.

use std::{sync::Arc, time::Instant};

use tickbase::Isolation;

use crate::{
    particle::{Particle, Random, cloned_per_write, database},
    report::{Floor, ROUNDS, Report, Row, median, seconds},
};

const COMMITS: usize = 500_000;
const UPDATES: usize = 16_000;
/// Commits of so many updates in a row, before the baseline has its turn and takes the caches.
const IN_A_ROW: usize = 5;

pub(crate) fn rows(report: &mut Report) {
    if report.wants(&["commit_single", "commit_single_p99"]) {
        single(report);
    }
    if report.wants(&["commit_16000_updates"]) {
        many(report);
    }
}

fn single(report: &mut Report) {
    let records = report.records();
    let db = database(records);
    let ids = Random::new(5).ids(COMMITS, records);
    let commit = |id| {
        db.transact(|tx| Ok(tx.update(id, |p: &mut Particle| p.hits += 1)?))
            .expect("a commit");
    };
    let rates = (0..ROUNDS)
        .map(|_| COMMITS as f64 / seconds(|| ids.iter().copied().for_each(commit)) / 1e6);
    let rate = median(rates.collect());
    let mut taken: Vec<u64> = Vec::with_capacity(COMMITS);
    for id in &ids {
        let start = Instant::now();
        commit(*id);
        taken.push(start.elapsed().as_nanos() as u64);
    }
    taken.sort_unstable();
    let p99 = taken[taken.len() * 99 / 100] as f64 / 1e3;
    drop(db);
    let swap = cloned_per_write(records);
    let clones = 20;
    let baseline = clones as f64
        / seconds(|| {
            for id in &ids[..clones] {
                let mut copy = Vec::clone(&swap.load());
                copy[id.get() as usize - 1].hits += 1;
                swap.store(Arc::new(copy));
            }
        })
        / 1e6;
    report.row(&Row {
        name: "commit_single",
        measured: rate,
        unit: "M/s",
        baseline: Some(("clone per write", baseline)),
        floor: Floor::AtLeast(1.0),
        aim: "2 M/s",
    });
    report.row(&Row {
        name: "commit_single_p99",
        measured: p99,
        unit: "µs",
        baseline: Some(("clone per write", 1.0 / baseline)),
        floor: Floor::AtMost(5.0),
        aim: "5 µs",
    });
}

fn many(report: &mut Report) {
    let records = report.records();
    let db = database(records);
    let swap = cloned_per_write(records);
    let mut random = Random::new(6);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let batches: Vec<_> = (0..IN_A_ROW)
            .map(|_| random.ids(UPDATES, records))
            .collect();
        ours.push(seconds(|| {
            for ids in &batches {
                let mut tx = db.begin_with(Isolation::ReadCommitted);
                let mut particles = tx.table_mut::<Particle>();
                for id in ids {
                    particles.update(*id, |p| p.hits += 1).expect("a record");
                }
                tx.commit().expect("a commit");
            }
        }));
        theirs.push(seconds(|| {
            for ids in &batches {
                let mut copy = Vec::clone(&swap.load());
                for id in ids {
                    copy[id.get() as usize - 1].hits += 1;
                }
                swap.store(Arc::new(copy));
            }
        }));
    }
    let rate = |seconds| (UPDATES * IN_A_ROW) as f64 / median(seconds) / 1e6;
    report.row(&Row {
        name: "commit_16000_updates",
        measured: rate(ours),
        unit: "M updates/s",
        baseline: Some(("clone per write", rate(theirs))),
        floor: Floor::None,
        aim: "3 M/s",
    });
}
