//! The database over REST: every route, every form of a record, every refusal.

mod hostile;
mod limits;
mod procedures;
mod records;
mod relations;
mod tables;
mod texts;
mod values;
