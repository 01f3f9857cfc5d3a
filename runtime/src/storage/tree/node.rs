//! The nodes of a tree, as they lie in their blocks.

#![expect(unsafe_code, reason = "nodes are reached through addresses")]

use super::Geometry;
use crate::storage::memory::{ADDRESS_BITS, Block};

/// Pages under one leaf.
pub(in crate::storage) const LEAF_PAGES: usize = 16;
/// Children of an inner node, as a power of two.
pub(super) const FANOUT_BITS: u32 = 6;
/// Children of an inner node.
pub(super) const FANOUT: usize = 1 << FANOUT_BITS;

/// The bit of a stamp that says: not published yet. The rest is then a transaction's number.
pub(in crate::storage) const PRIVATE: u64 = 1 << 63;

/// Bytes of a node, leaf or inner.
pub(in crate::storage) const NODE_BYTES: usize = size_of::<LeafNode>();

/// What the tree knows of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEntry {
    /// The page's first byte; null where no id of it was ever used.
    pub(super) page: *mut u8,
    /// Bit i is set where the page's i-th id has a slot.
    pub(super) present: u64,
    /// Bit i is set where the page's i-th id has a record that is not deleted.
    pub(super) live: u64,
    /// The version at which the page became visible, or who may write it.
    pub(super) stamp: u64,
}

impl PageEntry {
    /// Whether ids without a slot lie below ids with one, so that slots have to be counted.
    fn is_packed(&self) -> bool {
        self.present & self.present.wrapping_add(1) != 0
    }

    /// The slot of the id with this bit, where it has one.
    pub(super) fn slot(&self, bit: u32) -> usize {
        match self.is_packed() {
            false => bit as usize,
            true => slot_in_packed(self.present, bit),
        }
    }
}

/// The slot of the id with this bit: the number of ids with slots below it.
fn slot_in_packed(present: u64, bit: u32) -> usize {
    (present & ((1 << bit) - 1)).count_ones() as usize
}

/// Sixteen pages, as arrays rather than entries: a point read of a page of up to sixteen slots
/// needs one word of all this, its tagged address.
///
/// A tagged address is the page's address, in its upper sixteen bits a copy of the first sixteen
/// `live` bits, in its lowest a one where the page is packed.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct LeafNode {
    tagged: [*mut u8; LEAF_PAGES],
    live: [u64; LEAF_PAGES],
    present: [u64; LEAF_PAGES],
    stamps: [u64; LEAF_PAGES],
    pub(super) stamp: u64,
}

/// Sixty-four nodes of the level below.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct InnerNode {
    pub(super) children: [Option<Block>; FANOUT],
    pub(super) stamp: u64,
}

const _: () = assert!(
    size_of::<LeafNode>() == size_of::<InnerNode>(),
    "one arena serves both"
);
const _: () = assert!(size_of::<LeafNode>() == 520);
/// Where a node, leaf or inner, has its stamp.
const STAMP_OFFSET: usize = std::mem::offset_of!(LeafNode, stamp);
const _: () = assert!(STAMP_OFFSET == std::mem::offset_of!(InnerNode, stamp));

/// Slots whose `live` bits fit in a tagged address.
const TAGGED_SLOTS: usize = 16;
const LIVE_SHIFT: u32 = ADDRESS_BITS;
const ADDRESS_MASK: usize = ((1 << ADDRESS_BITS) - 1) & !1;

impl LeafNode {
    /// The entry of the page of this place.
    pub(super) fn entry(&self, page: usize) -> PageEntry {
        PageEntry {
            page: self.tagged[page].map_addr(|address| address & ADDRESS_MASK),
            present: self.present[page],
            live: self.live[page],
            stamp: self.stamps[page],
        }
    }

    /// Replaces the entry of the page of this place.
    pub(super) fn set_entry(&mut self, page: usize, entry: PageEntry) {
        let tags = (entry.live as usize) << LIVE_SHIFT | usize::from(entry.is_packed());
        self.tagged[page] = entry.page.map_addr(|address| address | tags);
        self.present[page] = entry.present;
        self.live[page] = entry.live;
        self.stamps[page] = entry.stamp;
    }

    /// The stamp of the page of this place.
    pub(super) fn page_stamp(&self, page: usize) -> u64 {
        self.stamps[page]
    }

    /// Bit i is set where the i-th id of the page of this place has a record that is not deleted.
    pub(super) fn live(&self, page: usize) -> u64 {
        self.live[page]
    }

