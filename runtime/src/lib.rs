//! Tickbase.

pub mod schema;
