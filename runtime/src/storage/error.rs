//! Why storage refuses a change.

use crate::schema::{Name, RecordId};

/// Why storage refuses a change. What was readable stays so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The database may not use more memory.
    #[error(
        "the database uses {used_bytes} of {limit_bytes} bytes: delete and compact, or raise the \
         memory limit"
    )]
    MemoryLimit {
        /// Bytes in use.
        used_bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },
    /// The table may not use more memory.
    #[error(
        "table `{table}` uses {used_bytes} of {limit_bytes} bytes: delete records and compact it, \
         or raise its memory limit"
    )]
    TableMemoryLimit {
        /// The table's name.
        table: Name,
        /// Bytes in use.
        used_bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },
    /// The machine gives no more memory.
    #[error("the machine gave no {bytes} bytes of memory")]
    OutOfMemory {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// A record id beyond those that a table can have.
    #[error("record id {id} is beyond those that a table can have")]
    IdOutOfRange {
        /// The id.
        id: RecordId,
    },
    /// Two records under one id.
    #[error("there is a record {id} already")]
    IdTaken {
        /// The id.
        id: RecordId,
    },
}

impl StorageError {
    /// Whether a limit of memory stands in the way.
    pub(super) fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::MemoryLimit { .. } | Self::TableMemoryLimit { .. }
        )
    }
}
