//! Enums with numbers of their own, composites in composites, and what is made of them.

#![forbid(unsafe_code)]
#![deny(warnings)]

use tickbase::{FieldType, TypeRegistry, TypeShape};

const BASE: u8 = 200;

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum Severity {
    #[deprecated]
    Low = BASE,
    High = b'x',
    r#Self_,
    #[cfg(any())]
    Never,
    Highest = 0xFF,
}

#[derive(Clone, Copy, FieldType)]
#[repr(C)]
#[field_type(name = "alert_kind")]
struct Alert {
    severity: Severity,
    r#type: u16,
    inner: Inner,
}

macro_rules! composite {
    ($name:ident, $part:ident: $ty:ty) => {
        #[derive(Clone, Copy, FieldType)]
        #[repr(C)]
        struct $name {
            $part: $ty,
        }
    };
}

composite!(Inner, values: [f32; 2]);

fn main() {
    let mut types = TypeRegistry::default();
    let alert = Alert::register(&mut types).unwrap();
    assert_eq!(alert.type_id, "alert_kind");
    assert_eq!((alert.size, alert.align), (size_of::<Alert>(), align_of::<Alert>()));
    assert_eq!(Alert::VALUE_BYTES, 1 + 2 + 8);
    assert_eq!(alert.padding, [1..2]);
    let TypeShape::Composite { parts } = &alert.shape else {
        panic!("it is a composite");
    };
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["severity", "type", "inner"]);
    let severity = types.get("severity").unwrap();
    let TypeShape::Enum { variants } = &severity.shape else {
        panic!("it is an enum");
    };
    let variants: Vec<_> =
        variants.iter().map(|variant| (variant.name.as_str(), variant.number)).collect();
    assert_eq!(variants, [("Low", 200), ("High", 120), ("Self_", 121), ("Highest", 255)]);
    assert_eq!((Severity::VALUE_BYTES, severity.size), (1, 1));
}
