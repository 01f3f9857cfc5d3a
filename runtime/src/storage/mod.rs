//! Where records are: pages under a tree that is copied on write, and snapshots of all tables.
//!
//! This layer knows bytes, pages and versions. It does not know what a transaction may do, when a
//! tick runs, or what a file is.
//!
//! Words:
//! - a *page* is an array of record slots and nothing else; its size is a constant of the table;
//! - a *packed* page has room for just the records that it has, and is never written;
//! - a *tail* is what a record has in fields of variable length, in a block of its own; the
//!   addresses of tails stand behind the records of a page;
//! - a *leaf* describes thirty-two pages: where each is, which of its slots hold records that are
//!   not deleted (`live`), and when it came to be;
//! - a *stamp* is the version at which a page or node became visible or, while it is still
//!   private, [`PRIVATE`](tree::PRIVATE) with the number of the transaction that may write it;
//! - a *draft* is a snapshot that is not published yet.
//!
//! Invariants:
//! - What a published snapshot reaches is never written again, until no snapshot reaches it.
//! - All that readers see hangs from one pointer, which is swapped; no read takes a lock.
//! - A record id leads to the same record for ever, whatever is deleted, compacted or added.

mod account;
mod cast;
mod change;
mod codec;
#[cfg(loom)]
#[cfg(test)]
mod concurrency_model;
mod error;
mod filtered;
mod get_many;
mod index;
mod loader;
mod memory;
mod parallel;
mod readable;
mod reclaim;
mod record_passes;
mod snapshot;
mod store;
mod sync;
mod table;
mod table_memory;
#[cfg(test)]
mod testing;
mod tree;
mod value_view;

pub(crate) use account::MemoryAccount;
pub(crate) use cast::{
    SlotBytes, SlotRef, field_bytes, field_from_bytes, with_record_mut, write_record,
};
pub use cast::{plain_from_record, plain_to_record};
pub use change::Change;
pub(crate) use change::ChangeList;
pub use codec::RecordCodec;
pub use error::StorageError;
pub use filtered::Filtered;
pub use get_many::GetMany;
pub(crate) use index::{DuplicateKey, IndexUpdate, Indexes};
pub(crate) use loader::{LoadedTable, TableLoader};
pub(crate) use parallel::{replace_records, write_records};
pub use readable::{Found, Readable, RecordView, Ref};
pub(crate) use snapshot::Overlay;
pub use snapshot::{PageView, RecordPtr, Snapshot, TableView, TypedView};
pub(crate) use store::{Draft, Store};
pub(crate) use table::{TableShared, TableVersion};
pub(crate) use tree::StagedTree;
pub(crate) use value_view::value_ref;
pub use value_view::{ValueView, value_from_record};
