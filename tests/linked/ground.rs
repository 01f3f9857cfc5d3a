//! What stands.

use harness::Airport;
use tickbase::{Id, Result, TransactionHandle, procedure, table};

#[table]
pub(crate) struct Stand {
    #[references(Airport)]
    pub(crate) airport: Id<Airport>,
    pub(crate) free: bool,
}

/// The stands that are free.
#[procedure(read_only)]
pub(crate) fn stands(tx: &TransactionHandle) -> Result<Vec<Id<Stand>>> {
    let stands = tx.table::<Stand>();
    let free = stands.iter().filter(|(_, stand)| stand.free);
    Ok(free.map(|(id, _)| id).collect())
}
