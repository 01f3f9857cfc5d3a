//! Calls of procedures at a running database: with checked types, and at once where they only read.

use std::any::Any;

use super::{Answer, Request, RuntimeHandle, request::Reply};
use crate::{
    Error, Result,
    database::Persisted,
    metrics::Metrics,
    procedure::{Call, CallError, Procedure},
    schema::Value,
};

impl RuntimeHandle {
    /// Calls a procedure with arguments whose types the compiler has checked, and waits for what it
    /// gives: in the next tick, or at once where it only reads. Not for the thread that steps the
    /// runtime.
    ///
    /// ```
    /// # use tickbase::prelude::*;
    /// # #[table] struct Account { balance: i64 }
    /// #[procedure]
    /// fn pay_in(tx: &mut TransactionHandle, to: Id<Account>, cents: i64) -> Result<i64> {
    ///     Ok(tx.update(to, |account| {
    ///         account.balance += cents;
    ///         account.balance
    ///     })?)
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// # let db = Database::builder().table::<Account>().procedure::<pay_in>().in_memory()?;
    /// # let account = db.transact(|tx| Ok(tx.insert(Account { balance: 0 })?))?;
    /// let mut runtime = Runtime::new(db);
    /// runtime.start()?;
    /// assert_eq!(runtime.handle().call(pay_in::with(account, 30))?, 30);
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<P: Procedure, T: Any + Send>(&self, call: Call<P, T>) -> Result<T> {
        if P::READ_ONLY {
            return self.database().call(call);
        }
        match self
            .request(Request::CallPrepared(call.prepare()))?
            .result?
        {
            Answer::Returned(outcome) => Ok(Call::<P, T>::value_of(outcome)),
            _ => unreachable!("a call is answered with what the procedure returned"),
        }
    }

    /// Whether the procedure with this name only reads, so that a call of it needs no tick.
    pub(crate) fn is_read_only(&self, procedure: &str) -> bool {
        let signature = self.procedures().signature(procedure);
        signature.is_some_and(|signature| signature.read_only)
    }

    /// Calls a procedure that only reads, on the current snapshot and on this thread.
    pub(crate) fn read(&self, procedure: &str, arguments: &Value) -> Reply {
        // In this order: the snapshot then has all that the tick did.
        let tick = self.tick();
        let (result, version) = self.shared.database.read_by_name(procedure, arguments);
        self.shared.metrics.count_request("call", result.is_ok());
        if let Err(Error::Call(CallError::Panicked { message, .. })) = &result {
            Metrics::add(&self.shared.metrics.procedure_panics, 1);
            tracing::error!(procedure, tick, message, "panicked");
        }
        Reply {
            result: result.map(Answer::Returned),
            tick,
            version,
            durability: Persisted::Memory,
        }
    }
}
