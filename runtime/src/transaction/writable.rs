//! What both kinds of typed table can do in a transaction: to add, change and delete records.

use std::marker::PhantomData;

use super::{StagingBuffer, TableMut, TransactionError, ValueTableMut};
use crate::{
    schema::{FieldHandle, FieldMask, FieldValue, Id, PlainRecord, Record, ValueRecord},
    storage::{Readable, TableView, with_record_mut},
};

/// A table that can be changed: every struct with `#[table]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table",
    label = "this struct has no `#[table]`",
    note = "put `#[table]` on the struct `{Self}`"
)]
pub trait Writable: Readable {
    /// The table in a transaction.
    type TableMut<'t>: TableWrite<'t, Self>;
}

/// A table of a transaction that was found to be the one of `T`.
#[derive(Debug)]
pub struct Opened<'t, T> {
    pub(super) staging: &'t mut StagingBuffer,
    pub(super) base: TableView<'t>,
    pub(super) provisional: bool,
    pub(super) record: PhantomData<fn() -> T>,
}

/// What both kinds of table can do in a transaction, for code that takes tables of either.
pub trait TableWrite<'t, T: Record> {
    /// The table in this transaction.
    #[doc(hidden)]
    fn of(opened: Opened<'t, T>) -> Self;

    /// Adds a record, and gives its id.
    fn insert(&mut self, record: T) -> Result<Id<T>, TransactionError>;

    /// Hands the record to `change`, and gives what that gives.
    fn update<R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError>;

    /// Replaces the record.
    fn replace(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError>;

    /// Writes one field and leaves the others as they are, also as others commit them meanwhile.
    fn set<F: FieldValue>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Result<(), TransactionError>;

    /// Deletes the record.
    fn delete(&mut self, id: Id<T>) -> Result<(), TransactionError>;
}

impl<'t, T: PlainRecord> TableWrite<'t, T> for TableMut<'t, T> {
    fn of(opened: Opened<'t, T>) -> Self {
        Self {
            staging: opened.staging,
            base: opened.base,
            provisional: opened.provisional,
            record: PhantomData,
        }
    }

    fn insert(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        Self::insert(self, record)
    }

    fn update<R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        Self::update(self, id, change)
    }

    fn replace(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        Self::replace(self, id, record)
    }

    fn set<F: FieldValue>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Result<(), TransactionError> {
        self.staging.stage_update(id.record_id(), |bytes| {
            with_record_mut(T::layout(), bytes, |record| {
                *(field.get_mut)(record) = F::own(value);
            });
            (FieldMask::NONE.with(field.index), ())
        })
    }

    fn delete(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        Self::delete(self, id)
    }
}

impl<'t, T: ValueRecord> TableWrite<'t, T> for ValueTableMut<'t, T> {
    fn of(opened: Opened<'t, T>) -> Self {
        Self::of(opened)
    }

    fn insert(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        Self::insert(self, record)
    }

    fn update<R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        Self::update(self, id, change)
    }

    fn replace(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        Self::replace(self, id, record)
    }

    fn set<F: FieldValue>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Result<(), TransactionError> {
        Self::set(self, id, field, value)
    }

    fn delete(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        Self::delete(self, id)
    }
}
