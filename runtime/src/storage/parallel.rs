//! Passes over all pages of a table on all cores.

use rayon::prelude::*;

use super::{
    Indexes, StorageError,
    cast::{SlotBytes, SlotRef},
    tree::{Leaf, LeafWriter, PassSlot, Retired, StagedTree, TreeView},
};
use crate::schema::RecordId;

/// Leaves that one task folds: 16 to 1,024 records each, so some thousands in all.
const LEAVES_PER_TASK: u64 = 16;

/// Folds leaves in runs of a fixed length and joins the results in order.
pub(super) fn fold_leaves<'s, A: Send>(
    tree: TreeView<'s>,
    start: &(impl Fn() -> A + Sync),
    fold: &(impl Fn(A, Leaf<'s>) -> A + Sync),
    join: impl Fn(A, A) -> A,
) -> A {
    // Runs without a leaf cost nothing: the room of the tree may be much larger than its leaves.
    let mut runs: Vec<u64> = Vec::new();
    let mut next = 0;
    while let Some(leaf) = tree.leaves_from(next).next() {
        let run = leaf.number() / LEAVES_PER_TASK;
        runs.push(run);
        next = (run + 1) * LEAVES_PER_TASK;
    }
    let folded: Vec<A> = runs
        .into_par_iter()
        .map(|run| {
            let leaves = run * LEAVES_PER_TASK..(run + 1) * LEAVES_PER_TASK;
            leaves
                .filter_map(|leaf| tree.leaf(leaf))
                .fold(start(), fold)
        })
        .collect();
    folded.into_iter().reduce(join).unwrap_or_else(start)
}

/// Hands every live record to `change`, on all cores. Gives the ids of the records whose indexed
/// fields may have changed, in order.
pub(crate) fn write_records(
    staged: &mut StagedTree,
    indexes: &Indexes,
    change: &(impl Fn(RecordId, &mut SlotBytes<'_>) + Sync),
) -> Result<Vec<RecordId>, StorageError> {
    pass(staged, |leaf, noted| {
        leaf.for_each(|mut slot| {
            change(slot.id, &mut slot.bytes);
            note(indexes, &slot, noted);
        })
    })
}

/// Hands every live record to `choose`, on all cores, and where that gives something, to `write`
/// with it. Pages in which nothing is written are not copied.
pub(crate) fn replace_records<N>(
    staged: &mut StagedTree,
    indexes: &Indexes,
    choose: &(impl Fn(RecordId, SlotRef<'_>) -> Option<N> + Sync),
    write: &(impl Fn(N, &mut SlotBytes<'_>) + Sync),
) -> Result<Vec<RecordId>, StorageError> {
    pass(staged, |leaf, noted| {
        leaf.for_each_chosen(choose, |mut slot, chosen| {
            write(chosen, &mut slot.bytes);
            note(indexes, &slot, noted);
        })
    })
}

/// Runs `visit` for every leaf, on all cores, and gives what it noted, in order of the ids.
fn pass(
    staged: &mut StagedTree,
    visit: impl Fn(LeafWriter<'_>, &mut Vec<RecordId>) -> Result<Vec<Retired>, StorageError> + Sync,
) -> Result<Vec<RecordId>, StorageError> {
    let passed: Result<Vec<_>, StorageError> = staged
        .leaf_writers()?
        .into_par_iter()
        .with_min_len(LEAVES_PER_TASK as usize)
        .map(|leaf| {
            let mut noted = Vec::new();
            Ok((visit(leaf, &mut noted)?, noted))
        })
        .collect();
    let mut all = Vec::new();
    for (retired, noted) in passed? {
        staged.retire(retired);
        all.extend(noted);
    }
    Ok(all)
}

/// Notes a record of which an indexed field changed, or may have.
fn note(indexes: &Indexes, slot: &PassSlot<'_>, noted: &mut Vec<RecordId>) {
    let differs = |before| indexes.differ(before, slot.bytes.get());
    if !indexes.is_empty() && slot.before.is_none_or(differs) {
        noted.push(slot.id);
    }
}
