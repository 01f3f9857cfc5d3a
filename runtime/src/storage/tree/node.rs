//! The nodes of a tree, as they lie in their blocks.

#![expect(unsafe_code, reason = "nodes are reached through addresses")]

use std::ptr::NonNull;

use super::geometry::{Geometry, PACKED_HEADER_BYTES};
use crate::storage::memory::{ADDRESS_BITS, Block};

/// Pages under one leaf, as a power of two.
pub(in crate::storage) const LEAF_PAGE_BITS: u32 = 5;
/// Pages under one leaf.
pub(in crate::storage) const LEAF_PAGES: usize = 1 << LEAF_PAGE_BITS;
/// Children of an inner node, as a power of two.
pub(super) const FANOUT_BITS: u32 = 6;
/// Children of an inner node.
pub(super) const FANOUT: usize = 1 << FANOUT_BITS;

/// The least levels of inner nodes, even of an empty table: a point read then goes straight down
/// to any table of up to 2^17 pages.
pub(super) const HEIGHT_MIN: u32 = 2;

/// The most levels of inner nodes: enough for every record id that a table can have.
pub(super) const LEVELS_MAX: usize = 8;

/// The bit of a stamp that says: not published yet. The rest is then a transaction's number.
pub(in crate::storage) const PRIVATE: u64 = 1 << 63;

/// Thirty-two pages, as arrays rather than entries: a point read in a page of up to sixteen slots
/// needs one word of all this, its tagged address.
///
/// A tagged address is the page's address; in its upper sixteen bits are the `live` bits where
/// there are no more than sixteen, in its lowest a one where the page is packed. Leaves of wider
/// pages have a word of `live` bits for each page behind this. A packed page says itself which
/// records it has, and all its `live` bits here are 0.
#[repr(C)]
pub(super) struct LeafNode {
    tagged: [*mut u8; LEAF_PAGES],
    /// The version at which each page became visible, or the private stamp of who made it.
    born: [u64; LEAF_PAGES],
    stamp: u64,
    /// Bit i is set where the transaction that may write the leaf also made its i-th page.
    fresh: u64,
}

/// Sixty-four nodes of the level below; those that are not there are the empty node of that level.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct InnerNode {
    children: [Block; FANOUT],
    stamp: u64,
    unused: u64,
}

const _: () = assert!(size_of::<LeafNode>() == size_of::<InnerNode>());
/// Bytes of an inner node, and of a leaf without `live` words.
const HEAD_BYTES: usize = size_of::<LeafNode>();
/// Bytes of the `live` words of a leaf that has them.
const LIVE_BYTES: usize = LEAF_PAGES * size_of::<u64>();
/// Where a node, leaf or inner, has its stamp.
const STAMP_OFFSET: usize = std::mem::offset_of!(LeafNode, stamp);
const _: () = assert!(STAMP_OFFSET == std::mem::offset_of!(InnerNode, stamp));

const LIVE_SHIFT: u32 = ADDRESS_BITS;
const PACKED: usize = 1;
const ADDRESS_MASK: usize = ((1 << ADDRESS_BITS) - 1) & !PACKED;

/// Bytes of a node of a table.
pub(in crate::storage) const fn node_bytes(geometry: Geometry) -> usize {
    match geometry.is_narrow() {
        true => HEAD_BYTES,
        false => HEAD_BYTES + LIVE_BYTES,
    }
}

/// A leaf without pages, as any table has them.
static EMPTY_LEAF: [u64; (HEAD_BYTES + LIVE_BYTES) / 8] = [0; (HEAD_BYTES + LIVE_BYTES) / 8];

/// Inner nodes all of whose children are the empty node of the level below, from level 1 on.
static EMPTY_INNERS: [InnerNode; LEVELS_MAX] = {
    let mut nodes = [empty_inner(block_of((&raw const EMPTY_LEAF).cast())); LEVELS_MAX];
    let mut level = 1;
    while level < LEVELS_MAX {
        let below = (&raw const EMPTY_INNERS).cast::<InnerNode>();
        nodes[level] = empty_inner(block_of(below.wrapping_add(level - 1).cast()));
        level += 1;
    }
    nodes
};

const fn empty_inner(child: Block) -> InnerNode {
    InnerNode {
        children: [child; FANOUT],
        stamp: 0,
        unused: 0,
    }
}

const fn block_of(address: *const u8) -> Block {
    match Block::from_ptr(address.cast_mut()) {
        Some(block) => block,
        None => panic!("a static has an address"),
    }
}

