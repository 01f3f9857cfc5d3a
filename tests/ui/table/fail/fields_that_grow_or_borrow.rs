use tickbase::{Id, table};

#[table]
struct Airport {
    elevation: f32,
}

#[table]
struct Flight {
    callsign: String,
    pilot: &'static str,
    origin: &'static Airport,
    passengers: Vec<u32>,
    remarks: Option<Box<str>>,
    previous: Option<Id<Flight>>,
}

fn main() {}
