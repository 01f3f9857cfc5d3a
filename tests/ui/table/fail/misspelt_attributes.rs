use tickbase::{Id, table};

#[table]
struct Airport {
    #[uniqe]
    code: u32,
    #[refrences(Airport)]
    near: Option<Id<Airport>>,
}

fn main() {}
