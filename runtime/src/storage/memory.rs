//! Blocks of memory of one size, handed out, taken back and used again.
//!
//! Invariants:
//! - Every block lies in a chunk that lives as long as its arena, and holds initialised bytes from
//!   its first moment on (a chunk is zeroed when it comes, stale bytes are bytes).
//! - A block is either free or handed out, once. Who holds a block decides what it is for.

#![expect(unsafe_code, reason = "pages and nodes are raw memory, allocated here")]

use std::{
    alloc::{Layout, alloc, dealloc},
    fmt,
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError},
};

use super::{MemoryAccount, StorageError, account};

/// A cache line: where pages start, so that two cores that write two pages never write one line.
pub(super) const LINE_BYTES: usize = 64;

/// Bits of an address: what systems give a program unless it asks for more. The tree keeps marks in
/// the others.
pub(super) const ADDRESS_BITS: u32 = 48;

/// The size and alignment of a large chunk, that of a huge page.
const HUGE_BYTES: usize = 2 * 1024 * 1024;

/// The least blocks in a chunk.
const CHUNK_BLOCKS_MIN: usize = 16;

/// One block. Copying it copies the address, not who may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    pub(super) fn from_ptr(address: *mut u8) -> Option<Self> {
        NonNull::new(address).map(Self)
    }
}

/// What the blocks of an arena are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Pages, which many reads go to: blocks start on a cache line, and memory comes in amounts
    /// that double up to a huge page.
    Pages,
    /// Nodes, of which there is much less: blocks follow each other closely, and memory comes by a
    /// sixteenth of what there is.
    Nodes,
}

/// Blocks of one size.
pub(super) struct Arena {
    block_bytes: usize,
    purpose: Purpose,
    account: Arc<MemoryAccount>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Blocks that were given back; the last is the next to go out, since it is warm.
    free: Vec<Block>,
    chunks: Vec<Chunk>,
    /// Blocks of the newest chunk that were never handed out.
    fresh: Option<Fresh>,
    bytes: usize,
}

impl State {
    /// What is left of the newest chunk becomes free like any other block.
    fn put_fresh_back(&mut self, block_bytes: usize) {
        while let Some(fresh) = self.fresh.take() {
            for index in 0..fresh.left {
                // SAFETY: `left` blocks of the chunk start at `next`.
                let block = unsafe { fresh.next.0.add(index * block_bytes) };
                self.free.push(Block(block));
            }
        }
    }
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
    pub(super) fn new(block_bytes: usize, purpose: Purpose, account: Arc<MemoryAccount>) -> Self {
        let align = match purpose {
            Purpose::Pages => LINE_BYTES,
            Purpose::Nodes => align_of::<u64>(),
        };
        let block_bytes = block_bytes.next_multiple_of(align);
        Self {
            block_bytes,
            purpose,
            account,
            state: Mutex::default(),
        }
    }

    /// Bytes of all chunks.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Blocks that exist, in use or not.
    pub(super) fn block_count(&self) -> usize {
        self.lock().bytes / self.block_bytes
    }

    /// One block, of initialised bytes that mean nothing.
    pub(super) fn take(&self) -> Result<Block, StorageError> {
        self.take_from(&mut self.lock())
    }

    /// Several blocks at once; all or none.
    pub(super) fn take_many(
        &self,
        count: usize,
        into: &mut Vec<Block>,
    ) -> Result<(), StorageError> {
        let mut state = self.lock();
        let before = into.len();
        for _ in 0..count {
            match self.take_from(&mut state) {
                Ok(block) => into.push(block),
                Err(error) => {
                    state.free.extend(into.drain(before..));
                    return Err(error);
                }
            }
        }
        // Later pages at later addresses: passes then walk memory forwards.
        into[before..].sort_unstable();
        Ok(())
    }

    /// Takes back blocks that nobody uses any more.
    pub(super) fn give_back(&self, blocks: impl DoubleEndedIterator<Item = Block>) {
        // In reverse, so that they go out again in the order in which they came.
        self.lock().free.extend(blocks.rev());
    }

