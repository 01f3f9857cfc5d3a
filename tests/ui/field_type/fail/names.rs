use tickbase::FieldType;

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
#[field_type(nam = "phase")]
enum Phase {
    Parked,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
#[field_type(name = "Phase")]
enum Capital {
    Parked,
}

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
#[field_type]
enum Text {
    Parked,
}

fn main() {}