/// The node that stands where a tree has nothing at this level: nobody writes it, and a read that
/// comes to it finds nothing without having to ask at each level whether there is a node.
pub(super) fn empty_node(level: u32) -> Block {
    match level {
        0 => block_of((&raw const EMPTY_LEAF).cast()),
        level => {
            let node = &raw const EMPTY_INNERS[level as usize - 1];
            block_of(node.cast())
        }
    }
}

/// What the tree knows of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEntry {
    /// The page's first byte; null where it has no records.
    pub(super) page: *mut u8,
    /// Bit i is set where the page's i-th id has a record that is not deleted.
    pub(super) live: u64,
    /// Whether the page has room for just those records.
    pub(super) packed: bool,
    /// The version at which the page became visible, or the private stamp of who made it.
    pub(super) born: u64,
}

impl PageEntry {
    /// The first byte of the live record with this bit.
    ///
    /// # Safety
    /// The entry has a page of this geometry, and the bit is one of its slots; in a packed page it
    /// is live.
    #[inline(always)]
    pub(super) unsafe fn address(&self, geometry: Geometry, bit: u32) -> *mut u8 {
        let offset = match self.packed {
            false => bit as usize * geometry.record_bytes(),
            true => packed_offset(geometry, self.live, bit),
        };
        // SAFETY: the slot lies in the page by the caller's promise.
        unsafe { self.page.add(offset) }
    }

    /// Where the addresses of the tails begin, and the place of this bit among them.
    pub(super) fn tail_place(&self, geometry: Geometry, bit: u32) -> usize {
        let (start, records, place) = match self.packed {
            false => (0, geometry.slots(), bit as usize),
            true => {
                let records = self.live.count_ones() as usize;
                (PACKED_HEADER_BYTES, records, rank(self.live, bit))
            }
        };
        start + geometry.tails_offset(records) + place * super::geometry::TAIL_BYTES
    }
}

/// The place of a bit among the set ones.
fn rank(bits: u64, bit: u32) -> usize {
    (bits & ((1 << bit) - 1)).count_ones() as usize
}

fn packed_offset(geometry: Geometry, live: u64, bit: u32) -> usize {
    PACKED_HEADER_BYTES + rank(live, bit) * geometry.record_bytes()
}

/// Which records a packed page has.
///
/// # Safety
/// The page is a packed one that can be read.
unsafe fn packed_live(page: *const u8) -> u64 {
    // SAFETY: a packed page begins with this word, and lies on a cache line.
    unsafe { page.cast::<u64>().read() }
}

/// A leaf, to read.
#[derive(Clone, Copy)]
pub(super) struct LeafRef<'a> {
    node: &'a LeafNode,
    /// The `live` bits of wide pages; none where those are narrow.
    live: &'a [u64],
}

impl<'a> LeafRef<'a> {
    /// The leaf in a block.
    ///
    /// # Safety
    /// The block holds a leaf of a table of this geometry, or an empty leaf, and nobody writes it
    /// for `'a`.
    #[inline(always)]
    pub(super) unsafe fn at(block: Block, geometry: Geometry) -> Self {
        let address = block.as_ptr().cast_const();
        // SAFETY: the caller's promise; blocks are aligned to a cache line, the empty leaf as the
        // type asks.
        let node = unsafe { &*address.cast::<LeafNode>() };
        if geometry.is_narrow() {
            return Self { node, live: &[] };
        }
        // SAFETY: behind the head of a leaf of wide pages stand its `live` words.
        let words = unsafe { address.add(HEAD_BYTES) };
        // SAFETY: as above.
        let live = unsafe { std::slice::from_raw_parts(words.cast::<u64>(), LEAF_PAGES) };
        Self { node, live }
    }

    /// The entry of the page of this place.
    #[inline]
    pub(super) fn entry(self, page: usize) -> PageEntry {
        let tagged = self.node.tagged[page];
        let address = tagged.map_addr(|address| address & ADDRESS_MASK);
        let packed = tagged.addr() & PACKED != 0;
        let live = match packed {
            // SAFETY: the leaf says that the page is packed, and reaches it.
            true => unsafe { packed_live(address) },
            false => self.live_bits(page),
        };
        PageEntry {
            page: address,
            live,
            packed,
            born: self.node.born[page],
        }
    }

