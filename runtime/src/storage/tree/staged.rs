//! Changing a tree without anybody seeing it: copies of the path to what changes, private to one
//! transaction until they are published.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use std::{fmt, sync::Arc};

use smallvec::SmallVec;

use super::{
    Geometry, Tree, TreeView,
    geometry::{PACKED_HEADER_BYTES, TAIL_BYTES},
    node::{
        InnerNode, LEAF_PAGES, LEVELS_MAX, LeafMut, LeafRef, PRIVATE, PageEntry, child_index,
        empty_node, make_node, stamp_of,
    },
    tail,
};
use crate::{
    schema::RecordId,
    storage::{StorageError, cast::SlotBytes, memory::Block, table_memory::TableMemory},
};

/// The most record ids of a table, so that no arithmetic on them overflows.
const ID_MAX: u64 = 1 << 48;

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

/// A tree with the changes of one transaction. Dropping it gives back all that it made.
pub(crate) struct StagedTree {
    pub(super) tree: Tree,
    pub(super) memory: Arc<TableMemory>,
    /// [`PRIVATE`] with the number of the transaction.
    pub(super) stamp: u64,
    /// The leaf that was written last, and its number: it is private.
    recent: Option<(u64, Block)>,
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
    /// The stamp of what was made, until it is published.
    stamp: u64,
    /// What was made, and is reached by nobody else until it is published.
    new_nodes: NewNodes,
    new_tails: Vec<NewTail>,
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
            recent: None,
            parts: Some(Box::new(StagedParts {
                stamp: PRIVATE | transaction,
                new_nodes: NewNodes::new(),
                new_tails: Vec::new(),
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

    /// Adds a record without a tail and gives its bytes to be written, all of them.
    pub(crate) fn insert(&mut self, id: RecordId) -> Result<&mut [u8], StorageError> {
        if id.get() > ID_MAX {
            return Err(StorageError::IdOutOfRange { id });
        }
        let geometry = self.tree.geometry;
        let (leaf, page, bit) = geometry.place(id.get() - 1);
        if self.view().get(id).is_some() {
            return Err(StorageError::IdTaken { id });
        }
        let mut node = self.leaf_with_page(leaf, page)?;
        let mut entry = node.entry(page);
        entry.live |= 1 << bit;
        node.set_entry(page, entry);
        if geometry.has_tails() {
            // A deleted record may have stood here in an older version of the page.
            // SAFETY: the page is private to this tree, which is borrowed exclusively.
            unsafe { tail_slot(&entry, geometry, bit).write(std::ptr::null_mut()) };
        }
        Ok(self.slot_mut(&entry, bit))
    }

    /// The bytes of a live record, to change; none where there is no such record.
    pub(crate) fn update(&mut self, id: RecordId) -> Result<Option<SlotBytes<'_>>, StorageError> {
        if self.view().get(id).is_none() {
            return Ok(None);
        }
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let entry = self.leaf_with_page(leaf, page)?.entry(page);
        Ok(Some(SlotBytes(self.slot_mut(&entry, bit))))
    }

    /// Gives a live record another tail, or none where `bytes` are none; false where there is no
    /// such record.
    pub(crate) fn set_tail(&mut self, id: RecordId, bytes: &[u8]) -> Result<bool, StorageError> {
        let geometry = self.tree.geometry;
        assert!(geometry.has_tails(), "the table has fields of any length");
        let Some(former) = self.view().tail(id) else {
            return Ok(false);
        };
        if former == bytes {
            return Ok(true);
        }
        let (leaf, page, bit) = geometry.place(id.get() - 1);
        let new = self.new_tail(bytes)?;
        let entry = match self.leaf_with_page(leaf, page) {
            Ok(node) => node.entry(page),
            Err(error) => {
                self.drop_newest_tail(new);
                return Err(error);
            }
        };
        // SAFETY: the page is private to this tree, which is borrowed exclusively.
        let slot = unsafe { tail_slot(&entry, geometry, bit) };
        // SAFETY: as above.
        let old = Block::from_ptr(unsafe { slot.read() });
        // SAFETY: as above.
        unsafe { slot.write(new.map_or(std::ptr::null_mut(), Block::as_ptr)) };
        if let Some(old) = old {
            self.parts().retired.push(retired_tail(old));
        }
        Ok(true)
    }

    /// Marks a record deleted, without copying its page; false where there is no such record.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<bool, StorageError> {
        if self.view().get(id).is_none() {
            return Ok(false);
        }
        let (leaf, page, bit) = self.tree.geometry.place(id.get() - 1);
        let block = self.private_leaf(leaf, None)?;
        let mut node = self.leaf_mut(block);
        let mut entry = node.entry(page);
        if entry.packed {
            node = self.leaf_with_page(leaf, page)?;
            entry = node.entry(page);
        }
        entry.live &= !(1 << bit);
        node.set_entry(page, entry);
        Ok(true)
    }

    /// Adds a page of records, the ids of whose bits are new, in one go; `pack` says to take no more
    /// room than they need. Gives the bytes of one record behind another in the order of the bits.
    pub(crate) fn insert_page(
        &mut self,
        first: RecordId,
        live: u64,
        records: &[u8],
        pack: bool,
    ) -> Result<(), StorageError> {
        let geometry = self.tree.geometry;
        let (leaf, page, bit) = geometry.place(first.get() - 1);
        assert_eq!(bit, 0, "a page begins with its first id");
        assert!(live != 0 && (live.ilog2() as usize) < geometry.slots());
        let count = live.count_ones() as usize;
        assert_eq!(records.len(), count * geometry.record_bytes());
        if first.get() > ID_MAX {
            return Err(StorageError::IdOutOfRange { id: first });
        }
        let class = geometry.packed_class(count).filter(|_| pack);
        let side = class.map_or(Side::Page, Side::Packed);
        let block = self.private_leaf(leaf, None)?;
        assert!(
            self.leaf_mut(block).entry(page).page.is_null(),
            "there are records in the page already"
        );
        let new = self.take(side)?;
        let mut entry = PageEntry {
            page: new.as_ptr(),
            live,
            packed: class.is_some(),
            born: self.stamp,
        };
        if entry.packed {
            // SAFETY: the block was just taken, and a packed page begins with this word.
            unsafe { entry.page.cast::<u64>().write(live) };
        }
        for (bit, record) in bits(live).zip(records.chunks_exact(geometry.record_bytes())) {
            // SAFETY: the bit has a slot in the page, which was just taken.
            let slot = unsafe { entry.address(geometry, bit) };
            // SAFETY: as above; the slot has as many bytes as a record.
            unsafe { slot.copy_from_nonoverlapping(record.as_ptr(), record.len()) };
        }
        entry.clear_tails(geometry);
        let mut node = self.leaf_mut(block);
        node.set_entry(page, entry);
        node.set_fresh(page);
        Ok(())
    }

    /// Gives a record of a page that this tree made a tail for the first time.
    pub(crate) fn add_tail(&mut self, id: RecordId, bytes: &[u8]) -> Result<(), StorageError> {
        let geometry = self.tree.geometry;
        assert!(geometry.has_tails(), "the table has fields of any length");
        let (leaf, page, bit) = geometry.place(id.get() - 1);
        let block = self.private_leaf(leaf, None)?;
        let node = self.leaf_mut(block);
        let entry = node.entry(page);
        assert!(
            node.read().is_fresh(page) && entry.live >> bit & 1 == 1,
            "the record was just added"
        );
        let new = self.new_tail(bytes)?;
        // SAFETY: the page is private to this tree, which is borrowed exclusively; packed pages
        // may be written until they are published, since nobody else has seen them.
        let slot = unsafe { tail_slot(&entry, geometry, bit) };
        // SAFETY: as above.
        unsafe { slot.write(new.map_or(std::ptr::null_mut(), Block::as_ptr)) };
        Ok(())
    }

    /// Takes over what leaf writers retired.
    pub(in crate::storage) fn retire(&mut self, retired: impl IntoIterator<Item = Retired>) {
        self.parts().retired.extend(retired);
    }

    /// Ends the staging: the tree, its memory, and what becomes of the blocks around it.
    pub(in crate::storage) fn take_parts(&mut self) -> (Tree, Arc<TableMemory>, Box<StagedParts>) {
        let parts = self.parts.take().expect("staging ends once");
        (self.tree, Arc::clone(&self.memory), parts)
    }

    fn parts(&mut self) -> &mut StagedParts {
        self.parts
            .as_mut()
            .expect("they are taken only with the tree")
    }

    #[cfg(test)]
    pub(super) fn parts_for_test(&self) -> &StagedParts {
        self.parts.as_ref().expect("staging has not ended")
    }

    /// A private leaf of this tree, to write.
    fn leaf_mut(&mut self, block: Block) -> LeafMut<'_> {
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        unsafe { LeafMut::at(block, self.tree.geometry) }
    }

