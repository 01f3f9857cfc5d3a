use tickbase::table;

#[table(nmae = "flight")]
struct Flight {
    _reserved: u32,
    id: u64,
}

fn main() {
    let _ = Flight::fields().id;
}
