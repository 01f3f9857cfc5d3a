//! The checksums of a file, compared block by block as somebody comes to read it.

use std::ops::Range;

use bytemuck::pod_read_unaligned;

use super::{
    BLOCK_BYTES, block_checksum,
    header::{HEADER_BYTES, Header},
    hex,
    reader::{Damage, damage},
};

/// The blocks of a file with their checksums.
pub(super) struct Blocks<'b> {
    /// The file up to its checksums.
    bytes: &'b [u8],
    checksums: &'b [u8],
    table_id: u32,
}

impl<'b> Blocks<'b> {
    /// The blocks of a file whose header says truly where its checksums stand; these are compared
    /// with their own.
    pub(super) fn new(bytes: &'b [u8], header: &Header) -> Result<Self, Damage> {
        let (bytes, checksums) = bytes.split_at(header.checksums_offset as usize);
        let checksum = crc32c::crc32c(checksums);
        if checksum != header.checksums_crc32c {
            return Err(damage(
                bytes.len(),
                format_args!(
                    "checksums with the checksum {}",
                    hex(header.checksums_crc32c)
                ),
                format_args!("some with {}", hex(checksum)),
            ));
        }
        Ok(Self {
            bytes,
            checksums,
            table_id: header.table_id,
        })
    }

    /// A part of the file, to read from its start to its end.
    pub(super) fn area(&'b self, range: Range<usize>) -> Area<'b> {
        Area {
            blocks: self,
            next_block: (range.start - HEADER_BYTES) / BLOCK_BYTES,
            place: range.start,
            end: range.end,
        }
    }

    fn check(&self, block: usize) -> Result<(), Damage> {
        let start = HEADER_BYTES + block * BLOCK_BYTES;
        let bytes = &self.bytes[start..self.bytes.len().min(start + BLOCK_BYTES)];
        let expected: u32 = pod_read_unaligned(&self.checksums[block * 4..block * 4 + 4]);
        let found = block_checksum(self.table_id, block as u64, bytes);
        if found == expected {
            return Ok(());
        }
        Err(damage(
            start,
            format_args!(
                "{} bytes from there on with the checksum {}",
                bytes.len(),
                hex(expected)
            ),
            format_args!("some with {}", hex(found)),
        ))
    }
}

/// A part of a file that is taken piece by piece, each after its checksums were compared.
pub(super) struct Area<'b> {
    blocks: &'b Blocks<'b>,
    /// All blocks of the area before this one were compared.
    next_block: usize,
    place: usize,
    end: usize,
}

impl<'b> Area<'b> {
    /// Where in the file the next piece begins.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The next piece, which has to be there.
    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8], Damage> {
        let left = self.end - self.place;
        if length > left {
            let expected = format!("{length} bytes of a record");
            return Err(damage(self.place, expected, format!("{left} bytes")));
        }
        let end = self.place + length;
        while HEADER_BYTES + self.next_block * BLOCK_BYTES < end {
            self.blocks.check(self.next_block)?;
            self.next_block += 1;
        }
        let taken = &self.blocks.bytes[self.place..end];
        self.place = end;
        Ok(taken)
    }

    /// Checks that all of it was taken, and that zeros follow up to `next`.
    pub(super) fn finish(mut self, what: &str, next: usize) -> Result<(), Damage> {
        let (end, left) = (self.end, self.end - self.place);
        if left > 0 {
            let found = format!("{left} bytes more");
            return Err(damage(self.place, format_args!("the end of {what}"), found));
        }
        self.end = next;
        let gap = self.take(next - end)?;
        match gap.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(at) => {
                let expected = format!("zeros behind {what}");
                Err(damage(end + at, expected, "other bytes"))
            }
        }
    }
}
