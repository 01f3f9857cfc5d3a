//! Making the way to a page private: copies of the nodes on it, and of the page.

#![expect(unsafe_code, reason = "nodes are reached through addresses")]

use smallvec::SmallVec;

use super::{
    Geometry, StagedTree, Tree,
    node::{InnerNode, LEVELS_MAX, LeafMut, LeafRef, child_index, empty_node, make_node, stamp_of},
    page_copy,
    parts::{NewNode, Retired, Side},
};
use crate::storage::{StorageError, memory::Block};

impl StagedTree {
    /// Adds levels above the root until the tree has room for a leaf.
    fn grow_to(&mut self, leaf: u64) -> Result<(), StorageError> {
        while leaf >= Tree::leaf_room(self.tree.height) {
            let level = self.tree.height + 1;
            if self.tree.root != empty_node(self.tree.height) {
                let new = self.take(Side::Node)?;
                self.make(new, empty_node(level), level);
                // SAFETY: the node was just made by this tree, which is borrowed exclusively.
                unsafe { InnerNode::set_child(new, 0, self.tree.root) };
                self.tree.root = new;
            } else {
                self.tree.root = empty_node(level);
            }
            self.tree.height = level;
            self.tree.room = Tree::room(self.tree.geometry, level);
        }
        Ok(())
    }

    /// The leaf with this number, private like its page of this place, which has full size.
    pub(super) fn leaf_with_page(
        &mut self,
        leaf: u64,
        page: usize,
    ) -> Result<LeafMut<'_>, StorageError> {
        let block = self.private_leaf(leaf, Some(page))?;
        Ok(self.leaf_mut(block))
    }

    /// The leaf with this number, made or copied where it is not private yet, and the path to it;
    /// with it the page of this place, if one is asked for. All or nothing.
    pub(super) fn private_leaf(
        &mut self,
        leaf: u64,
        page: Option<usize>,
    ) -> Result<Block, StorageError> {
        let geometry = self.tree.geometry;
        if let Some((number, block)) = self.recent
            && number == leaf
        {
            if let Some(page) = page {
                self.private_page(block, page)?;
            }
            return Ok(block);
        }
        self.grow_to(leaf)?;
        let missing = self.missing_nodes(leaf);
        let private = |page: usize| {
            // SAFETY: this tree reaches the leaf where no node on the way to it is missing.
            missing == 0 && unsafe { has_page(self.leaf_block(leaf), geometry, page) }
        };
        let wants_page = page.is_some_and(|page| !private(page));
        let mut taken: SmallVec<[Block; LEVELS_MAX + 2]> = SmallVec::new();
        let mut new_page = None;
        if missing > 0 || wants_page {
            let mut arenas = self.memory.lock();
            if wants_page {
                new_page = Some(arenas.pages.take()?);
            }
            if let Err(error) = arenas.nodes.take_many(missing, &mut taken) {
                arenas.pages.give_back(new_page.into_iter());
                return Err(error);
            }
        }
        let block = self.private_path(leaf, &mut taken);
        self.recent = Some((leaf, block));
        if let (Some(page), Some(new)) = (page, new_page) {
            self.renew_page(block, page, new);
        }
        Ok(block)
    }

    /// Nodes on the way to a leaf, itself included, that are not private yet: those below the last
    /// private one.
    fn missing_nodes(&self, leaf: u64) -> usize {
        let mut node = self.tree.root;
        let mut level = self.tree.height;
        loop {
            // SAFETY: this tree reaches the node, and nobody else writes what it reaches.
            if unsafe { stamp_of(node) } != self.stamp {
                return level as usize + 1;
            }
            if level == 0 {
                return 0;
            }
            // SAFETY: as above; at this level it is an inner node.
            node = unsafe { InnerNode::at(node) }.child(child_index(leaf, level));
            level -= 1;
        }
    }

    fn leaf_block(&self, leaf: u64) -> Block {
        let mut node = self.tree.root;
        for level in (1..=self.tree.height).rev() {
            // SAFETY: this tree reaches the node; above the leaves all nodes are inner ones.
            node = unsafe { InnerNode::at(node) }.child(child_index(leaf, level));
        }
        node
    }

    /// Makes the nodes on the way to a leaf private with the blocks `taken`, and gives the leaf.
    fn private_path(&mut self, leaf: u64, taken: &mut SmallVec<[Block; LEVELS_MAX + 2]>) -> Block {
        let mut above: Option<(Block, usize)> = None;
        let mut node = self.tree.root;
        let mut level = self.tree.height;
        loop {
            // SAFETY: this tree reaches the node.
            let stamp = unsafe { stamp_of(node) };
            if stamp != self.stamp {
                let new = taken.pop().expect("as many were taken as are missing");
                self.make(new, node, level);
                if node != empty_node(level) {
                    self.parts().retired.push(Retired {
                        block: node,
                        side: Side::Node,
                        born: stamp,
                    });
                }
                match above {
                    // SAFETY: the node above is private to this tree, which is borrowed
                    // exclusively.
                    Some((above, index)) => unsafe { InnerNode::set_child(above, index, new) },
                    None => self.tree.root = new,
                }
                node = new;
            }
            if level == 0 {
                return node;
            }
            let index = child_index(leaf, level);
            above = Some((node, index));
            // SAFETY: this tree reaches the node, an inner one.
            node = unsafe { InnerNode::at(node) }.child(index);
            level -= 1;
        }
    }

    /// Makes a private node of a block: a copy of `old`.
    fn make(&mut self, new: Block, old: Block, level: u32) {
        // SAFETY: the block was just taken from the node arena, and `old` is reached by others at
        // most to be read.
        unsafe { make_node(new, old, level, self.tree.geometry, self.stamp) };
        self.parts().new_nodes.push(match level {
            0 => NewNode::Leaf(new),
            _ => NewNode::Inner(new),
        });
    }

    /// Makes the page of a private leaf private, where it is not.
    fn private_page(&mut self, leaf: Block, page: usize) -> Result<(), StorageError> {
        // SAFETY: the leaf is private to this tree.
        if unsafe { has_page(leaf, self.tree.geometry, page) } {
            return Ok(());
        }
        let new = self.take(Side::Page)?;
        self.renew_page(leaf, page, new);
        Ok(())
    }

    fn renew_page(&mut self, leaf: Block, page: usize, new: Block) {
        let (geometry, stamp) = (self.tree.geometry, self.stamp);
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        let mut node = unsafe { LeafMut::at(leaf, geometry) };
        let retired = &mut self.parts().retired;
        let mut retire = |block| retired.push(block);
        page_copy::renew_page(&mut node, page, new, stamp, geometry, &mut retire);
    }
}

/// Whether a private leaf has a page of this place that is private as well, and of full size.
///
/// # Safety
/// The block holds a private leaf of this geometry, which nobody writes meanwhile.
unsafe fn has_page(leaf: Block, geometry: Geometry, page: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { LeafRef::at(leaf, geometry) }.has_page(page)
}
