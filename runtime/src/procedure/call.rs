//! A call from Rust: a procedure with its arguments, whose types the compiler has checked.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use super::{Outcome, Procedure, ProcedureError};
use crate::transaction::{Isolation, TransactionHandle};

/// The function with its arguments, which may run more than once.
type Run<T> = Arc<dyn Fn(&mut TransactionHandle) -> Result<T, ProcedureError> + Send + Sync>;

/// A procedure with its arguments: what `divert::with(flight, airport)` gives.
///
/// [`Database::call`](crate::Database::call) carries it out at once,
/// [`RuntimeHandle::call`](crate::RuntimeHandle::call) in the next tick.
pub struct Call<P, T> {
    run: Run<T>,
    procedure: PhantomData<fn() -> P>,
}

impl<P: Procedure, T> Call<P, T> {
    /// The call that runs this, which may happen more than once.
    #[doc(hidden)]
    pub fn new(
        run: impl Fn(&mut TransactionHandle) -> Result<T, ProcedureError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            run: Arc::new(run),
            procedure: PhantomData,
        }
    }

    pub(crate) fn run(&self, tx: &mut TransactionHandle) -> Result<T, ProcedureError> {
        (self.run)(tx)
    }
}

impl<P: Procedure, T: Any + Send> Call<P, T> {
    /// The call without its types, as it waits for its turn.
    pub(crate) fn prepare(self) -> PreparedCall {
        let run = self.run;
        PreparedCall {
            procedure: P::NAME,
            isolation: P::ISOLATION,
            run: Arc::new(move |tx| run(tx).map(Outcome::of_value)),
        }
    }

    /// What the prepared call gave.
    pub(crate) fn value_of(outcome: Outcome) -> T {
        let value = outcome.into_value();
        value.expect("a prepared call gives the type that it was made with")
    }
}

impl<P: Procedure, T> fmt::Debug for Call<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&P::NAME).finish()
    }
}

/// A call from Rust that waits for its turn.
#[derive(Clone)]
pub struct PreparedCall {
    pub(crate) procedure: &'static str,
    pub(crate) isolation: Isolation,
    pub(crate) run: Run<Outcome>,
}

impl fmt::Debug for PreparedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedCall")
            .field(&self.procedure)
            .finish()
    }
}
