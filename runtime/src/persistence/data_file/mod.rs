//! The format of a data file: the records of one table as of one version.
//!
//! ```text
//! 0        header, 4 KiB                    `Header`, its last four bytes its own checksum
//! 4096     records, in the order of ids     record_size bytes each, without gaps: what
//!                                           `numpy.memmap(file, offset=4096)` reads
//!          zeros up to a multiple of 16
//!          runs, 16 bytes each              the id that bit 0 stands for, then a bit per record
//!          tails, in the order of ids       what of each record does not fit into its fields,
//!                                           without gaps; the fields say how long it is
//!          zeros up to a multiple of 16
//!          checksums, 4 bytes each          of every 64 KiB from 4096 up to here
//! ```
//!
//! All numbers are little-endian. The header holds the checksum of the checksums, and
//! `schema.json` that of the header, so a file cannot be exchanged for another that is whole in
//! itself. Checksums are CRC-32C (Castagnoli).

mod blocks;
mod header;
mod reader;
mod writer;

use bytemuck::{Pod, Zeroable};

pub(super) use reader::{Expected, ReadError, read};
pub(super) use writer::{DataFile, write};

#[cfg(target_endian = "big")]
compile_error!("records are little-endian on disk and in memory alike");

/// Bytes under one checksum.
const BLOCK_BYTES: usize = 64 * 1024;
/// What the runs and the checksums are aligned to.
const PART_ALIGN: u64 = 16;

/// Up to 64 records: the id that bit 0 stands for, and the ids from there on that have a record.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
struct Run {
    first_id: u64,
    live: u64,
}

/// The checksum of one block: of the table's id and the block's number, 12 bytes, then its bytes.
/// So a block that stands in the wrong place, or in another table's file, is found.
fn block_checksum(table_id: u32, block: u64, bytes: &[u8]) -> u32 {
    let seed = crc32c::crc32c(&table_id.to_le_bytes());
    let seed = crc32c::crc32c_append(seed, &block.to_le_bytes());
    crc32c::crc32c_append(seed, bytes)
}

/// A CRC-32C in the form in which messages and `schema.json` give it.
pub(super) fn hex(checksum: u32) -> String {
    format!("{checksum:08x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksums_are_those_of_castagnoli() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }
}
