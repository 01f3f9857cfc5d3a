//! How data changes: staged in private, checked, then published at once or not at all.
//!
//! This layer does no input or output and starts no thread. It does not know the tick: when a
//! transaction runs is for others to say.
//!
//! Invariants:
//! - A transaction sees its base and its own changes, and nobody sees its changes before commit.
//! - A commit either publishes every change of the transaction or none, in memory and in indexes.
//! - Locks are taken in the order of table names, and never while user code runs.

mod commit;
mod constraints;
mod dynamic;
mod error;
mod handle;
mod reads;
mod rebuild;
mod record_pass;
pub(crate) mod schema_change;
mod scope;
mod staging;
mod typed;
mod typed_tables;
mod value_table;
mod writable;

pub(crate) use commit::{commit_into, commit_locked};
pub use error::TransactionError;
pub(crate) use handle::Moment;
pub use handle::{Isolation, Transaction, TransactionHandle};
pub(crate) use rebuild::{Copied, Rebuild};
pub use record_pass::RecordMut;
pub(crate) use scope::{Scope, refuse_nested};
pub use staging::StagingBuffer;
pub use typed::{TableMut, TableRef};
pub use value_table::ValueTableMut;
pub use writable::{Opened, TableWrite, Writable};
