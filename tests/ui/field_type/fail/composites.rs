use tickbase::FieldType;

#[derive(Clone, Copy, FieldType)]
struct NoRepresentation {
    x: f32,
}

#[derive(Clone, Copy, FieldType)]
#[repr(C, packed)]
struct Packed {
    x: f32,
}

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
struct Tuple(f32, f32);

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
struct Empty {}

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
struct Generic<T> {
    x: T,
}

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
struct Deep {
    X: f32,
    pair: (f32, f32),
}

#[derive(FieldType)]
#[repr(C)]
struct NotCopy {
    x: f32,
}

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
union Either {
    x: f32,
    y: u32,
}

fn main() {}
