//! The tables, and the rules by which a flight flies.
//!
//! All times are on one clock, since the data has no zones. A flight departs when it is scheduled,
//! or later by its delay; it is in the air for 30 minutes and its distance at 460 miles an hour;
//! it moves along the great circle.

use std::time::Duration;

use tickbase::{FieldType, Id, Text, Timestamp, table};

use crate::geo::Point;

/// Speed over ground, in miles an hour.
const MILES_PER_HOUR: f32 = 460.0;
/// What start and landing take on top of the distance.
const CLIMB_AND_DESCENT: Duration = Duration::from_secs(30 * 60);

/// An airport of the United States.
#[table]
#[derive(Debug)]
pub(crate) struct Airport {
    /// Its code, such as ATL.
    #[key]
    pub code: Text<4>,
    /// Its name.
    pub name: Text<44>,
    /// The city it serves.
    pub city: Text<36>,
    /// Degrees north.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
}

/// Where a flight is in its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FieldType)]
#[repr(u8)]
pub(crate) enum Status {
    /// It has not departed.
    Scheduled,
    /// It is on its way.
    Airborne,
    /// It circles where it is.
    Holding,
    /// It has arrived.
    Landed,
}

/// A flight of the day.
#[table]
#[derive(Debug)]
pub(crate) struct Flight {
    /// Its number, by which people know it.
    #[key]
    pub number: u32,
    /// Where it is in its day.
    pub status: Status,
    /// Where it departs.
    #[references(Airport)]
    pub origin: Id<Airport>,
    /// Where it lands.
    #[references(Airport)]
    pub destination: Id<Airport>,
    /// Where it was to land when the day began.
    #[references(Airport)]
    pub filed: Id<Airport>,
    /// When it was to depart.
    pub scheduled: Timestamp,
    /// When it departs.
    pub departure: Timestamp,
    /// When it arrives.
    pub arrival: Timestamp,
    /// When it left the point from which it now flies straight to its destination.
    pub leg_start: Timestamp,
    /// That point, degrees north.
    pub leg_latitude: f32,
    /// That point, degrees east.
    pub leg_longitude: f32,
    /// Where it is, degrees north.
    pub latitude: f32,
    /// Where it is, degrees east.
    pub longitude: f32,
    /// How much of its time in the air is over, 0 to 1.
    pub progress: f32,
    /// How late it departed, in minutes; negative where it was early.
    pub delay_minutes: i16,
    /// How far it flies, in miles.
    pub distance_miles: u16,
}

/// The clock of the simulation: a table of one record.
#[table]
#[derive(Debug)]
pub(crate) struct Simulation {
    /// The time that flights go by.
    pub now: Timestamp,
    /// Just before the first departure.
    pub begin: Timestamp,
    /// After the last arrival; then the day begins again.
    pub end: Timestamp,
    /// How much faster than real time it runs.
    pub speed: f64,
    /// Days that have been flown.
    pub days: u64,
}

impl Airport {
    /// Where it is.
    pub(crate) fn point(&self) -> Point {
        Point {
            latitude: self.latitude,
            longitude: self.longitude,
        }
    }
}

impl Flight {
    /// The flight as it is when the day begins.
    pub(crate) fn at_dawn(&self, origin: &Airport) -> Self {
        let late = u64::try_from(self.delay_minutes).unwrap_or(0);
        let departure = self.scheduled + Duration::from_secs(late * 60);
        let distance_miles = f32::from(self.distance_miles);
        Self {
            status: Status::Scheduled,
            destination: self.filed,
            departure,
            arrival: departure + CLIMB_AND_DESCENT + at_cruise(distance_miles),
            leg_start: departure,
            leg_latitude: origin.latitude,
            leg_longitude: origin.longitude,
            latitude: origin.latitude,
            longitude: origin.longitude,
            progress: 0.0,
            ..*self
        }
    }

    /// The flight at this moment, where that is not as it was. Only for a flight that moves is its
    /// destination looked up.
    pub(crate) fn at<'a>(
        &self,
        now: Timestamp,
        destination: impl FnOnce(Id<Airport>) -> Option<&'a Airport>,
    ) -> Option<Self> {
        let waits = self.status == Status::Scheduled && now < self.departure;
        if waits || self.status == Status::Landed {
            return None;
        }
        let destination = destination(self.destination)?.point();
        if now >= self.arrival {
            return Some(Self {
                status: Status::Landed,
                latitude: destination.latitude,
                longitude: destination.longitude,
                progress: 1.0,
                ..*self
            });
        }
        let holds = now < self.leg_start;
        let part = part_of(now, self.leg_start, self.arrival);
        let point = self.leg_from().towards(destination, part);
        Some(Self {
            status: if holds {
                Status::Holding
            } else {
                Status::Airborne
            },
            latitude: point.latitude,
            longitude: point.longitude,
            progress: part_of(now, self.departure, self.arrival),
            ..*self
        })
    }

    /// The flight with another destination, from where it is.
    pub(crate) fn diverted(&self, now: Timestamp, to: Id<Airport>, airport: &Airport) -> Self {
        let from = Point {
            latitude: self.latitude,
            longitude: self.longitude,
        };
        let flying = at_cruise(from.miles_to(airport.point()));
        match self.status {
            Status::Scheduled => Self {
                destination: to,
                arrival: self.departure + CLIMB_AND_DESCENT + flying,
                ..*self
            },
            _ => Self {
                destination: to,
                arrival: now + flying,
                leg_start: now,
                leg_latitude: from.latitude,
                leg_longitude: from.longitude,
                ..*self
            },
        }
    }

    /// The flight that waits so long: at its gate, or circling where it is.
    pub(crate) fn held(&self, now: Timestamp, wait: Duration) -> Self {
        match self.status {
            Status::Scheduled => Self {
                departure: self.departure + wait,
                leg_start: self.leg_start + wait,
                arrival: self.arrival + wait,
                ..*self
            },
            _ => Self {
                status: Status::Holding,
                leg_start: self.leg_start.max(now) + wait,
                leg_latitude: self.latitude,
                leg_longitude: self.longitude,
                arrival: self.arrival + wait,
                ..*self
            },
        }
    }

    fn leg_from(&self) -> Point {
        Point {
            latitude: self.leg_latitude,
            longitude: self.leg_longitude,
        }
    }
}

/// The time that so many miles take.
fn at_cruise(miles: f32) -> Duration {
    Duration::from_secs_f32(miles / MILES_PER_HOUR * 3_600.0)
}

/// How much of the time from `start` to `end` is over, 0 to 1.
fn part_of(now: Timestamp, start: Timestamp, end: Timestamp) -> f32 {
    let micros_to = |moment: Timestamp| (moment.as_micros() - start.as_micros()) as f32;
    (micros_to(now) / micros_to(end)).clamp(0.0, 1.0)
}
