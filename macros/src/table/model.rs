//! What a struct says about its table.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Type, Visibility};

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

impl Field {
    /// Whether no two records may have the same value.
    pub(super) fn is_unique(&self) -> bool {
        self.key.is_some() || self.unique.is_some()
    }
}
