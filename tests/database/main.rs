//! The database in process: records, transactions, relations and ticks.

mod records;
mod relations;
mod snapshots;
mod texts;
mod transactions;
