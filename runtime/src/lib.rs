//! An in-memory, tick-driven database that links into your program.

#![warn(missing_docs)]
#![warn(clippy::unwrap_used)]

// Generated code says `::tickbase`, also in the examples and tests of this crate itself.
extern crate self as tickbase;

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
    CallError, Outcome, Parameter, ParameterType, Params, Procedure, ProcedureArgument,
    ProcedureError, ProcedureFn, ProcedureRegistry, ProcedureReturn, Signature,
};
pub use schema::{
    Catalog, CompositePart, EnumVariant, Field, FieldDefinition, FieldFault, FieldHandle,
    FieldMask, FieldType, Id, Name, OnDelete, Record, RecordId, RecordLayout, Relation,
    RelationDefinition, SchemaError, TableDefinition, TableId, TableRelations, TableSchema, Text,
    Timestamp, TypeDefinition, TypeLayout, TypeRegistry, TypeSerializer, TypeShape, Value,
    ValueFault,
};
#[cfg(feature = "server")]
pub use server::{Server, ServerError, ServerLimits};
pub use storage::{
    Change, PageView, RecordCodec, RecordPtr, Snapshot, StorageError, TableView, TypedView,
};
pub use tick::{
    Answer, Phase, PhaseUse, QueueError, RecordInput, Reply, Request, Runtime, RuntimeHandle,
    TickRecord,
};
pub use tickbase_macros::{FieldType, procedure, table};
pub use transaction::{
    Isolation, StagingBuffer, TableMut, TableRef, Transaction, TransactionError, TransactionHandle,
};
pub use uuid::Uuid;

/// What most programs use.
pub mod prelude {
    pub use crate::{
        Database, FieldType, Id, RecordCodec, Result, Runtime, Text, Timestamp, TransactionHandle,
        procedure, table,
    };
}
