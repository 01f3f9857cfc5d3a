//! Passes over all records of a staged tree: each leaf is written by one thread.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use super::{
    Geometry, StagedTree,
    node::{LEAF_PAGES, LeafMut, PageEntry},
    page_copy::{bits, renew_page},
    parts::Retired,
};
use crate::{
    schema::RecordId,
    storage::{
        StorageError,
        cast::{SlotBytes, SlotRef},
        memory::Block,
    },
};

impl StagedTree {
    /// Makes every leaf private, so that a pass may write all pages from several threads, and
    /// gives a writer for each.
    pub(in crate::storage) fn leaf_writers(&mut self) -> Result<Vec<LeafWriter<'_>>, StorageError> {
        let numbers: Vec<u64> = self
            .view()
            .leaves_from(0)
            .map(|leaf| leaf.number())
            .collect();
        let mut blocks = Vec::with_capacity(numbers.len());
        for number in numbers {
            blocks.push((number, self.private_leaf(number, None)?));
        }
        let this = &*self;
        let writer = |(number, block)| {
            // SAFETY: the leaf is private to this tree, which stays borrowed exclusively for the
            // life of the writers, and each leaf is handed out once.
            let node = unsafe { LeafMut::at(block, this.tree.geometry) };
            LeafWriter {
                node,
                number,
                staged: this,
                retired: Vec::new(),
                spare: Vec::new(),
            }
        };
        Ok(blocks.into_iter().map(writer).collect())
    }
}

/// One private leaf of a staged tree, for one thread to write.
pub(in crate::storage) struct LeafWriter<'a> {
    node: LeafMut<'a>,
    number: u64,
    staged: &'a StagedTree,
    retired: Vec<Retired>,
    /// Pages that were taken and do not stand in the leaf yet.
    spare: Vec<Block>,
}

// SAFETY: each writer has its own leaf, whose private pages no other writer reaches; the staged
// tree is only read for its constants and its memory, which has its own locks.
unsafe impl Send for LeafWriter<'_> {}

/// One record in a pass that may change it.
pub(in crate::storage) struct PassSlot<'a> {
    pub(in crate::storage) id: RecordId,
    pub(in crate::storage) bytes: SlotBytes<'a>,
    /// The record before the pass, where the pass was the first to touch its page.
    pub(in crate::storage) before: Option<&'a [u8]>,
}

impl LeafWriter<'_> {
    /// Copies each page that has live records and hands those to `visit`; gives what the copies
    /// replaced.
    pub(in crate::storage) fn for_each(
        mut self,
        mut visit: impl FnMut(PassSlot<'_>),
    ) -> Result<Vec<Retired>, StorageError> {
        let leaf = self.node.read();
        let copies = |page: &usize| leaf.entry(*page).live != 0 && !leaf.has_page(*page);
        let count = (0..LEAF_PAGES).filter(copies).count();
        let mut arenas = self.staged.memory.lock();
        arenas.pages.take_many(count, &mut self.spare)?;
        drop(arenas);
        // Popped from the end, and later pages at later addresses: passes then walk memory forwards.
        self.spare.sort_unstable_by(|left, right| right.cmp(left));
        for place in 0..LEAF_PAGES {
            let before = self.make_private(place)?;
            for bit in bits(self.node.entry(place).live) {
                visit(self.slot(place, bit, before));
            }
        }
        Ok(std::mem::take(&mut self.retired))
    }

    /// Hands each live record to `look` and, where that gives something, to `write` with it. Pages
    /// in which no record is written are not copied. Gives what the copies replaced.
    pub(in crate::storage) fn for_each_chosen<N>(
        mut self,
        look: impl Fn(RecordId, SlotRef<'_>) -> Option<N>,
        mut write: impl FnMut(PassSlot<'_>, N),
    ) -> Result<Vec<Retired>, StorageError> {
        let length = self.staged.tree.geometry.record_bytes();
        for place in 0..LEAF_PAGES {
            let mut before = None;
            for bit in bits(self.node.entry(place).live) {
                let (id, address) = self.address(place, bit);
                // SAFETY: the slot has as many bytes as a record; whoever else reaches the page
                // only reads it as well.
                let bytes = unsafe { std::slice::from_raw_parts(address.cast_const(), length) };
                let Some(chosen) = look(id, SlotRef(bytes)) else {
                    continue;
                };
                if !self.node.read().has_page(place) {
                    before = self.make_private(place)?;
                }
                write(self.slot(place, bit, before), chosen);
            }
        }
        Ok(std::mem::take(&mut self.retired))
    }

    /// Copies the page of this place where it has records and is not private yet, and gives the
    /// page that it was copied from.
    fn make_private(&mut self, place: usize) -> Result<Option<PageEntry>, StorageError> {
        let old = self.node.entry(place);
        if old.live == 0 || self.node.read().has_page(place) {
            return Ok(None);
        }
        let take = || self.staged.memory.lock().pages.take();
        let new = self.spare.pop().map_or_else(take, Ok)?;
        let (stamp, geometry) = (self.staged.stamp, self.staged.tree.geometry);
        renew_page(&mut self.node, place, new, stamp, geometry, &mut |block| {
            self.retired.push(block);
        });
        Ok(Some(old))
    }

    /// Id and first byte of the live record of this place and bit.
    fn address(&self, place: usize, bit: u32) -> (RecordId, *mut u8) {
        let geometry = self.staged.tree.geometry;
        let entry = self.node.entry(place);
        // SAFETY: a live bit has a slot in the page.
        let address = unsafe { entry.address(geometry, bit) };
        let first = Geometry::page_number(self.number, place) * geometry.slots() as u64;
        (
            RecordId::MIN.saturating_add(first + u64::from(bit)),
            address,
        )
    }

    /// The live record of this place and bit, whose page is private, to write; `before` is the
    /// page that its page was copied from in this pass.
    fn slot(&mut self, place: usize, bit: u32, before: Option<PageEntry>) -> PassSlot<'_> {
        let length = self.staged.tree.geometry.record_bytes();
        let (id, address) = self.address(place, bit);
        debug_assert!(self.node.read().has_page(place), "the page is private");
        // SAFETY: the page is private and reached through this leaf alone, which this writer
        // borrows exclusively, for as long as the slot is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts_mut(address, length) };
        let before = before.map(|page| {
            // SAFETY: the page was copied from this one, in which the live record has a slot too.
            let address = unsafe { page.address(self.staged.tree.geometry, bit) };
            // SAFETY: the base of the staged tree still reaches the page, so nobody writes it and
            // it is not given back.
            unsafe { std::slice::from_raw_parts(address.cast_const(), length) }
        });
        PassSlot {
            id,
            bytes: SlotBytes(bytes),
            before,
        }
    }
}

impl Drop for LeafWriter<'_> {
    fn drop(&mut self) {
        // There are some only where a visit panicked.
        if !self.spare.is_empty() {
            let mut arenas = self.staged.memory.lock();
            arenas.pages.give_back(self.spare.drain(..));
        }
    }
}
