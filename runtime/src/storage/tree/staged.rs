//! Changing a tree without anybody seeing it: copies of the path to what changes, private to one
//! transaction until they are published.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use std::{fmt, sync::Arc};

use smallvec::SmallVec;

use super::{
    Tree, TreeView,
    node::{InnerNode, LEAF_PAGES, LeafNode, PRIVATE, PageEntry, child_index, make_node, stamp_of},
};
use crate::{
    schema::RecordId,
    storage::{StorageError, cast::SlotBytes, memory::Block, table::TableMemory},
};

/// The most record ids of a table, so that no arithmetic on them overflows.
const ID_MAX: u64 = 1 << 48;

/// A block that a tree no longer reaches.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Retired {
    pub(in crate::storage) block: Block,
    pub(in crate::storage) side: Side,
    /// Its stamp: the version from which on it was visible, or private where it never was.
    pub(in crate::storage) born: u64,
}

/// Which of a table's two arenas a block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Side {
    Page,
    Node,
}

/// A node that a staged tree made.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) enum NewNode {
    Leaf(Block),
    Inner(Block),
}

impl NewNode {
    pub(in crate::storage) fn block(self) -> Block {
        match self {
            Self::Leaf(block) | Self::Inner(block) => block,
        }
    }
}

/// A tree with the changes of one transaction. Dropping it gives back all that it made.
pub(crate) struct StagedTree {
    pub(super) tree: Tree,
    pub(super) memory: Arc<TableMemory>,
    /// [`PRIVATE`] with the number of the transaction.
    pub(super) stamp: u64,
    /// What was made and replaced, in a box, so that the tree moves through a commit as a few words;
    /// none only once it was taken.
    parts: Option<Box<StagedParts>>,
}

/// What one transaction makes in one tree: the path to one page without an allocation.
pub(in crate::storage) type NewNodes = SmallVec<[NewNode; 4]>;
/// What one transaction replaces in one tree: a page and the path to it without an allocation.
pub(in crate::storage) type RetiredBlocks = SmallVec<[Retired; 4]>;

impl fmt::Debug for StagedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedTree")
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
}

/// What a staged tree leaves behind when it becomes part of a draft.
pub(in crate::storage) struct StagedParts {
    /// The stamp of what it made, until that is published.
    pub(in crate::storage) stamp: u64,
    pub(in crate::storage) new_nodes: NewNodes,
    pub(in crate::storage) retired: RetiredBlocks,
}

impl StagedTree {
    /// Stages changes on `tree`, whose memory is `memory`, under a transaction number that no
    /// other transaction has.
    ///
    /// # Safety
    /// `tree` is empty, or part of a snapshot or draft that lives as long as this staged tree.
    pub(crate) unsafe fn new(tree: Tree, memory: Arc<TableMemory>, transaction: u64) -> Self {
        Self {
            tree,
            memory,
            stamp: PRIVATE | transaction,
            parts: Some(Box::new(StagedParts {
                stamp: PRIVATE | transaction,
                new_nodes: NewNodes::new(),
                retired: RetiredBlocks::new(),
            })),
        }
    }

