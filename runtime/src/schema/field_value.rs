//! The Rust types that can be a field of a value table: plain ones, texts, bytes, and options.

#![expect(
    unsafe_code,
    reason = "a field of a checked record is read as its type without checking it again"
)]

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Field, FieldType, RecordBuf, SchemaError, Text, Timestamp, TypeLayout, TypeRegistry, TypeShape,
    ValueFault, VariableKind, slot,
};

/// A type that can be a field of a value table.
///
/// Every [`FieldType`] is one, `String` and `Vec<u8>` are, and so is an `Option` of any of these.
///
/// # Safety
/// - [`register`](Self::register) gives a layout of [`SIZE`](Self::SIZE) and
///   [`ALIGN`](Self::ALIGN), those of the stored form;
/// - `write` initialises all bytes of the stored form, with a value of that layout.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a table",
    label = "this type has no stored form that the database knows",
    note = "fields are numbers, bool, Text<N>, String, Vec<u8>, Id<T>, Timestamp, Uuid, arrays of fixed size, and options of these",
    note = "for an enum without fields or a struct of such fields write #[derive(Clone, Copy, FieldType)] on it"
)]
pub unsafe trait FieldValue: Sized + Send + Sync + 'static {
    /// The value as it is read and set, without a copy of what is long: `&str` for `String`,
    /// `&[u8]` for `Vec<u8>`, an option of these for an option, else the type itself.
    type Read<'r>: Copy;
    /// Bytes of the stored form in the fixed part of a record.
    const SIZE: usize;
    /// What the offset of the stored form is a multiple of.
    const ALIGN: usize;

    /// Registers the type, and all that it is made of, and gives its layout.
    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError>;

    /// The value of a field that has this place in the fixed part of a record with this tail.
    ///
    /// # Safety
    /// The record passed the check of its layout, in which a field of this type has this place.
    #[doc(hidden)]
    unsafe fn read<'r>(place: &'r [u8], tail: &'r [u8]) -> Self::Read<'r>;

    /// Writes the value into its place at `offset` of a record, which is zeroed. Values of variable
    /// length have to come in the order of their fields.
    #[doc(hidden)]
    fn write(
        value: Self::Read<'_>,
        layout: &TypeLayout,
        offset: usize,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault>;

    /// The value as it is read.
    #[doc(hidden)]
    fn borrow(&self) -> Self::Read<'_>;

    /// A copy of what was read.
    #[doc(hidden)]
    fn own(value: Self::Read<'_>) -> Self;
}

// SAFETY: `FieldType` promises size, alignment and that all bytes outside its padding are
// initialised; the padding is zeroed as the layout names it.
unsafe impl<F: FieldType> FieldValue for F {
    type Read<'r> = F;
    const SIZE: usize = size_of::<F>();
    const ALIGN: usize = align_of::<F>();

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        <F as FieldType>::register(types)
    }

    #[inline]
    unsafe fn read<'r>(place: &'r [u8], _: &'r [u8]) -> F {
        assert_eq!(place.len(), size_of::<F>(), "the place is one of the type");
        // SAFETY: there are as many bytes as `F` has, and they passed the check of its layout.
        unsafe { place.as_ptr().cast::<F>().read_unaligned() }
    }

    fn write(
        value: F,
        layout: &TypeLayout,
        offset: usize,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        let place = &mut record.fixed_mut()[offset..offset + size_of::<F>()];
        // SAFETY: there are as many bytes as `F` has.
        unsafe { place.as_mut_ptr().cast::<F>().write_unaligned(value) };
        for range in &layout.padding {
            place[range.clone()].fill(0);
        }
        Ok(())
    }

    fn borrow(&self) -> F {
        *self
    }

    fn own(value: F) -> Self {
        value
    }
}

macro_rules! variable {
    ($($rust:ty, $read:ty, $kind:expr, $view:ident, $bytes:ident => $from_bytes:expr);*) => {$(
        // SAFETY: the layout of the kind is a slot, and a slot is what is written.
        unsafe impl FieldValue for $rust {
            type Read<'r> = &'r $read;
            const SIZE: usize = slot::SLOT_BYTES;
            const ALIGN: usize = slot::SLOT_ALIGN;

            fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
                types.resolve($kind.type_id())
            }

            #[inline]
            unsafe fn read<'r>(place: &'r [u8], tail: &'r [u8]) -> &'r $read {
                let $bytes = slot::content(place, tail).unwrap_or_default();
                $from_bytes
            }

            fn write(
                value: &$read,
                _: &TypeLayout,
                offset: usize,
                record: &mut RecordBuf,
            ) -> Result<(), ValueFault> {
                record.put(offset, value.as_ref())
            }

            fn borrow(&self) -> &$read {
                self.$view()
            }

            fn own(value: &$read) -> Self {
                value.to_owned()
            }
        }
    )*};
}

