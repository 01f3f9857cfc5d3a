//! The contract of a struct that is a value table, and what its generated code reads and writes.

#![expect(
    unsafe_code,
    reason = "the contract that lets fields of checked records be read as their types"
)]

use std::{cell::Cell, fmt, marker::PhantomData};

use super::{FieldFault, FieldMask, FieldValue, Record, RecordBuf, RecordLayout, RecordRef};

/// A struct that is the value of a record whose stored form has a layout of its own, since some
/// fields have no fixed size or may be none: `String`, `Vec<u8>`, `Option<u32>`.
///
/// # Safety
/// As for [`Record`], and: [`write`](Self::write) puts all fields in order.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value table",
    label = "its records are not read field by field"
)]
pub unsafe trait ValueRecord: Record {
    /// A record of a snapshot, with a function for each field.
    type Ref<'r>: Copy + Send + Sync + fmt::Debug;
    /// A record in a pass that may change it, with two functions for each field.
    type Edit<'r>;

    /// The generated form of a record.
    #[doc(hidden)]
    fn make_ref(record: ValueRef<'_, Self>) -> Self::Ref<'_>;

    /// The generated form of a record that may be changed.
    #[doc(hidden)]
    fn make_edit(record: ValueEdit<'_, Self>) -> Self::Edit<'_>;

    /// What the generated form was made of.
    #[doc(hidden)]
    fn take_edit(edit: Self::Edit<'_>) -> ValueEdit<'_, Self>;

    /// Puts each field, in order.
    #[doc(hidden)]
    fn write(&self, record: &mut ValueWriter<'_>) -> Result<(), FieldFault>;

    /// A copy of all fields.
    #[doc(hidden)]
    fn read(record: ValueRef<'_, Self>) -> Self;

    /// The stored form, or the field that makes it too long.
    #[doc(hidden)]
    fn encode(&self) -> Result<RecordBuf, FieldFault> {
        let mut writer = ValueWriter::new(Self::layout());
        self.write(&mut writer)?;
        Ok(writer.record)
    }
}

/// What a value table knows of its field of this place.
///
/// # Safety
/// The field of this place in the table's definition has the type id that `Type` registers.
#[doc(hidden)]
pub unsafe trait ValueField<const INDEX: usize>: Record {
    /// How it is read and set. Calls name this rather than the type's own `Read`, so that a type
    /// that is no field is one error and not one in each function.
    type Read<'r>;
    /// Its type.
    type Type: for<'r> FieldValue<Read<'r> = <Self as ValueField<INDEX>>::Read<'r>>;
}

/// A record that is one of the table of `T`.
#[doc(hidden)]
pub struct ValueRef<'r, T> {
    record: RecordRef<'r>,
    table: PhantomData<fn() -> T>,
}

impl<T> Clone for ValueRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ValueRef<'_, T> {}

impl<'r, T: ValueRecord> ValueRef<'r, T> {
    /// The record.
    ///
    /// # Safety
    /// It passed the check of the layout of `T`, or was written by a `T`.
    pub(crate) unsafe fn new(record: RecordRef<'r>) -> Self {
        Self {
            record,
            table: PhantomData,
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get<const INDEX: usize>(self) -> T::Read<'r>
    where
        T: ValueField<INDEX>,
    {
        let offset = T::OFFSETS[INDEX];
        let place = &self.record.fixed[offset..offset + <T::Type as FieldValue>::SIZE];
        // SAFETY: the record is one of the table, in which this field has this type; offsets and
        // sizes were compared with the layout when the table was bound to `T`.
        unsafe { T::Type::read(place, self.record.tail) }
    }

    /// A copy of a field.
    pub fn copy<const INDEX: usize>(self) -> T::Type
    where
        T: ValueField<INDEX>,
    {
        T::Type::own(self.get::<INDEX>())
    }

    /// A copy of all fields.
    pub fn to_value(self) -> T {
        T::read(self)
    }

    /// The record as JSON, fields by name.
    pub fn to_json(self) -> String {
        serde_json::to_string(&T::layout().read(self.record)).unwrap_or_default()
    }

    /// Writes each field under its name.
    pub fn write_debug(self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = f.debug_struct(name);
        for field in T::layout().fields() {
            let value = serde_json::to_string(&field.value(self.record)).unwrap_or_default();
            written.field(field.name.as_str(), &format_args!("{value}"));
        }
        written.finish()
    }
}

/// A record of the table of `T` in a pass that may change it.
#[doc(hidden)]
pub struct ValueEdit<'r, T> {
    before: RecordRef<'r>,
    changed: Option<(RecordBuf, FieldMask)>,
    fault: Option<FieldFault>,
    table: PhantomData<fn() -> T>,
}

impl<'r, T: ValueRecord> ValueEdit<'r, T> {
    /// The record, unchanged.
    pub(crate) fn new(record: ValueRef<'r, T>) -> Self {
        Self {
            before: record.record,
            changed: None,
            fault: None,
            table: PhantomData,
        }
    }

    /// The record as it is now.
    pub fn as_ref(&self) -> ValueRef<'_, T> {
        let record = match &self.changed {
            Some((record, _)) => record.as_ref(),
            None => self.before,
        };
        ValueRef {
            record,
            table: PhantomData,
        }
    }

    /// Gives a field another value. One that is too long is noted, and fails the whole pass.
    pub fn set<const INDEX: usize>(&mut self, value: T::Read<'_>)
    where
        T: ValueField<INDEX>,
    {
        // It is written once; that it could be copied is known of `Type` alone.
        let value = Cell::new(Some(value));
        let write = |field: &super::Field, to: &mut RecordBuf| match value.take() {
            Some(value) => T::Type::write(value, &field.layout, field.offset, to),
            None => Ok(()),
        };
        let before = self.as_ref().record;
        match T::layout().with_field(before, INDEX, &write) {
            Ok(record) => {
                let fields = self
                    .changed
                    .take()
                    .map_or(FieldMask::NONE, |(_, mask)| mask);
                self.changed = Some((record, fields.with(INDEX)));
            }
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
    }

    /// What was made of it: none where nothing was set.
    pub(crate) fn finish(self) -> Result<Option<(RecordBuf, FieldMask)>, FieldFault> {
        self.fault.map_or(Ok(self.changed), Err)
    }
}

/// Puts the fields of a record one after another.
#[doc(hidden)]
pub struct ValueWriter<'l> {
    layout: &'l RecordLayout,
    record: RecordBuf,
}

impl<'l> ValueWriter<'l> {
    fn new(layout: &'l RecordLayout) -> Self {
        Self {
            layout,
            record: RecordBuf::zeroed(layout.record_size()),
        }
    }

    /// Puts a field. They have to come in their order.
    pub fn put<T: ValueField<INDEX>, const INDEX: usize>(
        &mut self,
        value: &T::Type,
    ) -> Result<(), FieldFault> {
        let field = &self.layout.fields()[INDEX];
        let value = value.borrow();
        T::Type::write(value, &field.layout, field.offset, &mut self.record)
            .map_err(|fault| field.fault(fault))
    }
}

impl<T> fmt::Debug for ValueRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl<T> fmt::Debug for ValueEdit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.before.fmt(f)
    }
}

impl fmt::Debug for ValueWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
