//! Tables by name inside a transaction, records as values and as bytes.

use super::{TransactionError, TransactionHandle};
use crate::{
    schema::{FieldFault, FieldMask, Name, RecordBuf, RecordId, RecordRef, TableSchema, Value},
    storage::TableView,
};

impl TransactionHandle {
    /// A table with the changes so far, to read. The whole table counts as read.
    pub fn table_by_name(&self, table: &str) -> Result<TableView<'_>, TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_all(slot);
        self.view(slot).ok_or_else(|| missing(table))
    }

    /// The fixed part of a record: `record_size` bytes, each field at its offset.
    pub fn read_record(
        &self,
        table: &str,
        id: RecordId,
    ) -> Result<Option<&[u8]>, TransactionError> {
        Ok(self.record(table, id)?.map(|record| record.fixed))
    }

    /// A record: its fixed part and its tail.
    pub fn record(
        &self,
        table: &str,
        id: RecordId,
    ) -> Result<Option<RecordRef<'_>>, TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_read(slot, id);
        Ok(self.view(slot).and_then(|view| view.record(id)))
    }

    /// Adds a record from an object of its fields, and gives its id.
    pub fn create_record(
        &mut self,
        table: &str,
        fields: &Value,
    ) -> Result<RecordId, TransactionError> {
        let slot = self.slot_of(table)?;
        let record = record_from_value(self.schema_of(slot, table)?, fields)?;
        self.insert_bytes(slot, table, &record)
    }

    /// Adds a record from its bytes, fixed part and tail, which are checked, and gives its id.
    pub fn create_record_bytes(
        &mut self,
        table: &str,
        bytes: &[u8],
    ) -> Result<RecordId, TransactionError> {
        let slot = self.slot_of(table)?;
        let record = checked_record(self.schema_of(slot, table)?, bytes)?;
        self.insert_bytes(slot, table, &record)
    }

    /// Replaces a record by an object of all its fields.
    pub fn update_record(
        &mut self,
        table: &str,
        id: RecordId,
        fields: &Value,
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        let record = record_from_value(self.schema_of(slot, table)?, fields)?;
        self.replace_bytes(slot, table, id, &record, FieldMask::ALL)
    }

    /// Replaces a record by its bytes, fixed part and tail, which are checked.
    pub fn update_record_bytes(
        &mut self,
        table: &str,
        id: RecordId,
        bytes: &[u8],
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        let record = checked_record(self.schema_of(slot, table)?, bytes)?;
        self.replace_bytes(slot, table, id, &record, FieldMask::ALL)
    }

    /// Writes the fields that `fields` names and leaves the others as they are.
    pub fn partial_update(
        &mut self,
        table: &str,
        id: RecordId,
        fields: &Value,
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        let view = self.view(slot).ok_or_else(|| missing(table))?;
        let schema = view.schema();
        let Some(record) = view.record(id) else {
            self.note_read(slot, id);
            let table = schema.name.clone();
            return Err(TransactionError::RecordNotFound { table, id });
        };
        let (patched, mask) = schema
            .layout
            .patch(fields, record)
            .map_err(|faults| invalid(&schema.name, faults))?;
        self.replace_bytes(slot, table, id, &patched, mask)
    }

    /// Deletes a record.
    pub fn delete_record(&mut self, table: &str, id: RecordId) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_read(slot, id);
        let (staging, _) = self.staging(slot).ok_or_else(|| missing(table))?;
        staging.stage_delete(id)
    }

    fn schema_of(&self, slot: usize, table: &str) -> Result<&TableSchema, TransactionError> {
        Ok(self
            .base
            .table_in(slot)
            .ok_or_else(|| missing(table))?
            .schema())
    }

    fn insert_bytes(
        &mut self,
        slot: usize,
        table: &str,
        record: &RecordBuf,
    ) -> Result<RecordId, TransactionError> {
        let provisional = self.provisional;
        let (staging, base) = self.staging(slot).ok_or_else(|| missing(table))?;
        Ok(staging.stage_create_record(base.version, provisional, record.as_ref())?)
    }

    fn replace_bytes(
        &mut self,
        slot: usize,
        table: &str,
        id: RecordId,
        record: &RecordBuf,
        fields: FieldMask,
    ) -> Result<(), TransactionError> {
        let (staging, _) = self.staging(slot).ok_or_else(|| missing(table))?;
        let replaced = staging.stage_replace(id, record.as_ref(), fields);
        replaced.inspect_err(|error| self.note_missing(slot, error))
    }
}

fn missing(table: &str) -> TransactionError {
    crate::schema::SchemaError::TableNotFound {
        table: table.to_owned(),
    }
    .into()
}

fn invalid(table: &Name, faults: Vec<FieldFault>) -> TransactionError {
    TransactionError::InvalidRecord {
        table: table.clone(),
        faults,
    }
}

/// A record from an object of its fields.
fn record_from_value(schema: &TableSchema, fields: &Value) -> Result<RecordBuf, TransactionError> {
    let written = schema.layout.write(fields);
    written.map_err(|faults| invalid(&schema.name, faults))
}

/// A record from bytes that come from outside, its padding zeroed.
fn checked_record(schema: &TableSchema, bytes: &[u8]) -> Result<RecordBuf, TransactionError> {
    let split = schema.layout.split(bytes);
    let record = split.map_err(|fault| TransactionError::WrongRecordSize {
        table: schema.name.clone(),
        fault,
    })?;
    let copied = schema.layout.checked_copy(record);
    copied.map_err(|faults| invalid(&schema.name, faults))
}
