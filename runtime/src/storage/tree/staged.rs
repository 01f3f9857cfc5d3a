//! Changing a tree without anybody seeing it: copies of the path to what changes, private to one
//! transaction until they are published.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use std::{fmt, sync::Arc};

use super::{
    Tree, TreeView,
    node::{LeafMut, PRIVATE, PageEntry},
    page_copy::{bits, replace_tail, tail_slot},
    parts::{Retired, Side, StagedParts, made_blocks},
    tail,
};
use crate::{
    schema::{RecordId, RecordRef},
    storage::{StorageError, cast::SlotBytes, memory::Block, table_memory::TableMemory},
};

/// The most record ids of a table, so that no arithmetic on them overflows.
const ID_MAX: u64 = 1 << 48;

/// A tree with the changes of one transaction. Dropping it gives back all that it made.
pub(crate) struct StagedTree {
    pub(super) tree: Tree,
    pub(super) memory: Arc<TableMemory>,
    /// [`PRIVATE`] with the number of the transaction.
    pub(super) stamp: u64,
    /// The leaf that was written last, and its number: it is private.
    pub(super) recent: Option<(u64, Block)>,
    /// What was made and replaced, in a box, so that the tree moves through a commit as a few words;
    /// none only once it was taken.
    parts: Option<Box<StagedParts>>,
}

impl fmt::Debug for StagedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedTree")
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
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
            parts: Some(Box::new(StagedParts::new(PRIVATE | transaction))),
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
        if self.memory.limit_bytes().is_some() && !self.view().has_page(leaf, page) {
            self.memory.admit(geometry.page_bytes())?;
        }
        let mut node = self.leaf_with_page(leaf, page)?;
        let mut entry = node.entry(page);
        entry.live |= 1 << bit;
        node.set_entry(page, entry);
        if geometry.has_tails() {
            // A deleted record may have stood here.
            // SAFETY: the page is private to this tree, which is borrowed exclusively.
            if let Some(old) = unsafe { replace_tail(&entry, geometry, bit, None) } {
                self.parts().retired.push(old);
            }
        }
        Ok(self.slot_mut(&entry, bit))
    }

    /// Adds a record: its fixed part and its tail.
    pub(crate) fn insert_record(
        &mut self,
        id: RecordId,
        record: RecordRef<'_>,
    ) -> Result<(), StorageError> {
        self.insert(id)?.copy_from_slice(record.fixed);
        if !record.tail.is_empty() {
            self.set_tail(id, record.tail)?;
        }
        Ok(())
    }

    /// Replaces a live record by bytes that passed the check of its layout; false where there is
    /// no such record.
    pub(crate) fn replace_record(
        &mut self,
        id: RecordId,
        record: RecordRef<'_>,
    ) -> Result<bool, StorageError> {
        if self.tree.geometry.has_tails() && !self.set_tail(id, record.tail)? {
            return Ok(false);
        }
        let slot = self.update(id)?;
        Ok(slot.map(|mut slot| slot.set(record.fixed)).is_some())
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
        if bytes.len() > former.len() {
            self.memory.admit(bytes.len() - former.len())?;
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
        if let Some(old) = unsafe { replace_tail(&entry, geometry, bit, new) } {
            self.parts().retired.push(old);
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
    /// room than they need. `records` has their fixed parts one behind another, in the order of the bits.
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
        self.memory.admit(match class {
            Some(class) => geometry.packed_bytes(class),
            None => geometry.page_bytes(),
        })?;
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

    /// A tail for a record that is to be added; none where `bytes` are none. It goes with the tree.
    pub(in crate::storage) fn spare_tail(
        &mut self,
        bytes: &[u8],
    ) -> Result<Option<Block>, StorageError> {
        if !bytes.is_empty() {
            self.memory.admit(bytes.len())?;
        }
        self.new_tail(bytes)
    }

    /// Gives a record of a page that this tree made a spare tail, for the first time.
    pub(in crate::storage) fn add_tail(
        &mut self,
        id: RecordId,
        tail: Block,
    ) -> Result<(), StorageError> {
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
        // SAFETY: the page is private to this tree, which is borrowed exclusively; packed pages
        // may be written until they are published, since nobody else has seen them.
        let slot = unsafe { tail_slot(&entry, geometry, bit) };
        // SAFETY: as above.
        unsafe { slot.write(tail.as_ptr()) };
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

    pub(super) fn parts(&mut self) -> &mut StagedParts {
        self.parts
            .as_mut()
            .expect("they are taken only with the tree")
    }

    #[cfg(test)]
    pub(super) fn parts_for_test(&self) -> &StagedParts {
        self.parts.as_ref().expect("staging has not ended")
    }

    /// A private leaf of this tree, to write.
    pub(super) fn leaf_mut(&mut self, block: Block) -> LeafMut<'_> {
        // SAFETY: the leaf is private to this tree, which is borrowed exclusively.
        unsafe { LeafMut::at(block, self.tree.geometry) }
    }

    pub(super) fn take(&self, side: Side) -> Result<Block, StorageError> {
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

    fn slot_mut(&mut self, entry: &PageEntry, bit: u32) -> &mut [u8] {
        let geometry = self.tree.geometry;
        // SAFETY: the page is of this geometry and of full size, so each bit has a slot.
        let address = unsafe { entry.address(geometry, bit) };
        // SAFETY: the page is private to this tree, which is borrowed exclusively; all bytes of a
        // block are initialised.
        unsafe { std::slice::from_raw_parts_mut(address, geometry.record_bytes()) }
    }
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
