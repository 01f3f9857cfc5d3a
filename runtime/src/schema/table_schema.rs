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
    /// Bytes that it may use; none where the database says.
    pub memory_limit_bytes: Option<u64>,
    /// What it holds, in words.
    pub documentation: String,
    /// What it was before, for folders that were written then.
    pub history: Box<TableHistory>,
}

/// What a struct says of its table's past, so that a folder which an older struct has written can
/// be migrated. It matters only while the folder is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableHistory {
    /// Names that the table had: `#[table(renamed_from = "…")]`.
    pub renamed_from: Vec<String>,
    /// A field's name, and one that it had: `#[field(renamed_from = "…")]`.
    pub fields_renamed_from: Vec<(String, String)>,
    /// Fields that may go with their values: `#[table(drops("…"))]`.
    pub drops: Vec<String>,
}

impl TableDefinition {
    /// A table of these fields, without relations, without a limit of its own and without a past.
    pub fn new(name: Name, fields: Vec<FieldDefinition>) -> Self {
        Self {
            name,
            fields,
            relations: Vec::new(),
            memory_limit_bytes: None,
            documentation: String::new(),
            history: Box::default(),
        }
    }
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
    /// Bytes that it may use; none where the database says.
    pub memory_limit_bytes: Option<u64>,
    /// What it holds, in words.
    pub documentation: String,
}

impl TableSchema {
    /// Bytes of a record.
    pub fn record_size(&self) -> usize {
        self.layout.record_size()
    }
}