    /// The blocks that are not handed out.
    #[cfg(test)]
    pub(super) fn free_blocks(&self) -> Vec<Block> {
        let state = self.lock();
        let fresh = state.fresh.iter().flat_map(|fresh| {
            let start = fresh.next.as_ptr();
            let block = move |index: usize| start.wrapping_add(index * self.block_bytes);
            (0..fresh.left).filter_map(move |index| Block::from_ptr(block(index)))
        });
        state.free.iter().copied().chain(fresh).collect()
    }

    /// Doubles the number of blocks at least.
    pub(super) fn grow(&self) -> Result<(), StorageError> {
        let mut state = self.lock();
        let blocks = state.bytes / self.block_bytes;
        self.add_chunk(&mut state, blocks.max(1))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_from(&self, state: &mut State) -> Result<Block, StorageError> {
        if let Some(block) = state.free.pop() {
            return Ok(block);
        }
        if state.fresh.is_none() {
            let more = match self.purpose {
                Purpose::Pages => state.bytes,
                Purpose::Nodes => state.bytes / 16,
            };
            let blocks = more.min(HUGE_BYTES) / self.block_bytes;
            self.add_largest_chunk(state, blocks.max(CHUNK_BLOCKS_MIN))?;
        }
        let fresh = state.fresh.as_mut().expect("a chunk was just added");
        let block = fresh.next;
        fresh.left -= 1;
        if fresh.left == 0 {
            state.fresh = None;
        } else {
            // SAFETY: at least one more block follows in the same chunk.
            let next = unsafe { block.0.add(self.block_bytes) };
            fresh.next = Block(next);
        }
        Ok(block)
    }

    /// Adds so many blocks or, near a limit, as many as it allows, which is one at least.
    fn add_largest_chunk(&self, state: &mut State, blocks: usize) -> Result<(), StorageError> {
        let mut blocks = blocks;
        loop {
            match self.add_chunk(state, blocks) {
                Err(error) if error.is_limit() && blocks > 1 => blocks /= 2,
                result => return result,
            }
        }
    }

    /// Gives the chunks back to the system of which every block is free.
    pub(super) fn trim(&self) {
        let mut state = self.lock();
        let state = &mut *state;
        state.put_fresh_back(self.block_bytes);
        state.free.sort_unstable();
        let (bytes, before) = (self.block_bytes, state.chunks.len());
        let State { free, chunks, .. } = state;
        let mut freed = 0;
        chunks.retain(|chunk| {
            let inside = |block: &Block| {
                let start = chunk.start.0.addr().get();
                (start..start + chunk.layout.size()).contains(&block.0.addr().get())
            };
            let first = free.partition_point(|block| block.0 < chunk.start.0);
            let inside = free[first..]
                .iter()
                .take_while(|block| inside(block))
                .count();
            if inside < chunk.layout.size() / bytes {
                return true;
            }
            free.drain(first..first + inside);
            freed += chunk.layout.size();
            // SAFETY: it was allocated with this layout, and none of its blocks is handed out.
            unsafe { dealloc(chunk.start.as_ptr(), chunk.layout) };
            false
        });
        debug_assert!(freed > 0 || chunks.len() == before);
        state.bytes -= freed;
        self.account.release(freed);
    }

    fn add_chunk(&self, state: &mut State, blocks: usize) -> Result<(), StorageError> {
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
        let purpose = match self.purpose {
            Purpose::Pages => account::Purpose::Records,
            Purpose::Nodes => account::Purpose::Nodes,
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
        state.chunks.push(Chunk {
            start: Block(start),
            layout,
        });
        state.bytes += bytes;
        state.put_fresh_back(self.block_bytes);
        state.fresh = Some(Fresh {
            next: Block(start),
            left: bytes / self.block_bytes,
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
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.account.release(state.bytes);
        for chunk in state.chunks.drain(..) {
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
        let arena = Arena::new(100, Purpose::Pages, Arc::clone(&account));
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
    fn beyond_the_memory_limit_a_block_is_refused_and_the_account_stays_right() {
        let account = Arc::new(MemoryAccount::new(10_000));
        let arena = Arena::new(64, Purpose::Pages, Arc::clone(&account));
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
