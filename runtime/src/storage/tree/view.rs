//! Reading a tree.

#![expect(unsafe_code, reason = "pages are reached through addresses")]

use std::marker::PhantomData;

use super::{
    Geometry, Tree,
    node::{FANOUT_BITS, InnerNode, LEAF_PAGES, LeafNode, PageEntry, child_index},
};
use crate::{
    schema::{Record, RecordId},
    storage::{
        cast::record_at,
        memory::{Block, LINE_BYTES},
    },
};

/// A tree that can be read for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct TreeView<'s> {
    tree: Tree,
    lifetime: PhantomData<&'s [u8]>,
}

// SAFETY: a view only reads memory that, by the promise given to `Tree::view`, nobody writes.
unsafe impl Send for TreeView<'_> {}
// SAFETY: as above.
unsafe impl Sync for TreeView<'_> {}

impl Tree {
    /// The tree, to read.
    ///
    /// # Safety
    /// For `'s` none of its nodes and pages is given back or written: a snapshot that holds it is
    /// borrowed, or the staged tree that owns its private parts.
    pub(crate) unsafe fn view<'s>(self) -> TreeView<'s> {
        TreeView {
            tree: self,
            lifetime: PhantomData,
        }
    }
}

impl<'s> TreeView<'s> {
    pub(super) fn tree(&self) -> Tree {
        self.tree
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.tree.geometry
    }

    /// Leaves that there is room for: the numbers of leaves are below this.
    pub(crate) fn leaf_room(&self) -> u64 {
        self.tree
            .root
            .map_or(0, |_| Tree::leaf_room(self.tree.height))
    }

    #[inline(always)]
    fn leaf_node(&self, leaf: u64) -> Option<&'s LeafNode> {
        let height = self.tree.height;
        if leaf.wrapping_shr(height * FANOUT_BITS) != 0 {
            return None;
        }
        let root = self.tree.root?;
        // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
        let child = |node, level| unsafe { child(node, leaf, level) };
        // Spelled out for the heights that tables have, so that reads are free to overlap.
        let block = match height {
            0 => root,
            1 => child(root, 1)?,
            2 => child(child(root, 2)?, 1)?,
            _ => (1..=height).rev().try_fold(root, child)?,
        };
        // SAFETY: at level 0 the node is a leaf, and the view may read it.
        Some(unsafe { LeafNode::at(block) })
    }

    /// The first byte of the live record of this id.
    #[inline(always)]
    fn address(&self, id: RecordId) -> Option<*const u8> {
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let (page, slot) = self.leaf_node(leaf)?.find(self.tree.geometry, page, bit)?;
        // SAFETY: a live record has a slot, which lies in the page.
        Some(unsafe {
            page.add(slot * self.tree.geometry.record_bytes())
                .cast_const()
        })
    }

    /// The bytes of the live record of this id.
    #[inline]
    pub(crate) fn get(&self, id: RecordId) -> Option<&'s [u8]> {
        let address = self.address(id)?;
        // SAFETY: the slot has as many bytes as a record, all initialised, and the view may read
        // them.
        Some(unsafe { std::slice::from_raw_parts(address, self.tree.geometry.record_bytes()) })
    }

    /// The live record of this id as its struct.
    ///
    /// # Safety
    /// The table is that of `T`.
    #[inline]
    pub(crate) unsafe fn get_typed<T: Record>(&self, id: RecordId) -> Option<&'s T> {
        let address = self.address(id)?;
        // SAFETY: a live slot holds a valid record of the table, which is that of `T`, at its
        // alignment, and the view may read it.
        Some(unsafe { record_at(address) })
    }

    /// The page and the byte in it at which the record of this id starts, where it has a slot.
    pub(crate) fn page_and_offset(&self, id: RecordId) -> Option<(u64, usize)> {
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let entry = self.leaf_node(leaf)?.entry(page);
        (entry.present >> bit & 1 == 1).then(|| {
            let page = (id.get() - 1) / self.tree.geometry.slots() as u64;
            (page, entry.slot(bit) * self.tree.geometry.record_bytes())
        })
    }

    /// The leaf with this number, where it has pages.
    pub(crate) fn leaf(&self, leaf: u64) -> Option<Leaf<'s>> {
        let node = self.leaf_node(leaf)?;
        Some(Leaf {
            node,
            number: leaf,
            geometry: self.tree.geometry,
        })
    }

    /// The leaves in order of their ids, from the one with this number on.
    pub(crate) fn leaves_from(self, first: u64) -> impl Iterator<Item = Leaf<'s>> {
        let mut next = first;
        std::iter::from_fn(move || {
            let (leaf, node) = self.next_leaf(next)?;
            next = leaf + 1;
            Some(Leaf {
                node,
                number: leaf,
                geometry: self.tree.geometry,
            })
        })
    }

    /// All pages and nodes that the tree reaches.
    #[cfg(test)]
    pub(in crate::storage) fn blocks(&self) -> (Vec<Block>, Vec<Block>) {
        let mut nodes: Vec<Block> = self.tree.root.into_iter().collect();
        let mut row = nodes.clone();
        for _ in 0..self.tree.height {
            // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
            let children = |block: &Block| unsafe { InnerNode::at(*block) }.children;
            row = row.iter().flat_map(children).flatten().collect();
            nodes.extend(&row);
        }
        // SAFETY: at level 0 the nodes are leaves, and the view may read them.
        let leaves = row.iter().map(|block| unsafe { LeafNode::at(*block) });
        let entries = leaves.flat_map(|leaf| (0..LEAF_PAGES).map(|page| leaf.entry(page)));
        let pages = entries.filter_map(|entry| Block::from_ptr(entry.page));
        (pages.collect(), nodes)
    }

    /// The first leaf at or behind `leaf`, passing over subtrees that are not there.
    fn next_leaf(&self, mut leaf: u64) -> Option<(u64, &'s LeafNode)> {
        'search: while leaf < self.leaf_room() {
            let mut block = self.tree.root?;
            for level in (1..=self.tree.height).rev() {
                // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
                let node: &'s InnerNode = unsafe { InnerNode::at(block) };
                match node.children[child_index(leaf, level)] {
                    Some(child) => block = child,
                    None => {
                        let span = Tree::leaf_room(level - 1);
                        leaf = (leaf / span + 1) * span;
                        continue 'search;
                    }
                }
            }
            // SAFETY: at level 0 the node is a leaf, and the view may read it.
            return Some((leaf, unsafe { LeafNode::at(block) }));
        }
        None
    }
}

