//! Typed tables inside a transaction.

use std::{fmt, marker::PhantomData};

use super::{StagingBuffer, TransactionError, TransactionHandle};
use crate::{
    schema::{FieldHandle, FieldMask, FieldType, Id, Record},
    storage::{SlotBytes, SlotRef, TableView, TypedView, with_record_mut, write_record},
};

/// One table inside a transaction, to change. Reads see its changes.
pub struct TableMut<'t, T> {
    staging: &'t mut StagingBuffer,
    base: TableView<'t>,
    provisional: bool,
    record: PhantomData<fn() -> T>,
}

/// One table inside a transaction, to read.
pub type TableRef<'t, T> = TypedView<'t, T>;

impl<T: Record> TableMut<'_, T> {
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

impl<T: Record> fmt::Debug for TableMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableMut").field(&T::NAME).finish()
    }
}

impl TransactionHandle {
    fn typed_slot<T: Record>(&self) -> usize {
        match self.base.catalog().compiled_table::<T>() {
            Some(schema) => schema.slot,
            None => panic!(
                "table `{}` is not part of this database: give it to the builder with \
                 `.table::<{}>()`",
                T::NAME,
                std::any::type_name::<T>()
            ),
        }
    }

    /// A table with the changes so far, to read. The whole table counts as read; for single
    /// records [`get`](Self::get) is kinder to those who write others.
    ///
    /// # Panics
    /// Where `T` was not given to the builder of this database, here and below.
    pub fn table<T: Record>(&self) -> TableRef<'_, T> {
        let slot = self.typed_slot::<T>();
        self.note_all(slot);
        TypedView::of(self.view(slot).expect("a compiled table is never dropped"))
    }

    /// A table to change.
    pub fn table_mut<T: Record>(&mut self) -> TableMut<'_, T> {
        let slot = self.typed_slot::<T>();
        self.note_all(slot);
        self.typed_staging(slot)
    }

    fn typed_staging<T: Record>(&mut self, slot: usize) -> TableMut<'_, T> {
        let provisional = self.provisional;
        let (staging, base) = self
            .staging(slot)
            .expect("a compiled table is never dropped");
        TableMut {
            staging,
            base,
            provisional,
            record: PhantomData,
        }
    }

    /// One table to change while another is read: a pass over the first may look into the second.
    ///
    /// # Panics
    /// Where both are the same table.
    pub fn split<W: Record, R: Record>(&mut self) -> (TableMut<'_, W>, TableRef<'_, R>) {
        let (write, read) = (self.typed_slot::<W>(), self.typed_slot::<R>());
        assert_ne!(
            write,
            read,
            "`split` takes two tables, both are `{}`",
            W::NAME
        );
        self.note_all(write);
        self.note_all(read);
        let place = self
            .staging_place(write)
            .expect("a compiled table is never dropped");
        let base = |slot| {
            self.base
                .table_in(slot)
                .expect("a compiled table is never dropped")
        };
        let (write_base, mut read_view) = (base(write), base(read));
        let (before, rest) = self.transaction.staging.split_at_mut(place);
        let (staging, after) = rest
            .split_first_mut()
            .expect("the place is that of a buffer");
        let mut others = before.iter().chain(after.iter());
        if let Some(buffer) = others.find(|buffer| buffer.slot == read) {
            read_view = buffer.buffer(read_view);
        }
        let provisional = self.provisional;
        let table = TableMut {
            staging,
            base: write_base,
            provisional,
            record: PhantomData,
        };
        (table, TypedView::of(read_view))
    }

    /// The record of this id.
    pub fn get<T: Record>(&self, id: Id<T>) -> Option<&T> {
        let slot = self.typed_slot::<T>();
        self.note_read(slot, id.record_id());
        TypedView::of(self.view(slot)?).get(id)
    }

    /// The record of this id, or the error that says that it is not there.
    pub fn require<T: Record>(&self, id: Id<T>) -> Result<&T, TransactionError> {
        self.get(id)
            .ok_or_else(|| TransactionError::RecordNotFound {
                table: self.table_name::<T>(),
                id: id.record_id(),
            })
    }

    /// The record that has this value in a field: by the index of a `#[key]` or `#[unique]` field,
    /// else the first that a search finds, for which the whole table counts as read.
    pub fn find<T: Record, F: FieldType>(
        &self,
        field: FieldHandle<T, F>,
        value: F,
    ) -> Option<(Id<T>, &T)> {
        let slot = self.typed_slot::<T>();
        let view = self.view(slot)?;
        let found = TypedView::of(view).find(field, value);
        // Only an index knows that no other record has the value, and only of what is committed.
        let place = &view.schema().layout.fields()[field.index];
        let committed = |id| {
            let base = self.base.table_in(slot)?.read_record(id)?;
            Some(place.bytes(base) == place.bytes(view.read_record(id)?))
        };
        let unique = view.version.indexes.has_unique(field.index);
        match found {
            Some((id, _)) if unique && committed(id.record_id()) == Some(true) => {
                self.note_read(slot, id.record_id());
            }
            // That nothing was there, or nothing before the record that was found, is what was
            // read, and any record could come to be there.
            _ => self.note_all(slot),
        }
        found
    }

    /// Adds a record, and gives its id.
    pub fn insert<T: Record>(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        let slot = self.typed_slot::<T>();
        self.typed_staging(slot).insert(record)
    }

    /// Hands the record to `change`, and gives what that gives.
    pub fn update<T: Record, R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        let slot = self.typed_slot::<T>();
        self.prefetch(slot, id.record_id());
        self.note_read(slot, id.record_id());
        self.typed_staging(slot).update(id, change)
    }

    /// Replaces the record.
    pub fn replace<T: Record>(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        self.update(id, |old| *old = record)
    }

    /// Writes one field and leaves the others as they are, also as others commit them meanwhile.
    pub fn set<T: Record, F: FieldType>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F,
    ) -> Result<(), TransactionError> {
        let slot = self.typed_slot::<T>();
        self.prefetch(slot, id.record_id());
        let set = self.typed_staging(slot).set(id, field, value);
        set.inspect_err(|error| self.note_missing(slot, error))
    }

    /// Deletes the record.
    pub fn delete<T: Record>(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        let slot = self.typed_slot::<T>();
        self.note_read(slot, id.record_id());
        self.typed_staging(slot).delete(id)
    }

    fn table_name<T: Record>(&self) -> crate::schema::Name {
        let schema = self.base.catalog().compiled_table::<T>();
        schema.expect("its slot was found").name.clone()
    }
}
