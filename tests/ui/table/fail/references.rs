use tickbase::{Id, table};

#[table]
struct Airport {
    elevation: f32,
}

#[derive(Clone, Copy)]
struct Runway;

#[table]
struct Flight {
    #[references(Airport)]
    origin: u64,
    #[references(Flight)]
    destination: Id<Airport>,
    #[references]
    via: Id<Airport>,
    #[references(Runway)]
    runway: Id<Runway>,
}

fn main() {}
