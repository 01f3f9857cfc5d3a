//! Blocks of memory of one size, handed out, taken back and used again.
//!
//! Invariants:
//! - Every block lies in a chunk that lives as long as its arena, and holds initialised bytes from
//!   its first moment on (a chunk is zeroed when it comes, stale bytes are bytes).
//! - A block is either free or handed out, once. Who holds a block decides what it is for.
//! - What was handed out and comes back is the next to go out: it is warm.

#![expect(unsafe_code, reason = "pages and nodes are raw memory, allocated here")]

use std::{
    alloc::{Layout, alloc, dealloc},
    fmt,
    ptr::NonNull,
    sync::Arc,
};

use super::{MemoryAccount, StorageError, account::Purpose};

/// A cache line: where pages start, so that two cores that write two pages never write one line.
pub(super) const LINE_BYTES: usize = 64;

/// How far behind the start of a cache line pages begin where a fault is planted, so that what
/// measures false sharing can be seen to find it.
const MISPLACED_BYTES: usize = match cfg!(feature = "plant-misplaced-pages") {
    true => LINE_BYTES / 2,
    false => 0,
};

/// Bits of an address: what systems give a program unless it asks for more. The tree keeps marks in
/// the others.
pub(super) const ADDRESS_BITS: u32 = 48;

/// The size and alignment of a large chunk, that of a huge page.
const HUGE_BYTES: usize = 2 * 1024 * 1024;

/// The least blocks in a chunk.
const CHUNK_BLOCKS_MIN: usize = 16;

/// One block. Copying it copies the address, not who may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Block(NonNull<u8>);

// SAFETY: a block is an address. Those who read and write through it say at each place why they
// may.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    pub(super) fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// The block at an address that came from [`as_ptr`](Self::as_ptr).
    pub(super) const fn from_ptr(address: *mut u8) -> Option<Self> {
        match NonNull::new(address) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }
}

/// How the memory of an arena grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// By as much as there is, up to a huge page: for pages, of which a table has most.
    Doubling,
    /// By a sixteenth of what there is: for nodes, of which there is much less.
    Sixteenth,
}

/// Blocks of one size. Whoever owns it says who may use it at a time.
pub(super) struct Arena {
    block_bytes: usize,
    growth: Growth,
    account: Arc<MemoryAccount>,
    /// Blocks that were given back; the last is the next to go out, since it is warm.
    free: Vec<Block>,
    chunks: Vec<Chunk>,
    /// Blocks of the newest chunk that were never handed out.
    fresh: Option<Fresh>,
    bytes: usize,
}

struct Fresh {
    next: Block,
    left: usize,
}

struct Chunk {
    start: Block,
    layout: Layout,
}

impl Arena {
    /// An arena whose blocks start on a cache line.
    pub(super) fn new(block_bytes: usize, growth: Growth, account: Arc<MemoryAccount>) -> Self {
        Self {
            block_bytes: block_bytes.next_multiple_of(LINE_BYTES),
            growth,
            account,
            free: Vec::new(),
            chunks: Vec::new(),
            fresh: None,
            bytes: 0,
        }
    }

    /// Bytes of all chunks.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Blocks that exist, in use or not.
    pub(super) fn block_count(&self) -> usize {
        self.bytes / self.block_bytes
    }

    /// One block, of initialised bytes that mean nothing.
    pub(super) fn take(&mut self) -> Result<Block, StorageError> {
        if let Some(block) = self.free.pop() {
            return Ok(block);
        }
        if self.fresh.is_none() {
            self.add_next_chunk()?;
        }
        let fresh = self.fresh.as_mut().expect("a chunk was just added");
        let block = fresh.next;
        fresh.left -= 1;
        if fresh.left == 0 {
            self.fresh = None;
        } else {
            // SAFETY: at least one more block follows in the same chunk.
            let next = unsafe { block.0.add(self.block_bytes) };
            fresh.next = Block(next);
        }
        Ok(block)
    }

    /// Several blocks at once; all or none.
    pub(super) fn take_many(
        &mut self,
        count: usize,
        into: &mut impl Extend<Block>,
    ) -> Result<(), StorageError> {
        // What may fail comes first.
        while self.available() < count {
            self.add_next_chunk()?;
        }
        for _ in 0..count {
            into.extend([self.take()?]);
        }
        Ok(())
    }

