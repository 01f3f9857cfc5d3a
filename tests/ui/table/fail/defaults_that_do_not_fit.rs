use tickbase::{Text, table};

#[table]
struct Gate {
    #[field(default = "too long")]
    label: Text<4>,
}

fn main() {}
