//! What differs between two versions of a tree, without a look at what they share.

#![expect(unsafe_code, reason = "nodes are reached through addresses")]

use super::{
    Tree, TreeView,
    node::{FANOUT, FANOUT_BITS, InnerNode, LEAF_PAGES, empty_node},
    view::{Leaf, Page},
};
use crate::{
    schema::{RecordId, RecordRef},
    storage::memory::Block,
};

/// One leaf in two versions of a tree; none where that version has no such leaf.
pub(crate) struct LeafPair<'s> {
    older: Option<Leaf<'s>>,
    newer: Option<Leaf<'s>>,
}

/// One page in two versions of a tree, which are not the same page with the same live records.
pub(crate) struct PagePair<'s> {
    older: Option<Page<'s>>,
    newer: Option<Page<'s>>,
}

/// One record that differs between two versions: none before where it is new, none after where it
/// is gone.
pub(crate) struct RecordPair<'s> {
    pub(crate) id: RecordId,
    pub(crate) before: Option<RecordRef<'s>>,
    pub(crate) after: Option<RecordRef<'s>>,
}

/// The part of a tree under one node, which is the empty one where the tree has nothing there.
#[derive(Clone, Copy)]
struct Subtree {
    top: Block,
    /// Levels of inner nodes from the top on; leaves are at level 0.
    level: u32,
}

impl Subtree {
    fn of(tree: Tree) -> Self {
        Self {
            top: tree.root,
            level: tree.height,
        }
    }

    /// What is under the child of this place, seen from a node of `level`: a lower tree stands
    /// under the first child.
    ///
    /// # Safety
    /// Nobody writes the nodes of the tree, nor gives them back.
    unsafe fn child(self, place: usize, level: u32) -> Self {
        let below = level - 1;
        let top = match (self.level < level, place) {
            (true, 0) => return self,
            (true, _) => empty_node(below),
            // SAFETY: above level 0 all nodes are inner ones; the caller promises the rest.
            (false, _) => unsafe { InnerNode::at(self.top) }.child(place),
        };
        Self { top, level: below }
    }

    /// Whether there is nothing in it.
    fn is_empty(self) -> bool {
        self.top == empty_node(self.level)
    }
}

impl<'s> TreeView<'s> {
    /// The leaves in which the two versions of one table's tree differ, in order of their ids;
    /// without an older one, all leaves. Where both have the same node, nothing under it is looked
    /// at, since what a snapshot reaches is never written.
    pub(crate) fn differing_leaves(
        self,
        older: Option<TreeView<'s>>,
    ) -> impl Iterator<Item = LeafPair<'s>> {
        let nothing = Tree::empty(self.geometry());
        let before = Subtree::of(older.map_or(nothing, |older| older.tree()));
        let after = Subtree::of(self.tree());
        let mut left = vec![(before, after, before.level.max(after.level), 0)];
        std::iter::from_fn(move || {
            while let Some((before, after, level, first)) = left.pop() {
                if before.top == after.top || before.is_empty() && after.is_empty() {
                    continue;
                }
                if level == 0 {
                    return Some(LeafPair {
                        older: older.and_then(|older| older.leaf(first)),
                        newer: self.leaf(first),
                    });
                }
                // The first child last, so that it is the next.
                left.extend((0..FANOUT).rev().map(|place| {
                    // SAFETY: it is part of a view, which nobody writes while it can be read.
                    let before = unsafe { before.child(place, level) };
                    // SAFETY: as above.
                    let after = unsafe { after.child(place, level) };
                    let first = first + ((place as u64) << ((level - 1) * FANOUT_BITS));
                    (before, after, level - 1, first)
                }));
            }
            None
        })
    }
}

impl<'s> LeafPair<'s> {
    /// The pages in which the two differ.
    pub(crate) fn pages(self) -> impl Iterator<Item = PagePair<'s>> {
        let pages = (0..LEAF_PAGES).map(move |place| PagePair {
            older: self.older.map(|leaf| leaf.page(place)),
            newer: self.newer.map(|leaf| leaf.page(place)),
        });
        pages.filter(PagePair::differs)
    }
}

impl<'s> PagePair<'s> {
    fn differs(&self) -> bool {
        let state = |page: &Option<Page<'s>>| page.map(|page| (page.identity(), page.live()));
        let live = |page: &Option<Page<'s>>| page.map_or(0, |page| page.live());
        // Two pages without a record are equal, whatever else they are.
        live(&self.older) | live(&self.newer) != 0 && state(&self.older) != state(&self.newer)
    }

    /// The most records in which the two can differ.
    pub(crate) fn records_max(&self) -> usize {
        let live = |page: &Option<Page<'s>>| page.map_or(0, |page| page.live());
        let identity = |page: &Option<Page<'s>>| page.map(|page| page.identity());
        let (before, after) = (live(&self.older), live(&self.newer));
        let differ = match identity(&self.older) == identity(&self.newer) {
            // A delete marks a record in the leaf and leaves the page as it is.
            true => before ^ after,
            false => before | after,
        };
        differ.count_ones() as usize
    }

    /// Bytes of the tails of the newer one.
    pub(crate) fn tail_bytes(&self) -> usize {
        let records = self.newer.into_iter().flat_map(Page::records);
        records.map(|(_, record)| record.tail.len()).sum()
    }

