//! A table's pages under a radix tree over record ids, copied on write.
//!
//! A record's *index* is its id less one. The lowest bits of the index are its bit in a page, the
//! next five its page in a leaf, and each six above them its child in a node further up.
//!
//! Invariants:
//! - A node or page that was published is never written; one that is private is written by the
//!   transaction whose stamp its leaf has, and reached by nobody else.
//! - The record of bit i stands in slot i of its page or, in a packed page, behind those of the
//!   lower bits that are set. So a page may be packed without changing an id.
//! - A packed page is never written: who changes it writes a page of full size in its place.
//! - Bytes of a slot whose `live` bit is set are a valid record of the table, and the address of
//!   its tail, where the table has tails, is null or leads to one.
//! - Where a tree has nothing, an empty node stands, which is a constant of the program.

mod difference;
mod geometry;
mod node;
mod page_copy;
mod parts;
mod pass;
mod path;
mod staged;
mod tail;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use geometry::Geometry;
pub(super) use geometry::PACKED_CLASSES;
pub(super) use node::{PRIVATE, node_bytes};
pub(super) use parts::{Retired, RetiredBlocks, Side, StagedParts, made_blocks, stamp_new_parts};
pub(super) use pass::{LeafWriter, PassSlot};
pub(crate) use staged::StagedTree;
pub(crate) use view::TreeView;
pub(super) use view::{Leaf, Page, prefetch_record};

use super::memory::Block;

/// The tree of one table at one version: the address of its root. Who holds it says why the
/// memory behind it is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: Block,
    /// Levels of inner nodes above the leaves.
    height: u32,
    geometry: Geometry,
    /// Record indexes that there is room for: those of all records are below this.
    room: u64,
}

impl Tree {
    /// The tree of a table without records.
    pub(crate) fn empty(geometry: Geometry) -> Self {
        Self {
            root: node::empty_node(node::HEIGHT_MIN),
            height: node::HEIGHT_MIN,
            geometry,
            room: Self::room(geometry, node::HEIGHT_MIN),
        }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Leaves that a tree of this height has room for.
    fn leaf_room(height: u32) -> u64 {
        1_u64 << (height * node::FANOUT_BITS)
    }

    fn room(geometry: Geometry, height: u32) -> u64 {
        let slots = (geometry.slots() * node::LEAF_PAGES) as u64;
        Self::leaf_room(height).saturating_mul(slots)
    }
}
