//! Building a table from records that are known already: from a data file, or with other fields.

#![expect(unsafe_code, reason = "a staged tree is made of an empty one")]

use std::{fmt, sync::Arc};

use super::{
    MemoryAccount, StagedTree, StorageError,
    table::{TableMemory, TableShared},
    tree::{Geometry, Leaf, Page, Tree},
};
use crate::schema::{RecordId, TableSchema};

/// Takes the records of one table in order of their ids.
pub(crate) struct TableLoader {
    schema: Arc<TableSchema>,
    memory: Arc<TableMemory>,
    staged: StagedTree,
    records: u64,
    last_id: u64,
}

/// A table whose records are loaded and that is part of no snapshot yet.
pub(crate) struct LoadedTable {
    pub(crate) schema: Arc<TableSchema>,
    pub(super) memory: Arc<TableMemory>,
    pub(crate) staged: StagedTree,
    pub(crate) records: u64,
    pub(crate) last_id: u64,
}

impl TableLoader {
    /// A loader whose memory counts in this account, and that the table's limit does not stop: for
    /// records that are there already, and must stay so.
    pub(crate) fn beyond_limit(schema: Arc<TableSchema>, account: &Arc<MemoryAccount>) -> Self {
        let geometry = Geometry::new(schema.record_size());
        let account = MemoryAccount::of_table(account, &schema);
        let memory = Arc::new(TableMemory::new(geometry, &account));
        // SAFETY: the tree is empty.
        let staged = unsafe { StagedTree::new(Tree::empty(geometry), Arc::clone(&memory), 0) };
        Self {
            schema,
            memory,
            staged,
            records: 0,
            last_id: 0,
        }
    }

    /// A loader whose memory counts in this account, and that the table's limit stops.
    pub(crate) fn with_account(schema: Arc<TableSchema>, account: &Arc<MemoryAccount>) -> Self {
        let loader = Self::beyond_limit(schema, account);
        loader.memory.account.enforce_limit_of(&loader.schema);
        loader
    }

    /// Adds a record. Its bytes were checked against the layout, and ids only go up.
    pub(crate) fn push(&mut self, id: RecordId, record: &[u8]) -> Result<(), StorageError> {
        if id.get() <= self.last_id {
            return Err(StorageError::IdTaken { id });
        }
        self.staged.insert(id)?.copy_from_slice(record);
        self.records += 1;
        self.last_id = id.get();
        Ok(())
    }

    /// Puts a record in the place of the one of this id, where there is one, else adds it. Its bytes
    /// were checked against the layout.
    pub(crate) fn put(&mut self, id: RecordId, record: &[u8]) -> Result<(), StorageError> {
        if let Some(mut bytes) = self.staged.update(id)? {
            bytes.set(record);
            return Ok(());
        }
        self.staged.insert(id)?.copy_from_slice(record);
        self.records += 1;
        self.last_id = self.last_id.max(id.get());
        Ok(())
    }

    /// Takes a record out, where it is there.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<(), StorageError> {
        self.records -= u64::from(self.staged.remove(id)?);
        Ok(())
    }

    /// The table, in which the next id comes behind `last_id` and behind every record.
    pub(crate) fn finish(self, last_id: u64) -> LoadedTable {
        let Self {
            schema,
            memory,
            staged,
            records,
            ..
        } = self;
        LoadedTable {
            schema,
            memory,
            staged,
            records,
            last_id: last_id.max(self.last_id),
        }
    }
}

impl LoadedTable {
    /// What the table is.
    pub(crate) fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// The records in order of their ids.
    pub(crate) fn records(&self) -> impl Iterator<Item = (RecordId, &[u8])> {
        let pages = self.staged.view().leaves_from(0).flat_map(Leaf::pages);
        pages.flat_map(Page::records)
    }

    /// What the versions of the table will share. From here on its limit holds.
    pub(super) fn shared(&self) -> Arc<TableShared> {
        self.memory.account.enforce_limit_of(&self.schema);
        Arc::new(TableShared::new(Arc::clone(&self.memory), self.last_id))
    }
}

impl fmt::Debug for TableLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableLoader")
            .field("table", &self.schema.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoadedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedTable")
            .field("table", &self.schema.name)
            .finish_non_exhaustive()
    }
}