    /// Bytes of the blocks that are handed out.
    pub(super) fn handed_out_bytes(&self) -> usize {
        (self.block_count() - self.available()) * self.block_bytes
    }

    /// Gives the chunks back to the system of which every block is free.
    pub(super) fn trim(&mut self) {
        self.put_fresh_back();
        self.free.sort_unstable();
        let Self { free, chunks, .. } = self;
        let mut freed = 0;
        chunks.retain(|chunk| {
            let end = chunk.start.as_ptr().addr() + chunk.layout.size();
            let first = free.partition_point(|block| *block < chunk.start);
            let behind = free.partition_point(|block| block.as_ptr().addr() < end);
            if behind - first < chunk.layout.size() / self.block_bytes {
                return true;
            }
            free.drain(first..behind);
            freed += chunk.layout.size();
            // SAFETY: it was allocated with this layout, and none of its blocks is handed out.
            unsafe { dealloc(chunk.start.as_ptr(), chunk.layout) };
            false
        });
        self.bytes -= freed;
        self.account.release(freed);
    }

    /// What is left of the newest chunk becomes free like any other block.
    fn put_fresh_back(&mut self) {
        while let Some(fresh) = self.fresh.take() {
            for index in 0..fresh.left {
                // SAFETY: `left` blocks of the chunk start at `next`.
                let block = unsafe { fresh.next.0.add(index * self.block_bytes) };
                self.free.push(Block(block));
            }
        }
    }

    /// Blocks that can be handed out before memory grows.
    fn available(&self) -> usize {
        self.free.len() + self.fresh.as_ref().map_or(0, |fresh| fresh.left)
    }

    fn add_next_chunk(&mut self) -> Result<(), StorageError> {
        let more = match self.growth {
            Growth::Doubling => self.bytes,
            Growth::Sixteenth => self.bytes / 16,
        };
        let blocks = more.min(HUGE_BYTES) / self.block_bytes;
        let mut blocks = blocks.max(CHUNK_BLOCKS_MIN);
        loop {
            match self.add_chunk(blocks) {
                // Near a limit, as many as it allows.
                Err(error) if error.is_limit() && blocks > 1 => blocks /= 2,
                result => return result,
            }
        }
    }

    /// Takes back blocks that nobody uses any more.
    pub(super) fn give_back(&mut self, blocks: impl DoubleEndedIterator<Item = Block>) {
        // In reverse, so that they go out again in the order in which they came.
        self.free.extend(blocks.rev());
    }

    /// The blocks that are not handed out.
    #[cfg(test)]
    pub(super) fn free_blocks(&self) -> Vec<Block> {
        let fresh = self.fresh.iter().flat_map(|fresh| {
            let start = fresh.next.as_ptr();
            let block = move |index: usize| start.wrapping_add(index * self.block_bytes);
            (0..fresh.left).filter_map(move |index| Block::from_ptr(block(index)))
        });
        self.free.iter().copied().chain(fresh).collect()
    }

