use tickbase::{Id, Result, TransactionHandle, procedure, table};

#[table]
struct Flight {
    altitude: f32,
}

#[procedure(read_only)]
fn writes(tx: &TransactionHandle, flight: Id<Flight>) -> Result<()> {
    tx.update(flight, |flight| flight.altitude = 0.0)?;
    Ok(())
}

#[procedure(read_only)]
fn may_write(_tx: &mut TransactionHandle) -> Result<()> {
    Ok(())
}

#[procedure(read_only = true)]
fn valued(_tx: &TransactionHandle) -> Result<()> {
    Ok(())
}

#[procedure(raed_only)]
fn misspelt(_tx: &TransactionHandle) -> Result<()> {
    Ok(())
}

#[procedure(read_only, every = 60)]
fn scheduled(_tx: &TransactionHandle) -> Result<()> {
    Ok(())
}

#[procedure(read_only, isolation = read_committed)]
fn kept_apart(_tx: &TransactionHandle) -> Result<()> {
    Ok(())
}

fn main() {}
