//! An in-memory, tick-driven database that links into your program.
//!
//! Tables are structs, procedures are functions, and both run by the tick:
//!
//! ```
//! use tickbase::prelude::*;
//!
//! /// Where flights start and end.
//! #[table]
//! struct Airport {
//!     #[key]
//!     code: Text<4>,
//! }
//!
//! #[table]
//! struct Flight {
//!     #[references(Airport)]
//!     destination: Id<Airport>,
//!     altitude: f32,
//! }
//!
//! /// Lets every flight climb 10 feet a second; runs in each tick.
//! #[procedure(every = 1)]
//! fn climb(tx: &mut TransactionHandle) -> Result<()> {
//!     let feet = 10.0 * tx.delta().as_secs_f32();
//!     tx.table_mut::<Flight>()
//!         .par_for_each_mut(|_, flight| flight.altitude += feet)?;
//!     Ok(())
//! }
//!
//! # fn main() -> Result<()> {
//! let db = Database::builder()
//!     .table::<Airport>()
//!     .table::<Flight>()
//!     .procedure::<climb>()
//!     .in_memory()?; // or `.open("folder")`, which keeps it on disk
//!
//! // All of it happens, or nothing.
//! let flight = db.transact(|tx| {
//!     let code = Text::new("ATL").expect("three letters");
//!     let destination = tx.insert(Airport { code })?;
//!     Ok(tx.insert(Flight { destination, altitude: 0.0 })?)
//! })?;
//!
//! // A snapshot stays as it is while it is held, and blocks nobody.
//! let before = db.snapshot();
//! let mut runtime = Runtime::new(db.clone());
//! runtime.step();
//! let altitude = |snapshot: &tickbase::Snapshot| {
//!     snapshot.table::<Flight>().get(flight).map(|flight| flight.altitude)
//! };
//! assert_eq!(altitude(&before), Some(0.0));
//! assert!(altitude(&db.snapshot()) > Some(0.0));
//!
//! // From here on it ticks by itself, 60 times a second, and is served over REST.
//! runtime.start()?;
//! # #[cfg(feature = "server")]
//! let address = ([127, 0, 0, 1], 0).into();
//! # #[cfg(feature = "server")]
//! let server = tickbase::Server::bind(runtime.handle(), address, Default::default())
//!     .expect("a free port");
//! # #[cfg(feature = "server")]
//! server.stop(std::time::Duration::from_secs(1));
//! runtime.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! | to | use |
//! |---|---|
//! | declare tables, field types and procedures | [`macro@table`], [`derive@FieldType`], [`macro@procedure`] |
//! | put a database together | [`Database::builder`], [`DatabaseBuilder`], [`Config`]; without naming its parts, `DatabaseBuilder::linked` |
//! | call a procedure | [`Database::call`]; in a tick, [`RuntimeHandle::call`]; by name, [`Request::Call`] |
//! | read | [`Database::snapshot`], [`Snapshot`], [`TypedView`]; by name and as bytes, [`TableView`] |
//! | change data | [`Database::transact`], [`TransactionHandle`], [`TableMut`]; by name and as values, [`Table`] |
//! | change the schema | [`Database::create_table`] and its neighbours, with [`TableDefinition`] and [`RelationDefinition`] |
//! | see what was migrated when a folder was opened | [`Database::migrations`], [`Migration`] |
//! | limit what a table may use | [`DatabaseBuilder::table_memory_limit`], [`TableDefinition::memory_limit_bytes`], [`Config`] |
//! | let it tick | [`Runtime`]; from other threads, [`RuntimeHandle`] |
//! | see what ticks do | [`RuntimeHandle::last_ticks`], [`RuntimeHandle::metrics`] |
//! | serve REST | `Server` and `ServerLimits`, with the feature `server`, which is on by default |
//! | read and write records as bytes or JSON | [`RecordCodec`], [`Value`], [`RecordLayout`], [`RecordRef`] |
//! | bring a type of your own for dynamic tables | [`DatabaseBuilder::register_type`], [`TypeSerializer`] |
//! | test with a time of your own | [`ManualClock`], [`Runtime::step`] |
//!
//! # What it promises
//!
//! - A [`Snapshot`] is one consistent view of all tables. Taking, holding and dropping one costs the
//!   same however large the database is.
//! - A transaction commits all its changes or none, and is [serializable](Isolation::Serializable)
//!   unless it asks for less.
//! - Procedures run in parallel, and leave what running them one after another in the order of
//!   their calls would have left. So a procedure may run twice, and must do nothing outside its
//!   transaction.
//! - A record id is never given out twice, and leads to the same record for ever.
//! - Every number in a record is little-endian; each field stands at the offset that the
//!   [`RecordLayout`] says, and padding is 0. Texts and bytes that are too long for their field
//!   follow in the record's tail ([`RecordRef`]). Equal values have equal bytes.
//! - With [`Durability::Flush`], what a crash leaves is all tables as of the last flush. There is no
//!   log yet, so what came after it is lost. A clean [`Runtime::stop`] flushes all.
//!
//! # Errors
//!
//! [`Error`] has one variant per layer. What can go wrong is a value; a panic is a mistake in the
//! program, such as a table that was never given to the builder, and is documented where it can
//! happen. A panic in a procedure becomes an error of that call.

