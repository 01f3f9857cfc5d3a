//! The database: puts the parts together, and is what an embedding program holds.

mod builder;
mod calls;
#[cfg(feature = "auto-register")]
mod linked;
#[cfg(test)]
mod migration_tests;
mod opening;
mod persist;
mod schema;
#[cfg(test)]
mod schema_change_tests;
mod schema_changes;
mod table;

use std::sync::Arc;

pub use builder::DatabaseBuilder;
#[cfg(feature = "auto-register")]
pub use linked::{LinkedProcedure, LinkedTable};
pub use persist::Persisted;
pub(crate) use persist::{Persistence, SchemaChange};
pub(crate) use schema_changes::{FieldsBuild, SchemaChanges, Started};
pub use table::{AtomicBuffer, BufferView, Table};

use crate::{
    Config, Result,
    clock::Clock,
    procedure::ProcedureRegistry,
    schema::{Migration, Record, SchemaError},
    storage::{Snapshot, Store},
    transaction::{
        Isolation, Moment, Scope, TransactionError, TransactionHandle, commit_locked, refuse_nested,
    },
};

/// How often `transact` tries beside others before it keeps the others out.
const ATTEMPTS_BESIDE_OTHERS: usize = 3;

/// An in-memory database. Cloning it gives another handle of the same one.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    procedures: ProcedureRegistry,
    config: Config,
    clock: Arc<dyn Clock>,
    persistence: Persistence,
    schema_changes: Arc<SchemaChanges>,
    migrations: Vec<Migration>,
}

impl Database {
    /// Starts a description of a database: its tables, procedures and settings.
    pub fn builder() -> DatabaseBuilder {
        DatabaseBuilder::default()
    }

    /// The current version of all tables. Takes no lock, and stays as it is while it is held.
    #[inline]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.store.snapshot()
    }

    /// Runs `change` in a transaction and commits it: all of its changes at once, or none.
    ///
    /// It is serializable. Where another transaction changed what this one read, `change` runs
    /// again, so it must do nothing outside the transaction; after a few times it runs while
    /// nobody else commits, and so comes to its end. It must not itself begin a transaction.
    ///
    /// ```
    /// # use tickbase::{Database, Id, Result, table};
    /// # #[table] struct Account { balance: i64 }
    /// # fn main() -> Result<()> {
    /// let db = Database::builder().table::<Account>().in_memory()?;
    /// let (from, to) = db.transact(|tx| {
    ///     Ok((tx.insert(Account { balance: 100 })?, tx.insert(Account { balance: 0 })?))
    /// })?;
    /// db.transact(|tx| {
    ///     tx.update(from, |account| account.balance -= 30)?;
    ///     tx.update(to, |account| account.balance += 30)?;
    ///     Ok(())
    /// })?;
    /// assert_eq!(db.snapshot().table::<Account>().get(to).unwrap().balance, 30);
    /// # Ok(())
    /// # }
    /// ```
    pub fn transact<R>(
        &self,
        change: impl FnMut(&mut TransactionHandle) -> Result<R>,
    ) -> Result<R> {
        self.transact_with(Isolation::Serializable, change)
    }

    fn transact_with<R>(
        &self,
        isolation: Isolation,
        mut change: impl FnMut(&mut TransactionHandle) -> Result<R>,
    ) -> Result<R> {
        refuse_nested()?;
        let mut run = |tx: &mut TransactionHandle| {
            let _inside = Scope::enter();
            change(tx)
        };
        for _ in 0..ATTEMPTS_BESIDE_OTHERS {
            let mut tx = self.begin_with(isolation);
            let result = run(&mut tx)?;
            match tx.commit() {
                Ok(_) => return Ok(result),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(flatten(error)),
            }
        }
        let _alone = self.inner.store.exclusive_gate();
        let mut tx = self.begin_with(isolation);
        let result = run(&mut tx)?;
        commit_locked(&self.inner.store, tx).map_err(flatten)?;
        Ok(result)
    }

    /// Begins a transaction that the caller commits; dropping it aborts it.
    pub fn begin(&self) -> TransactionHandle {
        self.begin_with(Isolation::Serializable)
    }

    /// Begins a transaction of this isolation.
    pub fn begin_with(&self, isolation: Isolation) -> TransactionHandle {
        let base = self.snapshot();
        let moment = Moment {
            tick: base.tick(),
            now: None,
            delta: self.config().period(),
        };
        let clock = Some(&self.inner.clock);
        TransactionHandle::begin_on(&self.inner.store, base, isolation, moment, clock)
    }

    /// A handle of the table with this name, which takes and gives values.
    pub fn table(&self, name: &str) -> Result<Table> {
        Table::open(self, name)
    }

    /// A handle of the table that struct `T` declares, which takes and gives values.
    pub fn table_of<T: Record>(&self) -> Result<Table> {
        Table::open(self, T::NAME)
    }

    /// Writes the current version to the folder, and waits until it is on disk. A runtime does so
    /// by itself every few ticks and when it stops; a program without one calls this. In memory it
    /// does nothing.
    pub fn flush(&self) -> Result<()> {
        self.inner.persistence.flush_and_wait(&self.snapshot())
    }

    /// What was changed of stored tables when the folder was opened, since structs are others than
    /// those it was written with; nothing where it was written with the same ones.
    pub fn migrations(&self) -> &[Migration] {
        &self.inner.migrations
    }

    /// The procedures.
    pub fn procedures(&self) -> &ProcedureRegistry {
        &self.inner.procedures
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Bytes of memory that all tables have taken from the system.
    pub fn memory_bytes(&self) -> u64 {
        self.inner.store.account().used_bytes()
    }

    /// Versions that somebody holds a snapshot of, the current one included.
    pub fn live_snapshots(&self) -> usize {
        self.inner.store.live_snapshots()
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(crate) fn persistence(&self) -> &Persistence {
        &self.inner.persistence
    }
}

/// A fault of the schema is told as such, wherever it was found.
pub(crate) fn flatten(error: TransactionError) -> crate::Error {
    match error {
        TransactionError::Schema(error) => error.into(),
        TransactionError::Storage(error) => error.into(),
        error => error.into(),
    }
}

/// The error for a table that is not there.
fn table_not_found(name: &str) -> SchemaError {
    SchemaError::TableNotFound {
        table: name.chars().take(80).collect(),
    }
}
