//! Reading a tree.

#![expect(unsafe_code, reason = "pages are reached through addresses")]

use std::marker::PhantomData;

use super::{
    Geometry, Tree,
    node::{
        HEIGHT_MIN, InnerNode, LEAF_PAGES, LeafRef, PageEntry, child_index, empty_node, node_bytes,
    },
    page_copy::{bits, tail_slot},
    tail,
};
use crate::{
    schema::{PlainRecord, RecordId, RecordRef},
    storage::{
        cast::{record_at, record_slice_at},
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
        Tree::leaf_room(self.tree.height)
    }

    /// The block of the leaf with this number, which is below [`leaf_room`](Self::leaf_room).
    #[inline(always)]
    fn leaf_block(&self, leaf: u64) -> Block {
        let (mut node, mut level) = (self.tree.root, self.tree.height);
        // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
        let child = |node, level| unsafe { child(node, leaf, level) };
        // The two levels that every tree has are spelled out, so that reads are free to overlap.
        while level > HEIGHT_MIN {
            node = child(node, level);
            level -= 1;
        }
        const { assert!(HEIGHT_MIN == 2) };
        child(child(node, 2), 1)
    }

    #[inline(always)]
    fn leaf_ref(&self, leaf: u64, geometry: Geometry) -> LeafRef<'s> {
        // SAFETY: the node is a leaf of a tree of this geometry, and the view may read it.
        unsafe { LeafRef::at(self.leaf_block(leaf), geometry) }
    }

    /// The first byte of the live record of this id. The geometry is that of the tree; where the
    /// caller knows it as a constant the way to the record is shorter.
    #[inline(always)]
    fn address(&self, geometry: Geometry, id: RecordId) -> Option<*const u8> {
        let index = id.get().wrapping_sub(1);
        if index >= self.tree.room {
            return None;
        }
        let (leaf, page, bit) = geometry.place(index);
        let leaf = self.leaf_ref(leaf, geometry);
        // SAFETY: the leaf is one of this tree, whose geometry it is.
        let address = unsafe { leaf.find(geometry, page, bit) };
        address.map(|address| address.as_ptr().cast_const())
    }

    /// The bytes of the fixed part of the live record of this id.
    #[inline]
    pub(crate) fn get(&self, id: RecordId) -> Option<&'s [u8]> {
        let geometry = self.tree.geometry;
        let address = self.address(geometry, id)?;
        // SAFETY: the slot has as many bytes as a record, all initialised, and the view may read
        // them.
        Some(unsafe { std::slice::from_raw_parts(address, geometry.record_bytes()) })
    }

    /// The live record of this id as its struct.
    ///
    /// # Safety
    /// The table is that of `T`.
    #[inline(always)]
    pub(crate) unsafe fn get_typed<T: PlainRecord>(&self, id: RecordId) -> Option<&'s T> {
        let address = self.address(const { Geometry::new(size_of::<T>()) }, id)?;
        // SAFETY: a live slot holds a valid record of the table, which is that of `T`, at its
        // alignment, and the view may read it.
        Some(unsafe { record_at(address) })
    }

    /// Asks the processor to load the leaf and the page of this id, which are soon to be copied.
    #[inline]
    pub(crate) fn prefetch_path(&self, id: RecordId) {
        let index = id.get().wrapping_sub(1);
        if index >= self.tree.room {
            return;
        }
        let geometry = self.tree.geometry;
        let (leaf, page, _) = geometry.place(index);
        let block = self.leaf_block(leaf);
        let node = self.leaf_ref(leaf, geometry);
        prefetch(block.as_ptr(), node_bytes(geometry));
        prefetch(node.address(page), geometry.page_bytes());
    }

    /// The live record of this id.
    #[inline]
    pub(crate) fn record(&self, id: RecordId) -> Option<RecordRef<'s>> {
        let fixed = self.get(id)?;
        if !self.tree.geometry.has_tails() {
            return Some(RecordRef::without_tail(fixed));
        }
        let tail = self.tail(id)?;
        Some(RecordRef { fixed, tail })
    }

    /// The tail of the live record of this id; empty where it has none.
    pub(crate) fn tail(&self, id: RecordId) -> Option<&'s [u8]> {
        let index = id.get() - 1;
        if index >= self.tree.room {
            return None;
        }
        let (leaf, page, bit) = self.tree.geometry.place(index);
        let entry = self.leaf_ref(leaf, self.tree.geometry).entry(page);
        (entry.live >> bit & 1 == 1).then(|| {
            // SAFETY: the record is live, and the view may read its page.
            unsafe { tail_of(&entry, self.tree.geometry, bit) }
        })
    }

    /// The page and the byte in it at which the record of this id starts, where there is one.
    pub(crate) fn page_and_offset(&self, id: RecordId) -> Option<(u64, usize)> {
        let geometry = self.tree.geometry;
        let index = id.get() - 1;
        let address = self.address(geometry, id)?;
        let (leaf, page, _) = geometry.place(index);
        let entry = self.leaf_ref(leaf, geometry).entry(page);
        let offset = address.addr() - entry.page.addr();
        Some((Geometry::page_number(leaf, page), offset))
    }

    /// Whether the leaf with this number has a page at this place.
    #[inline]
    pub(super) fn has_page(&self, leaf: u64, page: usize) -> bool {
        leaf < self.leaf_room()
            && !self
                .leaf_ref(leaf, self.tree.geometry)
                .address(page)
                .is_null()
    }

    /// The leaf with this number, where it has pages.
    pub(crate) fn leaf(&self, leaf: u64) -> Option<Leaf<'s>> {
        if leaf >= self.leaf_room() {
            return None;
        }
        let block = self.leaf_block(leaf);
        (block != empty_node(0)).then(|| self.leaf_at(leaf, block))
    }

    fn leaf_at(&self, number: u64, block: Block) -> Leaf<'s> {
        let geometry = self.tree.geometry;
        Leaf {
            // SAFETY: the node is a leaf of a tree of this geometry, and the view may read it.
            node: unsafe { LeafRef::at(block, geometry) },
            number,
            geometry,
        }
    }

    /// The leaves in order of their ids, from the one with this number on.
    pub(crate) fn leaves_from(self, first: u64) -> impl Iterator<Item = Leaf<'s>> {
        let mut next = first;
        std::iter::from_fn(move || {
            let (number, block) = self.next_leaf(next)?;
            next = number + 1;
            Some(self.leaf_at(number, block))
        })
    }

    /// All pages, nodes and tails that the tree reaches.
    #[cfg(test)]
    pub(in crate::storage) fn blocks(&self) -> (Vec<Block>, Vec<Block>, Vec<Block>) {
        let there = |level| move |block: &Block| *block != empty_node(level);
        let mut row: Vec<Block> = [self.tree.root]
            .into_iter()
            .filter(there(self.tree.height))
            .collect();
        let mut nodes = row.clone();
        for level in (1..=self.tree.height).rev() {
            // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
            let children = |block: &Block| unsafe { InnerNode::at(*block) };
            let children = row.iter().map(children);
            row = children
                .flat_map(|node| (0..64).map(|index| node.child(index)))
                .filter(there(level - 1))
                .collect();
            nodes.extend(&row);
        }
        let (mut pages, mut tails) = (Vec::new(), Vec::new());
        for leaf in self.leaves_from(0) {
            for page in (0..LEAF_PAGES).map(|page| leaf.page(page)) {
                pages.extend(Block::from_ptr(page.entry.page));
                // The tail of a deleted record is kept until its page is copied.
                let slots = match page.entry.packed {
                    true => page.entry.live,
                    false => u64::MAX >> (64 - self.tree.geometry.slots()),
                };
                if self.tree.geometry.has_tails() && !page.entry.page.is_null() {
                    for bit in bits(slots) {
                        // SAFETY: the bit has a slot in the page, and the view may read it.
                        let slot = unsafe { tail_slot(&page.entry, self.tree.geometry, bit) };
                        // SAFETY: as above.
                        tails.extend(Block::from_ptr(unsafe { slot.read() }));
                    }
                }
            }
        }
        (pages, nodes, tails)
    }

    /// The first leaf at or behind `leaf`, passing over subtrees that are not there.
    fn next_leaf(&self, mut leaf: u64) -> Option<(u64, Block)> {
        'search: while leaf < self.leaf_room() {
            let mut block = self.tree.root;
            for level in (1..=self.tree.height).rev() {
                if block == empty_node(level) {
                    leaf = next_multiple(leaf, Tree::leaf_room(level));
                    continue 'search;
                }
                // SAFETY: above the leaves all nodes are inner ones, and the view may read them.
                block = unsafe { InnerNode::at(block) }.child(child_index(leaf, level));
            }
            if block != empty_node(0) {
                return Some((leaf, block));
            }
            leaf += 1;
        }
        None
    }
}

