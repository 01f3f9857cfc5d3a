//! What a procedure takes and gives, and the trait that `#[procedure]` implements.

use std::{any::Any, error::Error as StdError};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ParameterType, Params};
use crate::{
    error::list,
    schema::{FieldFault, Place, SchemaError, TypeRegistry},
    transaction::{Isolation, TransactionHandle},
};

/// A function that `#[procedure]` has made callable by name.
///
/// The macro makes, beside the function, a type of the same name that implements this; the
/// builder takes that type: `builder.procedure::<divert>()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no procedure",
    label = "no function of this name has `#[procedure]`",
    note = "put `#[procedure]` on the function and name it here without parentheses"
)]
pub trait Procedure: 'static {
    /// Its name.
    const NAME: &'static str;
    /// It runs in every tick whose number is a multiple of this; never by itself where none.
    const EVERY: Option<u32>;
    /// What it does, in words.
    const DOCUMENTATION: &'static str;
    /// How far it is kept apart from what runs beside it.
    const ISOLATION: Isolation = Isolation::Serializable;
    /// Whether it changes nothing, and so runs on a snapshot at any time, and never queues.
    const READ_ONLY: bool = false;
    /// Where in the program it stands.
    const PLACE: Place = Place::UNKNOWN;

    /// Registers the types of the parameters and gives them in order.
    fn parameters(types: &mut TypeRegistry) -> Result<Vec<Parameter>, SchemaError>;

    /// Registers the type of what it gives; none where it gives nothing.
    fn returns(_types: &mut TypeRegistry) -> Result<Option<ParameterType>, SchemaError> {
        Ok(Some(ParameterType::Any))
    }

    /// Runs the function with arguments that fit the parameters.
    fn call(tx: &mut TransactionHandle, params: Params) -> Result<Outcome, ProcedureError>;
}

/// One parameter of a procedure.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ParameterType,
    /// What it means, in words.
    pub documentation: String,
}

/// What the database knows of a procedure.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// What it takes, in order.
    pub parameters: Vec<Parameter>,
    /// What it gives; none where it gives nothing.
    pub returns: Option<ParameterType>,
    /// It runs in every tick whose number is a multiple of this.
    pub every: Option<u32>,
    /// How far it is kept apart from what runs beside it.
    pub isolation: Isolation,
    /// Whether it changes nothing, and so runs on a snapshot at any time, and never queues.
    pub read_only: bool,
    /// What it does, in words.
    pub documentation: String,
    /// Where in the program it stands.
    pub place: Place,
}

impl Signature {
    /// The signature of a serializable procedure that takes nothing, says nothing of what it gives,
    /// and never runs by itself.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parameters: Vec::new(),
            returns: Some(ParameterType::Any),
            every: None,
            isolation: Isolation::Serializable,
            read_only: false,
            documentation: String::new(),
            place: Place::UNKNOWN,
        }
    }
}

/// What a procedure gives back, as JSON; none where it gives `()`.
#[derive(Debug, Default)]
pub struct Outcome {
    json: Option<Box<RawValue>>,
    /// The value itself, for a caller in the same program.
    value: Option<Box<dyn Any + Send>>,
}

impl Outcome {
    /// The outcome that carries what `value` is as JSON.
    pub fn of(value: &impl Serialize) -> Result<Self, ProcedureError> {
        let json = serde_json::value::to_raw_value(value)?;
        Ok(Self {
            json: Some(json).filter(|json| json.get() != "null"),
            value: None,
        })
    }

    /// The outcome for a caller who knows the type, and needs no JSON.
    pub(super) fn of_value(value: impl Any + Send) -> Self {
        Self {
            json: None,
            value: Some(Box::new(value)),
        }
    }

    /// The JSON text.
    pub fn as_json(&self) -> Option<&str> {
        self.json.as_deref().map(RawValue::get)
    }

    /// The value, for who knows its type.
    pub(super) fn into_value<T: Any>(self) -> Option<T> {
        self.value?.downcast().ok().map(|value| *value)
    }
}

/// Why a procedure did not do what it was asked.
pub type ProcedureError = Box<dyn StdError + Send + Sync>;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No procedure has this name.
    #[error("there is no procedure `{procedure}`{hint}")]
    NotFound {
        /// The name that was asked for.
        procedure: String,
        /// What may have been meant, in words.
        hint: String,
    },
    /// The arguments do not fit the parameters.
    #[error("the arguments of `{procedure}` do not fit: {}", list(faults))]
    InvalidArguments {
        /// The procedure's name.
        procedure: String,
        /// What is wrong, parameter by parameter.
        faults: Vec<FieldFault>,
    },
    /// The procedure refused; nothing of it remains.
    #[error("{error}")]
    Failed {
        /// The procedure's name.
        procedure: String,
        /// Its error.
        #[source]
        error: ProcedureError,
    },
    /// The procedure panicked; nothing of it remains.
    #[error("procedure `{procedure}` panicked; nothing of the call remains")]
    Panicked {
        /// The procedure's name.
        procedure: String,
        /// The message of the panic, for the log.
        message: String,
    },
}
