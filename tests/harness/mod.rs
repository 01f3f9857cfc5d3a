//! What several test programs share: tables, a step-by-step database, a client.

pub mod client;
pub mod crowd;
mod digest;
pub mod purses;
mod random;
pub mod served;
pub mod stress;

pub use digest::digest;
pub use random::{Random, effort, for_each_seed, is_whole_run, seed_or};
use tickbase::{FieldDefinition, FieldType, Id, Name, TableDefinition, Text, table};

/// A table that others refer to.
#[table]
#[derive(Debug, PartialEq)]
pub struct Airport {
    /// Its code, by which people know it.
    #[key]
    pub code: Text<4>,
    /// Degrees north.
    pub latitude: f64,
}

/// Where a gate stands in its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FieldType)]
#[repr(u8)]
pub enum State {
    /// Nobody is there.
    Closed,
    /// Passengers board.
    Open,
}

/// A table with padding, an enum and a relation.
#[table]
#[derive(Debug, PartialEq)]
pub struct Gate {
    /// Where it is.
    #[references(Airport)]
    pub airport: Id<Airport>,
    /// Whether it is open.
    pub state: State,
    /// Passengers so far.
    pub passengers: u32,
    /// What the board says.
    pub label: Text<5>,
}

/// A table of plain numbers.
#[table]
#[derive(Debug, PartialEq)]
pub struct Account {
    /// Cents.
    pub balance: i64,
}

/// An airport with this code.
pub fn airport(code: &str) -> Airport {
    Airport {
        code: Text::new(code).expect("four letters"),
        latitude: 33.64,
    }
}

/// A table made at run time, of these fields: name and type id of each.
pub fn table_definition(name: &str, fields: &[(&str, &str)]) -> TableDefinition {
    let name_of = |name| Name::new(name).expect("a valid name");
    TableDefinition::new(
        name_of(name),
        fields
            .iter()
            .map(|(name, type_id)| FieldDefinition::new(name_of(name), *type_id))
            .collect(),
    )
}
