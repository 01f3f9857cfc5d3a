//! Why a transaction is refused.

use crate::{
    error::list,
    schema::{FieldFault, Name, RecordId, RecordSizeFault, SchemaError},
    storage::StorageError,
};

/// Why a change, or a whole transaction, is refused. Nothing of it remains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// No live record has this id.
    #[error("table `{table}` has no record {id}")]
    RecordNotFound {
        /// The table's name.
        table: Name,
        /// The id that was asked for.
        id: RecordId,
    },
    /// The values make no record of the table.
    #[error("they make no record of table `{table}`: {}", list(faults))]
    InvalidRecord {
        /// The table's name.
        table: Name,
        /// What is wrong, field by field.
        faults: Vec<FieldFault>,
    },
    /// Bytes that are too few or too many for a record.
    #[error("they make no record of table `{table}`: {fault}")]
    WrongRecordSize {
        /// The table's name.
        table: Name,
        /// How many bytes there are, and how many there must be.
        fault: RecordSizeFault,
    },
    /// Two records would have one value in a unique field.
    #[error(
        "record {existing} of table `{table}` has the same `{field}`, {value}, and that field is \
         unique"
    )]
    DuplicateKey {
        /// The table's name.
        table: Name,
        /// The unique field's name.
        field: Name,
        /// The value, in words.
        value: String,
        /// The record that has it.
        existing: RecordId,
    },
    /// A field would refer to a record that is not there.
    #[error("`{field}` of table `{table}` refers to record {id} of `{target}`, which is not there")]
    RelationMissing {
        /// The table that refers.
        table: Name,
        /// Its field.
        field: Name,
        /// The table that is referred to.
        target: Name,
        /// The id in the field.
        id: RecordId,
    },
    /// A record cannot be deleted while others refer to it.
    #[error(
        "record {id} of table `{table}` cannot be deleted: {count} records of `{by_table}` refer \
         to it (relation `{relation}`)"
    )]
    RecordReferenced {
        /// The table of the record.
        table: Name,
        /// The record.
        id: RecordId,
        /// The relation that would break.
        relation: Name,
        /// The table that refers.
        by_table: Name,
        /// How many of its records do.
        count: u64,
    },
    /// Another transaction changed what this one has read, each time that it ran.
    #[error("other transactions kept changing what this one reads of table `{table}`")]
    Conflict {
        /// The table.
        table: Name,
    },
    /// A change failed half-way, so that the transaction can only be dropped.
    #[error("a change of table `{table}` failed, so the transaction cannot commit: run it again")]
    Broken {
        /// The table.
        table: Name,
    },
    /// Code of a transaction began another one, or waits for one.
    #[error("a transaction cannot begin, commit or be waited for inside another one")]
    Nested,
    /// The table, or its fields, changed while the transaction ran.
    #[error("the fields of table `{table}` changed while the transaction ran")]
    SchemaChanged {
        /// The table.
        table: Name,
    },
    /// No such table, or field.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No room.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl TransactionError {
    /// Whether only others are to blame, so that the transaction may succeed where it runs again.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::SchemaChanged { .. })
    }
}