/// The first multiple of `span` above `leaf`.
fn next_multiple(leaf: u64, span: u64) -> u64 {
    (leaf / span + 1) * span
}

/// The tail of a record; empty where it has none.
///
/// # Safety
/// The bit is live in the entry, whose page is of this geometry and can be read for `'a`.
#[inline]
unsafe fn tail_of<'a>(entry: &PageEntry, geometry: Geometry, bit: u32) -> &'a [u8] {
    if !geometry.has_tails() {
        return &[];
    }
    // SAFETY: a live bit has a slot.
    let slot = unsafe { tail_slot(entry, geometry, bit) };
    // SAFETY: the page can be read.
    let address = unsafe { slot.read() };
    // SAFETY: it is null, or a tail that lives as long as a page that leads to it.
    unsafe { tail::read(address) }
}

/// How many pages ahead of the one that is read the next is loaded.
const PAGES_AHEAD: usize = 4;
/// How much of it is loaded ahead at most; the processor foresees the rest.
const PREFETCH_BYTES: usize = 1024;

/// Asks the processor to load a record, so that a read that comes soon need not wait for it.
#[inline(always)]
pub(in crate::storage) fn prefetch_record<T>(record: &T) {
    prefetch(std::ptr::from_ref(record).cast(), size_of::<T>());
}

