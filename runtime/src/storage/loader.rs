//! Building a table from records that are known already: from a data file, or with other fields.

#![expect(unsafe_code, reason = "a staged tree is made of an empty one")]

use std::{fmt, ops::Range, sync::Arc};

use super::{
    StagedTree, StorageError,
    memory::MemoryAccount,
    table::{IdSequence, TableShared, TableVersion},
    table_memory::TableMemory,
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
    page: LoadedPage,
    pack: bool,
}

/// The records of the page that is being filled.
#[derive(Default)]
struct LoadedPage {
    first: u64,
    live: u64,
    fixed_parts: Vec<u8>,
    tails: Vec<(RecordId, Range<usize>)>,
    tail_bytes: Vec<u8>,
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
    /// A loader whose memory counts in this account.
    pub(crate) fn with_account(schema: Arc<TableSchema>, account: &Arc<MemoryAccount>) -> Self {
        let geometry = Geometry::of(&schema);
        let memory = Arc::new(TableMemory::new(geometry, account));
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

    /// Adds a record without a tail. Its bytes were checked against the layout, and ids only go up.
    pub(crate) fn push(&mut self, id: RecordId, record: &[u8]) -> Result<(), StorageError> {
        self.push_with_tail(id, record, &[])
    }

    /// Adds a record: its fixed part and its tail.
    pub(crate) fn push_with_tail(
        &mut self,
        id: RecordId,
        fixed: &[u8],
        tail: &[u8],
    ) -> Result<(), StorageError> {
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
        self.page.fixed_parts.extend_from_slice(fixed);
        if !tail.is_empty() {
            let start = self.page.tail_bytes.len();
            self.page.tail_bytes.extend_from_slice(tail);
            let end = self.page.tail_bytes.len();
            self.page.tails.push((id, start..end));
        }
        self.records += 1;
        self.last_id = id.get();
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
        for (id, range) in page.tails.drain(..) {
            staged.add_tail(id, &page.tail_bytes[range])?;
        }
        page.first = 0;
        page.live = 0;
        page.fixed_parts.clear();
        page.tail_bytes.clear();
        Ok(())
    }

    /// The table, in which the next id comes behind `last_id` and behind every record.
    pub(crate) fn finish(self, last_id: u64) -> Result<LoadedTable, StorageError> {
        let last_id = last_id.max(self.last_id);
        self.finish_with(Arc::new(IdSequence::new(last_id)))
    }

    /// The table as `former` built anew: ids go on where they stand, also those that transactions
    /// draw meanwhile.
    pub(crate) fn finish_as(self, former: &TableVersion) -> Result<LoadedTable, StorageError> {
        self.finish_with(Arc::clone(&former.shared.ids))
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
    pub(crate) fn records(&self) -> impl Iterator<Item = (RecordId, &[u8])> {
        let pages = self.staged.view().leaves_from(0).flat_map(Leaf::pages);
        pages.flat_map(Page::records)
    }

    pub(super) fn shared(&self) -> Arc<TableShared> {
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
