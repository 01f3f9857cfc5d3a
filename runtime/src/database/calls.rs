//! Procedures called from Rust, without a tick.

use super::Database;
use crate::{
    Error, Result,
    procedure::{Call, Outcome, Procedure, guarded, run},
    schema::Value,
    transaction::{Isolation, refuse_nested},
};

impl Database {
    /// Calls a procedure with arguments whose types the compiler has checked, in a transaction of
    /// its own that is committed before this returns, as [`transact`](Self::transact) does. One
    /// that only reads runs on the current snapshot and commits nothing. It need not be registered.
    ///
    /// ```
    /// # use tickbase::prelude::*;
    /// # #[table] struct Account { balance: i64 }
    /// #[procedure]
    /// fn open(tx: &mut TransactionHandle, balance: i64) -> Result<Id<Account>> {
    ///     Ok(tx.insert(Account { balance })?)
    /// }
    ///
    /// #[procedure(read_only)]
    /// fn balance(tx: &TransactionHandle, account: Id<Account>) -> Result<Option<i64>> {
    ///     Ok(tx.get(account).map(|account| account.balance))
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let db = Database::builder().table::<Account>().in_memory()?;
    /// let account = db.call(open::with(100))?;
    /// assert_eq!(db.call(balance::with(account))?, Some(100));
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<P: Procedure, T>(&self, call: Call<P, T>) -> Result<T> {
        if P::READ_ONLY {
            refuse_nested()?;
            let mut tx = self.begin_with(Isolation::ReadCommitted);
            return guarded(P::NAME, || call.run(&mut tx));
        }
        self.transact_with(P::ISOLATION, |tx| guarded(P::NAME, || call.run(tx)))
    }

    /// Calls a procedure that only reads by its name, on the current snapshot. Gives the version
    /// that it read as well.
    pub(crate) fn read_by_name(
        &self,
        procedure: &str,
        arguments: &Value,
    ) -> (Result<Outcome, Error>, u64) {
        let mut tx = self.begin_with(Isolation::ReadCommitted);
        let version = tx.version();
        let result = refuse_nested().map_err(Error::from).and_then(|()| {
            let params = self.procedures().check(procedure, arguments)?;
            let registered = self.procedures().get(procedure);
            run(registered.expect("it was checked"), &params, &mut tx)
        });
        (result, version)
    }
}
