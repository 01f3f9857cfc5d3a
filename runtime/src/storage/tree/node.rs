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
    const NONE: Self = Self {
        page: std::ptr::null_mut(),
        present: 0,
        live: 0,
        stamp: 0,
    };

    /// The slot of the id with this bit, where it has one.
    pub(super) fn slot(&self, bit: u32) -> usize {
        let below = self.present & ((1 << bit) - 1);
        // Pages that were never packed have all bits below set, and need no count.
        if below == (1 << bit) - 1 {
            bit as usize
        } else {
            below.count_ones() as usize
        }
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
    pub(super) const EMPTY: Self = Self {
        stamp: 0,
        reserved: [0; 7],
        pages: [PageEntry::NONE; LEAF_PAGES],
    };

    /// The same node under another stamp.
    pub(super) fn with_stamp(self, stamp: u64) -> Self {
        Self { stamp, ..self }
    }

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

    /// Makes a leaf of a block.
    ///
    /// # Safety
    /// The block is one of a node arena, and nobody else uses it.
    pub(super) unsafe fn put(self, block: Block) {
        // SAFETY: the caller's promise; blocks of the node arena have the size of a leaf.
        unsafe { block.as_ptr().cast::<Self>().write(self) };
    }
}

impl InnerNode {
    pub(super) const EMPTY: Self = Self {
        stamp: 0,
        reserved: [0; 7],
        children: [None; FANOUT],
    };

    /// The same node under another stamp.
    pub(super) fn with_stamp(self, stamp: u64) -> Self {
        Self { stamp, ..self }
    }

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

    /// Makes an inner node of a block.
    ///
    /// # Safety
    /// The block is one of a node arena, and nobody else uses it.
    pub(super) unsafe fn put(self, block: Block) {
        // SAFETY: the caller's promise; blocks of the node arena have the size of an inner node.
        unsafe { block.as_ptr().cast::<Self>().write(self) };
    }
}

/// The child of a node of this level that leads to a leaf.
pub(super) fn child_index(leaf: u64, level: u32) -> usize {
    (leaf >> ((level - 1) * FANOUT_BITS)) as usize % FANOUT
}
