//! Passes over a table by name that change its records.

use std::fmt;

use super::{TransactionError, TransactionHandle};
use crate::{
    schema::{FieldMask, RecordBuf, RecordId, RecordRef, SchemaError, TableSchema, Value},
    storage::TableView,
};

/// One record of a table by name in a pass that may change it.
pub struct RecordMut<'r> {
    schema: &'r TableSchema,
    before: RecordRef<'r>,
    changed: Option<(RecordBuf, FieldMask)>,
}

impl RecordMut<'_> {
    /// Its bytes as they are now.
    pub fn record(&self) -> RecordRef<'_> {
        match &self.changed {
            Some((record, _)) => record.as_ref(),
            None => self.before,
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &str) -> Result<Value, TransactionError> {
        let schema = self.schema;
        let (_, field) = schema.layout.require_field(&schema.name, field)?;
        Ok(field.value(self.record()))
    }

    /// Gives a field another value, which is checked.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) -> Result<(), TransactionError> {
        let value = Value::object([(field, value.into())]);
        let patched = self.schema.layout.patch(&value, self.record());
        let (record, fields) = patched.map_err(|faults| TransactionError::InvalidRecord {
            table: self.schema.name.clone(),
            faults,
        })?;
        let before = self
            .changed
            .as_ref()
            .map_or(FieldMask::NONE, |(_, mask)| *mask);
        self.changed = Some((record, before.union(fields)));
        Ok(())
    }
}

/// What a pass makes of a run of records: their changes, or what is wrong with the first of them
/// that it cannot change.
type Changes = Result<Vec<(RecordId, RecordBuf, FieldMask)>, TransactionError>;

impl TransactionHandle {
    /// Hands every record of a table to `change`, on all cores. Only the fields that it sets are
    /// written; where it fails for a record, nothing is, and the error of the first such record is
    /// given.
    ///
    /// ```
    /// # use tickbase::{Database, FieldDefinition, Name, Result, TableDefinition, Value};
    /// # fn main() -> Result<()> {
    /// # let db = Database::builder().in_memory()?;
    /// # let fields = vec![FieldDefinition::new(Name::new("seats")?, "u32")];
    /// # db.create_table(&TableDefinition::new(Name::new("hall")?, fields))?;
    /// # let hall = db.transact(|tx| Ok(tx.create_record("hall", &Value::object([("seats", 120)]))?))?;
    /// db.transact(|tx| {
    ///     Ok(tx.par_for_each_mut("hall", |_, hall| {
    ///         match hall.get("seats")? {
    ///             Value::Integer(seats) => hall.set("seats", Value::Integer(seats + 1)),
    ///             _ => Ok(()),
    ///         }
    ///     })?)
    /// })?;
    /// assert_eq!(db.table("hall")?.read_value(hall)?.get("seats"), Some(&Value::from(121)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn par_for_each_mut(
        &mut self,
        table: &str,
        change: impl Fn(RecordId, &mut RecordMut<'_>) -> Result<(), TransactionError> + Sync,
    ) -> Result<(), TransactionError> {
        let slot = self.slot_of(table)?;
        self.note_all(slot);
        let missing = || SchemaError::TableNotFound {
            table: table.to_owned(),
        };
        let view = self.view(slot).ok_or_else(missing)?;
        let changes = changes_of(view, &change)?;
        let (staging, _) = self.staging(slot).ok_or_else(missing)?;
        for (id, record, fields) in changes {
            staging.stage_replace(id, record.as_ref(), fields)?;
        }
        Ok(())
    }
}

fn changes_of(
    view: TableView<'_>,
    change: &(impl Fn(RecordId, &mut RecordMut<'_>) -> Result<(), TransactionError> + Sync),
) -> Changes {
    let schema = view.schema();
    let fold = |changes: Changes, id, before| {
        let mut changes = changes?;
        let mut record = RecordMut {
            schema,
            before,
            changed: None,
        };
        change(id, &mut record)?;
        if let Some((record, fields)) = record.changed {
            changes.push((id, record, fields));
        }
        Ok(changes)
    };
    let join = |left: Changes, right: Changes| {
        let mut all = left?;
        all.extend(right?);
        Ok(all)
    };
    view.par_fold(|| Ok(Vec::new()), fold, join)
}

impl fmt::Debug for RecordMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMut")
            .field("table", &self.schema.name)
            .finish_non_exhaustive()
    }
}
