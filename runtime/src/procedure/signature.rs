//! What a procedure takes and gives, and the trait that `#[procedure]` implements.

use std::{error::Error as StdError, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

use super::Params;
use crate::{
    error::list,
    schema::{FieldFault, SchemaError, TypeLayout, TypeRegistry},
    transaction::TransactionHandle,
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

    /// Registers the types of the parameters and gives them in order.
    fn parameters(types: &mut TypeRegistry) -> Result<Vec<Parameter>, SchemaError>;

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
}

/// The type of a parameter.
#[derive(Clone, Debug)]
pub enum ParameterType {
    /// A type that could also be a field.
    Field(Arc<TypeLayout>),
    /// Text of any length.
    String,
    /// A list of any length of values that could be fields.
    List(Arc<TypeLayout>),
    /// Any value at all.
    Any,
}

impl ParameterType {
    /// The type's id, as `GET /rpc` gives it.
    pub fn type_id(&self) -> String {
        match self {
            Self::Field(layout) => layout.type_id.clone(),
            Self::String => "string".to_owned(),
            Self::List(layout) => format!("[{}]", layout.type_id),
            Self::Any => "any".to_owned(),
        }
    }
}

/// What the database knows of a procedure.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// What it takes, in order.
    pub parameters: Vec<Parameter>,
    /// It runs in every tick whose number is a multiple of this.
    pub every: Option<u32>,
    /// What it does, in words.
    pub documentation: String,
}

/// What a procedure gives back, as JSON; none where it gives `()`.
#[derive(Debug)]
pub struct Outcome(Option<Box<RawValue>>);

impl Outcome {
    /// The JSON text.
    pub fn as_json(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }
}

/// Why a procedure did not do what it was asked.
pub type ProcedureError = Box<dyn StdError + Send + Sync>;

/// What a procedure may return: `Result<T, E>`.
#[diagnostic::on_unimplemented(
    message = "a procedure cannot return `{Self}`",
    label = "return `Result<T, E>` here",
    note = "T implements serde's Serialize, E is an error or a String; `tickbase::Result<()>` is such a type"
)]
pub trait ProcedureReturn {
    /// The value as JSON, or the error.
    fn into_outcome(self) -> Result<Outcome, ProcedureError>;
}

impl<T: Serialize, E: Into<ProcedureError>> ProcedureReturn for Result<T, E> {
    fn into_outcome(self) -> Result<Outcome, ProcedureError> {
        let json = serde_json::value::to_raw_value(&self.map_err(Into::into)?)?;
        Ok(Outcome(Some(json).filter(|json| json.get() != "null")))
    }
}

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
