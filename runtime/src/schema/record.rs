//! The contract of a struct that is a table.

#![expect(
    unsafe_code,
    reason = "the contract that lets records be read by a cast"
)]

use super::{Place, RecordLayout, SchemaError, TableDefinition, TypeRegistry};

/// A struct whose bytes in memory are a record: what `#[table]` makes of one.
///
/// # Safety
/// The macro keeps these promises, and nothing else should implement this trait:
/// - the struct is `repr(C)` and each of its fields implements [`FieldType`](super::FieldType);
/// - [`define`](Self::define) names all fields in order, each with the type id that its
///   `FieldType` registers;
/// - [`HAS_PADDING`](Self::HAS_PADDING) is true where any byte of it carries no value.
///
/// The runtime computes the layout of the definition and compares size, alignment and
/// [`OFFSETS`](Self::OFFSETS) with it before it takes the table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table",
    label = "this struct has no `#[table]`",
    note = "put `#[table]` on the struct `{Self}`; a table's fields are plain data"
)]
pub unsafe trait Record: Copy + Send + Sync + 'static {
    /// The table's name.
    const NAME: &'static str;
    /// Each field's first byte, in order.
    const OFFSETS: &'static [usize];
    /// Whether any byte carries no value.
    const HAS_PADDING: bool;
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