    /// The tree with the changes so far.
    pub(crate) fn view(&self) -> TreeView<'_> {
        // SAFETY: while the staged tree is borrowed shared nobody writes its private parts, and
        // what it shares with its base lives by the promise given to `new`.
        unsafe { self.tree.view() }
    }

    /// Adds a record and gives its bytes to be written, all of them.
    pub(crate) fn insert(&mut self, id: RecordId) -> Result<&mut [u8], StorageError> {
        if id.get() > ID_MAX {
            return Err(StorageError::IdOutOfRange { id });
        }
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        self.grow_to(leaf)?;
        if self.view().get(id).is_some() {
            return Err(StorageError::IdTaken { id });
        }
        let block = self.leaf_for_write(leaf)?;
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        let node = unsafe { LeafNode::at_mut(block) };
        let mut entry = node.entry(page);
        self.page_for_write(&mut entry)?;
        self.make_slot(&mut entry, bit);
        entry.live |= 1 << bit;
        node.set_entry(page, entry);
        Ok(self.slot_mut(&entry, bit))
    }

    /// The bytes of a live record, to change; none where there is no such record.
    pub(crate) fn update(&mut self, id: RecordId) -> Result<Option<SlotBytes<'_>>, StorageError> {
        if self.view().get(id).is_none() {
            return Ok(None);
        }
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let block = self.leaf_for_write(leaf)?;
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        let node = unsafe { LeafNode::at_mut(block) };
        let mut entry = node.entry(page);
        self.page_for_write(&mut entry)?;
        node.set_entry(page, entry);
        Ok(Some(SlotBytes(self.slot_mut(&entry, bit))))
    }

    /// Marks a record deleted, without copying its page; false where there is no such record.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<bool, StorageError> {
        if self.view().get(id).is_none() {
            return Ok(false);
        }
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let block = self.leaf_for_write(leaf)?;
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        let node = unsafe { LeafNode::at_mut(block) };
        let mut entry = node.entry(page);
        entry.live &= !(1 << bit);
        node.set_entry(page, entry);
        Ok(true)
    }

    /// Takes over what leaf writers retired.
    pub(in crate::storage) fn retire(&mut self, retired: impl IntoIterator<Item = Retired>) {
        self.parts().retired.extend(retired);
    }

    /// Ends the staging: the tree, and what becomes of the blocks around it.
    pub(in crate::storage) fn into_parts(mut self) -> (Tree, Box<StagedParts>) {
        let parts = self.parts.take().expect("they are taken here only");
        (self.tree, parts)
    }

    fn parts(&mut self) -> &mut StagedParts {
        self.parts
            .as_mut()
            .expect("they are taken only with the tree")
    }

    /// Adds levels above the root until the tree has room for a leaf.
    fn grow_to(&mut self, leaf: u64) -> Result<(), StorageError> {
        while leaf >= Tree::leaf_room(self.tree.height) {
            if let Some(root) = self.tree.root {
                let new = self.node_for_write(None, self.tree.height + 1)?;
                // SAFETY: the node was just made by this tree, which is borrowed exclusively.
                unsafe { InnerNode::at_mut(new) }.children[0] = Some(root);
                self.tree.root = Some(new);
            }
            self.tree.height += 1;
        }
        Ok(())
    }

    /// The leaf with this number, made or copied where it is not private yet, and the path to it.
    pub(super) fn leaf_for_write(&mut self, leaf: u64) -> Result<Block, StorageError> {
        let height = self.tree.height;
        let root = self.node_for_write(self.tree.root, height)?;
        self.tree.root = Some(root);
        let mut block = root;
        for level in (1..=height).rev() {
            let index = child_index(leaf, level);
            // SAFETY: the node is private to this tree, which is borrowed exclusively.
            let child = unsafe { InnerNode::at(block) }.children[index];
            let new = self.node_for_write(child, level - 1)?;
            // SAFETY: as above; the shared borrow has ended.
            unsafe { InnerNode::at_mut(block) }.children[index] = Some(new);
            block = new;
        }
        Ok(block)
    }

    /// A private node of this level in the place of `old`.
    fn node_for_write(&mut self, old: Option<Block>, level: u32) -> Result<Block, StorageError> {
        if let Some(old) = old {
            // SAFETY: a node begins with its stamp, and `old` can be read, since this tree
            // reaches it.
            let stamp = unsafe { stamp_of(old) };
            if stamp == self.stamp {
                return Ok(old);
            }
            let new = self.new_node(Some(old), level)?;
            self.parts().retired.push(Retired {
                block: old,
                side: Side::Node,
                born: stamp,
            });
            return Ok(new);
        }
        self.new_node(None, level)
    }

    fn new_node(&mut self, old: Option<Block>, level: u32) -> Result<Block, StorageError> {
        let new = self.memory.nodes.take()?;
        // SAFETY: the block was just taken from the node arena, and `old` is reached by others at
        // most to be read.
        unsafe { make_node(new, old, self.stamp) };
        self.parts().new_nodes.push(match level {
            0 => NewNode::Leaf(new),
            _ => NewNode::Inner(new),
        });
        Ok(new)
    }

    /// Makes the page of an entry private: a new one where there is none, else a copy.
    fn page_for_write(&mut self, entry: &mut PageEntry) -> Result<(), StorageError> {
        if entry.stamp == self.stamp && !entry.page.is_null() {
            return Ok(());
        }
        let new = self.memory.pages.take()?;
        if let Some(old) = copy_page(entry, new, self.stamp, self.tree.geometry.record_bytes()) {
            self.parts().retired.push(old);
        }
        Ok(())
    }

    /// Gives the id with this bit a slot in a private page.
    fn make_slot(&self, entry: &mut PageEntry, bit: u32) {
        let mask = 1_u64 << bit;
        if entry.present & mask != 0 {
            return;
        }
        let highest_end = 64 - entry.present.leading_zeros();
        if bit >= highest_end {
            let never_packed = entry.present.count_ones() == highest_end;
            // The slots of skipped ids stay free for them, since transactions that drew those ids
            // may commit later; a packed page has no room for that.
            entry.present |= if never_packed {
                mask | (mask - 1)
            } else {
                mask
            };
            return;
        }
        // The page was packed and an id below its last comes back: its successors make room.
        let record_bytes = self.tree.geometry.record_bytes();
        let slot = entry.slot(bit);
        let behind = entry.present.count_ones() as usize - slot;
        // SAFETY: the slot lies in the private page.
        let from = unsafe { entry.page.add(slot * record_bytes) };
        // SAFETY: fewer ids have slots than the page has, so there is room for one more behind.
        let to = unsafe { from.add(record_bytes) };
        // SAFETY: both ranges lie in the private page; `copy` allows them to overlap.
        unsafe { std::ptr::copy(from, to, behind * record_bytes) };
        entry.present |= mask;
    }

    fn slot_mut(&mut self, entry: &PageEntry, bit: u32) -> &mut [u8] {
        let record_bytes = self.tree.geometry.record_bytes();
        // SAFETY: the id has a slot, which lies in the page.
        let address = unsafe { entry.page.add(entry.slot(bit) * record_bytes) };
        // SAFETY: the page is private to this tree, which is borrowed exclusively; all bytes of a
        // block are initialised.
        unsafe { std::slice::from_raw_parts_mut(address, record_bytes) }
    }
}

