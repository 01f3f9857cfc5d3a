//! What a struct says about its table.

use proc_macro2::{Ident, Span};
use syn::{Attribute, GenericArgument, PathArguments, Type, Visibility};

use super::history::{FieldHistory, TableHistory};
use crate::names::Name;

/// A table as its struct declares it.
pub(super) struct Table {
    /// The struct.
    pub(super) ident: Ident,
    /// The struct's visibility, and so that of its field handles' type.
    pub(super) visibility: Visibility,
    /// The attributes of the struct that also go on what is made beside it.
    pub(super) carried: Vec<Attribute>,
    /// The table's name.
    pub(super) name: Name,
    /// What it holds, in words.
    pub(super) documentation: String,
    /// What it was before.
    pub(super) history: TableHistory,
    /// The fields in order.
    pub(super) fields: Vec<Field>,
}

/// A field of the struct and of the table.
pub(super) struct Field {
    /// The field of the struct.
    pub(super) ident: Ident,
    /// Who may name it, and so who may name its handle.
    pub(super) visibility: Visibility,
    /// Its name in the table.
    pub(super) name: Name,
    /// What it means, in words.
    pub(super) documentation: String,
    /// Its type, in which `Self` is replaced by the struct.
    pub(super) ty: Type,
    /// Where `#[key]` stands.
    pub(super) key: Option<Span>,
    /// Where `#[unique]` stands.
    pub(super) unique: Option<Span>,
    /// The table in `#[references(…)]`.
    pub(super) references: Option<Type>,
    /// What `#[field(…)]` says of older records.
    pub(super) history: FieldHistory,
}

/// What a field's type is, as far as its tokens tell.
pub(super) enum Shape<'t> {
    /// It stands in the record as it is.
    Plain,
    /// `String`.
    Text,
    /// `Vec<u8>`.
    Bytes,
    /// An `Option` of this type, which is none that has a form of none itself, as ids do.
    Optional(&'t Type),
}

impl Shape<'_> {
    /// The shape of a type.
    pub(super) fn of(ty: &Type) -> Shape<'_> {
        match last_segment(ty) {
            Some((name, None)) if name == "String" => Shape::Text,
            Some((name, Some(inner))) if name == "Vec" => match last_segment(inner) {
                Some((element, None)) if element == "u8" => Shape::Bytes,
                _ => Shape::Plain,
            },
            Some((name, Some(inner))) if name == "Option" => match last_segment(inner) {
                Some((table, Some(_))) if table == "Id" => Shape::Plain,
                _ => Shape::Optional(inner),
            },
            _ => Shape::Plain,
        }
    }
}

/// The last word of a path, and its one argument where it has one.
fn last_segment(ty: &Type) -> Option<(&Ident, Option<&Type>)> {
    match ty {
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let argument = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                    Some(GenericArgument::Type(ty)) => Some(ty),
                    _ => None,
                },
                _ => None,
            };
            Some((&last.ident, argument))
        }
        _ => None,
    }
}

impl Table {
    /// Whether the struct is a value, and what is stored has a layout of its own.
    pub(super) fn is_of_values(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| !matches!(Shape::of(&field.ty), Shape::Plain))
    }
}

impl Field {
    /// Whether no two records may have the same value.
    pub(super) fn is_unique(&self) -> bool {
        self.key.is_some() || self.unique.is_some()
    }
}
