//! What a function says about its procedure.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Type, Visibility};

use crate::names::Name;

/// A procedure as its function declares it.
pub(super) struct Procedure {
    /// The function.
    pub(super) ident: Ident,
    /// Who may name it, and so who may name its type.
    pub(super) visibility: Visibility,
    /// The attributes of the function that also go on what is made beside it.
    pub(super) carried: Vec<Attribute>,
    /// The procedure's name.
    pub(super) name: Name,
    /// What it does, in words.
    pub(super) documentation: String,
    /// It runs in every tick whose number is a multiple of this.
    pub(super) every: Option<u32>,
    /// Where it is said that it only reads.
    pub(super) read_only: Option<Span>,
    /// How far it is kept apart, where that is said.
    pub(super) isolation: Option<Isolation>,
    /// What the function takes and gives; none where a fault keeps it from being called.
    pub(super) call: Option<Call>,
}

/// How far a procedure is kept apart from what runs beside it.
pub(super) struct Isolation {
    /// As the runtime names it.
    pub(super) variant: &'static str,
    /// Where it is said.
    pub(super) span: Span,
}

/// How the function is called.
pub(super) struct Call {
    /// The type of the parameter that takes the transaction.
    pub(super) transaction: Type,
    /// The parameters behind it.
    pub(super) parameters: Vec<Parameter>,
    /// What it returns.
    pub(super) output: Type,
}

/// One parameter.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: Name,
    /// The parameter, in Rust.
    pub(super) ident: Ident,
    /// Its type.
    pub(super) ty: Type,
    /// What it means, in words.
    pub(super) documentation: String,
    /// Whether it takes what belongs to the caller.
    pub(super) borrows: bool,
}
