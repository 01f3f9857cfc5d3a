//! The first 4 KiB of a data file: what it is, and where its parts stand.

use bytemuck::{Pod, Zeroable};

use super::{BLOCK_BYTES, PART_ALIGN, Run};

/// Bytes of the header, and so the place of the first record.
pub(in crate::persistence) const HEADER_BYTES: usize = 4096;
/// The first bytes of every data file.
pub(super) const MAGIC: [u8; 8] = *b"tickdata";
/// The version of this format.
pub(super) const FORMAT: u32 = 1;

const RESERVED_BYTES: usize = HEADER_BYTES - 120 - 4;

/// The header as it stands in the file.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Header {
    pub(super) magic: [u8; 8],
    pub(super) format: u32,
    pub(super) table_id: u32,
    pub(super) database_id: [u8; 16],
    /// The version of the snapshot that was written.
    pub(super) version: u64,
    pub(super) record_count: u64,
    /// Bytes of the record area.
    pub(super) records_length: u64,
    /// The highest record id ever given out.
    pub(super) last_id: u64,
    pub(super) runs_offset: u64,
    pub(super) run_count: u64,
    pub(super) checksums_offset: u64,
    pub(super) file_length: u64,
    pub(super) record_size: u32,
    pub(super) schema_version: u32,
    pub(super) checksums_crc32c: u32,
    reserved_before: [u8; 4],
    /// Bytes of the tails of all records.
    pub(super) tails_length: u64,
    reserved: [u8; RESERVED_BYTES],
    /// Of all bytes before it.
    pub(super) header_crc32c: u32,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

impl Header {
    /// A header that says where the parts stand and nothing else yet.
    pub(super) fn new(parts: &Parts) -> Self {
        Self {
            magic: MAGIC,
            format: FORMAT,
            records_length: parts.records_length,
            runs_offset: parts.runs_offset,
            tails_length: parts.tails_length,
            checksums_offset: parts.checksums_offset,
            file_length: parts.file_length,
            ..Self::zeroed()
        }
    }

    /// The checksum of a header's bytes, but for the last four, where it stands.
    pub(super) fn checksum(bytes: &[u8]) -> u32 {
        crc32c::crc32c(&bytes[..HEADER_BYTES - 4])
    }

    pub(super) fn reserved_is_zero(&self) -> bool {
        let mut reserved = self.reserved_before.iter().chain(&self.reserved);
        reserved.all(|byte| *byte == 0)
    }
}

/// Where the parts of a file stand; all of it follows from four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) records_length: u64,
    pub(super) runs_offset: u64,
    pub(super) tails_offset: u64,
    pub(super) tails_length: u64,
    pub(super) checksums_offset: u64,
    pub(super) file_length: u64,
}

impl Parts {
    /// None where a number would not fit, which no file that was written has.
    pub(super) fn compute(
        record_size: u64,
        record_count: u64,
        run_count: u64,
        tails_length: u64,
    ) -> Option<Self> {
        let header = HEADER_BYTES as u64;
        let records_length = record_count.checked_mul(record_size)?;
        let runs_offset = header
            .checked_add(records_length)?
            .checked_next_multiple_of(PART_ALIGN)?;
        let runs_length = run_count.checked_mul(size_of::<Run>() as u64)?;
        let tails_offset = runs_offset.checked_add(runs_length)?;
        let checksums_offset = tails_offset
            .checked_add(tails_length)?
            .checked_next_multiple_of(PART_ALIGN)?;
        let blocks = (checksums_offset - header).div_ceil(BLOCK_BYTES as u64);
        Some(Self {
            records_length,
            runs_offset,
            tails_offset,
            tails_length,
            checksums_offset,
            file_length: checksums_offset.checked_add(blocks.checked_mul(4)?)?,
        })
    }
}
