//! Procedures: functions that run inside a transaction, with a name and a checked signature.
//!
//! This layer knows how a procedure is called; when one is called is for the tick to say. It does
//! not read the clock, wait, or answer anybody.
//!
//! Invariants:
//! - A procedure sees the database through its transaction and through nothing else.
//! - Arguments are checked against the signature before the function runs.

mod argument_types;
mod arguments;
mod call;
mod executor;
mod registry;
mod returns;
mod signature;

pub use argument_types::{FieldArgument, ParameterType, ProcedureArgument};
pub use arguments::Params;
pub use call::{Call, PreparedCall};
pub(crate) use executor::{guarded, run, shielded};
pub use registry::{ProcedureFn, ProcedureRegistry};
pub use returns::{
    Given, Giver, GivesArgument, GivesNothing, GivesSerialized, GivesUnknown, ProcedureReturn,
};
pub use signature::{CallError, Outcome, Parameter, Procedure, ProcedureError, Signature};
