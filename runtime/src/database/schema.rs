//! What a database is made of, changed while it runs: tables, fields and relations.
//!
//! Each change has a form that goes into the draft of whoever holds the exclusive gate, and one
//! that takes the gate and publishes by itself.

use std::sync::Arc;

use super::{
    Database, flatten,
    schema_changes::{FieldsBuild, SchemaChanges, Started},
};
use crate::{
    Result,
    schema::{
        FieldDefinition, FieldsChange, Relation, RelationDefinition, TableDefinition, TableSchema,
    },
    storage::{Draft, TableView},
    transaction::{TransactionError, refuse_nested, schema_change},
};

impl Database {
    /// Adds an empty table.
    pub fn create_table(&self, definition: &TableDefinition) -> Result<Arc<TableSchema>> {
        self.change_schema(|draft| self.create_table_in(draft, definition))
    }

    /// Drops a table, its records and its relations to others.
    pub fn drop_table(&self, table: &str) -> Result<()> {
        self.change_schema(|draft| self.drop_table_in(draft, table))
    }

    /// Adds fields to a table; records that are there take the defaults.
    ///
    /// A large table is copied on the calling thread, while others read it and write to it. Until
    /// that is done other changes of its fields are refused; where it is dropped meanwhile, this
    /// ends with an error.
    pub fn add_fields(&self, table: &str, fields: &[FieldDefinition]) -> Result<Arc<TableSchema>> {
        self.change_fields(table, FieldsChange::Add(fields.to_vec()))
    }

    /// Removes a field from a table and all its records, as [`add_fields`](Self::add_fields) adds
    /// them.
    pub fn remove_field(&self, table: &str, field: &str) -> Result<Arc<TableSchema>> {
        self.change_fields(table, FieldsChange::Remove(field.to_owned()))
    }

    /// Adds a relation, where all records keep it.
    pub fn create_relation(&self, definition: &RelationDefinition) -> Result<Arc<Relation>> {
        self.change_schema(|draft| self.create_relation_in(draft, definition))
    }

    /// Drops a relation, given by its name or id.
    pub fn drop_relation(&self, name_or_id: &str) -> Result<()> {
        self.change_schema(|draft| self.drop_relation_in(draft, name_or_id))
    }

    /// Gives a table that was made at run time another limit of its memory; none is what
    /// [`Config::table_memory_limit_bytes`](crate::Config::table_memory_limit_bytes) says. A table
    /// that is above it already keeps its records, and takes no more.
    pub fn set_table_memory_limit(
        &self,
        table: &str,
        memory_limit_bytes: Option<u64>,
    ) -> Result<Arc<TableSchema>> {
        self.change_schema(|draft| self.set_memory_limit_in(draft, table, memory_limit_bytes))
    }

    /// Gives back the memory of deleted records. Ids and their sequence stay, readers go on.
    pub fn compact_table(&self, table: &str) -> Result<()> {
        self.change_schema(|draft| schema_change::compact(draft, self.store().account(), table))
    }

    pub(super) fn restore_records(&self, table: TableView<'_>) -> Result<()> {
        self.change_schema(|draft| {
            schema_change::restore_records(draft, self.store().account(), table)
        })
    }

    /// Adds an empty table to a draft.
    pub(crate) fn create_table_in(
        &self,
        draft: &mut Draft,
        definition: &TableDefinition,
    ) -> Result<Arc<TableSchema>, TransactionError> {
        schema_change::create_table(draft, self.store().account(), definition)
    }

    /// Drops a table from a draft, which will be published.
    pub(crate) fn drop_table_in(
        &self,
        draft: &mut Draft,
        table: &str,
    ) -> Result<(), TransactionError> {
        let dropped = schema_change::drop_table(draft, table)?;
        self.schema_changes().end_for(dropped.id);
        Ok(())
    }

    /// Changes the fields of a table in a draft where there is little to copy, else begins to.
    pub(crate) fn change_fields_in(
        &self,
        draft: &mut Draft,
        table: &str,
        change: FieldsChange,
    ) -> Result<Started, TransactionError> {
        let account = self.store().account();
        self.schema_changes().start(draft, account, table, change)
    }

    /// Gives a table in a draft, which will be published, another limit of its memory.
    pub(crate) fn set_memory_limit_in(
        &self,
        draft: &mut Draft,
        table: &str,
        memory_limit_bytes: Option<u64>,
    ) -> Result<Arc<TableSchema>, TransactionError> {
        self.refuse_while_under_way(draft, table)?;
        schema_change::set_memory_limit(draft, table, memory_limit_bytes)
    }

    /// Adds a relation to a draft.
    pub(crate) fn create_relation_in(
        &self,
        draft: &mut Draft,
        definition: &RelationDefinition,
    ) -> Result<Arc<Relation>, TransactionError> {
        self.refuse_while_under_way(draft, &definition.from_table)?;
        schema_change::create_relation(draft, definition)
    }

    /// Drops a relation from a draft.
    pub(crate) fn drop_relation_in(
        &self,
        draft: &mut Draft,
        name_or_id: &str,
    ) -> Result<(), TransactionError> {
        let relation = draft.snapshot().catalog().relation(name_or_id).cloned();
        if let Some(relation) = relation {
            self.refuse_while_under_way(draft, relation.from_table.as_str())?;
        }
        schema_change::drop_relation(draft, name_or_id)
    }

    /// The changes of fields that are under way.
    pub(crate) fn schema_changes(&self) -> &Arc<SchemaChanges> {
        &self.inner.schema_changes
    }

    /// What is being built holds the limit of the table, and indexes by the relations of its fields.
    fn refuse_while_under_way(&self, draft: &Draft, table: &str) -> Result<(), TransactionError> {
        match draft.snapshot().catalog().table(table) {
            Some(table) => Ok(self.schema_changes().refuse_while_under_way(table)?),
            None => Ok(()),
        }
    }

    fn change_fields(&self, table: &str, change: FieldsChange) -> Result<Arc<TableSchema>> {
        refuse_nested()?;
        let started = self.change_schema(|draft| self.change_fields_in(draft, table, change))?;
        match started {
            Started::Done(schema) => Ok(schema),
            Started::UnderWay(build) => {
                let changed = self.drive(build);
                // The former table, or what was made, is given back now, when nobody waits any more.
                self.store().reclaim();
                changed
            }
        }
    }

    fn drive(&self, mut build: Box<FieldsBuild>) -> Result<Arc<TableSchema>> {
        loop {
            build.advance(self.store(), &|| true).map_err(flatten)?;
            if let Some(schema) = self.change_schema(|draft| build.swap(draft))? {
                return Ok(schema);
            }
        }
    }

    fn change_schema<R>(
        &self,
        change: impl FnOnce(&mut Draft) -> Result<R, TransactionError>,
    ) -> Result<R> {
        refuse_nested()?;
        let _alone = self.store().exclusive_gate();
        let mut draft = Draft::new(self.snapshot());
        let result = change(&mut draft).map_err(flatten)?;
        if !draft.is_empty() {
            self.store().publish(draft);
        }
        Ok(result)
    }
}
