use tickbase::{TransactionHandle, procedure};

struct Opaque;

#[procedure]
fn nothing(_tx: &mut TransactionHandle) {}

#[procedure]
fn plain(_tx: &mut TransactionHandle) -> u32 {
    1
}

#[procedure]
fn opaque(_tx: &mut TransactionHandle) -> Result<Opaque, String> {
    Ok(Opaque)
}

#[procedure]
fn hidden(_tx: &mut TransactionHandle) -> Result<impl Sized, String> {
    Ok(Opaque)
}

#[procedure]
fn refused(_tx: &mut TransactionHandle) -> Result<(), Opaque> {
    Err(Opaque)
}

fn main() {}
