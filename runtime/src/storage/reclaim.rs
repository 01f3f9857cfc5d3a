//! When a page or node that left the tree may be used again.
//!
//! A block is *visible* in the versions from the one that published it up to, not including, the
//! one that retired it. It is given back as soon as no live snapshot's version is among those.
//!
//! Invariants:
//! - `live` has every published snapshot that may still be read, in order of version, the current
//!   one last. It holds each, so that a reader that lets go of one only counts down a number.
//! - A snapshot that only `live` holds, and that is not the current one, is dead: nobody can come
//!   to hold it any more.
//! - A retired block waits under the newest live snapshot that is older than its retirement. When
//!   that snapshot dies the block goes on to the next older one that can see it, or is given back:
//!   no newer snapshot can come to see it, since it is in no newer tree.
//! - Only the writing side touches this, under the publish lock.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use super::{
    snapshot::SnapshotInner,
    sync::{Counted, fence},
    table_memory::TableMemory,
    tree::{PRIVATE, Retired, RetiredBlocks},
};

/// Dead snapshots that are kept to be made the next ones, so that a commit need not allocate one.
const SPARE_MAX: usize = 2;

/// Blocks of one table that left its tree at one version.
#[derive(Debug)]
struct Batch {
    memory: Arc<TableMemory>,
    blocks: RetiredBlocks,
}

/// The live snapshots, and what waits for each of them.
#[derive(Debug)]
pub(super) struct Reclaimer {
    live: VecDeque<Counted<SnapshotInner>>,
    waiting: BTreeMap<u64, Vec<Batch>>,
    spare: Vec<Counted<SnapshotInner>>,
}

impl Reclaimer {
    /// A reclaimer that knows the first snapshot of all.
    pub(super) fn new(first: Counted<SnapshotInner>) -> Self {
        Self {
            live: VecDeque::from([first]),
            waiting: BTreeMap::new(),
            spare: Vec::new(),
        }
    }

    /// The current snapshot.
    pub(super) fn current(&self) -> &Counted<SnapshotInner> {
        self.live.back().expect("the current snapshot is live")
    }

    /// A snapshot that nobody holds, to become the next one: one that was, or a copy of the current
    /// one.
    pub(super) fn take_spare(&mut self) -> Counted<SnapshotInner> {
        let spare = self.spare.pop();
        spare.unwrap_or_else(|| Counted::new(SnapshotInner::clone(self.current())))
    }

    /// Notes a snapshot, just before it becomes the current one.
    pub(super) fn published(&mut self, snapshot: Counted<SnapshotInner>) {
        debug_assert!(self.current().version < snapshot.version);
        self.live.push_back(snapshot);
    }

    /// Takes over the blocks that the current version, `retired_at`, no longer reaches.
    pub(super) fn retire(
        &mut self,
        retired_at: u64,
        memory: Arc<TableMemory>,
        blocks: RetiredBlocks,
    ) {
        self.place(retired_at, Batch { memory, blocks });
    }

    /// Gives back all that no live snapshot sees any more.
    pub(super) fn collect(&mut self) {
        let mut index = 0;
        // The last is the current one, which readers may load at any time.
        while index + 1 < self.live.len() {
            if Counted::strong_count(&self.live[index]) > 1 {
                index += 1;
                continue;
            }
            let dead = self
                .live
                .remove(index)
                .expect("the index is below the length");
            // The count went to 1 behind the last read through the snapshot; with this fence all
            // that is written from here on comes behind those reads.
            fence(Ordering::Acquire);
            for batch in self.waiting.remove(&dead.version).unwrap_or_default() {
                self.place(dead.version, batch);
            }
            self.keep_spare(dead);
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

    /// Keeps a dead snapshot, unless that would keep a table alive that is dropped.
    fn keep_spare(&mut self, dead: Counted<SnapshotInner>) {
        let current = Arc::clone(&self.current().catalog);
        self.spare
            .retain(|spare| Arc::ptr_eq(&spare.catalog, &current));
        if self.spare.len() < SPARE_MAX && Arc::ptr_eq(&dead.catalog, &current) {
            self.spare.push(dead);
        }
    }

    /// Lets blocks wait under the newest live snapshot older than `before`, where that sees them,
    /// and gives back the others.
    fn place(&mut self, before: u64, mut batch: Batch) {
        let older = self
            .live
            .iter()
            .rev()
            .find(|snapshot| snapshot.version < before);
        let Some(older) = older else {
            batch.memory.give_back(&batch.blocks);
            return;
        };
        let version = older.version;
        // What was never published, no snapshot sees.
        let sees = |block: &Retired| block.born & PRIVATE == 0 && block.born <= version;
        let mut free = RetiredBlocks::new();
        batch.blocks.retain(|block| {
            let waits = sees(block);
            if !waits {
                free.push(*block);
            }
            waits
        });
        batch.memory.give_back(&free);
        if !batch.blocks.is_empty() {
            self.waiting.entry(version).or_default().push(batch);
        }
    }
}
