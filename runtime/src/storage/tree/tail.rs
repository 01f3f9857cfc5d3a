//! The tail of a record: the bytes of its fields of variable length, in a block of its own that
//! never changes and is shared by all copies of the record's page.

#![expect(unsafe_code, reason = "tails are reached through addresses")]

use crate::storage::memory::Block;

/// What stands before the bytes of a tail.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    /// The version at which it became visible, or the private stamp of who made it.
    born: u64,
    length: u64,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// Bytes of the block of a tail of so many bytes.
pub(super) const fn block_bytes(length: usize) -> usize {
    HEADER_BYTES + length
}

/// Writes a tail into a block that has [`block_bytes`] at least.
///
/// # Safety
/// Nobody else uses the block, and it has so many bytes.
pub(super) unsafe fn write(block: Block, stamp: u64, bytes: &[u8]) {
    let header = Header {
        born: stamp,
        length: bytes.len() as u64,
    };
    // SAFETY: the caller's promise; blocks are aligned to a cache line.
    unsafe { block.as_ptr().cast::<Header>().write(header) };
    // SAFETY: the bytes follow the header in the block.
    let to = unsafe { block.as_ptr().add(HEADER_BYTES) };
    // SAFETY: the block has room for them, and nobody else uses it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
}

/// The bytes of a tail; none where the address is null.
///
/// # Safety
/// The address is null or that of a block with a tail, which is not given back for `'a`.
pub(super) unsafe fn read<'a>(address: *const u8) -> &'a [u8] {
    if address.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise; blocks are aligned to a cache line. Who can reach a tail reads
    // it after it was published, or made it.
    let header = unsafe { address.cast::<Header>().read() };
    // SAFETY: the bytes follow the header.
    let bytes = unsafe { address.add(HEADER_BYTES) };
    // SAFETY: so many bytes were written there.
    unsafe { std::slice::from_raw_parts(bytes, usize::try_from(header.length).unwrap_or(0)) }
}

/// When the tail became visible, or who made it, and the bytes of its block.
///
/// # Safety
/// The block holds a tail, and nobody publishes it meanwhile.
pub(super) unsafe fn born_and_bytes(block: Block) -> (u64, usize) {
    // SAFETY: the caller's promise; blocks are aligned to a cache line.
    let header = unsafe { block.as_ptr().cast::<Header>().read() };
    let length = usize::try_from(header.length).unwrap_or(0);
    (header.born, block_bytes(length))
}

/// Replaces the private stamp of a tail by a version.
///
/// # Safety
/// The block holds a tail that was made for a draft, and no other thread can reach it yet.
pub(super) unsafe fn publish(block: Block, version: u64) {
    const { assert!(std::mem::offset_of!(Header, born) == 0) };
    // SAFETY: the caller's promise; a tail begins with this number.
    unsafe { block.as_ptr().cast::<u64>().write(version) };
}
