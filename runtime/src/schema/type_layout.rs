//! What the database knows of one type: its bytes in a record, and how they are read and written.

use std::{cmp::Ordering, fmt, ops::Range, sync::Arc};

use super::{RecordBuf, RecordRef, Value, ValueFault, VariableKind, variable::Variable};

/// Turns values of one type into the bytes of a record and back.
///
/// A custom type brings its own. That of a type of variable length knows the slot alone, and so the
/// values of up to twelve bytes; a [`RecordLayout`](super::RecordLayout) knows the others too. `bytes` and `out` always have exactly the type's size; `out` is
/// zeroed when it comes, and stays so where nothing is written.
pub trait TypeSerializer: Send + Sync + 'static {
    /// Writes `value` into `out`, or says what is wrong with it.
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault>;

    /// The value of bytes that passed [`check`](Self::check).
    fn read(&self, bytes: &[u8]) -> Value;

    /// Whether the bytes are a value of this type. Padding is not looked at.
    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault>;

    /// How two checked values are ordered; none where the type has no order.
    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering>;
}

/// What a type is made of, as `/types` and `schema.json` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeShape {
    /// Built in, or of a custom serializer that nothing more is known of.
    Opaque,
    /// An id of a record of the named table; `optional` where 0 may stand for none.
    Reference {
        /// The table's name.
        table: String,
        /// Whether the id may be none.
        optional: bool,
    },
    /// A fixed number of values of one type.
    Array {
        /// The elements' type.
        element: Arc<TypeLayout>,
        /// How many there are.
        length: usize,
    },
    /// A value or none.
    Optional {
        /// The value's type.
        inner: Arc<TypeLayout>,
    },
    /// One of several names, stored as a byte.
    Enum {
        /// The names with their numbers.
        variants: Vec<EnumVariant>,
    },
    /// Several named parts, one behind the other.
    Composite {
        /// The parts in the order of their offsets.
        parts: Vec<CompositePart>,
    },
    /// Text or bytes of any length, of which a slot stands in the record.
    Variable {
        /// Which of them.
        kind: VariableKind,
    },
}

/// One variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumVariant {
    /// Its name.
    pub name: String,
    /// The byte that stands for it.
    pub number: u8,
}

/// One part of a composite type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositePart {
    /// Its name.
    pub name: String,
    /// Its first byte, counted from the start of the composite.
    pub offset: usize,
    /// Its type.
    pub layout: Arc<TypeLayout>,
}

/// The layout of one type: size and alignment in bytes, what it is made of, and its serializer.
#[derive(Clone)]
pub struct TypeLayout {
    /// The type's id, such as `u32`, `text<16>` or `[f32; 3]`.
    pub type_id: String,
    /// Bytes in the record.
    pub size: usize,
    /// Every offset of it is a multiple of this.
    pub align: usize,
    /// Whether it is plain data: all of it in its place in the record, nothing in the tail.
    pub pod: bool,
    /// Whether its values have an order.
    pub ordered: bool,
    /// Bytes that carry no value and are always 0.
    pub padding: Vec<Range<usize>>,
    /// What it is made of.
    pub shape: TypeShape,
    /// How its values are written and read.
    pub serializer: Arc<dyn TypeSerializer>,
}

impl TypeLayout {
    /// Checks one value's bytes.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        self.serializer.check(bytes)
    }

    /// What there is to know of it beyond its place, where its length is variable.
    pub(crate) fn variable(&self) -> Option<Variable> {
        Variable::of(self)
    }

    /// The value as a field of this type would give it back, or what is wrong with it.
    pub(crate) fn normalize(&self, value: &Value) -> Result<Value, ValueFault> {
        let mut record = RecordBuf::zeroed(self.size);
        self.write_at(0, value, &mut record)?;
        Ok(self.value_at(0, record.as_ref()))
    }

    /// Writes a value into its place at `offset` of a record, which is zeroed. Values of variable
    /// length have to come in the order of their fields.
    pub(super) fn write_at(
        &self,
        offset: usize,
        value: &Value,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        match self.variable() {
            None => {
                let place = &mut record.fixed_mut()[offset..offset + self.size];
                self.serializer.write(value, place)
            }
            Some(variable) => {
                let content = variable.content_of(value)?;
                variable.put(offset, content.as_deref(), record)
            }
        }
    }

    /// The value in its place at `offset` of a record.
    pub(super) fn value_at(&self, offset: usize, record: RecordRef<'_>) -> Value {
        let place = &record.fixed[offset..offset + self.size];
        match self.variable() {
            None => self.serializer.read(place),
            Some(variable) => variable.value(variable.content(place, record.tail)),
        }
    }

    /// The same place and the same meaning of every byte.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.type_id == other.type_id
            && self.size == other.size
            && self.align == other.align
            && self.shape == other.shape
    }
}

impl PartialEq for TypeLayout {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_as(other)
    }
}

impl Eq for TypeLayout {}

impl fmt::Debug for TypeLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeLayout")
            .field("type_id", &self.type_id)
            .field("size", &self.size)
            .field("align", &self.align)
            .finish_non_exhaustive()
    }
}

/// Zeroes the padding of one value whose first byte is `bytes[0]`.
pub(super) fn zero_padding(padding: &[Range<usize>], bytes: &mut [u8]) {
    for range in padding {
        bytes[range.clone()].fill(0);
    }
}