    /// Adds so many blocks, of which there is one at least, or more.
    pub(super) fn add_chunk(&mut self, blocks: usize) -> Result<(), StorageError> {
        let too_large = StorageError::OutOfMemory { bytes: usize::MAX };
        let wanted = blocks
            .checked_mul(self.block_bytes)
            .ok_or(too_large.clone())?;
        // Large chunks are whole huge pages, so that the processor needs few of its table entries.
        let huge = wanted + self.block_bytes > HUGE_BYTES;
        let (bytes, align) = match huge {
            true => (wanted.next_multiple_of(HUGE_BYTES), HUGE_BYTES),
            false => (wanted, LINE_BYTES),
        };
        let layout = Layout::from_size_align(bytes, align).map_err(|_| too_large)?;
        let purpose = match self.growth {
            Growth::Doubling => Purpose::Records,
            Growth::Sixteenth => Purpose::Nodes,
        };
        self.account.reserve(bytes, purpose)?;
        // SAFETY: the layout is not empty, since a chunk has at least one block.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else {
            self.account.release(bytes);
            return Err(StorageError::OutOfMemory { bytes });
        };
        if (start.addr().get() + bytes) >> ADDRESS_BITS != 0 {
            // SAFETY: it was just allocated with this layout.
            unsafe { dealloc(start.as_ptr(), layout) };
            self.account.release(bytes);
            return Err(StorageError::OutOfMemory { bytes });
        }
        if huge {
            advise_huge_pages(start, bytes);
        }
        // SAFETY: these are the bytes that were just allocated.
        unsafe { start.write_bytes(0, bytes) };
        self.chunks.push(Chunk {
            start: Block(start),
            layout,
        });
        self.bytes += bytes;
        self.put_fresh_back();
        // SAFETY: a chunk is larger than a cache line.
        let first = unsafe { start.add(MISPLACED_BYTES) };
        self.fresh = Some(Fresh {
            next: Block(first),
            left: (bytes - MISPLACED_BYTES) / self.block_bytes,
        });
        Ok(())
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn advise_huge_pages(start: NonNull<u8>, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    // It is an advice: where the system does not take it, memory is only slower.
    // SAFETY: the range was allocated for this arena, and this advice changes no byte of it.
    let _advice_not_taken = unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxHugepage) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn advise_huge_pages(_start: NonNull<u8>, _bytes: usize) {}

impl Drop for Arena {
    fn drop(&mut self) {
        self.account.release(self.bytes);
        for chunk in self.chunks.drain(..) {
            // SAFETY: it was allocated with this layout, and whoever can reach a block of it holds
            // the table's memory, and with it this arena, alive.
            unsafe { dealloc(chunk.start.as_ptr(), chunk.layout) };
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("block_bytes", &self.block_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_was_given_back_goes_out_again_before_memory_grows() {
        let account = Arc::new(MemoryAccount::new(u64::MAX));
        let mut arena = Arena::new(100, Growth::Doubling, Arc::clone(&account));
        let mut blocks = Vec::new();
        arena.take_many(CHUNK_BLOCKS_MIN, &mut blocks).unwrap();
        let bytes = account.used_bytes();
        assert_eq!(bytes, (CHUNK_BLOCKS_MIN * 128) as u64);
        assert!(
            blocks
                .iter()
                .all(|block| (block.as_ptr() as usize).is_multiple_of(LINE_BYTES))
        );
        arena.give_back(blocks[..2].iter().copied());
        assert_eq!(arena.take().unwrap(), blocks[0]);
        assert_eq!(arena.take().unwrap(), blocks[1]);
        assert_eq!(account.used_bytes(), bytes);
        drop(arena);
        assert_eq!(account.used_bytes(), 0);
    }

    #[test]
    fn chunks_of_which_nothing_is_used_go_back_to_the_system() {
        let account = Arc::new(MemoryAccount::new(u64::MAX));
        let mut arena = Arena::new(64, Growth::Doubling, Arc::clone(&account));
        let mut blocks = Vec::new();
        arena.take_many(1_000, &mut blocks).unwrap();
        let bytes = account.used_bytes();
        arena.trim();
        assert_eq!(account.used_bytes(), bytes, "some block of each is used");
        assert_eq!(arena.handed_out_bytes(), 64_000);
        // All but one, which keeps its chunk.
        let kept = blocks.remove(500);
        arena.give_back(blocks.into_iter());
        arena.trim();
        let left = account.used_bytes();
        assert!(left < bytes && left > 0, "{left} of {bytes}");
        assert_eq!(arena.free_blocks().len(), arena.block_count() - 1);
        let mut again = Vec::new();
        arena.take_many(1_000, &mut again).unwrap();
        assert!(!again.contains(&kept), "it is handed out once");
        arena.give_back(again.into_iter().chain([kept]));
        arena.trim();
        assert_eq!((account.used_bytes(), arena.block_count()), (0, 0));
        arena.take().unwrap();
    }

    #[test]
    fn near_a_limit_memory_grows_by_as_much_as_it_allows() {
        let account = Arc::new(MemoryAccount::new(10_000));
        let mut arena = Arena::new(64, Growth::Doubling, Arc::clone(&account));
        let blocks = (0..).map_while(|_| arena.take().ok()).count();
        assert_eq!(blocks, 10_000 / 64);
    }

    #[test]
    fn beyond_the_memory_limit_a_block_is_refused_and_the_account_stays_right() {
        let account = Arc::new(MemoryAccount::new(10_000));
        let mut arena = Arena::new(64, Growth::Doubling, Arc::clone(&account));
        let refused = (0..1_000).find_map(|_| arena.take().err()).unwrap();
        assert!(matches!(
            refused,
            StorageError::MemoryLimit {
                limit_bytes: 10_000,
                ..
            }
        ));
        assert!(account.used_bytes() <= 10_000);
    }
}
