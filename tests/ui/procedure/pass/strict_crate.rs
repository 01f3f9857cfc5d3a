//! Procedures in a crate that forbids unsafe code and every warning.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rust_2024_compatibility,
    unreachable_pub,
    unused,
    unused_qualifications
)]

use tickbase::{FieldType, Id, Procedure, Text, TransactionHandle, TypeRegistry, procedure, table};

/// Where flights end.
#[table]
#[derive(Debug)]
pub struct Airport {
    code: Text<4>,
}

/// A flight.
#[table]
#[derive(Debug)]
pub struct Flight {
    destination: Id<Airport>,
    phase: Phase,
}

/// What it does.
#[derive(Clone, Copy, Debug, FieldType)]
#[repr(u8)]
pub enum Phase {
    /// At the gate.
    Parked,
}

/// Sends a flight elsewhere.
#[procedure]
pub fn divert(
    tx: &mut TransactionHandle,
    flight: Id<Flight>,
    to: Option<Id<Airport>>,
    mut phases: Vec<Phase>,
    r#final: bool,
    reason: String,
) -> Result<u32, String> {
    let _ = (tx, flight, to, phases.pop(), r#final);
    Err(reason)
}

/// Moves everything.
#[procedure(every = 60, name = "advance")]
fn advance_all(_: &mut TransactionHandle) -> Result<(), std::io::Error> {
    Ok(())
}

mod more {
    use super::{TransactionHandle, procedure};

    #[procedure]
    pub(super) fn nothing(_tx: &mut TransactionHandle) -> Result<(), String>
    {
        Ok(())
    }
}

fn every_of<P: Procedure>() -> Option<u32> {
    P::EVERY
}

fn main() {
    assert_eq!(divert::NAME, "divert");
    assert_eq!(divert::DOCUMENTATION, "Sends a flight elsewhere.");
    assert_eq!(advance_all::NAME, "advance");
    assert_eq!(every_of::<advance_all>(), Some(60));
    assert_eq!(every_of::<more::nothing>(), None);
    let parameters: Vec<_> = divert::parameters(&mut TypeRegistry::default())
        .unwrap()
        .into_iter()
        .map(|parameter| (parameter.name, parameter.ty.type_id()))
        .collect();
    let expected = [
        ("flight", "id<flight>"),
        ("to", "option<id<airport>>"),
        ("phases", "[phase]"),
        ("final", "bool"),
        ("reason", "string"),
    ];
    assert_eq!(parameters, expected.map(|(name, ty)| (name.to_owned(), ty.to_owned())));
}
