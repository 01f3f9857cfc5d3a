#![allow(unused_variables)]

use tickbase::{TransactionHandle, procedure};

#[procedure]
fn borrowing(_tx: &mut TransactionHandle, name: &str) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn pattern(_tx: &mut TransactionHandle, (x, y): (u32, u32)) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn inferred(_tx: &mut TransactionHandle, value: impl Copy) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn foreign(_tx: &mut TransactionHandle, when: std::time::Instant) -> Result<(), String> {
    Ok(())
}

#[procedure]
fn unnamed(_tx: &mut TransactionHandle, _count: u32) -> Result<(), String> {
    Ok(())
}

#[procedure(every = 60)]
fn scheduled(_tx: &mut TransactionHandle, count: u32) -> Result<(), String> {
    Ok(())
}

fn main() {}
