//! A table on its way into other fields: copied from a snapshot while everybody works on, brought
//! up to later ones, and at last put in the place of the former table.
//!
//! It is one object that others drive: they say when it copies, on which thread, and when it takes
//! the former table's place. Dropping it gives back all that it made.

use std::sync::Arc;

use super::{TransactionError, schema_change::duplicate_key};
use crate::{
    schema::{
        FieldsChange, LayoutChange, RecordBuf, RecordRef, SchemaError, TableRelations, TableSchema,
    },
    storage::{
        Draft, IndexUpdate, Indexes, MemoryAccount, Snapshot, TableLoader, TableShared, TableView,
    },
};

/// Records that are put into the indexes at a time while the table is copied.
const INDEX_BATCH_RECORDS: usize = 4_096;

/// The most records that a version may differ in to count as small, where they are not large.
const SMALL_RECORDS: usize = 1_024;
/// The most bytes of them.
const SMALL_BYTES: usize = 256 * 1024;

/// A table on its way into other fields.
#[derive(Debug)]
pub(crate) struct Rebuild {
    change: FieldsChange,
    account: Arc<MemoryAccount>,
    former: Arc<TableSchema>,
    /// What the table will be.
    schema: Arc<TableSchema>,
    /// Its relations, which say what is indexed.
    relations: TableRelations,
    records: LayoutChange,
    loader: TableLoader,
    indexes: Indexes,
    /// The version that was copied; none before the first.
    copied: Option<Snapshot>,
    /// What holds the memory of the former table, once this took its place.
    replaced: Option<Arc<TableShared>>,
}

/// What copying came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It holds what the snapshot holds, for which this many records were written or removed.
    Records(u64),
    /// It was told to stop half-way, and can only be dropped.
    Stopped,
}

impl Rebuild {
    /// Checks all of the change that can be checked without looking at records.
    pub(crate) fn begin(
        current: &Snapshot,
        account: &Arc<MemoryAccount>,
        table: &str,
        change: FieldsChange,
    ) -> Result<Self, TransactionError> {
        let mut catalog = current.catalog().clone();
        let former = Arc::clone(catalog.require_table(table)?);
        let schema = change.apply(&mut catalog, table)?;
        let records = current.table_in(former.slot).map_or(0, |table| table.len());
        if let FieldsChange::Add(fields) = &change {
            for field in fields {
                let fills_itself = field.default.is_some() || field.type_id.starts_with("option<");
                if records > 0 && !fills_itself {
                    return Err(SchemaError::DefaultRequired {
                        table: schema.name.clone(),
                        field: field.name.clone(),
                    }
                    .into());
                }
            }
        }
        let relations = catalog.relations_of(&schema).clone();
        let loader = loader_of(&change, &schema, account);
        loader.foresee(records)?;
        Ok(Self {
            records: LayoutChange::between(&former.layout, &schema.layout),
            loader,
            indexes: Indexes::of(&schema, &relations),
            account: Arc::clone(account),
            change,
            former,
            schema,
            relations,
            copied: None,
            replaced: None,
        })
    }

    /// What the table is as long as this has not taken its place.
    pub(crate) fn former(&self) -> &TableSchema {
        &self.former
    }

