//! The Rust types that can be a field of a compiled table.

#![expect(
    unsafe_code,
    reason = "the contract that lets records be read by a cast"
)]

use std::sync::Arc;

use uuid::Uuid;

use super::{Id, Record, SchemaError, Text, Timestamp, TypeLayout, TypeRegistry};

/// A type that can be a field: plain data whose bytes stand in the record.
///
/// The numbers, `bool`, `Text<N>`, `Id<T>`, `Option<Id<T>>`, `Timestamp`, `Uuid` and arrays of
/// these are; `#[derive(FieldType)]` makes enums without fields and structs of such fields so too.
///
/// # Safety
/// - [`register`](Self::register) gives a layout with the size and alignment of `Self`;
/// - bytes that pass its `check` are a valid `Self`, whatever stands in the padding;
/// - every byte of `Self` outside the layout's padding is always initialised;
/// - [`VALUE_BYTES`](Self::VALUE_BYTES) is the number of those bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a table",
    label = "this type has no fixed layout that the database knows",
    note = "fields are numbers, bool, Text<N>, Id<T>, Option<Id<T>>, Timestamp, Uuid and arrays of these",
    note = "for an enum without fields or a struct of such fields write #[derive(Clone, Copy, FieldType)] on it"
)]
pub unsafe trait FieldType: Copy + Send + Sync + 'static {
    /// Bytes that carry a value: the size less the padding.
    const VALUE_BYTES: usize;

    /// Registers the type, and all that it is made of, and gives its layout.
    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError>;
}

macro_rules! builtin {
    ($($rust:ty => $type_id:literal),*) => {$(
        // SAFETY: the built-in type has the layout of the Rust type it is named after, which has
        // no padding, and its check refuses every pattern that the Rust type does not have.
        unsafe impl FieldType for $rust {
            const VALUE_BYTES: usize = size_of::<Self>();

            fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
                types.resolve($type_id)
            }
        }
    )*};
}

builtin! {
    bool => "bool", i8 => "i8", i16 => "i16", i32 => "i32", i64 => "i64", i128 => "i128",
    u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", u128 => "u128",
    f32 => "f32", f64 => "f64", Timestamp => "timestamp", Uuid => "uuid"
}

// SAFETY: `Text` is `repr(C)` of a u16 and N bytes, as `text<N>` is; its check demands UTF-8 and
// zeros behind the text. Where N is odd one byte of padding follows, which the layout names.
unsafe impl<const N: usize> FieldType for Text<N> {
    const VALUE_BYTES: usize = {
        assert!(
            N >= 1 && N <= u16::MAX as usize,
            "N of Text<N> is 1 to 65,535"
        );
        2 + N
    };

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        types.resolve(&format!("text<{N}>"))
    }
}

// SAFETY: `Id` is transparent over a NonZeroU64, and the check refuses 0.
unsafe impl<T: Record> FieldType for Id<T> {
    const VALUE_BYTES: usize = size_of::<Self>();

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        types.resolve(&format!("id<{}>", T::NAME))
    }
}

// SAFETY: `Option` of a type with one forbidden pattern uses that pattern for `None`, which the
// standard library guarantees for NonZeroU64 and types transparent over it.
unsafe impl<T: Record> FieldType for Option<Id<T>> {
    const VALUE_BYTES: usize = size_of::<Self>();

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        types.resolve(&format!("option<id<{}>>", T::NAME))
    }
}

// SAFETY: an array is its elements one behind the other, and each of them is checked.
unsafe impl<F: FieldType, const N: usize> FieldType for [F; N] {
    const VALUE_BYTES: usize = {
        assert!(N > 0, "an array field has at least one element");
        F::VALUE_BYTES * N
    };

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        let element = F::register(types)?;
        types.resolve(&format!("[{}; {N}]", element.type_id))
    }
}
