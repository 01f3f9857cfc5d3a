use tickbase::{Database, Id, table};

#[table]
struct Flight {
    altitude: f32,
}

fn latest(db: &Database, id: Id<Flight>) -> Option<&Flight> {
    db.snapshot().table::<Flight>().get(id)
}

fn kept(db: &Database, id: Id<Flight>) {
    let snapshot = db.snapshot();
    let flight = snapshot.table::<Flight>().get(id).unwrap();
    drop(snapshot);
    assert!(flight.altitude > 0.0);
}

fn carried_out(db: &Database, id: Id<Flight>) -> tickbase::Result<()> {
    let flight: &Flight = db.transact(|tx| Ok(tx.require(id)?))?;
    assert!(flight.altitude > 0.0);
    Ok(())
}

fn main() {}
