//! Value tables inside a transaction.

use std::fmt;

use super::{Opened, StagingBuffer, TransactionError};
use crate::{
    schema::{
        FieldFault, FieldHandle, FieldMask, FieldValue, Id, Name, RecordBuf, RecordId, RecordRef,
        ValueEdit, ValueRecord,
    },
    storage::{Found, RecordView, TableView, ValueView, value_ref},
};

/// One value table inside a transaction, to change. Reads see its changes.
///
/// ```
/// # use tickbase::{Database, Id, Result, table};
/// #[table]
/// struct User {
///     #[key]
///     name: String,
///     age: Option<u32>,
/// }
/// # fn main() -> Result<()> {
/// let db = Database::builder().table::<User>().in_memory()?;
/// db.transact(|tx| {
///     let mut users = tx.table_mut::<User>();
///     let ada = users.insert(User { name: "Ada".to_owned(), age: None })?;
///     users.set(ada, User::fields().age, Some(36))?;
///     users.update(ada, |user| user.name.push_str(" Lovelace"))?;
///     users.par_for_each_mut(|_, user| user.set_age(user.age().map(|age| age + 1)))?;
///     let user = users.get(ada).unwrap();
///     assert_eq!((user.name(), user.age()), ("Ada Lovelace", Some(37)));
///     Ok(())
/// })
/// # }
/// ```
pub struct ValueTableMut<'t, T>(Opened<'t, T>);

impl<'t, T: ValueRecord> ValueTableMut<'t, T> {
    pub(super) fn of(opened: Opened<'t, T>) -> Self {
        Self(opened)
    }

    /// The table with the changes so far, to read.
    pub fn view(&self) -> ValueView<'_, T> {
        ValueView::of(Found::of(self.table()))
    }

    /// The record of this id.
    pub fn get(&self, id: Id<T>) -> Option<T::Ref<'_>> {
        self.view().get(id)
    }

    /// Adds a record, and gives its id.
    pub fn insert(&mut self, record: T) -> Result<Id<T>, TransactionError> {
        let record = self.encoded(&record)?;
        let Opened {
            staging,
            base,
            provisional,
            ..
        } = &mut self.0;
        let id = staging.stage_create_record(base.version, *provisional, record.as_ref())?;
        Ok(Id::new(id))
    }

    /// Hands the record to `change`, and gives what that gives.
    pub fn update<R>(
        &mut self,
        id: Id<T>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, TransactionError> {
        let mut record = T::read(value_ref(self.require(id.record_id())?));
        let result = change(&mut record);
        self.replace(id, record)?;
        Ok(result)
    }

    /// Replaces the record.
    pub fn replace(&mut self, id: Id<T>, record: T) -> Result<(), TransactionError> {
        let record = self.encoded(&record)?;
        self.staging()
            .stage_replace(id.record_id(), record.as_ref(), FieldMask::ALL)
    }

    /// Writes one field and leaves the others as they are, also as others commit them meanwhile.
    pub fn set<F: FieldValue>(
        &mut self,
        id: Id<T>,
        field: FieldHandle<T, F>,
        value: F::Read<'_>,
    ) -> Result<(), TransactionError> {
        let id = id.record_id();
        let changed = T::layout().with_field(self.require(id)?, field.index, &|place, to| {
            place.write_typed::<F>(value, to)
        });
        let changed = changed.map_err(|fault| self.refused(fault))?;
        let fields = FieldMask::NONE.with(field.index);
        self.staging().stage_replace(id, changed.as_ref(), fields)
    }

    /// Deletes the record.
    pub fn delete(&mut self, id: Id<T>) -> Result<(), TransactionError> {
        self.staging().stage_delete(id.record_id())
    }

    /// Hands every record to `change`, on all cores, with a function to set each field. It runs in
    /// any order. Records of which it sets no field are neither copied nor written; where a text is
    /// too long for a record nothing is written at all.
    pub fn par_for_each_mut(
        &mut self,
        change: impl Fn(Id<T>, &mut T::Edit<'_>) + Sync,
    ) -> Result<(), TransactionError> {
        let changes =
            changes_of::<T>(self.table(), &change).map_err(|fault| self.refused(fault))?;
        for (id, record, fields) in changes {
            self.staging().stage_replace(id, record.as_ref(), fields)?;
        }
        Ok(())
    }

    fn staging(&mut self) -> &mut StagingBuffer {
        self.0.staging
    }

    fn table(&self) -> TableView<'_> {
        self.0.staging.buffer(self.0.base)
    }

    fn require(&self, id: RecordId) -> Result<RecordRef<'_>, TransactionError> {
        let missing = || self.0.staging.not_found(id);
        self.table().record(id).ok_or_else(missing)
    }

    fn encoded(&self, record: &T) -> Result<RecordBuf, TransactionError> {
        record.encode().map_err(|fault| self.refused(fault))
    }

    fn refused(&self, fault: FieldFault) -> TransactionError {
        let table: &Name = self.0.staging.table_name();
        TransactionError::InvalidRecord {
            table: table.clone(),
            faults: vec![fault],
        }
    }
}

/// What a pass makes of a run of records, or what is wrong with the first that it cannot change.
type Changes = Result<Vec<(RecordId, RecordBuf, FieldMask)>, FieldFault>;

fn changes_of<T: ValueRecord>(
    table: TableView<'_>,
    change: &(impl Fn(Id<T>, &mut T::Edit<'_>) + Sync),
) -> Changes {
    let fold = |changes: Changes, id, record| {
        let mut changes = changes?;
        let mut edit = T::make_edit(ValueEdit::new(value_ref(record)));
        change(Id::new(id), &mut edit);
        if let Some((record, fields)) = T::take_edit(edit).finish()? {
            changes.push((id, record, fields));
        }
        Ok(changes)
    };
    let join = |left: Changes, right: Changes| {
        let mut all = left?;
        all.extend(right?);
        Ok(all)
    };
    table.par_fold(|| Ok(Vec::new()), fold, join)
}

impl<T: ValueRecord> fmt::Debug for ValueTableMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ValueTableMut").field(&T::NAME).finish()
    }
}
