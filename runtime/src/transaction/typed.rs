//! Plain tables inside a transaction.

use std::{fmt, marker::PhantomData};

use super::{StagingBuffer, TransactionError};
use crate::{
    schema::{FieldHandle, FieldMask, FieldType, Id, PlainRecord},
    storage::{SlotBytes, SlotRef, TableView, TypedView, with_record_mut, write_record},
};

/// One plain table inside a transaction, to change. Reads see its changes.
pub struct TableMut<'t, T> {
    pub(super) staging: &'t mut StagingBuffer,
    pub(super) base: TableView<'t>,
    pub(super) provisional: bool,
    pub(super) record: PhantomData<fn() -> T>,
}

/// One table inside a transaction, to read.
pub type TableRef<'t, T> = TypedView<'t, T>;

impl<T: PlainRecord> TableMut<'_, T> {
    /// The table with the changes so far, to read.
    pub fn view(&self) -> TableRef<'_, T> {
        TypedView::of(self.staging.buffer(self.base))
    }

    /// The record of this id.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.view().get(id)
    }

    /// Adds a record, and gives its id.
    pub fn insert(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        let write = |bytes: &mut [u8]| write_record(T::layout(), &record, bytes);
        let id = self
            .staging
            .stage_create(self.base.version, self.provisional, write)?;
        Ok(Id::new(id))
    }

    /// Hands the record to `change`, and gives what that gives.
    pub fn update<R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        self.staging.stage_update(id.record_id(), |bytes| {
            (FieldMask::ALL, with_record_mut(T::layout(), bytes, change))
        })
    }

    /// Replaces the record.
    pub fn replace(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        self.update(id, |old| *old = record)
    }

    /// Writes one field and leaves the others as they are, also as others commit them meanwhile.
    pub fn set<F: FieldType>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F,
    ) -> Result<(), TransactionError> {
        self.staging.stage_update(id.record_id(), |bytes| {
            with_record_mut(T::layout(), bytes, |record| {
                *(field.get_mut)(record) = value;
            });
            (FieldMask::NONE.with(field.index), ())
        })
    }

    /// Deletes the record.
    pub fn delete(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        self.staging.stage_delete(id.record_id())
    }

    /// Hands every record to `change`, one after another on all cores. It runs page by page, each
    /// page on one core, so it must not depend on the order.
    pub fn par_for_each_mut(
        &mut self,
        change: impl Fn(Id<T>, &mut T) + Sync,
    ) -> Result<(), TransactionError> {
        let layout = T::layout();
        self.staging.stage_pass(self.base.version, &|id, bytes| {
            with_record_mut(layout, bytes, |record| change(Id::new(id), record));
        })?;
        Ok(())
    }

    /// Hands every record for which `matches` holds to `change`, on all cores. Pages in which none
    /// matches are neither copied nor written.
    pub fn par_for_each_mut_where(
        &mut self,
        matches: impl Fn(Id<T>, &T) -> bool + Sync,
        change: impl Fn(Id<T>, &mut T) + Sync,
    ) -> Result<(), TransactionError> {
        let layout = T::layout();
        let choose = |id, slot: SlotRef<'_>| {
            let id = Id::new(id);
            matches(id, slot.record::<T>()).then_some(id)
        };
        let write = |id, bytes: &mut SlotBytes<'_>| {
            with_record_mut(layout, bytes, |record| change(id, record));
        };
        self.staging
            .stage_replacements(self.base.version, &choose, &write)?;
        Ok(())
    }

    /// Hands every record to `change`, on all cores, and puts what that gives in its place. Pages
    /// in which no record is replaced are neither copied nor written, so this is the pass for
    /// tables of which each tick moves a part.
    pub fn par_replace_each(
        &mut self,
        change: impl Fn(Id<T>, &T) -> Option<T> + Sync,
    ) -> Result<(), TransactionError> {
        let layout = T::layout();
        let choose = |id, slot: SlotRef<'_>| change(Id::new(id), slot.record::<T>());
        let write = |new: T, bytes: &mut SlotBytes<'_>| {
            with_record_mut(layout, bytes, |record| *record = new);
        };
        self.staging
            .stage_replacements(self.base.version, &choose, &write)?;
        Ok(())
    }
}

impl<T: PlainRecord> fmt::Debug for TableMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableMut").field(&T::NAME).finish()
    }
}
