//! Tables below other attributes, from macros, under `cfg`, and beside names of their own.

#![forbid(unsafe_code)]
#![deny(warnings)]

use tickbase::{Id, PlainRecord, Record, table};

// Names that generated code could mix up with its own.
mod support {
    #[derive(Clone, Copy, tickbase::FieldType)]
    #[repr(u8)]
    pub(crate) enum Result {
        Ok,
    }
}
mod core {}
mod std {}
struct Option;
struct String;
struct Vec;
trait Copy {}
const LENGTH: usize = 3;

#[cfg(any())]
#[table]
struct Never {
    value: NoSuchType,
}

#[table]
#[cfg(any())]
struct NeverEither {
    value: NoSuchType,
}

#[derive(Debug)]
#[table]
#[derive(PartialEq)]
struct Below {
    #[unique]
    result: u8,
    lengths: [u16; LENGTH],
}

macro_rules! declare {
    ($name:ident, $field:ident: $ty:ty, $table:literal) => {
        #[table(name = $table)]
        #[derive(Default)]
        #[repr(C)]
        pub struct $name {
            /// A field.
            #[key]
            pub $field: $ty,
        }
    };
}

declare!(Made, value: [i32; 2], "made_by_macro");

#[table]
struct Shadowed {
    result: support::Result,
    made: ::core::option::Option<Id<Made>>,
}

#[table]
#[allow(deprecated)]
struct Aged {
    #[deprecated]
    before: u8,
    now: u8,
}

impl Copy for Option {}

fn main() {
    assert_eq!(Made::NAME, "made_by_macro");
    assert_eq!(Below::fields().lengths.offset, 2);
    assert!(Below::HAS_PADDING);
    assert_eq!(Shadowed::layout().record_size(), 16);
    assert!(Made::layout().fields()[0].unique);
    let below = Below { result: 1, lengths: [2; LENGTH] };
    assert!(below == below.clone() && !format!("{below:?}").is_empty());
    let _ = (Option, String, Vec, support::Result::Ok, Made::default());
}
