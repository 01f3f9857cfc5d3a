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

#[procedure(every)]
fn bare(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(every = -1)]
fn negative(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(every = 4_294_967_296)]
fn seldom(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(isolation = serialisable)]
fn british(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(isolation = "serializable", iso = snapshot)]
fn quoted(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure(name = divert)]
fn unquoted(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure("divert")]
fn alone(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

fn main() {}
