//! Tables, types and procedures in a crate that forbids unsafe code and every warning.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    keyword_idents,
    let_underscore,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rust_2024_compatibility,
    trivial_casts,
    unreachable_pub,
    unused,
    unused_qualifications
)]

use tickbase::{FieldType, Id, PlainRecord, Record, Text, Timestamp, Uuid, table};

/// What a flight is doing.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
pub enum Phase {
    /// At the gate.
    Parked,
    /// On the way to the runway.
    Taxi = 7,
    /// In the air.
    Airborne,
}

/// A place.
#[derive(Clone, Copy, Debug, FieldType)]
#[repr(C)]
#[field_type(name = "place")]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Whether somebody measured it.
    pub measured: bool,
}

/// A part of a part.
#[derive(Clone, Copy, Debug, FieldType)]
#[repr(C)]
pub struct Leg {
    /// Where it ends.
    pub end: Position,
    /// How it is flown.
    pub phases: [Phase; 3],
}

/// Where flights start and end.
#[table]
#[derive(Debug)]
pub struct Airport {
    /// Its code.
    #[key]
    pub code: Text<3>,
    /// Where it is.
    pub position: Position,
}

/// A flight.
#[table(name = "flights")]
#[derive(Clone, Debug)]
pub struct Flight {
    /// What the pilot says.
    #[unique]
    pub callsign: Text<8>,
    /// What it is doing.
    pub phase: Phase,
    /// Where it started.
    #[references(Airport)]
    pub origin: Id<Airport>,
    /// Where it goes.
    #[references(Airport)]
    pub destination: Option<Id<Airport>>,
    /// The one that came in with this aircraft.
    #[references(Self)]
    pub previous: Option<Id<Self>>,
    /// What it flies.
    pub legs: [Leg; 2],
    /// A keyword.
    pub r#type: u8,
    /// When it started.
    pub departed: Timestamp,
    /// Its number outside.
    pub(crate) uuid: Uuid,
    weight: f32,
}

/// Nothing names this one.
#[table]
struct Unused {
    value: u32,
}

mod inner {
    use super::table;

    #[table]
    pub(super) struct Weather {
        pub(super) wind: [f32; 2],
        gusts: bool,
    }
}

const WEIGHT: tickbase::FieldHandle<Flight, f32> = Flight::fields().weight;

fn main() {
    #[table]
    struct Local {
        value: u64,
    }

    let fields = Flight::fields();
    assert_eq!(Flight::NAME, "flights");
    assert_eq!(Airport::NAME, "airport");
    assert_eq!(fields.r#type.name, "type");
    assert_eq!(fields.phase.index, 1);
    assert_eq!(WEIGHT.name, "weight");
    assert_eq!(WEIGHT.offset, std::mem::offset_of!(Flight, weight));
    assert_eq!(fields.legs.offset, Flight::OFFSETS[fields.legs.index]);
    assert!(Flight::HAS_PADDING && Airport::HAS_PADDING && inner::Weather::HAS_PADDING);
    assert!(!Unused::HAS_PADDING && !Local::HAS_PADDING);

    let layout = Flight::layout();
    let types: Vec<_> = layout.fields().iter().map(|field| field.type_id()).collect();
    assert_eq!(
        types,
        [
            "text<8>",
            "phase",
            "id<airport>",
            "option<id<airport>>",
            "option<id<flights>>",
            "[leg; 2]",
            "u8",
            "timestamp",
            "uuid",
            "f32"
        ]
    );
    let offsets: Vec<_> = layout.fields().iter().map(|field| field.offset).collect();
    assert_eq!(offsets, Flight::OFFSETS);
    assert_eq!(layout.record_size(), size_of::<Flight>());
    assert_eq!(layout.fields()[0].documentation, "What the pilot says.");
    assert!(layout.fields()[0].unique && !layout.fields()[1].unique);

    let mut types = tickbase::TypeRegistry::default();
    let definition = Flight::define(&mut types).unwrap();
    assert_eq!(definition.documentation, "A flight.");
    let relations: Vec<_> = definition
        .relations
        .iter()
        .map(|relation| (relation.from_field.as_str(), relation.to_table.as_str()))
        .collect();
    assert_eq!(
        relations,
        [("origin", "airport"), ("destination", "airport"), ("previous", "flights")]
    );
    let tickbase::TypeShape::Enum { variants } = &types.get("phase").unwrap().shape else {
        panic!("it is an enum");
    };
    let variants: Vec<_> =
        variants.iter().map(|variant| (variant.name.as_str(), variant.number)).collect();
    assert_eq!(variants, [("Parked", 0), ("Taxi", 7), ("Airborne", 8)]);
    assert!(types.get("place").is_some());

    let flight = Flight {
        callsign: Text::new("OCA12").unwrap(),
        phase: Phase::Parked,
        origin: Id::from_u64(1).unwrap(),
        destination: None,
        previous: None,
        legs: [Leg {
            end: Position { latitude: 0.0, longitude: 0.0, measured: true },
            phases: [Phase::Taxi, Phase::Airborne, Phase::Parked],
        }; 2],
        r#type: 3,
        departed: Timestamp::default(),
        uuid: Uuid::nil(),
        weight: 71.5,
    };
    let mut copy = flight;
    *(WEIGHT.get_mut)(&mut copy) = 80.0;
    assert_eq!(((WEIGHT.get)(&flight), (WEIGHT.get)(&copy)), (&71.5, &80.0));
    assert!(!format!("{fields:?}").is_empty());
}
