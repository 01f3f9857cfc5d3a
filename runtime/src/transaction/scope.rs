//! Which threads run code of a transaction: that code must not begin another one.
//!
//! A transaction that ran inside another would escape the other's checks, and where the outer one
//! keeps all others out the two would wait for each other for ever.

use std::cell::Cell;

use super::TransactionError;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// While this lives, its thread runs code of a transaction.
#[derive(Debug)]
pub(crate) struct Scope {
    outer: bool,
}

impl Scope {
    pub(crate) fn enter() -> Self {
        Self {
            outer: INSIDE.replace(true),
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        INSIDE.set(self.outer);
    }
}

/// Refuses what waits for transactions, or is one, where the thread runs code of one.
pub(crate) fn refuse_nested() -> Result<(), TransactionError> {
    match INSIDE.get() {
        true => Err(TransactionError::Nested),
        false => Ok(()),
    }
}
