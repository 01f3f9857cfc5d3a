//! What flies.

use harness::Airport;
use tickbase::{Id, Result, Text, TransactionHandle, procedure, table};

use crate::ground::Stand;

#[table]
pub(crate) struct Flight {
    #[key]
    pub(crate) callsign: Text<8>,
    #[references(Airport)]
    pub(crate) destination: Id<Airport>,
    #[references(Stand)]
    pub(crate) stand: Option<Id<Stand>>,
}

/// Brings a flight to a stand.
#[procedure]
pub(crate) fn land(tx: &mut TransactionHandle, flight: Id<Flight>, stand: Id<Stand>) -> Result<()> {
    tx.update(stand, |stand| stand.free = false)?;
    tx.update(flight, |flight| flight.stand = Some(stand))?;
    Ok(())
}