/// Puts a copy of an entry's page, or nothing where it has none, into `new`, and says what was
/// replaced.
pub(super) fn copy_page(
    entry: &mut PageEntry,
    new: Block,
    stamp: u64,
    record_bytes: usize,
) -> Option<Retired> {
    let old = Block::from_ptr(entry.page);
    if let Some(old) = old {
        let used = entry.present.count_ones() as usize * record_bytes;
        // SAFETY: both are pages of this table, of which `used` bytes hold slots; the new one was
        // just taken, so they are distinct.
        unsafe { std::ptr::copy_nonoverlapping(old.as_ptr(), new.as_ptr(), used) };
    }
    let retired = old.map(|block| Retired {
        block,
        side: Side::Page,
        born: entry.stamp,
    });
    entry.page = new.as_ptr();
    entry.stamp = stamp;
    retired
}

impl Drop for StagedTree {
    fn drop(&mut self) {
        let (mut pages, mut nodes) = (Vec::new(), Vec::new());
        let Some(parts) = self.parts.take() else {
            return;
        };
        for node in parts.new_nodes {
            let own = |stamp| stamp == self.stamp;
            // SAFETY: this tree made the node, nothing was published of it, and it is going away.
            pages.extend(unsafe { pages_of(node, own) });
            nodes.push(node.block());
        }
        self.memory.pages.give_back(pages.into_iter());
        self.memory.nodes.give_back(nodes.into_iter());
        self.memory.trim_if_refused();
    }
}

/// Writes the version into what a draft made, just before it is published.
///
/// # Safety
/// The nodes were made for this draft, and no other thread can reach them yet.
pub(in crate::storage) unsafe fn stamp_new_nodes(nodes: &[NewNode], version: u64) {
    for node in nodes {
        match *node {
            NewNode::Leaf(block) => {
                // SAFETY: the caller's promise.
                unsafe { LeafNode::at_mut(block) }.publish(version);
            }
            // SAFETY: the caller's promise.
            NewNode::Inner(block) => unsafe { InnerNode::at_mut(block) }.stamp = version,
        }
    }
}

/// The pages of a node, where it is a leaf, whose stamps are `wanted`.
///
/// # Safety
/// The node is private to a staged tree or draft that is borrowed exclusively.
pub(in crate::storage) unsafe fn pages_of(
    node: NewNode,
    wanted: impl Fn(u64) -> bool,
) -> impl Iterator<Item = Block> {
    let leaf = match node {
        // SAFETY: the caller's promise.
        NewNode::Leaf(block) => Some(unsafe { LeafNode::at(block) }),
        NewNode::Inner(_) => None,
    };
    let entries = leaf
        .into_iter()
        .flat_map(|leaf| (0..LEAF_PAGES).map(|page| leaf.entry(page)));
    entries
        .filter(move |entry| wanted(entry.stamp))
        .filter_map(|entry| Block::from_ptr(entry.page))
}
