//! When a page or node that left the tree may be used again.
//!
//! A block is *visible* in the versions from the one that published it up to, not including, the
//! one that retired it. It is given back as soon as no live snapshot's version is among those.
//!
//! Invariants:
//! - `live` has every published snapshot that may still be read, in order of version, the current
//!   one last.
//! - A retired block waits under the newest live snapshot that is older than its retirement. When
//!   that snapshot dies the block goes on to the next older one that can see it, or is given back:
//!   no newer snapshot can come to see it, since it is in no newer tree.
//! - Only the writing side touches this, under the publish lock. A reader that drops a snapshot
//!   counts down one number.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{Ordering, fence},
    },
};

use super::{
    snapshot::SnapshotInner,
    table::TableMemory,
    tree::{PRIVATE, Retired, RetiredBlocks},
};

/// Blocks of one table that left its tree at one version.
#[derive(Debug)]
struct Batch {
    memory: Arc<TableMemory>,
    blocks: RetiredBlocks,
}

/// The live snapshots, and what waits for each of them.
#[derive(Debug, Default)]
pub(super) struct Reclaimer {
    live: VecDeque<(u64, Weak<SnapshotInner>)>,
    waiting: BTreeMap<u64, Vec<Batch>>,
}

impl Reclaimer {
    /// Notes a snapshot, just before it becomes the current one.
    pub(super) fn published(&mut self, snapshot: &Arc<SnapshotInner>) {
        debug_assert!(
            self.live
                .back()
                .is_none_or(|(last, _)| *last < snapshot.version)
        );
        self.live
            .push_back((snapshot.version, Arc::downgrade(snapshot)));
    }

    /// Takes over the blocks that the current version, `retired_at`, no longer reaches.
    pub(super) fn retire(
        &mut self,
        retired_at: u64,
        memory: &Arc<TableMemory>,
        blocks: RetiredBlocks,
    ) {
        let batch = Batch {
            memory: Arc::clone(memory),
            blocks,
        };
        self.place(retired_at, batch);
    }

    /// Gives back all that no live snapshot sees any more.
    pub(super) fn collect(&mut self) {
        let current = self.live.back().map_or(0, |(version, _)| *version);
        let mut dead = Vec::new();
        self.live.retain(|(version, snapshot)| {
            let lives = *version == current || snapshot.strong_count() > 0;
            if !lives {
                dead.push(*version);
            }
            lives
        });
        if dead.is_empty() {
            return;
        }
        // The count went to 0 behind the last read through the snapshot; with this fence all that
        // is written from here on comes behind those reads.
        fence(Ordering::Acquire);
        for version in dead {
            for batch in self.waiting.remove(&version).unwrap_or_default() {
                self.place(version, batch);
            }
        }
    }

    /// Snapshots that may still be read, the current one included.
    pub(super) fn live_snapshots(&self) -> usize {
        self.live.len()
    }

    /// Blocks that wait for a snapshot to die.
    #[cfg(test)]
    pub(super) fn waiting_blocks(&self) -> usize {
        self.waiting
            .values()
            .flatten()
            .map(|batch| batch.blocks.len())
            .sum()
    }

    /// Lets blocks wait under the newest live snapshot older than `before`, where that sees them,
    /// and gives back the others.
    fn place(&mut self, before: u64, batch: Batch) {
        let older = self
            .live
            .iter()
            .rev()
            .find(|(version, _)| *version < before);
        let Some((version, _)) = older else {
            batch.memory.give_back(&batch.blocks);
            return;
        };
        // What was never published, no snapshot sees.
        let sees = |block: &Retired| block.born & PRIVATE == 0 && block.born <= *version;
        let mut blocks = batch.blocks;
        let mut free = RetiredBlocks::new();
        blocks.retain(|block| {
            let waits = sees(block);
            if !waits {
                free.push(*block);
            }
            waits
        });
        batch.memory.give_back(&free);
        if !blocks.is_empty() {
            let batch = Batch {
                memory: batch.memory,
                blocks,
            };
            self.waiting.entry(*version).or_default().push(batch);
        }
    }
}
