//! Snapshots of every age under a storm of changes, and the memory that they keep.

use harness::{effort, is_whole_run, seed_or, stress};
use tickbase::{Database, Snapshot, table};

/// A record of 64 bytes.
#[table]
struct Wide {
    words: [u64; 8],
}

#[test]
fn snapshots_of_every_age_show_what_they_showed_at_first() {
    let seen = stress::run(seed_or(1), effort(600));
    eprintln!("{seen:?}");
    if is_whole_run() {
        assert!(seen.schema_changes > 10, "{seen:?}");
        assert!(seen.live_max > 10 && seen.age_max > 200, "{seen:?}");
    }
}

#[test]
fn memory_under_passes_is_that_of_the_versions_that_live() {
    let records = effort(100_000).max(10_000);
    for held in [0, 1, 3] {
        let db = Database::builder().table::<Wide>().in_memory().unwrap();
        db.transact(|tx| {
            for _ in 0..records {
                tx.insert(Wide { words: [0; 8] })?;
            }
            Ok(())
        })
        .unwrap();
        let pass = || {
            let more = |_, wide: &mut Wide| wide.words[7] += 1;
            db.transact(|tx| Ok(tx.table_mut::<Wide>().par_for_each_mut(more)?))
                .unwrap();
        };
        let mut snapshots: Vec<Snapshot> = Vec::new();
        for round in 0..30 {
            // Each is older than the last by several passes.
            if round % 5 == 0 && snapshots.len() < held {
                snapshots.push(db.snapshot());
            }
            pass();
        }
        // Each held version, the current one, and the one that a pass makes; and of pages as of
        // nodes, what is left of the last chunk.
        let versions = held as u64 + 2;
        let raw = records * size_of::<Wide>() as u64;
        let most = versions * raw * 110 / 100 + (4 << 20);
        let bytes = db.memory_bytes();
        assert!(
            bytes <= most,
            "{held} held: {bytes} bytes of memory, {most} at most"
        );
        for (age, snapshot) in snapshots.iter().enumerate() {
            let passes = 5 * age as u64;
            let all = snapshot.table::<Wide>();
            assert!(all.iter().all(|(_, wide)| wide.words[7] == passes));
        }
    }
}