    /// Replaces the private stamps of pages by a version.
    pub(super) fn publish(&mut self, version: u64) {
        self.stamp = version;
        for stamp in &mut self.stamps {
            if *stamp & PRIVATE != 0 {
                *stamp = version;
            }
        }
    }

    /// The page of this place and the slot in it of the live record with this bit; none where
    /// there is no such record.
    #[inline(always)]
    pub(super) fn find(
        &self,
        geometry: Geometry,
        page: usize,
        bit: u32,
    ) -> Option<(*mut u8, usize)> {
        let tagged = self.tagged[page];
        let live = match geometry.slots() <= TAGGED_SLOTS {
            true => (tagged.addr() >> LIVE_SHIFT) as u64,
            false => self.live[page],
        };
        if live.wrapping_shr(bit) & 1 == 0 {
            return None;
        }
        let slot = match tagged.addr() & 1 {
            0 => bit as usize,
            _ => slot_in_packed(self.present[page], bit),
        };
        Some((tagged.map_addr(|address| address & ADDRESS_MASK), slot))
    }

    /// The leaf in a block.
    ///
    /// # Safety
    /// The block holds a leaf, and nobody writes it for `'a`.
    pub(super) unsafe fn at<'a>(block: Block) -> &'a Self {
        // SAFETY: the caller's promise; blocks are aligned to 8 bytes.
        unsafe { &*block.as_ptr().cast::<Self>() }
    }

    /// The leaf in a block, to write.
    ///
    /// # Safety
    /// The block holds a leaf, and nobody else reads or writes it for `'a`.
    pub(super) unsafe fn at_mut<'a>(block: Block) -> &'a mut Self {
        // SAFETY: the caller's promise; blocks are aligned to 8 bytes.
        unsafe { &mut *block.as_ptr().cast::<Self>() }
    }
}

impl InnerNode {
    /// The inner node in a block.
    ///
    /// # Safety
    /// The block holds an inner node, and nobody writes it for `'a`.
    pub(super) unsafe fn at<'a>(block: Block) -> &'a Self {
        // SAFETY: the caller's promise; blocks are aligned to 8 bytes.
        unsafe { &*block.as_ptr().cast::<Self>() }
    }

    /// The inner node in a block, to write.
    ///
    /// # Safety
    /// The block holds an inner node, and nobody else reads or writes it for `'a`.
    pub(super) unsafe fn at_mut<'a>(block: Block) -> &'a mut Self {
        // SAFETY: the caller's promise; blocks are aligned to 8 bytes.
        unsafe { &mut *block.as_ptr().cast::<Self>() }
    }
}

/// Makes a node of a block: a copy of `old`, or an empty one, under this stamp.
/// Leaves and inner nodes have their stamps in one place, are of one size, and are empty where all
/// of their bytes are 0.
///
/// # Safety
/// The new block is one of a node arena, and nobody else uses it; `old` holds a node, and nobody
/// writes that.
pub(super) unsafe fn make_node(new: Block, old: Option<Block>, stamp: u64) {
    let address = new.as_ptr();
    match old {
        // SAFETY: both are blocks of a node arena; the new one was just taken, so they differ.
        Some(old) => unsafe {
            std::ptr::copy_nonoverlapping(old.as_ptr().cast_const(), address, NODE_BYTES);
        },
        // SAFETY: a block of a node arena has the bytes of a node.
        None => unsafe { address.write_bytes(0, NODE_BYTES) },
    }
    // SAFETY: the stamp lies in the node.
    let place = unsafe { address.add(STAMP_OFFSET) };
    // SAFETY: the block is aligned to 8 bytes, and so is the stamp.
    unsafe { place.cast::<u64>().write(stamp) };
}

/// The stamp of a node, leaf or inner.
///
/// # Safety
/// The block holds a node, and nobody writes it.
pub(super) unsafe fn stamp_of(node: Block) -> u64 {
    // SAFETY: the stamp lies in the node.
    let place = unsafe { node.as_ptr().add(STAMP_OFFSET) };
    // SAFETY: the block is aligned to 8 bytes, and so is the stamp; the caller promises that
    // nobody writes it.
    unsafe { place.cast::<u64>().read() }
}

/// The child of a node of this level that leads to a leaf.
#[inline(always)]
pub(super) fn child_index(leaf: u64, level: u32) -> usize {
    // Six levels of 64 children are more than any table has, so the shift never wraps.
    (leaf.wrapping_shr((level - 1) * FANOUT_BITS) as usize) & (FANOUT - 1)
}
