//! Runs one procedure in a transaction; the only place that catches a panic of a procedure.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{CallError, Outcome, Params, registry::Registered};
use crate::{
    Error,
    transaction::{Scope, TransactionError, TransactionHandle},
};

/// What a run left: its transaction, to be committed where the result is good.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) tx: TransactionHandle,
    pub(crate) result: Result<Outcome, Error>,
}

/// Runs the procedure. It may run again, so its result counts only once its transaction has
/// committed, or its reads were found unchanged.
pub(crate) fn run(procedure: &Registered, params: &Params, mut tx: TransactionHandle) -> Run {
    let call = AssertUnwindSafe(|| {
        let _inside = Scope::enter();
        (procedure.function)(&mut tx, params.clone())
    });
    let name = || procedure.signature.name.clone();
    let result = match catch_unwind(call) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(unwrap_own(error).unwrap_or_else(|error| {
            CallError::Failed {
                procedure: name(),
                error,
            }
            .into()
        })),
        Err(panic) => {
            let message = message_of(&*panic).to_owned();
            Err(CallError::Panicked {
                procedure: name(),
                message,
            }
            .into())
        }
    };
    Run { tx, result }
}

/// A procedure that passes on an error of the database itself has that error.
fn unwrap_own(
    error: Box<dyn std::error::Error + Send + Sync>,
) -> Result<Error, Box<dyn std::error::Error + Send + Sync>> {
    match error.downcast::<Error>() {
        Ok(error) => Ok(*error),
        Err(error) => error
            .downcast::<TransactionError>()
            .map(|error| (*error).into()),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