    /// The first byte of the page of this place; null where there is none.
    #[inline(always)]
    pub(super) fn address(self, page: usize) -> *const u8 {
        let tagged = self.node.tagged[page];
        tagged
            .map_addr(|address| address & ADDRESS_MASK)
            .cast_const()
    }

    /// The `live` bits of a page that is not packed, 0 for one that is.
    #[inline(always)]
    fn live_bits(self, page: usize) -> u64 {
        match self.live.is_empty() {
            true => (self.node.tagged[page].addr() >> LIVE_SHIFT) as u64,
            false => self.live[page],
        }
    }

    /// Whether the transaction that may write this leaf made the page of this place as well.
    pub(super) fn is_fresh(self, page: usize) -> bool {
        self.node.fresh >> page & 1 == 1
    }

    /// Whether it also may write that page: it is of full size.
    pub(super) fn has_page(self, page: usize) -> bool {
        self.is_fresh(page) && self.node.tagged[page].addr() & PACKED == 0
    }

    /// The first byte of the live record of this place and bit.
    ///
    /// # Safety
    /// The leaf is one of a table of this geometry.
    #[inline(always)]
    pub(super) unsafe fn find(
        self,
        geometry: Geometry,
        page: usize,
        bit: u32,
    ) -> Option<NonNull<u8>> {
        let tagged = self.node.tagged[page];
        let live = match geometry.is_narrow() {
            true => tagged.addr() as u64 >> (LIVE_SHIFT + bit),
            false => self.live[page] >> bit,
        };
        if live & 1 == 0 {
            // SAFETY: the word is one of a leaf, and the view that led here may read the page.
            return unsafe { find_packed(geometry, tagged, bit) };
        }
        let page = tagged.map_addr(|address| address & ADDRESS_MASK);
        // A page with live bits is not packed: its records stand at their bits.
        // SAFETY: a live bit has a slot in the page.
        let address = unsafe { page.add(bit as usize * geometry.record_bytes()) };
        // SAFETY: what has live bits is a page, which is not at address 0.
        unsafe { std::hint::assert_unchecked(!address.is_null()) };
        NonNull::new(address)
    }
}

/// The first byte of a record in the packed page of this tagged address, where it is one.
///
/// # Safety
/// The tagged address is one of a leaf of a table of this geometry, whose pages can be read.
#[cold]
#[inline(never)]
unsafe fn find_packed(geometry: Geometry, tagged: *mut u8, bit: u32) -> Option<NonNull<u8>> {
    if tagged.addr() & PACKED == 0 {
        return None;
    }
    let page = tagged.map_addr(|address| address & ADDRESS_MASK);
    // SAFETY: the tag says that the page is packed.
    let live = unsafe { packed_live(page) };
    if live >> bit & 1 == 0 {
        return None;
    }
    // SAFETY: a live bit has a slot in the page.
    NonNull::new(unsafe { page.add(packed_offset(geometry, live, bit)) })
}

/// A private leaf, to write.
pub(super) struct LeafMut<'a> {
    node: &'a mut LeafNode,
    live: &'a mut [u64],
}

impl LeafMut<'_> {
    /// The leaf in a block.
    ///
    /// # Safety
    /// The block holds a leaf of a table of this geometry, no empty one, and nobody else reads or
    /// writes it for its life.
    pub(super) unsafe fn at(block: Block, geometry: Geometry) -> Self {
        let address = block.as_ptr();
        // SAFETY: the caller's promise; blocks are aligned to a cache line.
        let node = unsafe { &mut *address.cast::<LeafNode>() };
        if geometry.is_narrow() {
            return Self {
                node,
                live: &mut [],
            };
        }
        // SAFETY: behind the head of a leaf of wide pages stand its `live` words.
        let words = unsafe { address.add(HEAD_BYTES) };
        // SAFETY: as above; the head and the words do not overlap.
        let live = unsafe { std::slice::from_raw_parts_mut(words.cast::<u64>(), LEAF_PAGES) };
        Self { node, live }
    }

    /// The same leaf, to read.
    pub(super) fn read(&self) -> LeafRef<'_> {
        LeafRef {
            node: self.node,
            live: self.live,
        }
    }

    /// The entry of the page of this place.
    pub(super) fn entry(&self, page: usize) -> PageEntry {
        self.read().entry(page)
    }

    /// Replaces the entry of the page of this place.
    pub(super) fn set_entry(&mut self, page: usize, entry: PageEntry) {
        let live = match entry.packed {
            true => 0,
            false => entry.live,
        };
        let mut tags = usize::from(entry.packed);
        match self.live.get_mut(page) {
            Some(word) => *word = live,
            None => tags |= (live as usize) << LIVE_SHIFT,
        }
        self.node.tagged[page] = entry.page.map_addr(|address| address | tags);
        self.node.born[page] = entry.born;
    }

    /// Notes that whoever may write this leaf made the page of this place as well.
    pub(super) fn set_fresh(&mut self, page: usize) {
        self.node.fresh |= 1 << page;
    }

    /// Replaces the private stamps of the leaf and its fresh pages by a version.
    pub(super) fn publish(&mut self, version: u64) {
        self.node.stamp = version;
        let mut left = self.node.fresh;
        while left != 0 {
            self.node.born[left.trailing_zeros() as usize] = version;
            left &= left - 1;
        }
    }
}

