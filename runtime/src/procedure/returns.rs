//! What a procedure gives back: as the type of the signature where it is one, else as serde has it.
//!
//! No trait can say "either of the two", so generated code asks a [`Giver`] by method call: the
//! compiler takes the first of the traits below, from the most references to the fewest, whose
//! bound the type meets. The last one is met by all and refuses with words.

use std::marker::PhantomData;

use serde::Serialize;

use super::{Outcome, ParameterType, Params, ProcedureArgument, ProcedureError};
use crate::schema::{SchemaError, TypeRegistry};

/// What a procedure may return: `Result<T, E>`.
#[diagnostic::on_unimplemented(
    message = "a procedure cannot return `{Self}`",
    label = "return `Result<T, E>` here",
    note = "T is what an argument can be, or implements serde's Serialize; E is an error or a String; `tickbase::Result<()>` is such a type"
)]
pub trait ProcedureReturn {
    /// What it gives where it does what it was asked.
    type Value;

    /// The value, or the error.
    fn into_result(self) -> Result<Self::Value, ProcedureError>;
}

#[diagnostic::do_not_recommend]
impl<T, E: Into<ProcedureError>> ProcedureReturn for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, ProcedureError> {
        self.map_err(Into::into)
    }
}

/// Stands for a value of type `T` while the compiler looks for the way to write it.
#[derive(Debug)]
pub struct Giver<T>(PhantomData<fn() -> T>);

impl<T> Giver<T> {
    /// The giver of a type that can be named.
    pub const NEW: Self = Self(PhantomData);

    /// The giver of the type that this value has.
    pub fn of(_value: &T) -> Self {
        Self::NEW
    }
}

type Described = Result<Option<ParameterType>, SchemaError>;
type Written = Result<Outcome, ProcedureError>;

/// Nothing is given.
pub trait GivesNothing {
    /// What the signature says.
    fn describe(&self, _types: &mut TypeRegistry) -> Described {
        Ok(None)
    }

    /// The outcome.
    fn write(&self, _value: (), _params: &Params) -> Written {
        Ok(Outcome::default())
    }
}

impl GivesNothing for &&&Giver<()> {}

/// A type that could be an argument is given.
pub trait GivesArgument<T: ProcedureArgument> {
    /// What the signature says.
    fn describe(&self, types: &mut TypeRegistry) -> Described {
        T::parameter_type(types).map(Some)
    }

    /// The outcome.
    fn write(&self, value: T, params: &Params) -> Written {
        let value = match params.returns() {
            Some(ty) => value.to_value(ty)?,
            None => value.to_value(&T::parameter_type(&mut TypeRegistry::default())?)?,
        };
        Outcome::of(&value)
    }
}

impl<T: ProcedureArgument> GivesArgument<T> for &&Giver<T> {}

/// Something else that serde can write is given.
pub trait GivesSerialized<T: Serialize> {
    /// What the signature says.
    fn describe(&self, _types: &mut TypeRegistry) -> Described {
        Ok(Some(ParameterType::Any))
    }

    /// The outcome.
    fn write(&self, value: T, _params: &Params) -> Written {
        Outcome::of(&value)
    }
}

impl<T: Serialize> GivesSerialized<T> for &Giver<T> {}

/// What nobody can write is given, which is refused where the program is compiled.
pub trait GivesUnknown<T> {
    /// What the signature says; generated code always asks it, so that here is the one error.
    fn describe(&self, _types: &mut TypeRegistry) -> Described
    where
        T: Given,
    {
        Ok(None)
    }

    /// The outcome.
    fn write(&self, _value: T, _params: &Params) -> Written {
        Ok(Outcome::default())
    }
}

impl<T> GivesUnknown<T> for Giver<T> {}

/// Met by no type: what the compiler says where a procedure gives what cannot be written.
#[diagnostic::on_unimplemented(
    message = "a procedure cannot give `{Self}`",
    label = "this type has no value outside the program",
    note = "the T of `Result<T, E>` is what an argument can be, or implements serde's Serialize"
)]
pub trait Given {}
