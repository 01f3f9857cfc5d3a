//! Runs one procedure in a transaction; the only place that catches a panic of user code.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{CallError, Outcome, Params, ProcedureError, registry::Registered};
use crate::{
    Error,
    transaction::{Scope, TransactionError, TransactionHandle},
};

/// Runs the code of the procedure with this name. It may run again, so its result counts only once
/// its transaction has committed, or its reads were found unchanged.
pub(crate) fn guarded<T>(
    procedure: &str,
    run: impl FnOnce() -> Result<T, ProcedureError>,
) -> Result<T, Error> {
    let call = AssertUnwindSafe(|| {
        let _inside = Scope::enter();
        run()
    });
    let procedure = || procedure.to_owned();
    match catch_unwind(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(unwrap_own(error).unwrap_or_else(|error| {
            CallError::Failed {
                procedure: procedure(),
                error,
            }
            .into()
        })),
        Err(panic) => {
            let message = message_of(&*panic).to_owned();
            Err(CallError::Panicked {
                procedure: procedure(),
                message,
            }
            .into())
        }
    }
}

/// Runs a registered procedure, as [`guarded`] does.
pub(crate) fn run(
    procedure: &Registered,
    params: &Params,
    tx: &mut TransactionHandle,
) -> Result<Outcome, Error> {
    guarded(&procedure.signature.name, || {
        (procedure.function)(tx, params.clone())
    })
}

/// A procedure that passes on an error of the database itself has that error.
fn unwrap_own(error: ProcedureError) -> Result<Error, ProcedureError> {
    match error.downcast::<Error>() {
        Ok(error) => Ok(*error),
        Err(error) => error
            .downcast::<TransactionError>()
            .map(|error| (*error).into()),
    }
}

/// Calls what a user gave, and says with which words it panicked, where it did.
pub(crate) fn shielded(call: impl FnOnce()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| message_of(&*panic).to_owned())
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
