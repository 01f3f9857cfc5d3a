//! The contract of a struct that is a table.

#![expect(
    unsafe_code,
    reason = "the contract that lets records be read by a cast"
)]

use super::{Place, RecordLayout, SchemaError, TableDefinition, TypeRegistry};

/// A struct that is a table: what `#[table]` makes of one.
///
/// Of a [`PlainRecord`] the struct itself is what stands in the pages; of a [`ValueRecord`] it is
/// the value that goes in and out, and what is stored has a layout of its own.
///
/// # Safety
/// The macro keeps these promises, and nothing else should implement this trait:
/// - [`define`](Self::define) names all fields in order, each with the type id that its
///   `FieldType` or `FieldValue` registers.
///
/// The runtime computes the layout of the definition and compares [`SIZE`](Self::SIZE),
/// [`ALIGN`](Self::ALIGN) and [`OFFSETS`](Self::OFFSETS) with it before it takes the table.
///
/// [`ValueRecord`]: super::ValueRecord
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table",
    label = "this struct has no `#[table]`",
    note = "put `#[table]` on the struct `{Self}`"
)]
pub unsafe trait Record: Sized + Send + Sync + 'static {
    /// The table's name.
    const NAME: &'static str;
    /// Bytes of the fixed part of a record.
    const SIZE: usize;
    /// A power of two that the address of a record is a multiple of.
    const ALIGN: usize;
    /// Each field's first byte, in order.
    const OFFSETS: &'static [usize];
    /// Where in the program it stands.
    const PLACE: Place = Place::UNKNOWN;

    /// Registers the types of the fields and says what the table is.
    fn define(types: &mut TypeRegistry) -> Result<TableDefinition, SchemaError>;

    /// The layout of its records, computed once.
    fn layout() -> &'static RecordLayout;

    /// What [`layout`](Self::layout) is made from.
    #[doc(hidden)]
    fn compute_layout() -> RecordLayout {
        let mut types = TypeRegistry::default();
        Self::define(&mut types)
            .and_then(|table| RecordLayout::compute(&table.name, &table.fields, &types))
            .unwrap_or_else(|error| panic!("struct of table `{}`: {error}", Self::NAME))
    }
}

/// A struct whose bytes in memory are a record, so that a read is a reference into the page.
///
/// # Safety
/// As for [`Record`], and:
/// - the struct is `repr(C)` and each of its fields implements [`FieldType`](super::FieldType);
/// - `SIZE`, `ALIGN` and `OFFSETS` are those of the struct;
/// - [`HAS_PADDING`](Self::HAS_PADDING) is true where any byte of it carries no value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table of plain fields",
    label = "its records cannot be read as references",
    note = "a struct with `#[table]` is one where no field is a `String`, a `Vec<u8>` or an `Option` \
            of something else than an `Id<T>`"
)]
pub unsafe trait PlainRecord: Record + Copy {
    /// Whether any byte carries no value.
    const HAS_PADDING: bool;
}
