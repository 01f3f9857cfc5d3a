use tickbase::table;

#[table]
struct Generic<T> {
    value: T,
}

#[table]
struct Borrowing<'a> {
    value: &'a u32,
}

#[table]
struct Restricted
where
    u32: Copy,
{
    value: u32,
}

#[table]
struct Tuple(u32, u32);

#[table]
struct Unit;

#[table]
struct Empty {}

#[table]
enum Phase {
    Parked,
}

#[table]
union Either {
    left: u32,
    right: f32,
}

#[table]
fn function() {}

fn main() {}
