//! The rules of a procedure that the model can break.

use super::model::{Call, Procedure};
use crate::errors::Errors;

/// Notes every fault. False where the function cannot be called with arguments from outside.
pub(super) fn check(procedure: &Procedure, errors: &mut Errors) -> bool {
    let remedy = "write another one with `#[procedure(name = \"…\")]`";
    procedure.name.check("a procedure", remedy, errors);
    if let Some(span) = procedure.read_only {
        if procedure.every.is_some() {
            let message = "a procedure that runs by itself and only reads does nothing: remove \
                           `read_only`, or `every`";
            errors.at_span(span, message);
        }
        if let Some(isolation) = &procedure.isolation {
            let message = "a procedure that only reads has nothing to be kept apart: remove this";
            errors.at_span(isolation.span, message);
        }
    }
    let Some(Call { parameters, .. }) = &procedure.call else {
        return false;
    };
    let mut callable = true;
    for parameter in parameters {
        parameter.name.check("a parameter", "rename it", errors);
        if procedure.every.is_some() {
            let message = "nobody gives arguments to a procedure that runs by itself: remove this \
                           parameter, or `every`";
            errors.at(&parameter.ty, message);
        } else if parameter.borrows {
            let message = "a procedure owns its arguments: write `String` for text, `Vec<T>` for a \
                           list, or the type without `&`";
            errors.at(&parameter.ty, message);
        }
        callable &= !parameter.borrows;
    }
    callable
}
