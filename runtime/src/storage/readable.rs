//! What a read of a table gives: a reference to the struct, or its fields one by one.

use super::{RecordCodec, TableView, TypedView, ValueView};
use crate::schema::{
    FieldFault, FieldHandle, FieldValue, Id, PlainRecord, Record, RecordBuf, RecordRef, ValueRecord,
};

/// A table that can be read: every struct with `#[table]`.
///
/// A plain table is read in place, as `&T`. One with fields of no fixed size, or that may be none,
/// is read as a `Ref<T>` that has a function for each field, and copies none of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table",
    label = "this struct has no `#[table]`",
    note = "put `#[table]` on the struct `{Self}`"
)]
pub trait Readable: Record {
    /// A record of a snapshot.
    type Read<'s>: Copy;
    /// The table in a snapshot, or in a transaction.
    type View<'s>: RecordView<'s, Self, Read = Self::Read<'s>>;

    /// The record as it stands in a table.
    #[doc(hidden)]
    fn to_record(&self) -> Result<RecordBuf, FieldFault>;

    /// The record from bytes that come from outside.
    #[doc(hidden)]
    fn from_record(record: RecordRef<'_>) -> Result<Self, Vec<FieldFault>>;
}

/// A record of table `T` as a snapshot gives it: `&T` where the table is plain, else a struct with
/// a function for each field.
///
/// ```
/// # use tickbase::{Database, Id, Ref, Result, table};
/// #[table]
/// struct User {
///     #[key]
///     name: String,
///     age: Option<u32>,
/// }
///
/// fn greet(user: Ref<'_, User>) -> String {
///     format!("Good morning, {}", user.name())
/// }
/// # fn main() -> Result<()> {
/// # let db = Database::builder().table::<User>().in_memory()?;
/// # let id = db.transact(|tx| Ok(tx.insert(User { name: "Ada".to_owned(), age: None })?))?;
/// let snapshot = db.snapshot();
/// let user = snapshot.table::<User>().get(id).unwrap();
/// assert_eq!(greet(user), "Good morning, Ada");
/// # Ok(())
/// # }
/// ```
pub type Ref<'s, T> = <T as Readable>::Read<'s>;

/// A table that was found to be the one of `T`.
#[derive(Debug)]
pub struct Found<'s, T> {
    pub(super) view: TableView<'s>,
    record: std::marker::PhantomData<fn() -> T>,
}

impl<'s, T: Record> Found<'s, T> {
    /// The view of a table that is known to be that of `T`.
    pub(crate) fn of(view: TableView<'s>) -> Self {
        debug_assert_eq!(view.schema().name, T::NAME);
        Self {
            view,
            record: std::marker::PhantomData,
        }
    }
}

/// What both kinds of view can do, for code that takes tables of either.
pub trait RecordView<'s, T: Record>: Copy {
    /// A record.
    type Read: Copy;

    /// The view of the table.
    #[doc(hidden)]
    fn of(found: Found<'s, T>) -> Self;

    /// The record of this id.
    fn get(&self, id: Id<T>) -> Option<Self::Read>;

    /// The record that has this value in a field: by the index of a `#[key]` or `#[unique]` field,
    /// else the first that a search finds.
    fn find<F: FieldValue>(
        &self,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Option<(Id<T>, Self::Read)>;
}

impl<'s, T: PlainRecord> RecordView<'s, T> for TypedView<'s, T> {
    type Read = &'s T;

    fn of(found: Found<'s, T>) -> Self {
        Self::of(found.view)
    }

    #[inline]
    fn get(&self, id: Id<T>) -> Option<&'s T> {
        Self::get(self, id)
    }

    fn find<F: FieldValue>(
        &self,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Option<(Id<T>, &'s T)> {
        let id = find::<T, F>(self.as_bytes(), field, value)?;
        Some((id, Self::get(self, id)?))
    }
}

impl<'s, T: ValueRecord> RecordView<'s, T> for ValueView<'s, T> {
    type Read = T::Ref<'s>;

    fn of(found: Found<'s, T>) -> Self {
        Self::of(found.view)
    }

    #[inline]
    fn get(&self, id: Id<T>) -> Option<T::Ref<'s>> {
        Self::get(self, id)
    }

    fn find<F: FieldValue>(
        &self,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Option<(Id<T>, T::Ref<'s>)> {
        Self::find(self, field, value)
    }
}

/// The id of the record that has this value in a field.
pub(super) fn find<T: Record, F: FieldValue>(
    view: TableView<'_>,
    field: FieldHandle<T, F>,
    value: F::Read<'_>,
) -> Option<Id<T>> {
    let place = &view.schema().layout.fields()[field.index];
    let key = place.key_of::<F>(value)?;
    view.find(field.index, &key).map(Id::new)
}

impl<T: Readable> RecordCodec for T {}
