//! Passes over all records of a staged tree: each leaf is written by one thread.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use super::{
    StagedTree,
    node::{LEAF_PAGES, LeafNode},
    staged::{Retired, copy_page},
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
            blocks.push((number, self.leaf_for_write(number)?));
        }
        let this = &*self;
        let writer = |(number, block)| {
            // SAFETY: the leaf is private to this tree, which stays borrowed exclusively for the
            // life of the writers, and each leaf is handed out once.
            let node = unsafe { LeafNode::at_mut(block) };
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
    node: &'a mut LeafNode,
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
        let stamp = self.staged.stamp;
        let copies =
            |page: &usize| self.node.live(*page) != 0 && self.node.page_stamp(*page) != stamp;
        let count = (0..LEAF_PAGES).filter(copies).count();
        self.staged.memory.pages.take_many(count, &mut self.spare)?;
        // Popped from the end, and later pages at later addresses.
        self.spare.reverse();
        for place in 0..LEAF_PAGES {
            let before = self.make_private(place)?;
            for bit in bits(self.node.live(place)) {
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
            for bit in bits(self.node.live(place)) {
                let (id, address) = self.address(place, bit);
                // SAFETY: the slot has as many bytes as a record; whoever else reaches the page
                // only reads it as well.
                let bytes = unsafe { std::slice::from_raw_parts(address.cast_const(), length) };
                let Some(chosen) = look(id, SlotRef(bytes)) else {
                    continue;
                };
                if self.node.page_stamp(place) != self.staged.stamp {
                    before = self.make_private(place)?;
                }
                write(self.slot(place, bit, before), chosen);
            }
        }
        Ok(std::mem::take(&mut self.retired))
    }

    /// Copies the page of this place where it has records and is not private yet, and gives the
    /// page that it was copied from.
    fn make_private(&mut self, place: usize) -> Result<Option<Block>, StorageError> {
        let mut entry = self.node.entry(place);
        if entry.live == 0 || entry.stamp == self.staged.stamp {
            return Ok(None);
        }
        let new = self
            .spare
            .pop()
            .map_or_else(|| self.staged.memory.pages.take(), Ok)?;
        let record_bytes = self.staged.tree.geometry.record_bytes();
        let old = copy_page(&mut entry, new, self.staged.stamp, record_bytes);
        self.node.set_entry(place, entry);
        self.retired.extend(old);
        Ok(old.map(|retired| retired.block))
    }

    /// Id and first byte of the live record of this place and bit.
    fn address(&self, place: usize, bit: u32) -> (RecordId, *mut u8) {
        let geometry = self.staged.tree.geometry;
        let entry = self.node.entry(place);
        // SAFETY: a live bit has a slot, which lies in the page.
        let address = unsafe { entry.page.add(entry.slot(bit) * geometry.record_bytes()) };
        let first = (self.number * LEAF_PAGES as u64 + place as u64) * geometry.slots() as u64;
        (
            RecordId::MIN.saturating_add(first + u64::from(bit)),
            address,
        )
    }

    /// The live record of this place and bit, whose page is private, to write; `before` is the
    /// page that its page was copied from in this pass.
    fn slot(&mut self, place: usize, bit: u32, before: Option<Block>) -> PassSlot<'_> {
        let length = self.staged.tree.geometry.record_bytes();
        let (id, address) = self.address(place, bit);
        debug_assert_eq!(
            self.node.page_stamp(place),
            self.staged.stamp,
            "the page is private"
        );
        // SAFETY: the page is private and reached through this leaf alone, which this writer
        // borrows exclusively, for as long as the slot is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts_mut(address, length) };
        let before = before.map(|page| {
            let offset = address.addr() - self.node.entry(place).page.addr();
            // SAFETY: the copy was made of this page, so the slot lies in it as well.
            let address = unsafe { page.as_ptr().add(offset) };
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
            self.staged.memory.pages.give_back(self.spare.drain(..));
        }
    }
}

/// The places of the set bits, lowest first.
fn bits(mut left: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (left != 0).then(|| left.trailing_zeros())?;
        left &= left - 1;
        Some(bit)
    })
}
