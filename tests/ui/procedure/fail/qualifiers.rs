use tickbase::{TransactionHandle, procedure};

#[procedure]
async fn slow(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
unsafe fn risky(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
const fn constant(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
extern "C" fn foreign(_tx: &mut TransactionHandle) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn generic<T>(_tx: &mut TransactionHandle, _value: T) -> Result<(), String>
where
    T: Copy,
{
    Ok(())
}

#[procedure]
struct NoFunction;

fn register<P: tickbase::Procedure>() {}

fn main() {
    register::<slow>();
    register::<generic>();
}
