//! What a staged tree makes and replaces, and what becomes of it.

#![expect(unsafe_code, reason = "what was made is reached through addresses")]

use smallvec::SmallVec;

use super::{
    Geometry,
    node::{InnerNode, LEAF_PAGES, LeafMut, LeafRef, PRIVATE},
    tail,
};
use crate::storage::memory::Block;

/// A block that a tree no longer reaches.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Retired {
    pub(in crate::storage) block: Block,
    pub(in crate::storage) side: Side,
    /// The version from which on it was visible, or a private stamp where it never was.
    pub(in crate::storage) born: u64,
}

/// What a block of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Side {
    Page,
    /// A packed page of this class.
    Packed(usize),
    Node,
    Tail {
        /// The size of the block that was asked for.
        bytes: u32,
    },
}

/// A node that a staged tree made.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) enum NewNode {
    Leaf(Block),
    Inner(Block),
}

/// A tail that a staged tree made, and the bytes of its block.
type NewTail = (Block, u32);

/// What one transaction makes in one tree: the path to one page without an allocation.
pub(in crate::storage) type NewNodes = SmallVec<[NewNode; 4]>;
/// What one transaction replaces in one tree: a page and the path to it without an allocation.
pub(in crate::storage) type RetiredBlocks = SmallVec<[Retired; 4]>;

/// What a staged tree leaves behind when it becomes part of a draft.
pub(in crate::storage) struct StagedParts {
    /// The stamp of what was made, until it is published.
    stamp: u64,
    /// What was made, and is reached by nobody else until it is published.
    pub(super) new_nodes: NewNodes,
    pub(super) new_tails: Vec<NewTail>,
    pub(in crate::storage) retired: RetiredBlocks,
}

impl StagedParts {
    /// Nothing yet, under a private stamp.
    pub(super) fn new(stamp: u64) -> Self {
        Self {
            stamp,
            new_nodes: NewNodes::new(),
            new_tails: Vec::new(),
            retired: RetiredBlocks::new(),
        }
    }
}

/// Writes the version into what a draft made, just before it is published.
///
/// # Safety
/// The parts were made for this draft in a tree of this geometry, and no other thread can reach
/// them yet.
pub(in crate::storage) unsafe fn stamp_new_parts(
    parts: &StagedParts,
    geometry: Geometry,
    version: u64,
) {
    for node in &parts.new_nodes {
        match *node {
            NewNode::Leaf(block) => {
                // SAFETY: the caller's promise.
                unsafe { LeafMut::at(block, geometry) }.publish(version);
            }
            // SAFETY: the caller's promise.
            NewNode::Inner(block) => unsafe { InnerNode::publish(block, version) },
        }
    }
    for (block, _) in &parts.new_tails {
        // SAFETY: the caller's promise.
        unsafe { tail::publish(*block, version) };
    }
}

/// All blocks that a staged tree made: its nodes, the pages that its leaves call fresh, and its
/// tails.
///
/// # Safety
/// The parts are of a tree of this geometry, unpublished, and nobody else uses them any more.
pub(in crate::storage) unsafe fn made_blocks(
    parts: &StagedParts,
    geometry: Geometry,
) -> Vec<Retired> {
    let mut made = Vec::new();
    let mut add = |block, side| {
        made.push(Retired {
            block,
            side,
            born: PRIVATE,
        });
    };
    for node in &parts.new_nodes {
        let block = match *node {
            NewNode::Inner(block) => block,
            NewNode::Leaf(block) => {
                // SAFETY: the caller's promise.
                let leaf = unsafe { LeafRef::at(block, geometry) };
                for page in (0..LEAF_PAGES).filter(|page| leaf.is_fresh(*page)) {
                    let entry = leaf.entry(page);
                    let class = geometry.packed_class(entry.live.count_ones() as usize);
                    let side = match class {
                        Some(class) if entry.packed => Side::Packed(class),
                        _ => Side::Page,
                    };
                    if let Some(page) = Block::from_ptr(entry.page) {
                        add(page, side);
                    }
                }
                block
            }
        };
        add(block, Side::Node);
    }
    for (block, bytes) in &parts.new_tails {
        add(*block, Side::Tail { bytes: *bytes });
    }
    // Packed pages that it made and then wrote at full size.
    let own = |retired: &&Retired| {
        retired.born == parts.stamp && !matches!(retired.side, Side::Tail { .. })
    };
    made.extend(parts.retired.iter().filter(own));
    made
}
