use tickbase::table;

struct Unknown;

#[table]
struct Refused {
    names: [String; 2],
    numbers: Vec<u32>,
    nick: Option<&'static str>,
    name: Option<String>,
    set_name: u8,
    to_json: u8,
}

#[table]
struct User {
    name: String,
    unknown: Unknown,
}

#[table]
struct Guest {
    age: Option<Option<u32>>,
    unknown: Option<Unknown>,
}

fn main() {}