/// How many pages ahead of the one that is read the next is loaded.
const PAGES_AHEAD: usize = 2;
/// How much of a page is loaded ahead; the processor foresees the rest.
const PREFETCH_BYTES: usize = 1024;

/// Asks the processor to load the cache line of this address, which need not be one.
#[cfg(target_arch = "x86_64")]
fn prefetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program could see, and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch_line(_address: *const u8) {}

/// The child of an inner node of this level that leads to a leaf.
///
/// # Safety
/// The block holds an inner node, and nobody writes it.
#[inline(always)]
unsafe fn child(node: Block, leaf: u64, level: u32) -> Option<Block> {
    // SAFETY: the caller's promise.
    unsafe { InnerNode::at(node) }.children[child_index(leaf, level)]
}

/// A leaf that can be read for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<'s> {
    node: &'s LeafNode,
    number: u64,
    geometry: Geometry,
}

// SAFETY: as for `TreeView`: it only reads what nobody writes.
unsafe impl Send for Leaf<'_> {}
// SAFETY: as above.
unsafe impl Sync for Leaf<'_> {}

impl<'s> Leaf<'s> {
    /// Its place among the leaves of the tree.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Its pages in order.
    pub(crate) fn pages(self) -> impl Iterator<Item = Page<'s>> {
        (0..LEAF_PAGES).map(move |page| {
            self.prefetch(page + PAGES_AHEAD);
            self.page(page)
        })
    }

    /// Begins to load the page of this place, where there is one: pages that were written at random
    /// times lie at random places, and the processor foresees nothing of that.
    fn prefetch(self, page: usize) {
        if page < LEAF_PAGES {
            let entry = self.node.entry(page);
            let used = entry.present.count_ones() as usize * self.geometry.record_bytes();
            for offset in (0..used.min(PREFETCH_BYTES)).step_by(LINE_BYTES) {
                prefetch_line(entry.page.wrapping_add(offset));
            }
        }
    }

    /// The page of this place in the leaf.
    pub(crate) fn page(self, page: usize) -> Page<'s> {
        let number = self.number * LEAF_PAGES as u64 + page as u64;
        Page {
            entry: self.node.entry(page),
            lifetime: PhantomData,
            first_index: number * self.geometry.slots() as u64,
            geometry: self.geometry,
        }
    }
}

/// A page that can be read for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct Page<'s> {
    entry: PageEntry,
    lifetime: PhantomData<&'s [u8]>,
    first_index: u64,
    geometry: Geometry,
}

// SAFETY: as for `TreeView`: it only reads what nobody writes.
unsafe impl Send for Page<'_> {}
// SAFETY: as above.
unsafe impl Sync for Page<'_> {}

impl<'s> Page<'s> {
    /// The id of bit 0.
    pub(crate) fn first_id(&self) -> u64 {
        self.first_index + 1
    }

    /// Bit i is set where the page's i-th id has a record that is not deleted.
    pub(crate) fn live(&self) -> u64 {
        self.entry.live
    }

    /// Where the page lies: equal addresses and stamps mean equal bytes.
    pub(crate) fn identity(&self) -> (usize, u64) {
        (self.entry.page.addr(), self.entry.stamp)
    }

    /// Bits and addresses of the live records.
    fn slots(self) -> impl Iterator<Item = (u32, *const u8)> {
        let mut left = self.entry.live;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let bit = left.trailing_zeros();
            left &= left - 1;
            let offset = self.entry.slot(bit) * self.geometry.record_bytes();
            // SAFETY: a live bit is also a present one, whose slot lies in the page.
            Some((bit, unsafe { self.entry.page.add(offset).cast_const() }))
        })
    }

    fn id(&self, bit: u32) -> RecordId {
        RecordId::MIN.saturating_add(self.first_index + u64::from(bit))
    }

    /// The live records in order of their ids.
    pub(crate) fn records(self) -> impl Iterator<Item = (RecordId, &'s [u8])> {
        self.slots().map(move |(bit, address)| {
            let length = self.geometry.record_bytes();
            // SAFETY: the slot has as many bytes as a record, and the view may read them.
            (self.id(bit), unsafe {
                std::slice::from_raw_parts(address, length)
            })
        })
    }

    /// The live records as their struct.
    ///
    /// # Safety
    /// The table is that of `T`.
    pub(crate) unsafe fn records_typed<T: Record>(self) -> impl Iterator<Item = (RecordId, &'s T)> {
        self.slots().map(move |(bit, address)| {
            // SAFETY: a live slot holds a valid record of the table, which is that of `T`.
            (self.id(bit), unsafe { record_at(address) })
        })
    }
}
