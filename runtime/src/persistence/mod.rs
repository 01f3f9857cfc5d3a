//! How data survives: one folder holds one database, as one consistent set of files.
//!
//! ```text
//! LOCK                          held for as long as the database is open
//! schema.json                   types, tables, relations, and which data file is current for each table
//! data/{table}.{version}.bin    the records of a table as of one version
//! data/{table}.bin              a link to the current one, for other programs
//! log/                          empty: the place of the log
//! *.tmp                         never read, removed at the next start
//! ```
//!
//! This layer writes snapshots and reads them back. It does not decide when a flush is due, does not
//! know what a transaction is, and never changes a record, but for one that a migration converts.
//!
//! Invariants:
//! - The rename of `schema.json` is the only moment at which the current set changes; what it names
//!   is on disk before, and stays there until what follows it is.
//! - Every byte of every file is covered by a checksum or must be 0.
//! - A record that is handed on passed [`RecordLayout::check`](crate::schema::RecordLayout::check)
//!   and has zeros for padding.
//! - Damage is refused with the file, the place and what to do, never skipped.
//! - A failed write leaves the former set current, and blocks nothing.

#[cfg(test)]
mod crash_tests;
mod data_file;
mod disk;
mod error;
#[cfg(test)]
pub(crate) mod fake_disk;
mod file_names;
mod flush;
mod mapping;
mod recovery;
mod schema_document;
mod schema_file;
mod store;
#[cfg(test)]
mod testing;
mod worker;

pub(crate) use disk::{Disk, RealDisk};
pub use error::PersistenceError;
pub(crate) use recovery::open;
pub(crate) use store::Store;
pub(crate) use worker::{FlushSummary, PersistenceHandle};

use disk::DiskFile;
use mapping::FileBytes;
use store::Written;

const SCHEMA_FILE: &str = "schema.json";
const SCHEMA_TEMPORARY: &str = "schema.json.tmp";
const DATA_FOLDER: &str = "data";
const LOG_FOLDER: &str = "log";
const LOCK_FILE: &str = "LOCK";
