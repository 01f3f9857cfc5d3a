//! The memory of one table: its pages, its nodes and the tails of its records.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError},
};

use super::{
    MemoryAccount, StorageError,
    account::Purpose,
    memory::{Arena, Block, Growth},
    sync::{Mutex, MutexGuard},
    tree::{Geometry, PACKED_CLASSES, Retired, Side, node_bytes},
};
use crate::schema::TableSchema;

/// The memory of one table. It lives as long as any snapshot that has the table.
pub(crate) struct TableMemory {
    arenas: Mutex<Arenas>,
    account: Arc<MemoryAccount>,
}

/// Blocks by what they are for.
pub(super) struct Arenas {
    pub(super) pages: Arena,
    pub(super) packed: [Arena; PACKED_CLASSES.len()],
    pub(super) nodes: Arena,
    pub(super) tails: Tails,
}

impl TableMemory {
    pub(super) fn new(geometry: Geometry, account: &Arc<MemoryAccount>) -> Self {
        let arena = |bytes, growth| Arena::new(bytes, growth, Arc::clone(account));
        let packed = |class| arena(geometry.packed_bytes(class), Growth::Doubling);
        Self {
            arenas: Mutex::new(Arenas {
                pages: arena(geometry.page_bytes(), Growth::Doubling),
                packed: std::array::from_fn(packed),
                nodes: arena(node_bytes(geometry), Growth::Sixteenth),
                tails: Tails::new(Arc::clone(account)),
            }),
            account: Arc::clone(account),
        }
    }

    /// Lets the table take what its schema says.
    pub(super) fn enforce_limit_of(&self, table: &TableSchema) {
        self.account.enforce_limit_of(table);
    }

    /// Bytes that the table may take, where there is a limit.
    pub(super) fn limit_bytes(&self) -> Option<u64> {
        self.account.limit_bytes()
    }

    /// Refuses to begin with records of so many bytes together that a limit would stop.
    pub(super) fn foresee(&self, bytes: u64) -> Result<(), StorageError> {
        self.account.foresee(bytes, Purpose::Records)
    }

    /// Refuses records that would take the table beyond its limit. What only replaces others may go
    /// a little beyond it, since it gives back as much when it is done.
    pub(super) fn admit(&self, bytes: usize) -> Result<(), StorageError> {
        match self.account.limit_bytes() {
            Some(_) => self.account.admit(self.lock().handed_out_bytes() + bytes),
            None => Ok(()),
        }
    }

    /// All arenas, for a moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, Arenas> {
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back blocks that nothing reaches any more.
    pub(super) fn give_back(&self, blocks: &[Retired]) {
        if blocks.is_empty() {
            return;
        }
        let mut arenas = self.lock();
        // In reverse, so that they go out again in the order in which they came.
        for retired in blocks.iter().rev() {
            arenas.give_back(retired.side, retired.block);
        }
        if self.account.take_refused() {
            // These may be what a change took before it was refused.
            arenas.trim();
        }
    }
}

impl Arenas {
    /// Bytes of all chunks.
    pub(super) fn bytes(&self) -> usize {
        let packed: usize = self.packed.iter().map(Arena::bytes).sum();
        self.pages.bytes() + packed + self.nodes.bytes() + self.tails.bytes()
    }

    /// Records that all pages have room for.
    pub(super) fn capacity(&self, geometry: Geometry) -> usize {
        let packed = self.packed.iter().enumerate();
        let packed =
            packed.map(|(class, arena)| arena.block_count() * geometry.packed_slots(class));
        self.pages.block_count() * geometry.slots() + packed.sum::<usize>()
    }

    /// Bytes of all blocks that are handed out.
    fn handed_out_bytes(&self) -> usize {
        let arenas = [&self.pages, &self.nodes];
        let arenas = arenas
            .into_iter()
            .chain(&self.packed)
            .chain(&self.tails.small);
        arenas.map(Arena::handed_out_bytes).sum::<usize>() + self.tails.large_bytes
    }

    /// Gives back to the system what is not used.
    fn trim(&mut self) {
        let arenas = [&mut self.pages, &mut self.nodes].into_iter();
        let arenas = arenas.chain(&mut self.packed).chain(&mut self.tails.small);
        arenas.for_each(Arena::trim);
    }

    pub(super) fn give_back(&mut self, side: Side, block: Block) {
        let arena = match side {
            Side::Page => &mut self.pages,
            Side::Packed(class) => &mut self.packed[class],
            Side::Node => &mut self.nodes,
            Side::Tail { bytes } => return self.tails.give_back(block, bytes as usize),
        };
        arena.give_back(std::iter::once(block));
    }
}

impl fmt::Debug for TableMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableMemory").finish_non_exhaustive()
    }
}

/// Blocks of many sizes. Small ones come from arenas of a few sizes, each by half larger than the
/// one before; each large one has an arena of its own, which goes with it.
pub(super) struct Tails {
    account: Arc<MemoryAccount>,
    small: Vec<Arena>,
    large: HashMap<Block, Arena, foldhash::fast::RandomState>,
    large_bytes: usize,
}

/// The sizes of small blocks: 64 bytes times these.
const SMALL_LINES: [usize; 11] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];
const LINE_BYTES: usize = super::memory::LINE_BYTES;

impl Tails {
    fn new(account: Arc<MemoryAccount>) -> Self {
        Self {
            account,
            small: Vec::new(),
            large: HashMap::default(),
            large_bytes: 0,
        }
    }

    fn bytes(&self) -> usize {
        self.small.iter().map(Arena::bytes).sum::<usize>() + self.large_bytes
    }

    /// A block of so many bytes at least.
    pub(super) fn take(&mut self, bytes: usize) -> Result<Block, StorageError> {
        if let Some(class) = class_of(bytes) {
            while self.small.len() <= class {
                let bytes = SMALL_LINES[self.small.len()] * LINE_BYTES;
                let account = Arc::clone(&self.account);
                self.small
                    .push(Arena::new(bytes, Growth::Doubling, account));
            }
            return self.small[class].take();
        }
        let mut arena = Arena::new(bytes, Growth::Doubling, Arc::clone(&self.account));
        arena.add_chunk(1)?;
        let block = arena.take()?;
        self.large_bytes += arena.bytes();
        self.large.insert(block, arena);
        Ok(block)
    }

    fn give_back(&mut self, block: Block, bytes: usize) {
        if let Some(arena) = self.large.remove(&block) {
            self.large_bytes -= arena.bytes();
            return;
        }
        if let Some(class) = class_of(bytes) {
            self.small[class].give_back(std::iter::once(block));
        }
    }

    /// Blocks that exist, and those of them that are not handed out.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, Vec<Block>) {
        let small: usize = self.small.iter().map(Arena::block_count).sum();
        let free = self.small.iter().flat_map(Arena::free_blocks);
        (small + self.large.len(), free.collect())
    }
}

fn class_of(bytes: usize) -> Option<usize> {
    let lines = bytes.div_ceil(LINE_BYTES);
    SMALL_LINES.iter().position(|class| lines <= *class)
}