impl InnerNode {
    /// The inner node in a block.
    ///
    /// # Safety
    /// The block holds an inner node, and nobody writes it for `'a`.
    #[inline(always)]
    pub(super) unsafe fn at<'a>(block: Block) -> &'a Self {
        // SAFETY: the caller's promise; blocks are aligned to a cache line, the empty nodes as
        // the type asks.
        unsafe { &*block.as_ptr().cast::<Self>() }
    }

    /// The child of this place.
    #[inline(always)]
    pub(super) fn child(&self, index: usize) -> Block {
        self.children[index & (FANOUT - 1)]
    }

    /// Puts a child into the place `index` of the inner node in a block.
    ///
    /// # Safety
    /// The block holds an inner node, no empty one, and nobody else reads or writes it.
    pub(super) unsafe fn set_child(block: Block, index: usize, child: Block) {
        // SAFETY: the caller's promise.
        let node = unsafe { &mut *block.as_ptr().cast::<Self>() };
        node.children[index] = child;
    }

    /// Replaces the private stamp of the inner node in a block by a version.
    ///
    /// # Safety
    /// As for [`set_child`](Self::set_child).
    pub(super) unsafe fn publish(block: Block, version: u64) {
        // SAFETY: the caller's promise.
        unsafe { &mut *block.as_ptr().cast::<Self>() }.stamp = version;
    }
}

/// Makes a node of this level of a block: a copy of `old` under this stamp, no page of which is
/// fresh.
///
/// # Safety
/// The new block is one of the table's node arena, and nobody else uses it; `old` is another node
/// of the level and of the table's geometry, or an empty one, and nobody writes that.
pub(super) unsafe fn make_node(new: Block, old: Block, level: u32, geometry: Geometry, stamp: u64) {
    let (from, to) = (old.as_ptr().cast_const(), new.as_ptr());
    if level > 0 || geometry.is_narrow() {
        // SAFETY: both are nodes with a head, and differ, since the new one is used by nobody.
        unsafe { std::ptr::copy_nonoverlapping(from, to, HEAD_BYTES) };
    } else {
        // SAFETY: as above; leaves of wide pages, and the empty leaf, also have `live` words.
        unsafe { std::ptr::copy_nonoverlapping(from, to, HEAD_BYTES + LIVE_BYTES) };
    }
    // SAFETY: the stamp lies in the node.
    let place = unsafe { to.add(STAMP_OFFSET) };
    // SAFETY: behind the stamp stands the word of fresh pages, which inner nodes do not use; the
    // block is aligned to a cache line.
    unsafe { place.cast::<[u64; 2]>().write([stamp, 0]) };
}

/// The stamp of a node, leaf or inner; that of an empty node is 0.
///
/// # Safety
/// The block holds a node, and nobody writes it.
#[inline(always)]
pub(super) unsafe fn stamp_of(node: Block) -> u64 {
    // SAFETY: the stamp lies in the node.
    let place = unsafe { node.as_ptr().cast_const().add(STAMP_OFFSET) };
    // SAFETY: nodes are aligned to 8 bytes, and so is the stamp; the caller promises that nobody
    // writes it.
    unsafe { place.cast::<u64>().read() }
}

/// The place, in an inner node of this level, of the child that leads to a leaf.
#[inline(always)]
pub(super) fn child_index(leaf: u64, level: u32) -> usize {
    // Eight levels of 64 children are the most that a table has, so the shift never wraps.
    (leaf.wrapping_shr((level - 1) * FANOUT_BITS) as usize) & (FANOUT - 1)
}
