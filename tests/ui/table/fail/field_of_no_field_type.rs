use tickbase::table;

#[derive(Clone, Copy)]
struct Position {
    latitude: f64,
    longitude: f64,
}

#[table]
struct Flight {
    callsign: u32,
    position: Position,
    seats: [Option<u32>; 2],
}

fn main() {
    let _ = Flight::fields();
}