    /// The records in which the two differ, in order of their ids.
    pub(crate) fn records(self) -> impl Iterator<Item = RecordPair<'s>> {
        let records = |page: Option<Page<'s>>| page.into_iter().flat_map(Page::records);
        let mut before = records(self.older).peekable();
        let mut after = records(self.newer).peekable();
        let both = std::iter::from_fn(move || {
            let ids = (before.peek().map(|r| r.0), after.peek().map(|r| r.0));
            let id = ids.0.into_iter().chain(ids.1).min()?;
            Some(RecordPair {
                id,
                before: before.next_if(|record| record.0 == id).map(|r| r.1),
                after: after.next_if(|record| record.0 == id).map(|r| r.1),
            })
        });
        both.filter(|record| record.before != record.after)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::storage::{
        Draft, Indexes, SlotBytes, Snapshot, StagedTree, Store, testing::empty_store as store,
        write_records,
    };

    fn commit(store: &Store, change: impl FnOnce(&mut StagedTree)) {
        let base = store.snapshot();
        let mut staged = Draft::stage(&base, 0, store.transaction_number()).unwrap();
        change(&mut staged);
        let mut draft = Draft::new(base.clone());
        let table = base.table_in(0).unwrap().version;
        draft.set_staged(table, &mut staged, 0, 0, Arc::default());
        drop(base);
        store.publish(draft);
    }

    fn insert(staged: &mut StagedTree, number: u64, value: u64) {
        let bytes = staged.insert(RecordId::new(number).unwrap()).unwrap();
        bytes.copy_from_slice(&value.to_le_bytes());
    }

    fn set(staged: &mut StagedTree, number: u64, value: u64) {
        if let Some(mut bytes) = staged.update(RecordId::new(number).unwrap()).unwrap() {
            bytes.set(&value.to_le_bytes());
        }
    }

    fn number(bytes: &[u8]) -> u64 {
        u64::from_le_bytes(bytes.try_into().unwrap())
    }

    fn values(snapshot: &Snapshot) -> BTreeMap<u64, u64> {
        let records = snapshot.table_in(0).unwrap().records();
        records
            .map(|(id, record)| (id.get(), number(record.fixed)))
            .collect()
    }

    fn tree(snapshot: &Snapshot) -> TreeView<'_> {
        snapshot.table_in(0).unwrap().tree()
    }

    /// Applies the difference to what the older version has, and counts the leaves with one.
    fn caught_up(older: &Snapshot, newer: &Snapshot) -> (BTreeMap<u64, u64>, usize) {
        let mut state = values(older);
        let mut leaves = 0;
        for leaf in tree(newer).differing_leaves(Some(tree(older))) {
            leaves += 1;
            for page in leaf.pages() {
                let most = page.records_max();
                let records: Vec<_> = page.records().collect();
                assert!(records.len() <= most, "{} of {most}", records.len());
                for record in records {
                    let id = record.id.get();
                    assert_eq!(
                        state.get(&id).copied(),
                        record.before.map(|record| number(record.fixed))
                    );
                    match record.after {
                        Some(record) => state.insert(id, number(record.fixed)),
                        None => state.remove(&id),
                    };
                }
            }
        }
        (state, leaves)
    }

    #[test]
    fn what_two_versions_share_is_not_looked_at() {
        let store = store();
        // 64 slots in a page and 32 pages in a leaf: fifty leaves.
        commit(&store, |staged| {
            (1..=102_400).for_each(|n| insert(staged, n, n));
        });
        let before = store.snapshot();
        assert_eq!(caught_up(&before, &before).1, 0);
        commit(&store, |staged| set(staged, 5_000, 1));
        commit(&store, |staged| {
            assert!(staged.remove(RecordId::new(90_000).unwrap()).unwrap());
        });
        let after = store.snapshot();
        let (state, leaves) = caught_up(&before, &after);
        assert_eq!((state, leaves), (values(&after), 2));
        let pages = tree(&after).differing_leaves(Some(tree(&before)));
        let most: usize = pages
            .flat_map(LeafPair::pages)
            .map(|page| page.records_max())
            .sum();
        assert_eq!(
            most,
            64 + 1,
            "one page is another, of one only a record is gone"
        );
        let all = tree(&after)
            .differing_leaves(None)
            .flat_map(LeafPair::pages);
        assert_eq!(all.flat_map(PagePair::records).count(), 102_399);
    }

    #[test]
    fn the_difference_turns_the_older_version_into_the_newer_one_whatever_happened_between() {
        for seed in 1..40_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut below = |end: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 11) % end
            };
            let store = store();
            let mut last = 0;
            for round in 0..8 {
                let before = store.snapshot();
                for _ in 0..below(4) {
                    commit(&store, |staged| {
                        for _ in 0..below(300) {
                            match below(6) {
                                0..=2 => {
                                    // Sometimes far away, so that the tree grows.
                                    last += 1 + below(40) / 39 * below(9_000_000);
                                    insert(staged, last, round);
                                }
                                3 => {
                                    let id = RecordId::new(1 + below(last + 1)).unwrap();
                                    staged.remove(id).unwrap();
                                }
                                _ => set(staged, 1 + below(last + 1), below(9)),
                            }
                        }
                        if below(9) == 0 {
                            let add = |_, bytes: &mut SlotBytes<'_>| {
                                let value = number(bytes.get()) + 1;
                                bytes.set(&value.to_le_bytes());
                            };
                            write_records(staged, &Indexes::default(), &add).unwrap();
                        }
                    });
                }
                let after = store.snapshot();
                assert_eq!(caught_up(&before, &after).0, values(&after), "seed {seed}");
                // Backwards too: nothing says which of the two has more.
                assert_eq!(caught_up(&after, &before).0, values(&before), "seed {seed}");
            }
        }
    }
}
