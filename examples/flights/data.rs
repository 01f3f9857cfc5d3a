//! From the CSV files to records.

use std::{collections::HashMap, time::Duration};

use example_support::Failure;
use serde::Deserialize;
use tickbase::{Database, Id, Text, Timestamp};

use crate::model::{Airport, Flight, Simulation, Status};

const AIRPORTS: &str = include_str!("../data/airports.csv");
const FLIGHTS: &str = include_str!("../data/flights-2001-01-01.csv");

/// Records that one transaction loads.
const BATCH: usize = 100_000;
/// The day begins this long before the first departure.
const BEFORE_FIRST: Duration = Duration::from_secs(5 * 60);

#[derive(Deserialize)]
struct AirportLine {
    iata: String,
    name: String,
    city: String,
    latitude: f32,
    longitude: f32,
}

#[derive(Deserialize)]
struct FlightLine {
    departure: String,
    delay_minutes: i16,
    distance_miles: u16,
    origin: String,
    destination: String,
}

/// Loads airports and flights where the database is still empty, and sets the speed.
pub(crate) fn load(database: &Database, speed: f64, copies: u32) -> Result<(), Failure> {
    if !(speed.is_finite() && speed > 0.0) {
        return Err(format!("--speed is a number above 0, not {speed}").into());
    }
    let id = Id::<Simulation>::from_u64(1).expect("1 is an id");
    if database.snapshot().table::<Simulation>().get(id).is_some() {
        let flights = database.snapshot().table::<Flight>().len();
        eprintln!("going on with the {flights} flights that the folder has");
        database.transact(|tx| Ok(tx.set(id, Simulation::fields().speed, speed)?))?;
        return Ok(());
    }
    let airports = load_airports(database)?;
    let lines = csv::Reader::from_reader(FLIGHTS.as_bytes())
        .deserialize()
        .collect::<Result<Vec<FlightLine>, _>>()?;
    let day = parse_day(database, &airports, &lines)?;
    let all: Vec<Flight> = (0..copies.max(1))
        .flat_map(|copy| {
            let first = copy * u32::try_from(day.len()).expect("one day's flights");
            day.iter().map(move |flight| Flight {
                number: first + flight.number,
                ..*flight
            })
        })
        .collect();
    for batch in all.chunks(BATCH) {
        database.transact(|tx| {
            let mut flights = tx.table_mut::<Flight>();
            batch
                .iter()
                .try_for_each(|flight| flights.insert(*flight).map(|_| ()))?;
            Ok(())
        })?;
    }
    let first = day
        .iter()
        .map(|flight| flight.departure)
        .min()
        .ok_or("there are no flights")?;
    let last = day
        .iter()
        .map(|flight| flight.arrival)
        .max()
        .ok_or("there are no flights")?;
    let begin = first - BEFORE_FIRST;
    let simulation = Simulation {
        now: begin,
        begin,
        end: last,
        speed,
        days: 0,
    };
    database.transact(|tx| Ok(tx.insert(simulation)?))?;
    eprintln!(
        "{} flights between {} airports, {begin} to {last}",
        all.len(),
        airports.len()
    );
    Ok(())
}

fn load_airports(database: &Database) -> Result<HashMap<String, Id<Airport>>, Failure> {
    let lines = csv::Reader::from_reader(AIRPORTS.as_bytes())
        .deserialize()
        .collect::<Result<Vec<AirportLine>, _>>()?;
    let mut records = Vec::with_capacity(lines.len());
    for line in &lines {
        records.push(Airport {
            code: Text::new(&line.iata)?,
            name: Text::new(&line.name)?,
            city: Text::truncated(&line.city),
            latitude: line.latitude,
            longitude: line.longitude,
        });
    }
    let ids = database.transact(|tx| {
        Ok(records
            .iter()
            .map(|airport| tx.insert(*airport))
            .collect::<Result<Vec<_>, _>>()?)
    })?;
    Ok(lines.into_iter().map(|line| line.iata).zip(ids).collect())
}

/// The flights of the day as they are when it begins, numbered from 1.
fn parse_day(
    database: &Database,
    airports: &HashMap<String, Id<Airport>>,
    lines: &[FlightLine],
) -> Result<Vec<Flight>, Failure> {
    let snapshot = database.snapshot();
    let table = snapshot.table::<Airport>();
    let find = |code: &String| {
        let id = *airports
            .get(code)
            .ok_or_else(|| format!("no airport {code:?}"))?;
        Ok::<_, Failure>((id, table.get(id).ok_or("an airport was just loaded")?))
    };
    let mut day = Vec::with_capacity(lines.len());
    for (number, line) in (1..).zip(lines) {
        let (origin, place) = find(&line.origin)?;
        let (destination, _) = find(&line.destination)?;
        let scheduled: Timestamp = format!("{}:00Z", line.departure).parse()?;
        let flight = Flight {
            number,
            status: Status::Scheduled,
            origin,
            destination,
            filed: destination,
            scheduled,
            departure: scheduled,
            arrival: scheduled,
            leg_start: scheduled,
            leg_latitude: 0.0,
            leg_longitude: 0.0,
            latitude: 0.0,
            longitude: 0.0,
            progress: 0.0,
            delay_minutes: line.delay_minutes,
            distance_miles: line.distance_miles,
        };
        day.push(flight.at_dawn(place));
    }
    Ok(day)
}
