use tickbase::FieldType;

#[derive(Clone, Copy, FieldType)]
enum NoRepresentation {
    Parked,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u16)]
enum TooWide {
    Parked,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum WithData {
    Parked,
    Delayed(u32),
    Diverted { to: u32 },
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum TooLow {
    Low = -1,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum TooHigh {
    High = 256,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Empty {}

#[derive(FieldType)]
#[repr(u8)]
enum NotCopy {
    Parked,
}

fn main() {}
