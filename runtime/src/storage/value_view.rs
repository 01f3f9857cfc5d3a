//! Value tables in a snapshot: their records read field by field, in place.

#![expect(
    unsafe_code,
    reason = "records of a table are what its struct's layout says"
)]

use std::{fmt, marker::PhantomData};

use super::{TableView, readable::find};
use crate::schema::{FieldFault, FieldHandle, FieldValue, Id, RecordRef, ValueRecord, ValueRef};

/// One value table of a snapshot, or of a transaction. Its records have a function for each field,
/// which copies nothing; [`to_value`](crate::Ref) makes a struct of all of them.
///
/// ```
/// # use tickbase::{Database, Id, Result, table};
/// #[table]
/// struct User {
///     name: String,
///     age: Option<u32>,
/// }
/// # fn main() -> Result<()> {
/// let db = Database::builder().table::<User>().in_memory()?;
/// let ada = db.transact(|tx| Ok(tx.insert(User { name: "Ada".to_owned(), age: Some(36) })?))?;
///
/// let snapshot = db.snapshot();
/// let users = snapshot.table::<User>();
/// let user = users.get(ada).unwrap();
/// assert_eq!((user.name(), user.age()), ("Ada", Some(36)));
/// assert_eq!(user.to_value().name, "Ada".to_owned());
/// let ages = users.par_fold(|| 0, |sum, _, user| sum + user.age().unwrap_or(0), |a, b| a + b);
/// assert_eq!(ages, 36);
/// # Ok(())
/// # }
/// ```
pub struct ValueView<'s, T> {
    view: TableView<'s>,
    record: PhantomData<fn() -> T>,
}

impl<T> Clone for ValueView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ValueView<'_, T> {}

impl<'s, T: ValueRecord> ValueView<'s, T> {
    /// The view of a table that is known to be that of `T`.
    pub(super) fn of(view: TableView<'s>) -> Self {
        Self {
            view,
            record: PhantomData,
        }
    }

    /// The same table, its records as bytes.
    pub fn as_bytes(&self) -> TableView<'s> {
        self.view
    }

    /// Records that are not deleted.
    pub fn len(&self) -> u64 {
        self.view.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// The record of this id, read in place.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<T::Ref<'s>> {
        self.view.record(id.record_id()).map(read::<T>)
    }

    /// The record that has this value in a field: by the index of a `#[key]` or `#[unique]` field,
    /// else the first that a search finds.
    pub fn find<F: FieldValue>(
        &self,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Option<(Id<T>, T::Ref<'s>)> {
        let id = find::<T, F>(self.view, field, value)?;
        Some((id, self.get(id)?))
    }

    /// The records in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, T::Ref<'s>)> + use<'s, T> {
        let typed = |(id, record)| (Id::new(id), read::<T>(record));
        self.view.records().map(typed)
    }

    /// Visits every record, in order of their ids.
    pub fn for_each(&self, mut visit: impl FnMut(Id<T>, T::Ref<'s>)) {
        self.view
            .for_each(|id, record| visit(Id::new(id), read::<T>(record)));
    }

    /// Visits every record, on all cores.
    pub fn par_for_each(&self, visit: impl Fn(Id<T>, T::Ref<'s>) + Sync) {
        self.view
            .par_for_each(|id, record| visit(Id::new(id), read::<T>(record)));
    }

    /// Folds all records on all cores, as [`TypedView::par_fold`](crate::TypedView::par_fold) does.
    pub fn par_fold<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        fold: impl Fn(A, Id<T>, T::Ref<'s>) -> A + Sync,
        join: impl Fn(A, A) -> A,
    ) -> A {
        let fold = |folded, id, record| fold(folded, Id::new(id), read::<T>(record));
        self.view.par_fold(start, fold, join)
    }
}

/// A record of the table of `T`. Only this module calls it, with records of a view of that table.
#[inline]
fn read<T: ValueRecord>(record: RecordRef<'_>) -> T::Ref<'_> {
    T::make_ref(value_ref(record))
}

/// A record that comes from the table of `T`, or passed the check of its layout, to the code of `T`.
pub(crate) fn value_ref<T: ValueRecord>(record: RecordRef<'_>) -> ValueRef<'_, T> {
    debug_assert_eq!(record.fixed.len(), T::SIZE);
    // SAFETY: what stands in a table passed the check of its layout or was written by a `T`, and
    // the layout was compared with that of `T` when the table was bound to it.
    unsafe { ValueRef::new(record) }
}

/// A value record from bytes that come from outside.
pub fn value_from_record<T: ValueRecord>(record: RecordRef<'_>) -> Result<T, Vec<FieldFault>> {
    T::layout().check(record)?;
    Ok(T::read(value_ref(record)))
}

impl<T: ValueRecord> fmt::Debug for ValueView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}
