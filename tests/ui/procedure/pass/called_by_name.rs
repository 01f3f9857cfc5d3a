//! A procedure is registered by its type, and called with arguments by name.

#![forbid(unsafe_code)]
#![deny(warnings)]

use tickbase::{Database, Id, Params, Procedure, Text, TransactionHandle, Value, procedure, table};

#[table]
struct Flight {
    callsign: Text<8>,
    altitude: f32,
}

/// Climbs, and gives the new altitude.
#[procedure]
fn climb(tx: &mut TransactionHandle, flight: Id<Flight>, by: Vec<f32>) -> tickbase::Result<f32> {
    let by: f32 = by.iter().sum();
    let altitude = tx.update(flight, |flight| {
        flight.altitude += by;
        flight.altitude
    })?;
    Ok(altitude)
}

#[procedure(every = 2)]
fn rest(_tx: &mut TransactionHandle) -> tickbase::Result<()> {
    Ok(())
}

fn main() -> tickbase::Result<()> {
    let db = Database::builder()
        .table::<Flight>()
        .procedure::<climb>()
        .procedure::<rest>()
        .in_memory()?;
    let callsign = Text::new("OCA12").unwrap();
    let flight = db.transact(|tx| {
        Ok(tx.insert(Flight {
            callsign,
            altitude: 100.0,
        })?)
    })?;

    let signature = db.procedures().signature("climb").unwrap();
    assert_eq!(
        signature.documentation,
        "Climbs, and gives the new altitude."
    );
    let arguments = Value::object([
        ("by", Value::from(vec![20.0_f32, 5.0])),
        ("flight", flight.get().into()),
    ]);
    let params = Params::from_object(signature, &arguments).unwrap();
    let mut tx = db.begin();
    let outcome = climb::call(&mut tx, params).unwrap();
    assert_eq!(outcome.as_json(), Some("125.0"));

    let none = Params::from_object(db.procedures().signature("rest").unwrap(), &Value::Null);
    assert_eq!(rest::call(&mut tx, none.unwrap()).unwrap().as_json(), None);
    Ok(())
}
