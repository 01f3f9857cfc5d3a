//! Typed tables of a transaction, of both kinds.

use std::marker::PhantomData;

use super::{Opened, TableWrite, TransactionError, TransactionHandle, Writable};
use crate::{
    schema::{FieldHandle, FieldValue, Id, Record},
    storage::{Found, Readable, RecordView},
};

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
    pub fn table<T: Readable>(&self) -> T::View<'_> {
        let slot = self.typed_slot::<T>();
        self.note_all(slot);
        T::View::of(Found::of(
            self.view(slot).expect("a compiled table is never dropped"),
        ))
    }

    /// A table to change.
    pub fn table_mut<T: Writable>(&mut self) -> T::TableMut<'_> {
        let slot = self.typed_slot::<T>();
        self.note_all(slot);
        self.typed_staging::<T>(slot)
    }

    fn typed_staging<T: Writable>(&mut self, slot: usize) -> T::TableMut<'_> {
        let provisional = self.provisional;
        let (staging, base) = self
            .staging(slot)
            .expect("a compiled table is never dropped");
        T::TableMut::of(Opened {
            staging,
            base,
            provisional,
            record: PhantomData,
        })
    }

    /// One table to change while another is read: a pass over the first may look into the second.
    ///
    /// # Panics
    /// Where both are the same table.
    pub fn split<W: Writable, R: Readable>(&mut self) -> (W::TableMut<'_>, R::View<'_>) {
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
        let table = W::TableMut::of(Opened {
            staging,
            base: write_base,
            provisional,
            record: PhantomData,
        });
        (table, R::View::of(Found::of(read_view)))
    }

    /// The record of this id.
    pub fn get<T: Readable>(&self, id: Id<T>) -> Option<T::Read<'_>> {
        let slot = self.typed_slot::<T>();
        self.note_read(slot, id.record_id());
        T::View::of(Found::of(self.view(slot)?)).get(id)
    }

    /// The record of this id, or the error that says that it is not there.
    pub fn require<T: Readable>(&self, id: Id<T>) -> Result<T::Read<'_>, TransactionError> {
        self.get(id)
            .ok_or_else(|| TransactionError::RecordNotFound {
                table: self.table_name::<T>(),
                id: id.record_id(),
            })
    }

    /// The record that has this value in a field: by the index of a `#[key]` or `#[unique]` field,
    /// else the first that a search finds, for which the whole table counts as read.
    pub fn find<T: Readable, F: FieldValue>(
        &self,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Option<(Id<T>, T::Read<'_>)> {
        let slot = self.typed_slot::<T>();
        let view = self.view(slot)?;
        let found = T::View::of(Found::of(view)).find(field, value);
        // Only an index knows that no other record has the value, and only of what is committed.
        let place = &view.schema().layout.fields()[field.index];
        let committed = |id| {
            let base = self.base.table_in(slot)?.record(id)?;
            Some(place.is_same(base, view.record(id)?))
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
    pub fn insert<T: Writable>(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        let slot = self.typed_slot::<T>();
        self.typed_staging::<T>(slot).insert(record)
    }

    /// Hands the record to `change`, and gives what that gives.
    pub fn update<T: Writable, R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        let slot = self.typed_slot::<T>();
        self.prefetch(slot, id.record_id());
        self.note_read(slot, id.record_id());
        self.typed_staging::<T>(slot).update(id, change)
    }

    /// Replaces the record.
    pub fn replace<T: Writable>(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        let slot = self.typed_slot::<T>();
        self.prefetch(slot, id.record_id());
        self.note_read(slot, id.record_id());
        self.typed_staging::<T>(slot).replace(id, record)
    }

    /// Writes one field and leaves the others as they are, also as others commit them meanwhile.
    pub fn set<T: Writable, F: FieldValue>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Result<(), TransactionError> {
        let slot = self.typed_slot::<T>();
        self.prefetch(slot, id.record_id());
        let set = self.typed_staging::<T>(slot).set(id, field, value);
        set.inspect_err(|error| self.note_missing(slot, error))
    }

    /// Deletes the record.
    pub fn delete<T: Writable>(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        let slot = self.typed_slot::<T>();
        self.note_read(slot, id.record_id());
        self.typed_staging::<T>(slot).delete(id)
    }

    fn table_name<T: Record>(&self) -> crate::schema::Name {
        let schema = self.base.catalog().compiled_table::<T>();
        schema.expect("its slot was found").name.clone()
    }
}
