//! Whether two cores that write neighbouring pages get in each other's way.
//!
//! With the feature `plant-misplaced-pages` they do, and the row fails.

use std::{hint::black_box, sync::Barrier, time::Instant};

use tickbase::{Database, Id, Isolation, TransactionHandle};

use crate::{
    particle::{Particle, database},
    report::{Floor, Report, Row, median},
};

/// Slots in a page of particles.
const SLOTS: u64 = 16;
/// Pages that somebody else takes in between, so that two pages lie far apart.
const APART: u64 = 1_000;
/// Writes that each core does to its record.
const WRITES: usize = 20_000_000;

pub(crate) fn rows(report: &mut Report) {
    if !report.wants(&["false_sharing"]) {
        return;
    }
    let db = database((SLOTS * (APART + 10)) as usize);
    let (mut neighbours, mut strangers) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        neighbours.push(hammer(&db, false));
        strangers.push(hammer(&db, true));
    }
    report.row(&Row {
        name: "false_sharing",
        measured: median(neighbours) / median(strangers),
        unit: "near/far",
        baseline: None,
        floor: Floor::AtMost(1.05),
        aim: "1.05",
    });
}

/// Two cores write the last record of one page and the first of another, which lies behind it at
/// once or far away. Gives the seconds that they take.
fn hammer(db: &Database, far: bool) -> f64 {
    let begin = || db.begin_with(Isolation::ReadCommitted);
    let id = |number| Id::<Particle>::from_u64(number).expect("ids start at 1");
    let touch = |tx: &mut TransactionHandle, id| {
        tx.update(id, |particle: &mut Particle| {
            std::ptr::from_mut(particle).addr()
        })
        .expect("a record")
    };
    let (mut left, mut between, mut right) = (begin(), begin(), begin());
    let low = touch(&mut left, id(SLOTS));
    if far {
        for page in 2..APART {
            touch(&mut between, id(page * SLOTS + 1));
        }
    }
    let high = touch(&mut right, id(SLOTS + 1));
    let distance = high.abs_diff(low);
    let as_meant = if far {
        distance > 100_000
    } else {
        distance <= 2_048
    };
    assert!(
        as_meant,
        "the pages lie {distance} bytes apart, which is not what is to be measured"
    );
    let barrier = Barrier::new(2);
    let write = |tx: &mut TransactionHandle, id| {
        tx.update(id, |particle: &mut Particle| {
            barrier.wait();
            let start = Instant::now();
            for _ in 0..WRITES {
                // The first bytes of the record and the last.
                let particle = black_box(&mut *particle);
                particle.position[0] += 1.0;
                particle.hits ^= 1;
            }
            start.elapsed().as_secs_f64()
        })
        .expect("a record")
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| write(&mut left, id(SLOTS)));
        let own = write(&mut right, id(SLOTS + 1));
        own.max(other.join().expect("the other core"))
    })
}
