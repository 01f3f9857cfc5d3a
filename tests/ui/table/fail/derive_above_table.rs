use tickbase::table;

#[derive(Clone, Copy)]
#[table]
struct Flight {
    value: u32,
}

fn main() {}
