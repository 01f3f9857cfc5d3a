//! From the tables that a folder was written with to those that the program declares.
//!
//! [`plan_migration`] compares the two. What loses nothing becomes a [`MigrationPlan`]; all else a
//! [`Difference`] each, with the step that would allow it. Nothing here has seen a record: the plan
//! says how each is to be converted, those who load them do it.

mod fields;
mod fit;
mod names;
mod plan;
mod report;
#[cfg(test)]
mod tests;

pub(crate) use plan::{MigrationPlan, StoredFacts, plan_migration};
pub use report::{Difference, Migration, MigrationStep};
