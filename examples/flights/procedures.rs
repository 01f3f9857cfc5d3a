//! What happens in every tick, and what people can ask for.

use std::{error::Error, fmt, time::Duration};

use serde::Serialize;
use tickbase::{Id, Text, Timestamp, TransactionError, TransactionHandle, TypedView, procedure};

use crate::model::{Airport, Flight, Simulation, Status};

/// Flights that a board shows.
const BOARD_LINES: usize = 10;
/// The longest that a flight can be held at once.
const HOLD_MINUTES_MAX: u16 = 24 * 60;

/// Why a flight does not do what it was asked.
#[derive(Debug)]
pub(crate) enum Refused {
    NoSuchFlight(u32),
    NoSuchAirport(Text<4>),
    HasLanded(u32),
    FliesThereAlready(u32, Text<4>),
    IsThere(u32, Text<4>),
    TooLong(u16),
    Database(tickbase::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFlight(number) => write!(f, "there is no flight {number}"),
            Self::NoSuchAirport(code) => {
                write!(
                    f,
                    "there is no airport {code:?}; codes are like ATL, in capitals"
                )
            }
            Self::HasLanded(number) => write!(f, "flight {number} has landed"),
            Self::FliesThereAlready(number, code) => {
                write!(f, "flight {number} is on its way to {code} already")
            }
            Self::IsThere(number, code) => write!(f, "flight {number} is still at {code}"),
            Self::TooLong(minutes) => {
                write!(
                    f,
                    "a flight is held for 1 to {HOLD_MINUTES_MAX} minutes, not {minutes}"
                )
            }
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

impl From<TransactionError> for Refused {
    fn from(error: TransactionError) -> Self {
        Self::Database(error.into())
    }
}

/// Moves the clock, and every flight with it: departs, moves, arrives. When the last has arrived
/// the day begins again.
#[procedure(every = 1)]
pub(crate) fn fly(tx: &mut TransactionHandle) -> Result<(), Refused> {
    let Some((id, simulation)) = tx.table::<Simulation>().iter().next() else {
        return Ok(());
    };
    let mut simulation = *simulation;
    simulation.now = simulation.now + tx.delta().mul_f64(simulation.speed);
    let wraps = simulation.now >= simulation.end;
    if wraps {
        simulation.now = simulation.begin;
        simulation.days += 1;
    }
    tx.replace(id, simulation)?;
    let now = simulation.now;
    let (mut flights, airports) = tx.split::<Flight, Airport>();
    flights.par_replace_each(|_, flight| {
        if wraps {
            return airports
                .get(flight.origin)
                .map(|origin| flight.at_dawn(origin));
        }
        flight.at(now, |id| airports.get(id))
    })?;
    Ok(())
}

/// Sends a flight, by its number, to another airport, by its code.
#[procedure]
pub(crate) fn divert(
    tx: &mut TransactionHandle,
    flight: u32,
    airport: Text<4>,
) -> Result<Line, Refused> {
    let (id, record) = find_flight(tx, flight)?;
    let (to, place) = find_airport(tx, airport)?;
    match record.status {
        Status::Landed => return Err(Refused::HasLanded(flight)),
        Status::Scheduled if record.origin == to => return Err(Refused::IsThere(flight, airport)),
        _ if record.destination == to => return Err(Refused::FliesThereAlready(flight, airport)),
        _ => {}
    }
    let diverted = record.diverted(now(tx)?, to, &place);
    tx.replace(id, diverted)?;
    Ok(Line::new(&diverted, diverted.arrival, airport))
}

/// Lets a flight, by its number, wait: at its gate, or circling where it is.
#[procedure]
pub(crate) fn hold(tx: &mut TransactionHandle, flight: u32, minutes: u16) -> Result<Line, Refused> {
    if !(1..=HOLD_MINUTES_MAX).contains(&minutes) {
        return Err(Refused::TooLong(minutes));
    }
    let (id, record) = find_flight(tx, flight)?;
    if record.status == Status::Landed {
        return Err(Refused::HasLanded(flight));
    }
    let held = record.held(now(tx)?, Duration::from_secs(u64::from(minutes) * 60));
    tx.replace(id, held)?;
    // A flight that now arrives after the day's end must still arrive.
    let (id, simulation) = simulation(tx)?;
    if held.arrival > simulation.end {
        tx.set(id, Simulation::fields().end, held.arrival)?;
    }
    let airport = tx.require(held.destination)?.code;
    Ok(Line::new(&held, held.arrival, airport))
}

/// The next ten departures and arrivals of an airport, by its code.
#[procedure(read_only)]
pub(crate) fn board(tx: &TransactionHandle, airport: Text<4>) -> Result<Board, Refused> {
    let (id, _) = find_airport(tx, airport)?;
    let time = now(tx)?;
    let (flights, airports) = (tx.table::<Flight>(), tx.table::<Airport>());
    let code = |id| airports.get(id).map_or(Text::EMPTY, |airport| airport.code);
    let departures = next_ten(flights, |flight| {
        let departs = flight.origin == id && flight.status == Status::Scheduled;
        departs.then_some(flight.departure)
    });
    let arrivals = next_ten(flights, |flight| {
        let arrives = flight.destination == id && flight.status != Status::Landed;
        arrives.then_some(flight.arrival)
    });
    let departure =
        |(time, flight): (_, &Flight)| Line::new(flight, time, code(flight.destination));
    let arrival = |(time, flight): (_, &Flight)| Line::new(flight, time, code(flight.origin));
    Ok(Board {
        airport,
        time,
        departures: departures.into_iter().map(departure).collect(),
        arrivals: arrivals.into_iter().map(arrival).collect(),
    })
}

/// What hangs in an airport's hall.
#[derive(Serialize)]
pub(crate) struct Board {
    airport: Text<4>,
    time: Timestamp,
    departures: Vec<Line>,
    arrivals: Vec<Line>,
}

/// One flight of a board.
#[derive(Serialize)]
pub(crate) struct Line {
    flight: u32,
    time: Timestamp,
    airport: Text<4>,
    status: &'static str,
}

impl Line {
    fn new(flight: &Flight, time: Timestamp, airport: Text<4>) -> Self {
        let status = match flight.status {
            Status::Scheduled if flight.delay_minutes > 0 => "delayed",
            Status::Scheduled => "on time",
            Status::Airborne => "in the air",
            Status::Holding => "holding",
            Status::Landed => "landed",
        };
        Self {
            flight: flight.number,
            time,
            airport,
            status,
        }
    }
}

/// The ten flights for which `time_of` gives the earliest times.
fn next_ten<'t>(
    flights: TypedView<'t, Flight>,
    time_of: impl Fn(&Flight) -> Option<Timestamp> + Sync,
) -> Vec<(Timestamp, &'t Flight)> {
    let keep = |mut lines: Vec<(Timestamp, &'t Flight)>| {
        lines.sort_unstable_by_key(|(time, flight)| (*time, flight.number));
        lines.truncate(BOARD_LINES);
        lines
    };
    let add = |mut lines: Vec<_>, _, flight: &'t Flight| {
        if let Some(time) = time_of(flight) {
            lines.push((time, flight));
            if lines.len() > 4 * BOARD_LINES {
                lines = keep(lines);
            }
        }
        lines
    };
    keep(flights.par_fold(Vec::new, add, |mut left, right| {
        left.extend(right);
        keep(left)
    }))
}

fn simulation(tx: &TransactionHandle) -> Result<(Id<Simulation>, Simulation), Refused> {
    let id = Id::from_u64(1).expect("1 is an id");
    Ok((id, *tx.require::<Simulation>(id)?))
}

fn now(tx: &TransactionHandle) -> Result<Timestamp, Refused> {
    Ok(simulation(tx)?.1.now)
}

fn find_flight(tx: &TransactionHandle, number: u32) -> Result<(Id<Flight>, Flight), Refused> {
    let found = tx.find(Flight::fields().number, number);
    found
        .map(|(id, flight)| (id, *flight))
        .ok_or(Refused::NoSuchFlight(number))
}

fn find_airport(tx: &TransactionHandle, code: Text<4>) -> Result<(Id<Airport>, Airport), Refused> {
    let found = tx.find(Airport::fields().code, code);
    found
        .map(|(id, airport)| (id, *airport))
        .ok_or(Refused::NoSuchAirport(code))
}
