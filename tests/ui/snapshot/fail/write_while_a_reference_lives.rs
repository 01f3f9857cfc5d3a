use tickbase::{Id, Result, TransactionHandle, table};

#[table]
struct Flight {
    altitude: f32,
}

fn level(tx: &mut TransactionHandle, one: Id<Flight>, other: Id<Flight>) -> Result<()> {
    let leader = tx.require(one)?;
    tx.update(other, |flight| flight.altitude = leader.altitude)?;
    Ok(())
}

fn all(tx: &mut TransactionHandle, one: Id<Flight>) -> Result<()> {
    let mut flights = tx.table_mut::<Flight>();
    let leader = flights.get(one).unwrap();
    flights.par_for_each_mut(|_, flight| flight.altitude = leader.altitude)?;
    Ok(())
}

fn through_a_snapshot(db: &tickbase::Database, id: Id<Flight>) {
    let snapshot = db.snapshot();
    let flight = snapshot.table::<Flight>().get(id).unwrap();
    flight.altitude = 0.0;
}

fn main() {}