/// Asks the processor to load what lies here, or its first part.
#[inline(always)]
fn prefetch(address: *const u8, bytes: usize) {
    for offset in (0..bytes.min(PREFETCH_BYTES)).step_by(LINE_BYTES) {
        prefetch_line(address.wrapping_add(offset));
    }
}

/// Asks the processor to load the cache line of this address, which need not be one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program could see, and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_line(_address: *const u8) {}

/// The child of an inner node of this level that leads to a leaf.
///
/// # Safety
/// The block holds an inner node, and nobody writes it.
#[inline(always)]
unsafe fn child(node: Block, leaf: u64, level: u32) -> Block {
    // SAFETY: the caller's promise.
    unsafe { InnerNode::at(node) }.child(child_index(leaf, level))
}

/// A leaf that can be read for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<'s> {
    node: LeafRef<'s>,
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
    #[inline]
    pub(crate) fn pages(self) -> impl Iterator<Item = Page<'s>> {
        (0..LEAF_PAGES).map(move |page| {
            self.prefetch(page + PAGES_AHEAD);
            self.page(page)
        })
    }

    /// Begins to load the page of this place, where there is one: pages that were written at random
    /// times lie at random places, and the processor foresees nothing of that.
    #[inline]
    fn prefetch(self, page: usize) {
        if page < LEAF_PAGES {
            let address = self.node.address(page);
            let bytes = self.geometry.page_bytes();
            // The processor foresees a page that follows the one before.
            if self.node.address(page - 1).wrapping_add(bytes) == address {
                return;
            }
            prefetch(address, bytes);
        }
    }

    /// The page of this place in the leaf.
    #[inline]
    pub(crate) fn page(self, page: usize) -> Page<'s> {
        let number = Geometry::page_number(self.number, page);
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

    /// Where the page lies and when it came to be: pages that are equal in both have the same
    /// bytes, though not the same `live` bits.
    pub(crate) fn identity(&self) -> (usize, u64) {
        (self.entry.page.addr(), self.entry.born)
    }

    /// Bits and addresses of the live records.
    #[inline]
    fn slots(self) -> impl Iterator<Item = (u32, *const u8)> {
        bits(self.entry.live).map(move |bit| {
            // SAFETY: a live bit has a slot in the page.
            let address = unsafe { self.entry.address(self.geometry, bit) };
            (bit, address.cast_const())
        })
    }

    /// The id that this bit stands for.
    #[inline]
    pub(crate) fn id(&self, bit: u32) -> RecordId {
        // Ids are far below the largest number; a checked sum would be kept where nobody asks for it.
        RecordId::MIN.saturating_add(self.first_index.wrapping_add(u64::from(bit)))
    }

    /// The live records in order of their ids.
    #[inline]
    pub(crate) fn records(self) -> impl Iterator<Item = (RecordId, RecordRef<'s>)> {
        self.slots().map(move |(bit, address)| {
            let length = self.geometry.record_bytes();
            // SAFETY: the slot has as many bytes as a record, and the view may read them.
            let fixed = unsafe { std::slice::from_raw_parts(address, length) };
            // SAFETY: the record is live, and the view may read its page.
            let tail = unsafe { tail_of(&self.entry, self.geometry, bit) };
            (self.id(bit), RecordRef { fixed, tail })
        })
    }

    /// The live records as their struct.
    ///
    /// # Safety
    /// The table is that of `T`.
    #[inline]
    pub(crate) unsafe fn records_typed<T: PlainRecord>(
        self,
    ) -> impl Iterator<Item = (RecordId, &'s T)> {
        self.slots().map(move |(bit, address)| {
            // SAFETY: a live slot holds a valid record of the table, which is that of `T`.
            (self.id(bit), unsafe { record_at(address) })
        })
    }

    /// All records as one slice of structs, the first of which has the id of bit 0, where the page
    /// is full.
    ///
    /// # Safety
    /// The table is that of `T`.
    #[inline]
    pub(crate) unsafe fn full_typed<T: PlainRecord>(self) -> Option<&'s [T]> {
        let geometry = const { Geometry::new(size_of::<T>()) };
        let full = u64::MAX >> (64 - geometry.slots());
        // SAFETY: each slot of a full page holds a valid record of the table, which is that of `T`;
        // what is packed is never full.
        (self.entry.live == full)
            .then(|| unsafe { record_slice_at(self.entry.page, geometry.slots()) })
    }
}