variable! {
    String, str, VariableKind::Text, as_str, bytes => {
        // SAFETY: the caller promises that the record passed its check, which demands UTF-8.
        unsafe { str::from_utf8_unchecked(bytes) }
    };
    Vec<u8>, [u8], VariableKind::Bytes, as_slice, bytes => bytes
}

/// A type that an `Option` in a value table can hold: all but ids, which bring their own form of
/// none, and other options.
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot be a field of a table",
    label = "no field may be none of this type",
    note = "fields are numbers, bool, Text<N>, String, Vec<u8>, Id<T>, Timestamp, Uuid, arrays of fixed size, and options of these",
    note = "for an enum without fields or a struct of such fields write #[derive(Clone, Copy, FieldType)] on it"
)]
pub trait OptionalValue: FieldValue {}

macro_rules! optional {
    ($($rust:ty),*) => {$(impl OptionalValue for $rust {})*};
}

optional! {
    bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, Timestamp, Uuid, String,
    Vec<u8>
}

impl<const N: usize> OptionalValue for Text<N> {}
impl<F: FieldType, const N: usize> OptionalValue for [F; N] {}

// SAFETY: the layout of an option is the value, then the flag, then padding up to the alignment;
// none is all zeros, as the place is before anything is written.
unsafe impl<F: OptionalValue> FieldValue for Option<F> {
    type Read<'r> = Option<F::Read<'r>>;
    const SIZE: usize = (F::SIZE + 1).next_multiple_of(F::ALIGN);
    const ALIGN: usize = F::ALIGN;

    fn register(types: &mut TypeRegistry) -> Result<Arc<TypeLayout>, SchemaError> {
        let inner = F::register(types)?;
        types.resolve(&format!("option<{}>", inner.type_id))
    }

    #[inline]
    unsafe fn read<'r>(place: &'r [u8], tail: &'r [u8]) -> Option<F::Read<'r>> {
        let (value, flag) = place.split_at(F::SIZE);
        // SAFETY: where the flag is set the check of the option was that of the value.
        (flag[0] == 1).then(|| unsafe { F::read(value, tail) })
    }

    fn write(
        value: Option<F::Read<'_>>,
        layout: &TypeLayout,
        offset: usize,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        let Some(value) = value else {
            return Ok(());
        };
        let TypeShape::Optional { inner } = &layout.shape else {
            return Err(ValueFault::TypeMismatch {
                expected: layout.type_id.clone(),
                found: "an option".to_owned(),
            });
        };
        F::write(value, inner, offset, record)?;
        record.fixed_mut()[offset + F::SIZE] = 1;
        Ok(())
    }

    fn borrow(&self) -> Option<F::Read<'_>> {
        self.as_ref().map(F::borrow)
    }

    fn own(value: Option<F::Read<'_>>) -> Self {
        value.map(F::own)
    }
}

impl Field {
    /// Writes a value whose type the caller states, under the conditions of [`write`](Self::write).
    /// What comes of a type that is not the field's is refused where it is no value of the field.
    pub(crate) fn write_typed<F: FieldValue>(
        &self,
        value: F::Read<'_>,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        assert_eq!(F::SIZE, self.layout.size, "the handle is one of the field");
        F::write(value, &self.layout, self.offset, record)?;
        let record = record.as_ref();
        let place = self.bytes(record.fixed);
        match self.layout.variable() {
            None => self.layout.check(place),
            Some(variable) => variable.check_content(place, record.tail),
        }
    }

    /// The bytes by which an index knows a value, as [`key_bytes`](Self::key_bytes) gives them of a
    /// record; none where no record can have the value.
    pub(crate) fn key_of<F: FieldValue>(&self, value: F::Read<'_>) -> Option<Vec<u8>> {
        let alone = Self {
            offset: 0,
            ..self.clone()
        };
        let mut record = RecordBuf::zeroed(self.layout.size);
        alone.write_typed::<F>(value, &mut record).ok()?;
        Some(alone.key_bytes(record.as_ref()).into_owned())
    }
}
