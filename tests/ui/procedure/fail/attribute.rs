use tickbase::{TransactionHandle, procedure};

#[procedure(evry = 60)]
fn misspelt(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(every = 0, colour = "red")]
fn never(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(every = "second", every = 1)]
fn text(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(name = "Divert")]
fn renamed(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn Capital(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

fn main() {}