    fn take(&self, side: Side) -> Result<Block, StorageError> {
        let mut arenas = self.memory.lock();
        match side {
            Side::Page => arenas.pages.take(),
            Side::Packed(class) => arenas.packed[class].take(),
            Side::Node => arenas.nodes.take(),
            Side::Tail { bytes } => arenas.tails.take(bytes as usize),
        }
    }

    fn new_tail(&mut self, bytes: &[u8]) -> Result<Option<Block>, StorageError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let size = tail::block_bytes(bytes.len());
        let size = u32::try_from(size).map_err(|_| StorageError::OutOfMemory { bytes: size })?;
        let block = self.take(Side::Tail { bytes: size })?;
        // SAFETY: the block was just taken with so many bytes.
        unsafe { tail::write(block, self.stamp, bytes) };
        self.parts().new_tails.push((block, size));
        Ok(Some(block))
    }

    fn drop_newest_tail(&mut self, block: Option<Block>) {
        if block.is_some()
            && let Some((block, bytes)) = self.parts().new_tails.pop()
        {
            self.memory.lock().give_back(Side::Tail { bytes }, block);
        }
    }

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
    fn leaf_with_page(&mut self, leaf: u64, page: usize) -> Result<LeafMut<'_>, StorageError> {
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
        renew_page(&mut node, page, new, stamp, geometry, &mut retire);
    }

    fn slot_mut(&mut self, entry: &PageEntry, bit: u32) -> &mut [u8] {
        let geometry = self.tree.geometry;
        // SAFETY: the page is of this geometry and of full size, so each bit has a slot.
        let address = unsafe { entry.address(geometry, bit) };
        // SAFETY: the page is private to this tree, which is borrowed exclusively; all bytes of a
        // block are initialised.
        unsafe { std::slice::from_raw_parts_mut(address, geometry.record_bytes()) }
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

/// The place in a page of the address of a record's tail.
///
/// # Safety
/// The entry has a page of this geometry, which has tails, and the bit is one of its slots.
pub(super) unsafe fn tail_slot(entry: &PageEntry, geometry: Geometry, bit: u32) -> *mut *mut u8 {
    // SAFETY: the addresses of tails stand in the page, behind the records.
    unsafe { entry.page.add(entry.tail_place(geometry, bit)) }.cast()
}

fn retired_tail(block: Block) -> Retired {
    // SAFETY: a page led to the tail, and nothing is published while a tree is staged on it.
    let (born, bytes) = unsafe { tail::born_and_bytes(block) };
    Retired {
        block,
        side: Side::Tail {
            bytes: u32::try_from(bytes).expect("so many were asked for"),
        },
        born,
    }
}

impl PageEntry {
    /// Makes a new page lead to no tails.
    fn clear_tails(&mut self, geometry: Geometry) {
        if !geometry.has_tails() {
            return;
        }
        let count = match self.packed {
            true => self.live.count_ones() as usize,
            false => geometry.slots(),
        };
        let start = match self.packed {
            true => PACKED_HEADER_BYTES + geometry.tails_offset(count),
            false => geometry.tails_offset(count),
        };
        // SAFETY: the addresses of tails stand in the page, behind the records.
        let start = unsafe { self.page.add(start) };
        // SAFETY: there are so many of them, and who made the page is the only one to reach it.
        unsafe { start.write_bytes(0, count * TAIL_BYTES) };
    }
}

/// Puts a page of full size, a copy of what stands there, into the place of a private leaf, and
/// adds hands what was replaced to `retire`.
pub(super) fn renew_page(
    leaf: &mut LeafMut<'_>,
    page: usize,
    new: Block,
    stamp: u64,
    geometry: Geometry,
    retire: &mut impl FnMut(Retired),
) {
    let old = leaf.entry(page);
    let mut entry = PageEntry {
        page: new.as_ptr(),
        live: old.live,
        packed: false,
        born: stamp,
    };
    match Block::from_ptr(old.page) {
        None => entry.clear_tails(geometry),
        Some(block) => {
            copy_records(&old, &entry, geometry);
            if geometry.has_tails() {
                copy_tails(&old, &mut entry, geometry, retire);
            }
            let side = match old.packed {
                true => geometry
                    .packed_class(old.live.count_ones() as usize)
                    .map_or(Side::Page, Side::Packed),
                false => Side::Page,
            };
            retire(Retired {
                block,
                side,
                born: old.born,
            });
        }
    }
    leaf.set_entry(page, entry);
    leaf.set_fresh(page);
}

/// Copies the records of a page into one of full size.
fn copy_records(old: &PageEntry, new: &PageEntry, geometry: Geometry) {
    let length = geometry.record_bytes();
    if !old.packed {
        let used = (64 - old.live.leading_zeros()) as usize * length;
        // SAFETY: both are pages of this geometry, of which the live records are in the first
        // `used` bytes; the new one was just taken, so they are distinct.
        unsafe { std::ptr::copy_nonoverlapping(old.page, new.page, used) };
        return;
    }
    for bit in bits(old.live) {
        // SAFETY: a live record has a slot in each.
        let (from, to) = unsafe { (old.address(geometry, bit), new.address(geometry, bit)) };
        // SAFETY: both slots have as many bytes as a record, and the pages are distinct.
        unsafe { std::ptr::copy_nonoverlapping(from, to, length) };
    }
}

/// Lets the live records of a new page lead to the tails of the old one; the tails of deleted ones
/// are retired.
fn copy_tails(
    old: &PageEntry,
    new: &mut PageEntry,
    geometry: Geometry,
    retire: &mut impl FnMut(Retired),
) {
    new.clear_tails(geometry);
    let slots = match old.packed {
        true => old.live,
        false => u64::MAX >> (64 - geometry.slots()),
    };
    for bit in bits(slots) {
        // SAFETY: each bit has a slot in the old page, a packed one for its live bits.
        let from = unsafe { tail_slot(old, geometry, bit) };
        // SAFETY: the page can be read.
        let address = unsafe { from.read() };
        let Some(block) = Block::from_ptr(address) else {
            continue;
        };
        if old.live >> bit & 1 == 1 {
            // SAFETY: each bit has a slot in a page of full size.
            let to = unsafe { tail_slot(new, geometry, bit) };
            // SAFETY: the new page was just taken.
            unsafe { to.write(address) };
        } else {
            retire(retired_tail(block));
        }
    }
}

/// The places of the set bits, lowest first.
pub(super) fn bits(mut left: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(bit)
    })
}

impl Drop for StagedTree {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            // SAFETY: this tree made the parts, nothing was published of them, and it is going
            // away.
            let made = unsafe { made_blocks(&parts, self.tree.geometry) };
            self.memory.give_back(&made);
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
