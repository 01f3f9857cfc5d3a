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

fn main() {}
