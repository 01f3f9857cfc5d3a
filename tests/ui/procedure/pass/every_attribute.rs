//! Every attribute of a procedure, every kind of parameter and result, called in each way.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    nonstandard_style,
    unreachable_pub,
    unused,
    unused_qualifications
)]

use tickbase::{
    Database, FieldType, Id, Isolation, Outcome, Params, Procedure, ProcedureArgument,
    ProcedureReturn, Text, Timestamp, TransactionHandle, TypeRegistry, Uuid, Value, procedure,
    table,
};

/// A flight.
#[table]
pub struct Flight {
    callsign: Text<8>,
    phase: Phase,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
pub enum Phase {
    /// At the gate.
    Parked,
    /// In the air.
    Airborne,
}

/// Where it is; with padding behind the phase.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(C)]
pub struct Fix {
    position: [f64; 2],
    phase: Phase,
}

mod private {
    #[derive(Clone, Copy, tickbase::FieldType)]
    #[repr(C)]
    pub(super) struct Only {
        pub(super) value: u32,
    }
}

/// Gives back what it takes.
#[procedure(name = "echo", isolation = read_committed)]
#[expect(clippy::too_many_arguments, reason = "one of each")]
pub fn give_back(
    _tx: &mut TransactionHandle,
    /// Of plain data.
    fix: Fix,
    flight: Option<Id<Flight>>,
    times: Timestamp,
    tags: Vec<Vec<Option<Text<4>>>>,
    key: Uuid,
    numbers: [u128; 2],
    anything: Value,
    note: String,
) -> tickbase::Result<Vec<Option<Fix>>> {
    let _ = (flight, times, tags, key, numbers, anything, note);
    Ok(vec![Some(fix), None])
}

#[procedure(read_only)]
fn airborne(tx: &TransactionHandle) -> Result<u64, std::io::Error> {
    let flights = tx.table::<Flight>();
    let airborne = flights.iter().filter(|(_, f)| f.phase == Phase::Airborne);
    Ok(airborne.count() as u64)
}

#[procedure(isolation = serializable, every = 4_294_967_295)]
fn seldom(tx: &mut TransactionHandle) -> Result<impl Sized + serde::Serialize, String> {
    let callsign = Text::new("OCA12").unwrap();
    let flight = Flight { callsign, phase: Phase::Airborne };
    tx.insert(flight).map_err(|error| error.to_string())?;
    Ok(())
}

#[procedure]
fn pair(_tx: &mut TransactionHandle, tx: u8) -> Result<(u8, &'static str), String> {
    Ok((tx, "serde alone knows this"))
}

#[procedure(read_only)]
fn within(_: &'_ TransactionHandle, only: private::Only) -> tickbase::Result<Option<u32>> {
    Ok(Some(only.value).filter(|value| *value > 0))
}

fn signature<P: Procedure>() -> (Vec<String>, Option<String>) {
    let mut types = TypeRegistry::default();
    let parameters = P::parameters(&mut types).unwrap();
    let returns = P::returns(&mut types).unwrap();
    let ids = parameters.iter().map(|parameter| parameter.ty.type_id());
    (ids.collect(), returns.map(|ty| ty.type_id()))
}

fn main() -> tickbase::Result<()> {
    let (parameters, returns) = signature::<give_back>();
    let expected = [
        "fix",
        "option<id<flight>>",
        "timestamp",
        "[[option<text<4>>]]",
        "uuid",
        "[u128; 2]",
        "any",
        "string",
    ];
    assert_eq!(parameters, expected);
    assert_eq!(returns.as_deref(), Some("[option<fix>]"));
    assert_eq!((give_back::NAME, give_back::ISOLATION), ("echo", Isolation::ReadCommitted));
    assert_eq!(give_back::parameters(&mut TypeRegistry::default())?[0].documentation, "Of plain data.");
    assert!(airborne::READ_ONLY && !seldom::READ_ONLY && give_back::EVERY.is_none());
    assert_eq!((seldom::EVERY, seldom::ISOLATION), (Some(u32::MAX), Isolation::Serializable));
    assert_eq!(signature::<seldom>().1.as_deref(), Some("any"));
    assert_eq!(signature::<pair>().1.as_deref(), Some("any"));
    assert_eq!(signature::<within>().1.as_deref(), Some("option<u32>"));

    let db = Database::builder()
        .table::<Flight>()
        .procedure::<give_back>()
        .procedure::<seldom>()
        .in_memory()?;
    let outcome: Outcome = seldom::call(&mut db.begin(), Params::default()).unwrap();
    assert_eq!(outcome.as_json(), None);
    assert_eq!(db.call(airborne::with())?, 0);
    assert_eq!(db.call(pair::with(7))?, (7, "serde alone knows this"));
    assert_eq!(db.call(within::with(private::Only { value: 0 }))?, None);
    let fix = Fix { position: [1.5, f64::NAN], phase: Phase::Parked };
    let (time, key, note) = (Timestamp::default(), Uuid::nil(), String::new());
    let call = give_back::with(fix, None, time, Vec::new(), key, [0; 2], Value::Null, note);
    assert_eq!(db.call(call)?[0].unwrap().phase, Phase::Parked);

    let mut types = TypeRegistry::default();
    let ty = Fix::parameter_type(&mut types)?;
    let value = fix.to_value(&ty).unwrap();
    let expected = "{\"position\":[1.5,\"NaN\"],\"phase\":\"Parked\"}";
    assert_eq!(Outcome::of(&value).unwrap().as_json(), Some(expected));
    assert_eq!(Fix::from_value(&ty, &value).unwrap().position[0], 1.5);
    assert!("no".parse::<u8>().map(|_| ()).into_result().is_err());
    Ok(())
}
