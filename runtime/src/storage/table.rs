//! A table: what all versions of it share, and what one version is.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Indexes, MemoryAccount, StorageError,
    table_memory::TableMemory,
    tree::{Geometry, Tree},
};
use crate::schema::{RecordId, TableSchema};

/// The record ids that a table has given out. There is one sequence for all that the table ever is:
/// transactions draw from it while its pages are built anew, and an id must not go out twice.
#[derive(Debug)]
pub(super) struct IdSequence {
    /// The highest record id given out.
    last_id: AtomicU64,
}

impl IdSequence {
    pub(super) fn new(last_id: u64) -> Self {
        Self {
            last_id: AtomicU64::new(last_id),
        }
    }

    pub(super) fn last_id(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }
}

/// What all versions of a table share, until its pages are built anew.
#[derive(Debug)]
pub(crate) struct TableShared {
    pub(super) memory: Arc<TableMemory>,
    pub(super) ids: Arc<IdSequence>,
    /// Held while a transaction that changes the table is checked and published.
    commit: Mutex<()>,
}

impl TableShared {
    pub(super) fn new(memory: Arc<TableMemory>, ids: Arc<IdSequence>) -> Self {
        Self {
            memory,
            ids,
            commit: Mutex::new(()),
        }
    }

    /// The lock that is held while a transaction that changes the table is checked and published.
    pub(crate) fn lock_commit(&self) -> MutexGuard<'_, ()> {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next record id, never given out before.
    pub(crate) fn next_id(&self) -> RecordId {
        let last = self.ids.last_id.fetch_add(1, Ordering::Relaxed);
        RecordId::MIN.saturating_add(last)
    }

    /// The highest record id given out.
    pub(crate) fn last_id(&self) -> u64 {
        self.ids.last_id()
    }

    /// Gives out the `count` ids behind `last`, unless somebody else has taken some of them.
    pub(crate) fn take_ids(&self, last: u64, count: u64) -> bool {
        self.ids
            .last_id
            .compare_exchange(last, last + count, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// One table as one snapshot sees it. Only a snapshot or draft may hold it, since they keep its
/// pages alive.
#[derive(Clone, Debug)]
pub(crate) struct TableVersion {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) shared: Arc<TableShared>,
    pub(super) tree: Tree,
    /// Records that are not deleted.
    pub(crate) records: u64,
    /// The highest record id of this version, deleted ones included.
    pub(crate) last_id: u64,
    /// The version at which records or fields changed last.
    pub(crate) changed_at: u64,
    pub(crate) indexes: Arc<Indexes>,
}

impl TableVersion {
    /// A table without records.
    pub(crate) fn new(
        schema: Arc<TableSchema>,
        indexes: Indexes,
        account: &Arc<MemoryAccount>,
    ) -> Self {
        let geometry = Geometry::of(&schema);
        let account = MemoryAccount::of_table(account, &schema);
        account.enforce_limit_of(&schema);
        let memory = Arc::new(TableMemory::new(geometry, &account));
        Self {
            schema,
            shared: Arc::new(TableShared::new(memory, Arc::new(IdSequence::new(0)))),
            tree: Tree::empty(geometry),
            records: 0,
            last_id: 0,
            changed_at: 0,
            indexes: Arc::new(indexes),
        }
    }

    pub(super) fn memory(&self) -> &Arc<TableMemory> {
        &self.shared.memory
    }

    /// Bytes of all chunks of the table's memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.shared.memory.lock().bytes()
    }

    /// Lets the table take what this schema says, in all its versions.
    pub(crate) fn enforce_limit_of(&self, schema: &TableSchema) {
        self.shared.memory.enforce_limit_of(schema);
    }

    /// Bytes that it may take, where there is a limit.
    pub(crate) fn memory_limit_bytes(&self) -> Option<u64> {
        self.shared.memory.limit_bytes()
    }

    /// Records that there is room for before memory grows.
    pub(crate) fn capacity(&self) -> u64 {
        self.shared.memory.lock().capacity(self.tree.geometry()) as u64
    }

    /// Doubles the capacity at least, without moving a record.
    pub(crate) fn grow(&self) -> Result<(), StorageError> {
        let geometry = self.tree.geometry();
        let mut arenas = self.shared.memory.lock();
        let more = arenas.capacity(geometry).div_ceil(geometry.slots());
        arenas.pages.add_chunk(more.max(1))
    }
}
