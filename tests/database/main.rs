//! The database in process: records, transactions, relations and the schema.

mod custom_types;
mod memory_limits;
mod passes;
mod records;
mod relations;
mod schema_changes;
mod snapshots;
mod texts;
mod transactions;
mod values;
