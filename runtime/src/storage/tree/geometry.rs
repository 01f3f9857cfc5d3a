//! How the records of one table lie in pages, and pages in leaves.

use super::node::{LEAF_PAGE_BITS, LEAF_PAGES};
use crate::{schema::TableSchema, storage::memory::LINE_BYTES};

/// How the records of one table lie in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    record_bytes: u32,
    /// Two to this power slots are in a page.
    slot_bits: u8,
    /// Whether each record may have a tail, whose address stands behind the records of the page.
    tails: bool,
}

/// The least bytes in a page, where 64 records or fewer have as many: small enough that a random
/// write copies little, large enough that a page's entry in its leaf is 2 % of it.
const PAGE_BYTES_MIN: usize = 1024;

/// The most slots in a page, so that one `u64` has a bit for each.
const SLOTS_MAX: usize = 64;

/// Up to this many slots the `live` bits of a page stand in its tagged address.
const NARROW_SLOTS_MAX: usize = 16;

/// The address of a tail.
pub(super) const TAIL_BYTES: usize = size_of::<*mut u8>();

/// What stands before the records of a packed page: which they are.
pub(super) const PACKED_HEADER_BYTES: usize = LINE_BYTES;

/// Sizes of packed pages, as fractions of a page.
pub(in crate::storage) const PACKED_CLASSES: [usize; 2] = [4, 2];

impl Geometry {
    /// For records of this many bytes, from 1 to 65,536, without tails.
    pub(crate) const fn new(record_bytes: usize) -> Self {
        assert!(0 < record_bytes && record_bytes <= 1 << 16);
        let mut slots = PAGE_BYTES_MIN.div_ceil(record_bytes).next_power_of_two();
        if slots > SLOTS_MAX {
            slots = SLOTS_MAX;
        }
        #[expect(clippy::cast_possible_truncation, reason = "both are small")]
        let (record_bytes, slot_bits) = (record_bytes as u32, slots.trailing_zeros() as u8);
        Self {
            record_bytes,
            slot_bits,
            tails: false,
        }
    }

    /// For the records of a table.
    pub(crate) fn of(schema: &TableSchema) -> Self {
        let geometry = Self::new(schema.record_size());
        match schema.layout.has_tails() {
            true => geometry.with_tails(),
            false => geometry,
        }
    }

    /// The same with a tail for each record.
    pub(crate) const fn with_tails(self) -> Self {
        Self {
            tails: true,
            ..self
        }
    }

    /// Bytes of the fixed part of a record.
    #[inline(always)]
    pub(crate) const fn record_bytes(self) -> usize {
        self.record_bytes as usize
    }

    /// Whether records may have tails.
    #[inline(always)]
    pub(crate) const fn has_tails(self) -> bool {
        self.tails
    }

    /// Slots in a page.
    #[inline(always)]
    pub(crate) const fn slots(self) -> usize {
        1 << (self.slot_bits & 63)
    }

    /// Whether the `live` bits of a page stand in its tagged address.
    #[inline(always)]
    pub(super) const fn is_narrow(self) -> bool {
        self.slots() <= NARROW_SLOTS_MAX
    }

    /// Bytes of the records of a page, and of their tails' addresses.
    pub(in crate::storage) const fn page_bytes(self) -> usize {
        self.tails_offset(self.slots()) + self.tails as usize * self.slots() * TAIL_BYTES
    }

    /// Where, behind so many records, the addresses of their tails begin.
    pub(super) const fn tails_offset(self, records: usize) -> usize {
        (self.record_bytes() * records).next_multiple_of(TAIL_BYTES)
    }

    /// Bytes of a packed page of the class.
    pub(in crate::storage) const fn packed_bytes(self, class: usize) -> usize {
        let bytes = self.page_bytes() / PACKED_CLASSES[class];
        bytes.next_multiple_of(LINE_BYTES)
    }

    /// The class of a packed page of so many records, where packing them is worth it.
    pub(super) fn packed_class(self, records: usize) -> Option<usize> {
        let fits = |class: &usize| {
            let room = self.packed_bytes(*class);
            self.packed_use(records) <= room && room < self.page_bytes()
        };
        (0..PACKED_CLASSES.len()).find(fits)
    }

    /// The most records in a packed page of the class.
    pub(in crate::storage) fn packed_slots(self, class: usize) -> usize {
        let fits = |records: &usize| self.packed_use(*records) <= self.packed_bytes(class);
        (1..=self.slots()).take_while(fits).count()
    }

    /// Bytes of a packed page that so many records need.
    fn packed_use(self, records: usize) -> usize {
        let tails = usize::from(self.tails) * records * TAIL_BYTES;
        PACKED_HEADER_BYTES + self.tails_offset(records) + tails
    }

    /// The place of a record index: its leaf, its page in the leaf, its bit in the page.
    #[inline(always)]
    pub(in crate::storage) const fn place(self, index: u64) -> (u64, usize, u32) {
        let page = index.wrapping_shr(self.slot_bits as u32);
        let bit = (index & (self.slots() as u64 - 1)) as u32;
        (
            page >> LEAF_PAGE_BITS,
            page as usize & (LEAF_PAGES - 1),
            bit,
        )
    }

    /// The number of a page among all pages of the table.
    pub(super) const fn page_number(leaf: u64, page: usize) -> u64 {
        (leaf << LEAF_PAGE_BITS) + page as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_smallest_power_of_two_of_slots_that_reaches_a_kibibyte() {
        let slots = [1, 16, 24, 64, 88, 1_000, 1_024, 65_536].map(|b| Geometry::new(b).slots());
        assert_eq!(slots, [64, 64, 64, 16, 16, 2, 1, 1]);
        assert_eq!(Geometry::new(64).page_bytes(), 1_024);
        assert_eq!(Geometry::new(64).with_tails().page_bytes(), 1_024 + 16 * 8);
        // Records of 20 bytes: 64 of them end on a multiple of 8.
        assert_eq!(Geometry::new(20).with_tails().page_bytes(), 1_280 + 512);
    }

    #[test]
    fn few_records_are_packed_into_a_quarter_or_half_of_a_page() {
        let geometry = Geometry::new(64);
        let classes = [1, 3, 4, 7, 8, 16].map(|records| geometry.packed_class(records));
        assert_eq!(classes, [Some(0), Some(0), Some(1), Some(1), None, None]);
        assert_eq!([0, 1].map(|class| geometry.packed_slots(class)), [3, 7]);
        // A page of one record cannot be packed.
        assert_eq!(Geometry::new(4_096).packed_class(1), None);
    }
}
