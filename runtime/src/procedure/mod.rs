//! Procedures: functions that run inside a transaction, with a name and a checked signature.
//!
//! This layer knows how a procedure is called; when one is called is for the tick to say. It does
//! not read the clock, wait, or answer anybody.
//!
//! Invariants:
//! - A procedure sees the database through its transaction and through nothing else.
//! - Arguments are checked against the signature before the function runs.

mod arguments;
mod executor;
mod registry;
mod signature;

pub use arguments::{Params, ProcedureArgument};
pub(crate) use executor::{Run, run, shielded};
pub(crate) use registry::Registered;
pub use registry::{ProcedureFn, ProcedureRegistry};
pub use signature::{
    CallError, Outcome, Parameter, ParameterType, Procedure, ProcedureError, ProcedureReturn,
    Signature,
};
