//! Changes of fields that would take longer than others can wait: the table is copied beside all
//! that goes on, and swapped in when little is left to copy.
//!
//! A table has one such change at a time. Whoever drives it decides on which thread it copies; no
//! lock is held while it does.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    schema::{FieldsChange, SchemaError, TableId, TableSchema},
    storage::{Draft, MemoryAccount, Store, TableShared},
    transaction::{Copied, Rebuild, TransactionError},
};

/// How often a change catches up with the writers before it does the rest while they wait.
const ROUNDS_MAX: u32 = 8;

/// The changes of fields that are under way.
#[derive(Debug, Default)]
pub(crate) struct SchemaChanges {
    under_way: Mutex<Vec<Arc<UnderWay>>>,
    records_copied: AtomicU64,
}

#[derive(Debug)]
struct UnderWay {
    table: TableId,
    dropped: AtomicBool,
}

/// The place of one change among those under way, as long as this lives.
struct Place {
    changes: Arc<SchemaChanges>,
    under_way: Arc<UnderWay>,
}

/// What became of a change of fields that was asked for.
#[derive(Debug)]
pub(crate) enum Started {
    /// There was little to copy: it is in the draft.
    Done(Arc<TableSchema>),
    /// It is to be driven to its end.
    UnderWay(Box<FieldsBuild>),
}

/// A change of fields under way. Dropping it ends it without a trace; that may take long, since it
/// gives back memory.
pub(crate) struct FieldsBuild {
    rebuild: Rebuild,
    rounds: u32,
    /// None once it is at its end.
    place: Option<Place>,
}

impl SchemaChanges {
    /// Checks a change of fields and carries it out where there is little to copy; whoever calls
    /// holds the exclusive gate.
    pub(crate) fn start(
        self: &Arc<Self>,
        draft: &mut Draft,
        account: &Arc<MemoryAccount>,
        table: &str,
        change: FieldsChange,
    ) -> Result<Started, TransactionError> {
        let current = draft.snapshot();
        let mut rebuild = Rebuild::begin(&current, account, table, change)?;
        self.refuse_while_under_way(rebuild.former())?;
        if rebuild.is_nearly(&current)? {
            return rebuild.put_into(draft).map(Started::Done);
        }
        let under_way = Arc::new(UnderWay {
            table: rebuild.former().id,
            dropped: AtomicBool::new(false),
        });
        self.lock().push(Arc::clone(&under_way));
        let changes = Arc::clone(self);
        Ok(Started::UnderWay(Box::new(FieldsBuild {
            rebuild,
            rounds: 0,
            place: Some(Place { changes, under_way }),
        })))
    }

    /// Refuses another change of a table whose fields are being changed.
    pub(super) fn refuse_while_under_way(&self, table: &TableSchema) -> Result<(), SchemaError> {
        match self.lock().iter().any(|change| change.table == table.id) {
            true => Err(SchemaError::ChangeUnderWay {
                table: table.name.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Ends the change of a table that is being dropped.
    pub(super) fn end_for(&self, table: TableId) {
        let under_way = self.lock();
        for change in under_way.iter().filter(|change| change.table == table) {
            change.dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Changes that are under way.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Records that changes under way have copied, all together.
    pub(crate) fn records_copied(&self) -> u64 {
        self.records_copied.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<UnderWay>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl FieldsBuild {
    /// Copies until little is left, or the writers have outrun it often enough; false where
    /// `go_on` said so before.
    pub(crate) fn advance(
        &mut self,
        store: &Store,
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, TransactionError> {
        loop {
            if !self.round(store, go_on)? {
                return Ok(false);
            }
            if self.is_ready(store)? {
                return Ok(true);
            }
        }
    }

    /// Copies what the current version has and the one copied last has not.
    pub(super) fn round(
        &mut self,
        store: &Store,
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, TransactionError> {
        let Some(Place { changes, under_way }) = &self.place else {
            return Ok(false);
        };
        let dropped = || under_way.dropped.load(Ordering::Relaxed);
        let go_on = || go_on() && !dropped();
        match self.rebuild.copy(store.snapshot(), &go_on)? {
            Copied::Records(records) => {
                self.rounds += 1;
                changes.records_copied.fetch_add(records, Ordering::Relaxed);
                Ok(true)
            }
            Copied::Stopped if dropped() => Err(SchemaError::TableDropped {
                table: self.rebuild.former().name.clone(),
            }
            .into()),
            Copied::Stopped => Ok(false),
        }
    }

    /// Drops it but for what holds the memory of the table that it took the place of.
    pub(crate) fn into_replaced(self) -> Option<Arc<TableShared>> {
        self.rebuild.into_replaced()
    }

    fn is_ready(&self, store: &Store) -> Result<bool, TransactionError> {
        Ok(self.rounds >= ROUNDS_MAX || self.rebuild.is_nearly(&store.snapshot())?)
    }

    /// Copies the last difference and puts the result into the draft; gives none, and does neither,
    /// where that is more than others should wait for. Whoever calls holds the exclusive gate.
    ///
    /// Unless there was none, the change is at its end.
    pub(crate) fn swap(
        &mut self,
        draft: &mut Draft,
    ) -> Result<Option<Arc<TableSchema>>, TransactionError> {
        let swapped = self.try_swap(draft);
        if !matches!(swapped, Ok(None)) {
            self.place = None;
        }
        swapped
    }

    fn try_swap(
        &mut self,
        draft: &mut Draft,
    ) -> Result<Option<Arc<TableSchema>>, TransactionError> {
        match self.rounds < ROUNDS_MAX && !self.rebuild.is_nearly(&draft.snapshot())? {
            true => Ok(None),
            false => self.rebuild.put_into(draft).map(Some),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.changes.lock();
        under_way.retain(|change| !Arc::ptr_eq(change, &self.under_way));
    }
}

impl fmt::Debug for FieldsBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldsBuild")
            .field("table", &self.rebuild.former().name)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}
