use tickbase::{Text, table};

#[table(renamed_from("gate", Door), drops)]
struct Gate {
    number: u32,
}

#[table(renamed_from = "door", drops("number", "Level", "old", "old"))]
struct Door {
    number: u32,
    #[field(renamed_from = "label")]
    label: Text<4>,
    #[field(renamed_from = "old")]
    new: u8,
}

#[table(drop("level"))]
struct Hall {
    #[field]
    number: u32,
    #[field(defualt = 1)]
    level: u8,
    #[fields(default = 1)]
    height: u8,
    #[field(default = 1, default = 2, renamed_from = 3)]
    width: u8,
}

fn main() {}
