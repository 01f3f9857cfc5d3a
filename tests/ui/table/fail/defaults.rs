use tickbase::{FieldType, table};

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum State {
    Open,
}

#[table]
struct Gate {
    #[field(default = "12")]
    number: u32,
    #[field(default = State::Shut)]
    state: State,
    #[field(default = 1)]
    height: f32,
}

fn main() {}
