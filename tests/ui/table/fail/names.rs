use tickbase::table;

#[table(name = "Flight Plan")]
struct FlightPlan {
    Altitude: f32,
    größe: f32,
}

#[table]
struct _Hidden {
    value: f32,
}

#[table(name = 7, name = "twice")]
struct Seven {
    value: f32,
}

#[table("flight")]
struct Flight {
    value: f32,
}

#[table(name)]
struct Nameless {
    value: f32,
}

#[table(name("flight"))]
struct Called {
    value: f32,
}

#[table(name = "table", durability = flush)]
struct Unknown {
    value: f32,
}

fn main() {}
