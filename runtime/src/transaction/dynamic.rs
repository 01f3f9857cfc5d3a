//! Tables by name inside a transaction, records as values and as bytes.

use super::{TransactionError, TransactionHandle};
use crate::{
    schema::{FieldFault, FieldMask, Name, RecordId, TableSchema, Value},
    storage::TableView,
};

impl TransactionHandle {
    /// A table with the changes so far, to read. The whole table counts as read.
    pub fn table_by_name(&self, table: &str) -> Result<TableView<'_>, TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_all(slot);
        self.view(slot).ok_or_else(|| missing(table))
    }

    /// The bytes of a record: `record_size` of them, each field at its offset.
    pub fn read_record(
        &self,
        table: &str,
        id: RecordId,
    ) -> Result<Option<&[u8]>, TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_read(slot, id);
        Ok(self.view(slot).and_then(|view| view.read_record(id)))
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

    /// Adds a record from its bytes, which are checked, and gives its id.
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
        self.replace_bytes(slot, table, id, &record)
    }

    /// Replaces a record by its bytes, which are checked.
    pub fn update_record_bytes(
        &mut self,
        table: &str,
        id: RecordId,
        bytes: &[u8],
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        let record = checked_record(self.schema_of(slot, table)?, bytes)?;
        self.replace_bytes(slot, table, id, &record)
    }

    /// Writes the fields that `fields` names and leaves the others as they are.
    pub fn partial_update(
        &mut self,
        table: &str,
        id: RecordId,
        fields: &Value,
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        let (staging, base) = self.staging(slot).ok_or_else(|| missing(table))?;
        let schema = base.schema();
        let patched = staging.stage_update(id, |bytes| {
            match schema.layout.patch(fields, bytes.get().into()) {
                Ok((record, mask)) => {
                    bytes.set(record.as_ref().fixed);
                    (mask, Ok(()))
                }
                Err(faults) => (FieldMask::NONE, Err(invalid(&schema.name, faults))),
            }
        });
        patched.inspect_err(|error| self.note_missing(slot, error))?
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
        record: &[u8],
    ) -> Result<RecordId, TransactionError> {
        let provisional = self.provisional;
        let (staging, base) = self.staging(slot).ok_or_else(|| missing(table))?;
        let write = |bytes: &mut [u8]| bytes.copy_from_slice(record);
        Ok(staging.stage_create(base.version, provisional, write)?)
    }

    fn replace_bytes(
        &mut self,
        slot: usize,
        table: &str,
        id: RecordId,
        record: &[u8],
    ) -> Result<(), TransactionError> {
        let (staging, _) = self.staging(slot).ok_or_else(|| missing(table))?;
        let replaced = staging.stage_update(id, |bytes| {
            bytes.set(record);
            (FieldMask::ALL, ())
        });
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

/// The bytes of a record from an object of its fields.
fn record_from_value(schema: &TableSchema, fields: &Value) -> Result<Vec<u8>, TransactionError> {
    let mut record = vec![0; schema.record_size()];
    schema
        .layout
        .write(fields, &mut record)
        .map_err(|faults| invalid(&schema.name, faults))?;
    Ok(record)
}

/// The bytes of a record that comes from outside, its padding zeroed.
fn checked_record(schema: &TableSchema, bytes: &[u8]) -> Result<Vec<u8>, TransactionError> {
    let split = schema.layout.split(bytes);
    let record = split.map_err(|fault| TransactionError::WrongRecordSize {
        table: schema.name.clone(),
        fault,
    })?;
    let copied = schema.layout.checked_copy(record);
    copied.map_err(|faults| invalid(&schema.name, faults))
}
