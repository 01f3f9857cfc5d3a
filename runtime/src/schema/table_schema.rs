//! What a table is, apart from its records.

use super::{FieldDefinition, Name, RecordLayout, RelationDefinition, TableId};

/// A table as somebody asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// Its name.
    pub name: Name,
    /// Its fields in order.
    pub fields: Vec<FieldDefinition>,
    /// Relations of its fields to other tables, made with it.
    pub relations: Vec<RelationDefinition>,
    /// What it holds, in words.
    pub documentation: String,
}

/// A table of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSchema {
    /// Its number, never given out twice.
    pub id: TableId,
    /// Its place in the directory of a snapshot, below 1,024; free again when it is dropped.
    pub slot: usize,
    /// Its name.
    pub name: Name,
    /// Where its fields stand.
    pub layout: RecordLayout,
    /// Counts the changes of its fields, from 1.
    pub schema_version: u32,
    /// Whether a struct of the program declares it.
    pub compiled: bool,
    /// What it holds, in words.
    pub documentation: String,
}

impl TableSchema {
    /// Bytes of a record.
    pub fn record_size(&self) -> usize {
        self.layout.record_size()
    }
}
