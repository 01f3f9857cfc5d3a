//! What the code that the macros generate refers to, and nothing else does.
//!
//! Nothing here is part of the public interface: it changes with the macros.

use std::sync::Arc;

#[cfg(feature = "auto-register")]
pub use crate::database::{LinkedProcedure, LinkedTable};
pub use crate::{
    procedure::{
        Call, FieldArgument, Given, Giver, GivesArgument, GivesNothing, GivesSerialized,
        GivesUnknown, Outcome, Parameter, ParameterType, Params, Procedure, ProcedureArgument,
        ProcedureError, ProcedureReturn,
    },
    schema::{
        FieldDefinition, FieldFault, FieldHandle, FieldType, FieldValue, Id, OptionalValue, Place,
        PlainRecord, Record, RecordBuf, RecordLayout, RecordRef, RelationDefinition, SchemaError,
        TableDefinition, TypeLayout, TypeRegistry, ValueEdit, ValueField, ValueRecord, ValueRef,
        ValueWriter,
    },
    storage::{
        Found, Readable, TypedView, ValueView, plain_from_record, plain_to_record,
        value_from_record,
    },
    transaction::{Isolation, Opened, TableMut, TransactionHandle, ValueTableMut, Writable},
};
use crate::{
    schema::{EnumVariant, Name, OnDelete, TableHistory, TypeDefinition},
    storage::field_bytes,
};

#[cfg(feature = "auto-register")]
pub use inventory;

/// A field of type `F`.
pub fn field<F: FieldType>(
    types: &mut TypeRegistry,
    name: &str,
    unique: bool,
    documentation: &str,
) -> Result<FieldDefinition, SchemaError> {
    let layout = <F as FieldType>::register(types)?;
    definition(&layout, name, unique, documentation)
}

/// A field of a value table.
pub fn value_field<T: ValueField<INDEX>, const INDEX: usize>(
    types: &mut TypeRegistry,
    name: &str,
    unique: bool,
    documentation: &str,
) -> Result<FieldDefinition, SchemaError> {
    let layout = <T::Type as FieldValue>::register(types)?;
    definition(&layout, name, unique, documentation)
}

fn definition(
    layout: &TypeLayout,
    name: &str,
    unique: bool,
    documentation: &str,
) -> Result<FieldDefinition, SchemaError> {
    Ok(FieldDefinition {
        unique,
        documentation: documentation.to_owned(),
        ..FieldDefinition::new(Name::new(name)?, layout.type_id.clone())
    })
}

/// Size and alignment of a field of a value table.
pub const fn place<T: ValueField<INDEX>, const INDEX: usize>() -> (usize, usize) {
    (
        <T::Type as FieldValue>::SIZE,
        <T::Type as FieldValue>::ALIGN,
    )
}

/// Where fields of these sizes and alignments stand, one behind the other as in `repr(C)`.
pub const fn offsets<const N: usize>(places: [(usize, usize); N]) -> [usize; N] {
    let mut offsets = [0; N];
    let (mut index, mut end) = (0, 0_usize);
    while index < N {
        let (size, align) = places[index];
        offsets[index] = end.next_multiple_of(align);
        end = offsets[index] + size;
        index += 1;
    }
    offsets
}

/// Size and alignment of a record of fields of these sizes and alignments.
pub const fn extent<const N: usize>(places: [(usize, usize); N]) -> (usize, usize) {
    let (mut index, mut end, mut align_max) = (0, 0_usize, 1);
    while index < N {
        let (size, align) = places[index];
        end = end.next_multiple_of(align) + size;
        if align > align_max {
            align_max = align;
        }
        index += 1;
    }
    (end.next_multiple_of(align_max), align_max)
}

/// The relation of a field to the table `Target`.
pub fn relation<Target: Record>(table: &str, field: &str) -> RelationDefinition {
    RelationDefinition {
        name: None,
        from_table: table.to_owned(),
        from_field: field.to_owned(),
        to_table: Target::NAME.to_owned(),
        to_field: "id".to_owned(),
        on_delete: OnDelete::Restrict,
    }
}

/// A table of these fields and relations.
pub fn table(
    name: &str,
    fields: Vec<FieldDefinition>,
    relations: Vec<RelationDefinition>,
    documentation: &str,
) -> Result<TableDefinition, SchemaError> {
    Ok(TableDefinition {
        relations,
        documentation: documentation.to_owned(),
        ..TableDefinition::new(Name::new(name)?, fields)
    })
}

/// The field with a default, which its type has registered already.
pub fn with_default<F: FieldType>(
    field: FieldDefinition,
    types: &mut TypeRegistry,
    default: F,
) -> Result<FieldDefinition, SchemaError> {
    let layout = F::register(types)?;
    let bytes = field_bytes(&layout, &default);
    Ok(FieldDefinition {
        default: Some(layout.serializer.read(&bytes)),
        ..field
    })
}

/// The table with its past: names that it had, pairs of a field and a name that it had, and fields
/// that may go.
pub fn with_history(
    table: TableDefinition,
    renamed_from: &[&str],
    fields_renamed_from: &[(&str, &str)],
    drops: &[&str],
) -> TableDefinition {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let pair = |(now, former): &(&str, &str)| ((*now).to_owned(), (*former).to_owned());
    TableDefinition {
        history: Box::new(TableHistory {
            renamed_from: owned(renamed_from),
            fields_renamed_from: fields_renamed_from.iter().map(pair).collect(),
            drops: owned(drops),
        }),
        ..table
    }
}

/// An enum of these variants, each with its number.
pub fn enumeration(
    types: &mut TypeRegistry,
    name: &str,
    variants: &[(&str, u8)],
) -> Result<Arc<TypeLayout>, SchemaError> {
    let variant = |(name, number): &(&str, u8)| EnumVariant {
        name: (*name).to_owned(),
        number: *number,
    };
    let variants = variants.iter().map(variant).collect();
    types.register_type(name, TypeDefinition::Enum { variants })
}

/// A composite of these parts, each with its type's layout.
pub fn composite(
    types: &mut TypeRegistry,
    name: &str,
    parts: Vec<(&str, Arc<TypeLayout>)>,
) -> Result<Arc<TypeLayout>, SchemaError> {
    let part = |(name, layout): (&str, Arc<TypeLayout>)| (name.to_owned(), layout.type_id.clone());
    let parts = parts.into_iter().map(part).collect();
    types.register_type(name, TypeDefinition::Composite { parts })
}

/// A parameter of type `A`.
pub fn parameter<A: ProcedureArgument>(
    types: &mut TypeRegistry,
    name: &str,
    documentation: &str,
) -> Result<Parameter, SchemaError> {
    Ok(Parameter {
        name: name.to_owned(),
        ty: A::parameter_type(types)?,
        documentation: documentation.to_owned(),
    })
}

/// The argument at `index`.
pub fn argument<A: ProcedureArgument>(params: &Params, index: usize) -> Result<A, ProcedureError> {
    params.get(index).map_err(Into::into)
}

/// The field types that can refer to a record of `Target`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot refer to `{Target}`",
    label = "this must be `Id<{Target}>` or `Option<Id<{Target}>>`",
    note = "`#[references(X)]` stands on a field that holds the id of a record of table X"
)]
pub trait RefersTo<Target> {}

impl<Target> RefersTo<Target> for Id<Target> {}
impl<Target> RefersTo<Target> for Option<Id<Target>> {}
