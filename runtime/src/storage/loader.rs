//! Building a table from records that are known already: from a data file, or with other fields.

#![expect(unsafe_code, reason = "a staged tree is made of an empty one")]

use std::{fmt, sync::Arc};

use super::{
    MemoryAccount, StagedTree, StorageError,
    memory::Block,
    table::{IdSequence, TableShared},
    table_memory::TableMemory,
    tree::{Geometry, Leaf, Page, Tree},
};
use crate::schema::{RecordId, RecordRef, TableSchema};

/// Takes the records of one table in order of their ids.
pub(crate) struct TableLoader {
    schema: Arc<TableSchema>,
    memory: Arc<TableMemory>,
    staged: StagedTree,
    records: u64,
    last_id: u64,
    page: LoadedPage,
    pack: bool,
}

/// The records of the page that is being filled.
#[derive(Default)]
struct LoadedPage {
    first: u64,
    live: u64,
    fixed_parts: Vec<u8>,
    tails: Vec<(RecordId, Block)>,
}

/// A table whose records are loaded and that is part of no snapshot yet.
pub(crate) struct LoadedTable {
    pub(crate) schema: Arc<TableSchema>,
    pub(super) memory: Arc<TableMemory>,
    ids: Arc<IdSequence>,
    pub(crate) staged: StagedTree,
    pub(crate) records: u64,
    pub(crate) last_id: u64,
}

impl TableLoader {
    /// A loader whose memory counts in this account, and that the table's limit stops.
    pub(crate) fn with_account(schema: Arc<TableSchema>, account: &Arc<MemoryAccount>) -> Self {
        let loader = Self::beyond_limit(schema, account);
        loader.memory.enforce_limit_of(&loader.schema);
        loader
    }

    /// A loader that the table's limit does not stop: for records that are there already, and must
    /// stay so.
    pub(crate) fn beyond_limit(schema: Arc<TableSchema>, account: &Arc<MemoryAccount>) -> Self {
        let geometry = Geometry::of(&schema);
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
            page: LoadedPage::default(),
            pack: false,
        }
    }

    /// Lets pages of few records take no more memory than those need.
    pub(crate) fn packed(self) -> Self {
        Self { pack: true, ..self }
    }

    /// Refuses to begin with so many records where a limit would stop them: nobody else should go
    /// short of memory for what cannot come to its end.
    pub(crate) fn foresee(&self, records: u64) -> Result<(), StorageError> {
        let bytes = self.schema.record_size() as u64;
        self.memory.foresee(records.saturating_mul(bytes))
    }

    /// Adds a record. Its bytes were checked against the layout, and ids only go up.
    pub(crate) fn push(&mut self, id: RecordId, record: RecordRef<'_>) -> Result<(), StorageError> {
        if id.get() <= self.last_id {
            return Err(StorageError::IdTaken { id });
        }
        let slots = self.staged.view().geometry().slots() as u64;
        let bit = (id.get() - 1) % slots;
        let first = id.get() - bit;
        if self.page.first != first {
            self.end_page()?;
            self.page.first = first;
        }
        self.page.live |= 1 << bit;
        let RecordRef { fixed, tail } = record;
        self.page.fixed_parts.extend_from_slice(fixed);
        let tail = self.staged.spare_tail(tail)?;
        self.page.tails.extend(tail.map(|tail| (id, tail)));
        self.records += 1;
        self.last_id = id.get();
        Ok(())
    }

    /// Puts a record in the place of the one of this id, where there is one, else adds it. Its bytes
    /// were checked against the layout.
    pub(crate) fn put(&mut self, id: RecordId, record: RecordRef<'_>) -> Result<(), StorageError> {
        self.end_page()?;
        if self.staged.replace_record(id, record)? {
            return Ok(());
        }
        self.staged.insert_record(id, record)?;
        self.records += 1;
        self.last_id = self.last_id.max(id.get());
        Ok(())
    }

    /// Takes a record out, where it is there.
    pub(crate) fn remove(&mut self, id: RecordId) -> Result<(), StorageError> {
        self.end_page()?;
        self.records -= u64::from(self.staged.remove(id)?);
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), StorageError> {
        let Self {
            staged, page, pack, ..
        } = self;
        let Some(first) = RecordId::new(page.first) else {
            return Ok(());
        };
        staged.insert_page(first, page.live, &page.fixed_parts, *pack)?;
        for (id, tail) in page.tails.drain(..) {
            staged.add_tail(id, tail)?;
        }
        page.first = 0;
        page.live = 0;
        page.fixed_parts.clear();
        Ok(())
    }

    /// The table, in which the next id comes behind `last_id` and behind every record.
    pub(crate) fn finish(self, last_id: u64) -> Result<LoadedTable, StorageError> {
        let last_id = last_id.max(self.last_id);
        self.finish_with(Arc::new(IdSequence::new(last_id)))
    }

    /// The table as `former` built anew: ids go on where they stand, also those that transactions
    /// draw meanwhile.
    pub(crate) fn finish_as(self, former: &TableShared) -> Result<LoadedTable, StorageError> {
        self.finish_with(Arc::clone(&former.ids))
    }

    fn finish_with(mut self, ids: Arc<IdSequence>) -> Result<LoadedTable, StorageError> {
        self.end_page()?;
        let Self {
            schema,
            memory,
            staged,
            records,
            ..
        } = self;
        Ok(LoadedTable {
            schema,
            memory,
            staged,
            records,
            last_id: ids.last_id(),
            ids,
        })
    }
}

impl LoadedTable {
    /// What the table is.
    pub(crate) fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// The records in order of their ids.
    pub(crate) fn records(&self) -> impl Iterator<Item = (RecordId, RecordRef<'_>)> {
        let pages = self.staged.view().leaves_from(0).flat_map(Leaf::pages);
        pages.flat_map(Page::records)
    }

    /// What the versions of the table will share. From here on its limit holds.
    pub(super) fn shared(&self) -> Arc<TableShared> {
        self.memory.enforce_limit_of(&self.schema);
        let (memory, ids) = (Arc::clone(&self.memory), Arc::clone(&self.ids));
        Arc::new(TableShared::new(memory, ids))
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
