//! A transaction in the hands of the code that runs in it.

use std::{
    cell::{OnceCell, RefCell},
    fmt,
    sync::Arc,
    time::Duration,
};

use super::{StagingBuffer, TransactionError, commit, reads::ReadSet};
use crate::{
    clock::Clock,
    schema::{RecordId, SchemaError, Timestamp},
    storage::{Snapshot, Store, TableView},
};

/// How far a transaction is kept apart from those beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// It reads one committed version; where two write the same field, the later commit wins.
    ReadCommitted,
    /// As if the transactions had run one after another: what it read is still so when it commits.
    #[default]
    Serializable,
}

/// When a transaction runs: the only time that it may know of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The tick, from 1.
    pub(crate) tick: u64,
    /// The time of the tick; none beside the ticks, where it is looked up when asked for.
    pub(crate) now: Option<Timestamp>,
    /// The time since the tick before, skipped slots included.
    pub(crate) delta: Duration,
}

/// The staged changes of a transaction, one buffer per table that it changes.
#[derive(Debug)]
pub struct Transaction {
    pub(super) number: u64,
    pub(super) staging: Vec<StagingBuffer>,
}

impl Transaction {
    /// The staging buffer of the table with this name, where the transaction has touched it.
    pub fn staging(&self, table: &str) -> Option<&StagingBuffer> {
        self.staging
            .iter()
            .find(|buffer| *buffer.table_name() == *table)
    }
}

/// A running transaction. It reads one version of the database, and its own changes first.
///
/// Dropping it without [`commit`](Self::commit) aborts it: nothing of it remains.
pub struct TransactionHandle {
    // Staged trees stand on the base, so they go first.
    pub(super) transaction: Transaction,
    pub(super) base: Snapshot,
    pub(super) reads: RefCell<ReadSet>,
    pub(super) isolation: Isolation,
    moment: Moment,
    /// The time of the moment, once it was asked for.
    now: OnceCell<Timestamp>,
    clock: Option<Arc<dyn Clock>>,
    pub(super) store: Arc<Store>,
    /// Record ids are taken from the table only at commit, so that they are those of serial order.
    pub(super) provisional: bool,
}

impl TransactionHandle {
    /// Begins a transaction on a version. Where its moment has no time and somebody asks for it, it
    /// is looked up in the clock, once.
    pub(crate) fn begin_on(
        store: &Arc<Store>,
        base: Snapshot,
        isolation: Isolation,
        moment: Moment,
        clock: Option<&Arc<dyn Clock>>,
    ) -> Self {
        Self {
            transaction: Transaction {
                number: store.transaction_number(),
                staging: Vec::with_capacity(1),
            },
            base,
            reads: RefCell::default(),
            isolation,
            moment,
            now: moment.now.map_or_else(OnceCell::new, OnceCell::from),
            clock: clock.cloned(),
            store: Arc::clone(store),
            provisional: false,
        }
    }

    /// Takes record ids at commit only, and gives none away where it aborts.
    pub(crate) fn with_provisional_ids(mut self) -> Self {
        self.provisional = true;
        self
    }

    /// The tick in which it runs.
    pub fn tick(&self) -> u64 {
        self.moment.tick
    }

    /// The time of the tick: the same for all that runs in it.
    pub fn now(&self) -> Timestamp {
        let look = || {
            self.clock
                .as_ref()
                .map_or(Timestamp::default(), |clock| clock.wall())
        };
        *self.now.get_or_init(look)
    }

    /// The time since the tick before, slots that were skipped included.
    pub fn delta(&self) -> Duration {
        self.moment.delta
    }

    /// The staged changes.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Publishes all changes at once, and gives the version that has them.
    ///
    /// Fails, and leaves no trace, where another transaction changed what this one read, or where
    /// a constraint does not hold on the result.
    pub fn commit(self) -> Result<u64, TransactionError> {
        commit::commit(self)
    }

    /// Drops all changes.
    pub fn abort(self) {}

    /// The version that it reads.
    pub(crate) fn version(&self) -> u64 {
        self.base.version()
    }

    /// Whether it has passed over a whole table to change it.
    pub(crate) fn has_passed(&self) -> bool {
        self.transaction.staging.iter().any(|buffer| buffer.passed)
    }

    /// Whether it would have done the same on `current`.
    pub(crate) fn holds(&self, current: &Snapshot) -> bool {
        let reads = self.reads.borrow();
        let holds = |buffer: &StagingBuffer| buffer.holds(&self.base, current);
        reads.first_conflict(&self.base, current).is_none()
            && self.transaction.staging.iter().all(holds)
    }

    /// The slot of a table, by its name.
    pub(super) fn slot_of(&self, table: &str) -> Result<usize, SchemaError> {
        self.base
            .catalog()
            .require_table(table)
            .map(|schema| schema.slot)
    }

    /// The table in this slot with the changes so far.
    pub(super) fn view(&self, slot: usize) -> Option<TableView<'_>> {
        let base = self.base.table_in(slot)?;
        let staging = self
            .transaction
            .staging
            .iter()
            .find(|buffer| buffer.slot == slot);
        Some(staging.map_or(base, |buffer| buffer.buffer(base)))
    }

    /// The staging buffer of the table in this slot, and the table in the base.
    pub(super) fn staging(&mut self, slot: usize) -> Option<(&mut StagingBuffer, TableView<'_>)> {
        let place = self.staging_place(slot)?;
        let base = self.base.table_in(slot)?;
        Some((&mut self.transaction.staging[place], base))
    }

    /// Where the staging buffer of this slot stands, made where there is none yet.
    pub(super) fn staging_place(&mut self, slot: usize) -> Option<usize> {
        let staging = &mut self.transaction.staging;
        let known = staging.iter().position(|buffer| buffer.slot == slot);
        known.or_else(|| {
            staging.push(StagingBuffer::new(
                &self.base,
                slot,
                self.transaction.number,
            )?);
            Some(staging.len() - 1)
        })
    }

    /// Begins to load what a change of this record will copy, while the change is prepared.
    #[inline]
    pub(super) fn prefetch(&self, slot: usize, id: RecordId) {
        if let Some(table) = self.base.table_in(slot) {
            table.tree().prefetch_path(id);
        }
    }

    /// Notes that a record was looked up.
    #[inline]
    pub(super) fn note_read(&self, slot: usize, id: RecordId) {
        if self.isolation == Isolation::Serializable {
            self.reads.borrow_mut().record(slot, id);
        }
    }

    /// Notes that a record was looked up where a change found it missing.
    pub(super) fn note_missing(&self, slot: usize, error: &TransactionError) {
        if let TransactionError::RecordNotFound { id, .. } = *error {
            self.note_read(slot, id);
        }
    }

    /// Notes that any record of the table may have been read.
    pub(super) fn note_all(&self, slot: usize) {
        if self.isolation == Isolation::Serializable {
            self.reads.borrow_mut().all(slot);
        }
    }
}

impl fmt::Debug for TransactionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionHandle")
            .field("number", &self.transaction.number)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
