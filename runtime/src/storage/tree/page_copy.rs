//! Copying a page to change it, and the tails that its records lead to.

#![expect(unsafe_code, reason = "private pages are written through addresses")]

use super::{
    Geometry,
    geometry::{PACKED_HEADER_BYTES, TAIL_BYTES},
    node::{LeafMut, PageEntry},
    parts::{Retired, Side},
    tail,
};
use crate::storage::memory::Block;

/// The place in a page of the address of a record's tail.
///
/// # Safety
/// The entry has a page of this geometry, which has tails, and the bit is one of its slots.
pub(super) unsafe fn tail_slot(entry: &PageEntry, geometry: Geometry, bit: u32) -> *mut *mut u8 {
    // SAFETY: the addresses of tails stand in the page, behind the records.
    unsafe { entry.page.add(entry.tail_place(geometry, bit)) }.cast()
}

/// Lets a record lead to another tail, and gives the one that it led to.
///
/// # Safety
/// As for [`tail_slot`], and nobody else reads or writes the page.
pub(super) unsafe fn replace_tail(
    entry: &PageEntry,
    geometry: Geometry,
    bit: u32,
    new: Option<Block>,
) -> Option<Retired> {
    // SAFETY: the caller's promise.
    let slot = unsafe { tail_slot(entry, geometry, bit) };
    // SAFETY: the page can be read.
    let old = Block::from_ptr(unsafe { slot.read() });
    // SAFETY: nobody else reads or writes the page.
    unsafe { slot.write(new.map_or(std::ptr::null_mut(), Block::as_ptr)) };
    old.map(retired_tail)
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
    pub(super) fn clear_tails(&mut self, geometry: Geometry) {
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
/// hands what was replaced to `retire`.
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
        // SAFETY: a live record has a slot in the old page.
        let from = unsafe { old.address(geometry, bit) };
        // SAFETY: each bit has a slot in a page of full size.
        let to = unsafe { new.address(geometry, bit) };
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
