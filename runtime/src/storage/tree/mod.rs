//! A table's pages under a radix tree over record ids, copied on write.
//!
//! A record's *index* is its id less one. The lowest bits of the index are its bit in a page, the
//! next four its page in a leaf, and each six above them its child in a node further up.
//!
//! Invariants:
//! - A node or page whose stamp is a version is never written; one that is private is written by
//!   the transaction of its number and reached by nobody else.
//! - The slot of an id is the number of `present` bits below its own; so a page may be packed
//!   without changing an id. A `live` bit is always also a `present` one.
//! - Bytes of a slot whose `live` bit is set are a valid record of the table.

mod difference;
mod node;
mod pass;
mod staged;
mod view;

use node::LEAF_PAGES;
pub(super) use node::{NODE_BYTES, PRIVATE};
pub(super) use pass::{LeafWriter, PassSlot};
pub(crate) use staged::StagedTree;
pub(super) use staged::{Retired, RetiredBlocks, Side, StagedParts, pages_of, stamp_new_nodes};
pub(crate) use view::TreeView;
pub(super) use view::{Leaf, Page};

use super::memory::Block;

/// How the records of one table lie in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    record_bytes: u32,
    /// Two to this power slots are in a page.
    slot_bits: u32,
}

/// The least bytes in a page, where 64 records or fewer have as many: small enough that a random
/// write copies little, large enough that a page's entry in its leaf is 3 % of it.
const PAGE_BYTES_MIN: usize = 1024;

/// The most slots in a page, so that one `u64` has a bit for each.
const SLOTS_MAX: usize = 64;

impl Geometry {
    /// For records of this many bytes, from 1 to 65,536.
    pub(crate) fn new(record_bytes: usize) -> Self {
        let slots = PAGE_BYTES_MIN
            .div_ceil(record_bytes)
            .next_power_of_two()
            .min(SLOTS_MAX);
        let record_bytes = u32::try_from(record_bytes).expect("a record has at most 64 KiB");
        Self {
            record_bytes,
            slot_bits: slots.trailing_zeros(),
        }
    }

    /// Bytes of a record.
    pub(crate) fn record_bytes(self) -> usize {
        self.record_bytes as usize
    }

    /// Slots in a page.
    pub(crate) fn slots(self) -> usize {
        1 << self.slot_bits
    }

    /// Bytes of a page.
    pub(crate) fn page_bytes(self) -> usize {
        self.record_bytes() << self.slot_bits
    }

    /// The place of a record index: its leaf, its page in the leaf, its bit in the page.
    #[inline(always)]
    pub(super) fn place(self, index: u64) -> (u64, usize, u32) {
        let page = index.wrapping_shr(self.slot_bits);
        let bit = (index & ((1 << self.slot_bits) - 1)) as u32;
        (
            page / LEAF_PAGES as u64,
            (page % LEAF_PAGES as u64) as usize,
            bit,
        )
    }
}

/// The tree of one table at one version: the address of its root. Who holds it says why the
/// memory behind it is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: Option<Block>,
    /// Levels of inner nodes above the leaves.
    height: u32,
    geometry: Geometry,
}

impl Tree {
    /// The tree of a table without records.
    pub(crate) fn empty(geometry: Geometry) -> Self {
        Self {
            root: None,
            height: 0,
            geometry,
        }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Leaves that a tree of this height has room for.
    fn leaf_room(height: u32) -> u64 {
        1_u64
            .checked_shl(height * node::FANOUT_BITS)
            .unwrap_or(u64::MAX)
    }
}
