//! The nodes of a tree, as they lie in their blocks.

#![expect(unsafe_code, reason = "nodes are reached through addresses")]

use crate::storage::memory::Block;

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
#[repr(C)]
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
    /// The slot of the id with this bit, where it has one.
    #[inline(always)]
    pub(super) fn slot(&self, bit: u32) -> usize {
        // Pages that were never packed have no gap below their last slot, and need no count.
        if self.present & self.present.wrapping_add(1) == 0 {
            return bit as usize;
        }
        (self.present & ((1 << bit) - 1)).count_ones() as usize
    }
}

/// Sixteen pages. It fills nine cache lines, the first with the stamp.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct LeafNode {
    pub(super) stamp: u64,
    reserved: [u64; 7],
    pub(super) pages: [PageEntry; LEAF_PAGES],
}

/// Sixty-four nodes of the level below.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct InnerNode {
    pub(super) stamp: u64,
    reserved: [u64; 7],
    pub(super) children: [Option<Block>; FANOUT],
}

const _: () = assert!(
    size_of::<LeafNode>() == size_of::<InnerNode>(),
    "one arena serves both"
);
const _: () = assert!(size_of::<LeafNode>() == 576);

impl LeafNode {
    /// The leaf in a block.
    ///
    /// # Safety
    /// The block holds a leaf, and nobody writes it for `'a`.
    pub(super) unsafe fn at<'a>(block: Block) -> &'a Self {
        // SAFETY: the caller's promise; blocks are aligned to 64 bytes.
        unsafe { &*block.as_ptr().cast::<Self>() }
    }

    /// The leaf in a block, to write.
    ///
    /// # Safety
    /// The block holds a leaf, and nobody else reads or writes it for `'a`.
    pub(super) unsafe fn at_mut<'a>(block: Block) -> &'a mut Self {
        // SAFETY: the caller's promise; blocks are aligned to 64 bytes.
        unsafe { &mut *block.as_ptr().cast::<Self>() }
    }
}

impl InnerNode {
    /// The inner node in a block.
    ///
    /// # Safety
    /// The block holds an inner node, and nobody writes it for `'a`.
    pub(super) unsafe fn at<'a>(block: Block) -> &'a Self {
        // SAFETY: the caller's promise; blocks are aligned to 64 bytes.
        unsafe { &*block.as_ptr().cast::<Self>() }
    }

    /// The inner node in a block, to write.
    ///
    /// # Safety
    /// The block holds an inner node, and nobody else reads or writes it for `'a`.
    pub(super) unsafe fn at_mut<'a>(block: Block) -> &'a mut Self {
        // SAFETY: the caller's promise; blocks are aligned to 64 bytes.
        unsafe { &mut *block.as_ptr().cast::<Self>() }
    }
}

/// Makes a node of a block: a copy of `old`, or an empty one, under this stamp.
/// Leaves and inner nodes begin with their stamps, are of one size, and are empty where all
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
    // SAFETY: a node begins with its stamp, at the alignment of the block.
    unsafe { address.cast::<u64>().write(stamp) };
}

/// The stamp of a node, leaf or inner.
///
/// # Safety
/// The block holds a node, and nobody writes it.
pub(super) unsafe fn stamp_of(node: Block) -> u64 {
    // SAFETY: a node begins with its stamp, at the alignment of the block.
    unsafe { node.as_ptr().cast::<u64>().read() }
}

/// The child of a node of this level that leads to a leaf.
#[inline(always)]
pub(super) fn child_index(leaf: u64, level: u32) -> usize {
    // Six levels of 64 children are more than any table has, so the shift never wraps.
    (leaf.wrapping_shr((level - 1) * FANOUT_BITS) as usize) & (FANOUT - 1)
}
