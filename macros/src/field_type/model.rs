//! What an enum or a struct says about the type that it is to be.

use proc_macro2::{Ident, Span};
use syn::{Expr, Type};

use crate::names::Name;

/// A type for fields as its Rust item declares it.
pub(super) struct FieldType {
    /// The enum or struct.
    pub(super) ident: Ident,
    /// The type's name, which is its id.
    pub(super) name: Name,
    /// What it is made of.
    pub(super) shape: Shape,
}

/// What a type is made of.
pub(super) enum Shape {
    /// One of several names, stored as a byte.
    Enum(Vec<Variant>),
    /// Several parts, one behind the other.
    Composite(Vec<Part>),
    /// Something that a fault has been noted about.
    Faulty,
}

/// One name of an enum.
pub(super) struct Variant {
    /// The variant.
    pub(super) ident: Ident,
    /// Its name as written in Rust.
    pub(super) name: String,
    /// The number that it is given, where it is.
    pub(super) discriminant: Option<Expr>,
}

/// One field of a composite.
pub(super) struct Part {
    /// Its name.
    pub(super) name: Name,
    /// Its type.
    pub(super) ty: Type,
}

/// The representation that an item asks for.
pub(super) struct Representation {
    /// Where the right one stands.
    pub(super) right: Option<Span>,
    /// All others.
    pub(super) wrong: Vec<syn::Meta>,
}
