//! Handles of one table: of its records as values, and of its buffer.

use super::{Database, flatten, table_not_found};
use crate::{
    Result,
    schema::{Name, RecordId, Value},
    storage::{Snapshot, TableView},
    transaction::{Isolation, TransactionError, TransactionHandle},
};

/// One table of a database, by name. Each call is a transaction of its own.
#[derive(Clone, Debug)]
pub struct Table {
    database: Database,
    name: Name,
}

impl Table {
    pub(super) fn open(database: &Database, name: &str) -> Result<Self> {
        let snapshot = database.snapshot();
        let schema = snapshot.catalog().require_table(name)?;
        Ok(Self {
            database: database.clone(),
            name: schema.name.clone(),
        })
    }

    /// The table's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Bytes of the fixed part of a record.
    pub fn record_size(&self) -> Result<usize> {
        Ok(self.buffer().load()?.view().schema().record_size())
    }

    /// The first byte of a field in a record.
    pub fn field_offset(&self, field: &str) -> Result<usize> {
        let buffer = self.buffer().load()?;
        let view = buffer.view();
        let (_, field) = view.schema().layout.require_field(&self.name, field)?;
        Ok(field.offset)
    }

    /// Checks that the fields fill the record: none overlaps another, none ends behind it.
    pub fn validate_record_size(&self) -> Result<bool> {
        let buffer = self.buffer().load()?;
        let view = buffer.view();
        let layout = &view.schema().layout;
        let ends = layout
            .fields()
            .iter()
            .map(|field| field.offset + field.layout.size);
        let starts = layout.fields().iter().map(|field| field.offset).skip(1);
        let apart = ends.clone().zip(starts).all(|(end, start)| end <= start);
        Ok(apart && ends.max().is_some_and(|end| end <= layout.record_size()))
    }

    /// Takes the next record id: no record will have it unless the caller gives it one.
    pub fn next_id(&self) -> Result<RecordId> {
        Ok(self.buffer().load()?.view().version.shared.next_id())
    }

    /// The buffer that holds the table's records.
    pub fn buffer(&self) -> AtomicBuffer {
        AtomicBuffer {
            table: self.clone(),
        }
    }

    /// Adds a record from an object of its fields, and gives its id.
    pub fn create_record(&self, fields: &Value) -> Result<RecordId> {
        self.single(|tx| tx.create_record(self.name.as_str(), fields))
    }

    /// The record's bytes: `record_size` of them, each field at its offset, and behind them its
    /// tail.
    pub fn read_record(&self, id: RecordId) -> Result<Vec<u8>> {
        let buffer = self.buffer().load()?;
        let view = buffer.view();
        let record = view.record(id).ok_or_else(|| self.not_found(id))?;
        Ok(record.to_bytes().into_owned())
    }

    /// The record as an object of its fields.
    pub fn read_value(&self, id: RecordId) -> Result<Value> {
        let buffer = self.buffer().load()?;
        let view = buffer.view();
        let record = view.record(id).ok_or_else(|| self.not_found(id))?;
        Ok(view.schema().layout.read(record))
    }

    /// Replaces a record by its bytes, which are checked.
    pub fn update_record(&self, id: RecordId, bytes: &[u8]) -> Result<()> {
        self.single(|tx| tx.update_record_bytes(self.name.as_str(), id, bytes))
    }

    /// Writes the fields that `fields` names and leaves the others as they are.
    pub fn partial_update(&self, id: RecordId, fields: &Value) -> Result<()> {
        self.single(|tx| tx.partial_update(self.name.as_str(), id, fields))
    }

    /// Marks a record deleted: it is in no newer snapshot, and its id is never used again.
    pub fn delete_record(&self, id: RecordId) -> Result<()> {
        self.single(|tx| tx.delete_record(self.name.as_str(), id))
    }

    /// Gives back the memory of pages of which every record is deleted. Ids, and the sequence of new
    /// ones, stay.
    pub fn compact_table(&self) -> Result<()> {
        self.database.compact_table(self.name.as_str())
    }

    fn single<R>(
        &self,
        change: impl Fn(&mut TransactionHandle) -> Result<R, TransactionError>,
    ) -> Result<R> {
        let isolation = Isolation::ReadCommitted;
        let change = |tx: &mut _| change(tx).map_err(flatten);
        self.database.transact_with(isolation, change)
    }

    fn not_found(&self, id: RecordId) -> TransactionError {
        TransactionError::RecordNotFound {
            table: self.name.clone(),
            id,
        }
    }
}

/// The records of one table as bytes, read without locks and swapped as a whole.
#[derive(Clone, Debug)]
pub struct AtomicBuffer {
    table: Table,
}

impl AtomicBuffer {
    /// The records as they are now; they stay so while the view is held, and block nobody.
    pub fn load(&self) -> Result<BufferView> {
        let snapshot = self.table.database.snapshot();
        let name = self.table.name.as_str();
        match snapshot.catalog().table(name).map(|schema| schema.slot) {
            Some(slot) => Ok(BufferView { snapshot, slot }),
            None => Err(table_not_found(name).into()),
        }
    }

    /// Publishes a version in which this table, and no other, has the records of `view`, as one
    /// swap. Ids that were given out meanwhile stay used; nothing is published where a relation
    /// would break.
    pub fn store(&self, view: &BufferView) -> Result<()> {
        self.table.database.restore_records(view.view())
    }

    /// Records that there is room for before memory grows.
    pub fn capacity(&self) -> Result<u64> {
        Ok(self.load()?.view().capacity())
    }

    /// Doubles the capacity at least, without moving a record.
    pub fn grow(&self) -> Result<()> {
        Ok(self.load()?.view().version.grow()?)
    }

    /// The page, and the byte in it, at which a record starts.
    pub fn record_offset(&self, id: RecordId) -> Result<Option<(u64, usize)>> {
        Ok(self.load()?.view().record_offset(id))
    }
}

/// The records of one table in one snapshot.
#[derive(Clone, Debug)]
pub struct BufferView {
    snapshot: Snapshot,
    slot: usize,
}

impl BufferView {
    /// The table.
    pub fn view(&self) -> TableView<'_> {
        self.snapshot
            .table_in(self.slot)
            .expect("it was found in this snapshot")
    }

    /// The snapshot that it belongs to.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}
