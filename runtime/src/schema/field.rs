//! A field of a table: in its definition, in its place, and as a typed handle.

use std::{borrow::Cow, cmp::Ordering, fmt, sync::Arc};

use super::{FieldFault, Name, RecordBuf, RecordRef, TypeLayout, Value, ValueFault};

/// A field as somebody asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDefinition {
    /// Its name.
    pub name: Name,
    /// Its type's id, such as `u32` or `text<16>`.
    pub type_id: String,
    /// Whether no two records may have the same value.
    pub unique: bool,
    /// What a record that does not say takes.
    pub default: Option<Value>,
    /// What it means, in words.
    pub documentation: String,
}

impl FieldDefinition {
    /// A field of this name and type, without default.
    pub fn new(name: Name, type_id: impl Into<String>) -> Self {
        Self {
            name,
            type_id: type_id.into(),
            unique: false,
            default: None,
            documentation: String::new(),
        }
    }
}

/// A field in its place in the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its first byte, counted from the start of the record.
    pub offset: usize,
    /// Its type.
    pub layout: Arc<TypeLayout>,
    /// Whether no two records may have the same value.
    pub unique: bool,
    /// What a record that does not say takes.
    pub default: Option<Value>,
    /// What it means, in words.
    pub documentation: String,
}

impl Field {
    /// Its type's id.
    pub fn type_id(&self) -> &str {
        &self.layout.type_id
    }

    /// Its place in the fixed part of a record.
    pub fn bytes<'a>(&self, fixed: &'a [u8]) -> &'a [u8] {
        &fixed[self.offset..self.offset + self.layout.size]
    }

    /// Its place in the fixed part of a record, to write.
    pub fn bytes_mut<'a>(&self, fixed: &'a mut [u8]) -> &'a mut [u8] {
        &mut fixed[self.offset..self.offset + self.layout.size]
    }

    /// Its value in a record.
    pub fn value(&self, record: RecordRef<'_>) -> Value {
        self.layout.value_at(self.offset, record)
    }

    /// The bytes by which an index knows its value in a record: equal where the values are, whatever
    /// else is in the records. Of text they are the text itself, so that their order is its order.
    pub fn key_bytes<'a>(&self, record: RecordRef<'a>) -> Cow<'a, [u8]> {
        let place = self.bytes(record.fixed);
        match self.layout.variable() {
            None => Cow::Borrowed(place),
            Some(variable) => variable.key(variable.content(place, record.tail)),
        }
    }

    /// Whether it has the same value in two records.
    pub fn is_same(&self, left: RecordRef<'_>, right: RecordRef<'_>) -> bool {
        let places = (self.bytes(left.fixed), self.bytes(right.fixed));
        match self.layout.variable() {
            None => places.0 == places.1,
            Some(variable) => {
                variable.content(places.0, left.tail) == variable.content(places.1, right.tail)
            }
        }
    }

    /// How its values in two records are ordered; none where its type has no order. Texts and
    /// bytes are ordered by their bytes, and none comes before all values.
    pub fn compare(&self, left: RecordRef<'_>, right: RecordRef<'_>) -> Option<Ordering> {
        let places = (self.bytes(left.fixed), self.bytes(right.fixed));
        match self.layout.variable() {
            None => self.layout.serializer.compare(places.0, places.1),
            Some(variable) => {
                let left = variable.content(places.0, left.tail);
                Some(left.cmp(&variable.content(places.1, right.tail)))
            }
        }
    }

    /// What is wrong with its value.
    pub(super) fn fault(&self, fault: ValueFault) -> FieldFault {
        FieldFault {
            field: self.name.to_string(),
            fault,
        }
    }

    /// Writes its value into a record in which its place is zeroed. Values of variable length have
    /// to come in the order of the fields.
    pub(super) fn write(&self, value: &Value, record: &mut RecordBuf) -> Result<(), ValueFault> {
        self.layout.write_at(self.offset, value, record)
    }

    /// Copies its value from a record in which it is `from`, a field of the same type, under the
    /// conditions of [`write`](Self::write).
    pub(super) fn copy(
        &self,
        from: &Self,
        record: RecordRef<'_>,
        to: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        let place = from.bytes(record.fixed);
        match self.layout.variable() {
            None => {
                self.bytes_mut(to.fixed_mut()).copy_from_slice(place);
                Ok(())
            }
            Some(variable) => variable.put(self.offset, variable.content(place, record.tail), to),
        }
    }
}

/// A field of the compiled table `T`, with its type and offset known to the compiler.
pub struct FieldHandle<T, F> {
    /// The field's name.
    pub name: &'static str,
    /// Its place among the fields of the table, from 0.
    pub index: usize,
    /// Its first byte, counted from the start of the record.
    pub offset: usize,
    /// The field of a record.
    pub get: fn(&T) -> &F,
    /// The field of a record, to write.
    pub get_mut: fn(&mut T) -> &mut F,
}

impl<T, F> Clone for FieldHandle<T, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, F> Copy for FieldHandle<T, F> {}

impl<T, F> fmt::Debug for FieldHandle<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldHandle")
            .field("name", &self.name)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// A set of fields of one table, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldMask([u64; super::FIELDS_MAX / 64]);

impl FieldMask {
    /// No field.
    pub const NONE: Self = Self([0; super::FIELDS_MAX / 64]);
    /// Every field.
    pub const ALL: Self = Self([u64::MAX; super::FIELDS_MAX / 64]);

    /// This one field, of the place `index` below 256.
    #[must_use]
    pub const fn with(mut self, index: usize) -> Self {
        self.0[index / 64] |= 1 << (index % 64);
        self
    }

    /// Whether the field of this place is in the set.
    pub const fn contains(self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    /// The fields of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let mut both = self;
        for (bits, more) in both.0.iter_mut().zip(other.0) {
            *bits |= more;
        }
        both
    }

    /// Whether no field is in it.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }
}
