use tickbase::table;

#[table]
struct Flight {
    #[key]
    number: u32,
    #[key]
    date: u32,
    #[key]
    #[unique]
    #[unique(hash)]
    tail: u32,
}

#[table]
struct Airport {
    #[key = "code"]
    #[keys]
    code: u32,
    #[unique()]
    #[Unique]
    runway: u32,
}

fn main() {}
