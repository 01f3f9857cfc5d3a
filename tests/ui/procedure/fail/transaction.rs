use tickbase::{TransactionHandle, procedure};

#[procedure]
fn without() -> Result<(), String> {
    Ok(())
}

#[procedure]
fn shared(_tx: &TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn owned(_flight: u64, _tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn other(_tx: &mut String) -> Result<(), String> {
    Ok(())
}

struct Context;

impl Context {
    #[procedure]
    fn method(&mut self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
