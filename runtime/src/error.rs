//! Everything that can go wrong, one variant per layer.

use crate::{
    persistence::PersistenceError,
    procedure::CallError,
    schema::{FieldFault, SchemaError},
    storage::StorageError,
    tick::QueueError,
    transaction::TransactionError,
};

/// Everything that can go wrong, one variant per layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A schema, or a change of one, is refused.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A change of data is refused.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Storage has no room.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A procedure was not found, was called wrongly, failed or panicked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The queue takes no request.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Files cannot be read or written.
    #[error(transparent)]
    Persistence(#[from] PersistenceError),
    /// A change of the schema is in memory, and could not be written. It is tried again with the
    /// next flush.
    #[error("the change is made, but it is not on disk yet: {reason}")]
    SchemaNotWritten {
        /// What went wrong.
        reason: String,
    },
    /// Text that is no JSON.
    #[error("this is no JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// Values that make no record.
    #[error("they make no record of table `{table}`: {}", list(faults))]
    Record {
        /// The table's name.
        table: String,
        /// What is wrong, field by field.
        faults: Vec<FieldFault>,
    },
    /// A setting that makes no sense.
    #[error("setting `{setting}` is refused: {reason}")]
    Config {
        /// Its name.
        setting: &'static str,
        /// The rule that it breaks.
        reason: String,
    },
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Several faults in one line.
pub(crate) fn list(faults: &[FieldFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
