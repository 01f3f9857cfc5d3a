//! The tables and procedures of a program that no builder names.
//!
//! Each `#[table]` and `#[procedure]` adds itself to a list before `main` begins, in whatever order
//! the linker likes. A crate that nothing refers to is not linked, and so adds nothing:
//! `use that_crate as _;` is enough to have all of it.

use super::DatabaseBuilder;
use crate::{
    procedure::Procedure,
    schema::{Place, Record},
};

/// A table of the program.
#[derive(Debug)]
pub struct LinkedTable(Linked);

/// A procedure of the program.
#[derive(Debug)]
pub struct LinkedProcedure(Linked);

#[derive(Debug)]
struct Linked {
    name: &'static str,
    place: Place,
    add: fn(&mut DatabaseBuilder),
}

impl LinkedTable {
    /// That of this struct.
    pub const fn of<T: Record>() -> Self {
        Self(Linked {
            name: T::NAME,
            place: T::PLACE,
            add: DatabaseBuilder::add_linked_table::<T>,
        })
    }
}

impl LinkedProcedure {
    /// The one that `#[procedure]` made `P` of.
    pub const fn of<P: Procedure>() -> Self {
        Self(Linked {
            name: P::NAME,
            place: P::PLACE,
            add: DatabaseBuilder::add_linked_procedure::<P>,
        })
    }
}

inventory::collect!(LinkedTable);
inventory::collect!(LinkedProcedure);

/// Adds all of them, in an order that does not depend on the linker.
pub(super) fn add_all(builder: &mut DatabaseBuilder) {
    let mut tables: Vec<&Linked> = inventory::iter::<LinkedTable>()
        .map(|table| &table.0)
        .collect();
    let mut procedures: Vec<&Linked> = inventory::iter::<LinkedProcedure>()
        .map(|procedure| &procedure.0)
        .collect();
    for list in [&mut tables, &mut procedures] {
        list.sort_by_key(|linked| (linked.name, linked.place));
        for linked in list {
            (linked.add)(builder);
        }
    }
}