    /// Whether so little differs from what was copied that it can be copied while others wait.
    pub(crate) fn is_nearly(&self, now: &Snapshot) -> Result<bool, TransactionError> {
        let table = self.table_in(now)?;
        let larger = self.former.record_size().max(self.schema.record_size());
        let most = SMALL_RECORDS.min(SMALL_BYTES / larger);
        let older = self
            .copied
            .as_ref()
            .and_then(|copied| older_of(table, copied));
        let leaves = table
            .tree()
            .differing_leaves(older.map(|older| older.tree()));
        let (mut records, mut tail_bytes) = (0, 0);
        for page in leaves.flat_map(|leaf| leaf.pages()) {
            records += page.records_max();
            if self.former.layout.has_tails() {
                tail_bytes += page.tail_bytes();
            }
            if records > most || tail_bytes > SMALL_BYTES {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies what differs from the version that was copied last, as long as `go_on` says so.
    pub(crate) fn copy(
        &mut self,
        now: Snapshot,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Copied, TransactionError> {
        let copied = self.copy_from(&now, go_on)?;
        if copied != Copied::Stopped {
            self.copied = Some(now);
        }
        Ok(copied)
    }

    /// What holds the memory of the table that this took the place of, for those who want to be the
    /// last to do so: giving it back may take long.
    pub(crate) fn into_replaced(self) -> Option<Arc<TableShared>> {
        self.replaced
    }

    /// Copies what is left, and puts the result in the place of the former table. Where it fails
    /// the draft stays as it was. Once it was called this can only be taken apart.
    pub(crate) fn put_into(
        &mut self,
        draft: &mut Draft,
    ) -> Result<Arc<TableSchema>, TransactionError> {
        let current = draft.snapshot();
        self.copy_from(&current, &|| true)?;
        // Others may have changed other parts of the catalog meanwhile.
        let mut catalog = current.catalog().clone();
        let schema = self.change.apply(&mut catalog, self.former.name.as_str())?;
        let same = schema.layout == self.schema.layout
            && catalog.relations_of(&schema).from == self.relations.from;
        if !same {
            return Err(self.changed());
        }
        let replaced = Arc::clone(&self.table_in(&current)?.version.shared);
        let nothing = loader_of(&self.change, &schema, &self.account);
        let mut loaded = std::mem::replace(&mut self.loader, nothing).finish_as(&replaced)?;
        loaded.schema = Arc::clone(&schema);
        draft.set_loaded(loaded, std::mem::take(&mut self.indexes));
        draft.set_catalog(catalog);
        self.replaced = Some(replaced);
        Ok(schema)
    }

    fn copy_from(
        &mut self,
        now: &Snapshot,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Copied, TransactionError> {
        let table = self.table_in(now)?;
        let base = self.copied.clone();
        let older = base.as_ref().and_then(|base| older_of(table, base));
        if base.is_some() && older.is_none() {
            // All of its records were put into other memory, as by compaction: nothing is shared.
            self.loader = loader_of(&self.change, &self.schema, &self.account);
            self.indexes = Indexes::of(&self.schema, &self.relations);
        }
        let leaves = table
            .tree()
            .differing_leaves(older.map(|older| older.tree()));
        let (mut records, mut in_batch) = (0, 0);
        let mut update = self.indexes.update();
        let (mut before, mut after) = (RecordBuf::default(), RecordBuf::default());
        for leaf in leaves {
            if !go_on() {
                return Ok(Copied::Stopped);
            }
            for record in leaf.pages().flat_map(|page| page.records()) {
                let old = record.before.filter(|_| !self.indexes.is_empty());
                let old = self.converted(old, &mut before)?;
                let new = self.converted(record.after, &mut after)?;
                match new {
                    Some(new) if record.before.is_none() && older.is_none() => {
                        self.loader.push(record.id, new)?;
                    }
                    Some(new) => self.loader.put(record.id, new)?,
                    None => self.loader.remove(record.id)?,
                }
                self.indexes.note(&mut update, record.id, old, new);
                records += 1;
                in_batch += 1;
            }
            // One key may go from one record to another, so a difference counts as a whole. Where
            // all records are new there is nothing to go.
            if older.is_none() && in_batch >= INDEX_BATCH_RECORDS {
                let batch = std::mem::replace(&mut update, self.indexes.update());
                self.index(batch)?;
                in_batch = 0;
            }
        }
        self.index(update)?;
        Ok(Copied::Records(records))
    }

    /// The record, where there is one, as it is in the new layout.
    fn converted<'b>(
        &self,
        record: Option<RecordRef<'_>>,
        buffer: &'b mut RecordBuf,
    ) -> Result<Option<RecordRef<'b>>, TransactionError> {
        let Some(record) = record else {
            return Ok(None);
        };
        let copied = self.records.copy(record, buffer);
        copied.map_err(|fault| TransactionError::InvalidRecord {
            table: self.schema.name.clone(),
            faults: vec![fault],
        })?;
        Ok(Some(buffer.as_ref()))
    }

    fn index(&mut self, update: IndexUpdate) -> Result<(), TransactionError> {
        let indexed = self.indexes.apply(update);
        self.indexes = indexed.map_err(|duplicate| duplicate_key(&self.schema, duplicate))?;
        Ok(())
    }

    /// The former table, as long as it is there and has the fields that it had.
    fn table_in<'s>(&self, now: &'s Snapshot) -> Result<TableView<'s>, TransactionError> {
        let table = now.table_in(self.former.slot);
        let Some(table) = table.filter(|table| table.schema().id == self.former.id) else {
            return Err(SchemaError::TableDropped {
                table: self.former.name.clone(),
            }
            .into());
        };
        match Arc::ptr_eq(&table.version.schema, &self.former) {
            true => Ok(table),
            false => Err(self.changed()),
        }
    }

    fn changed(&self) -> TransactionError {
        TransactionError::SchemaChanged {
            table: self.former.name.clone(),
        }
    }
}

/// Where the records go. What makes room is not refused where there is none.
fn loader_of(
    change: &FieldsChange,
    schema: &Arc<TableSchema>,
    account: &Arc<MemoryAccount>,
) -> TableLoader {
    match change.makes_room() {
        true => TableLoader::beyond_limit(Arc::clone(schema), account),
        false => TableLoader::with_account(Arc::clone(schema), account),
    }
}

/// The same table in an older version, where the two can share nodes.
fn older_of<'s>(table: TableView<'_>, copied: &'s Snapshot) -> Option<TableView<'s>> {
    let older = copied.table_in(table.schema().slot)?;
    Arc::ptr_eq(&older.version.shared, &table.version.shared).then_some(older)
}
