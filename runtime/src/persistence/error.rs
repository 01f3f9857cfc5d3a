//! What can go wrong between a database and its files.

use std::{io, path::PathBuf};

use crate::{schema::FieldFault, storage::StorageError};

/// Why a database could not be opened, or what it holds not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersistenceError {
    /// Another database, in this program or another one, has the folder open.
    #[error(
        "the folder {} is in use by another database (its file LOCK is held): stop that program \
         first, or choose another folder",
        folder.display()
    )]
    Locked {
        /// The folder that was to be opened.
        folder: PathBuf,
    },
    /// A file that is not, byte for byte, what was written.
    #[error("{} is damaged at byte {offset}: expected {expected}, found {found}; {advice}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The first byte of what is wrong, as far as it is known.
        offset: u64,
        /// What should be there, in words.
        expected: String,
        /// What is there, in words.
        found: String,
        /// What can be done, in words.
        advice: &'static str,
    },
    /// A file that must be there and is not.
    #[error("{} is missing, {purpose}; {advice}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// What it is needed for, in words.
        purpose: String,
        /// What can be done, in words.
        advice: &'static str,
    },
    /// A `schema.json` that is whole and yet cannot be used.
    #[error("{} cannot be used: {reason}", file.display())]
    SchemaInvalid {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do, in words.
        reason: String,
    },
    /// The operating system refused an operation.
    #[error("{operation} {} failed: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried, as a noun or gerund: "writing".
        operation: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no room for the file; what was there before is untouched.
    #[error(
        "{operation} {} failed, the disk is full ({source}): free some space, the next flush tries \
         again",
        file.display()
    )]
    DiskFull {
        /// The file.
        file: PathBuf,
        /// What was tried, as a gerund: "writing".
        operation: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The records of a file do not fit into memory, or not into their table.
    #[error("loading {} failed: {source}", file.display())]
    Load {
        /// The file.
        file: PathBuf,
        /// What the storage says.
        source: StorageError,
    },
    /// A record that the migration of its table makes too large. The folder is left as it was.
    #[error(
        "record {id} of {} cannot be migrated: {fault}; shorten it with the former program, or take \
         back the change of the struct",
        file.display()
    )]
    NotConverted {
        /// The file.
        file: PathBuf,
        /// The record.
        id: u64,
        /// What is wrong with it.
        fault: FieldFault,
    },
    /// The persistence thread takes no more work now.
    #[error("the persistence thread {reason}")]
    Unavailable {
        /// Why, in words.
        reason: &'static str,
    },
}

impl PersistenceError {
    /// Sorts an error of the operating system.
    pub(super) fn io(file: PathBuf, operation: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull {
                file,
                operation,
                source,
            },
            _ => Self::Io {
                file,
                operation,
                source,
            },
        }
    }
}

/// What to do about a damaged file.
pub(super) const RESTORE: &str =
    "restore the whole folder from a backup, or move it away to start empty";