#![warn(missing_docs)]
#![warn(clippy::unwrap_used)]

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("tickbase needs a little-endian machine with addresses of 64 bits");

// Generated code says `::tickbase`, also in the examples and tests of this crate itself.
extern crate self as tickbase;

/// Lets the programs in the README compile and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

mod clock;
mod config;
mod database;
mod error;
#[doc(hidden)]
pub mod macro_support;
mod metrics;
mod persistence;
mod procedure;
mod schema;
#[cfg(feature = "server")]
mod server;
mod storage;
mod tick;
mod transaction;

pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Config, Durability};
pub use database::{AtomicBuffer, BufferView, Database, DatabaseBuilder, Persisted, Table};
pub use error::{Error, Result};
pub use metrics::MetricsReading;
pub use persistence::PersistenceError;
pub use procedure::{
    Call, CallError, Outcome, Parameter, ParameterType, Params, PreparedCall, Procedure,
    ProcedureArgument, ProcedureError, ProcedureFn, ProcedureRegistry, ProcedureReturn, Signature,
};
pub use schema::{
    Catalog, CompositePart, Difference, EnumVariant, Field, FieldDefinition, FieldFault,
    FieldHandle, FieldMask, FieldType, FieldValue, Id, Migration, MigrationStep, Name, OnDelete,
    OptionalValue, Place, PlainRecord, Record, RecordBuf, RecordId, RecordLayout, RecordRef,
    RecordSizeFault, Relation, RelationDefinition, SchemaError, TableDefinition, TableHistory,
    TableId, TableRelations, TableSchema, Text, Timestamp, TypeDefinition, TypeLayout,
    TypeRegistry, TypeSerializer, TypeShape, Value, ValueFault, ValueRecord, VariableKind,
};
#[cfg(feature = "server")]
pub use server::{Server, ServerError, ServerLimits};
pub use storage::{
    Change, Filtered, GetMany, PageView, Readable, RecordCodec, RecordPtr, RecordView, Ref,
    Snapshot, StorageError, TableView, TypedView, ValueView,
};
pub use tick::{
    Answer, Phase, PhaseUse, QueueError, RecordInput, Reply, Request, Runtime, RuntimeHandle,
    TickRecord,
};
pub use tickbase_macros::{FieldType, procedure, table};
pub use transaction::{
    Isolation, RecordMut, StagingBuffer, TableMut, TableRef, TableWrite, Transaction,
    TransactionError, TransactionHandle, ValueTableMut, Writable,
};
pub use uuid::Uuid;

/// What most programs use.
pub mod prelude {
    pub use crate::{
        Database, FieldType, Id, RecordCodec, Ref, Result, Runtime, Text, Timestamp,
        TransactionHandle, procedure, table,
    };
}
