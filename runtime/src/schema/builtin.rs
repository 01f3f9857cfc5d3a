//! The serializers of the built-in types.

use std::{cmp::Ordering, marker::PhantomData, sync::Arc};

use bytemuck::{AnyBitPattern, NoUninit, pod_read_unaligned};
use uuid::Uuid;

use super::{Timestamp, TypeLayout, TypeSerializer, TypeShape, Value, ValueFault};

/// A fixed-size number, or anything else that is one in memory, and how it is a [`Value`].
///
/// All of them take every pattern of bytes.
pub(super) trait Scalar: AnyBitPattern + NoUninit + Send + Sync {
    fn to_value(self) -> Value;
    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault>;
    fn order(&self, other: &Self) -> Ordering;
}

fn mismatch(expected: &str, found: &Value) -> ValueFault {
    ValueFault::TypeMismatch {
        expected: expected.to_owned(),
        found: found.describe(),
    }
}

macro_rules! integer {
    ($($number:ty => $value:ident),*) => {$(
        impl Scalar for $number {
            fn to_value(self) -> Value {
                Value::$value(self.into())
            }

            fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault> {
                let out_of_range = || ValueFault::OutOfRange {
                    type_id: type_id.to_owned(),
                    found: value.describe(),
                };
                match value {
                    Value::Integer(number) | Value::I128(number) => {
                        Self::try_from(*number).map_err(|_| out_of_range())
                    }
                    Value::U128(number) => Self::try_from(*number).map_err(|_| out_of_range()),
                    // The strings in which JSON carries integers of 128 bits.
                    Value::Text(digits) if size_of::<Self>() == 16 => {
                        digits.parse().map_err(|_| mismatch(type_id, value))
                    }
                    Value::F64(number) if number.fract() == 0.0 && number.abs() >= 1e18 => {
                        Err(out_of_range())
                    }
                    _ => Err(mismatch(type_id, value)),
                }
            }

            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        }
    )*};
}

integer! {
    i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer, i128 => I128,
    u8 => Integer, u16 => Integer, u32 => Integer, u64 => Integer, u128 => U128
}

/// The number that a value stands for, at double precision.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest float is what is asked for"
)]
fn float_from(value: &Value, type_id: &str) -> Result<f64, ValueFault> {
    match value {
        Value::F64(number) => Ok(*number),
        Value::F32(number) => Ok(f64::from(*number)),
        Value::Integer(number) | Value::I128(number) => Ok(*number as f64),
        Value::Text(name) => match name.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(mismatch(type_id, value)),
        },
        _ => Err(mismatch(type_id, value)),
    }
}

impl Scalar for f64 {
    fn to_value(self) -> Value {
        Value::F64(self)
    }

    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault> {
        float_from(value, type_id)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

impl Scalar for f32 {
    fn to_value(self) -> Value {
        Value::F32(self)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked, rounding is meant"
    )]
    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault> {
        let wide = float_from(value, type_id)?;
        let narrow = wide as f32;
        if wide.is_finite() && narrow.is_infinite() {
            return Err(ValueFault::OutOfRange {
                type_id: type_id.to_owned(),
                found: value.describe(),
            });
        }
        Ok(narrow)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

/// A [`Timestamp`] as its microseconds.
#[derive(Clone, Copy, AnyBitPattern, NoUninit)]
#[repr(transparent)]
pub(super) struct Micros(i64);

impl Scalar for Micros {
    fn to_value(self) -> Value {
        Value::Timestamp(Timestamp::from_micros(self.0))
    }

    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault> {
        match value {
            Value::Timestamp(moment) => Ok(Self(moment.as_micros())),
            Value::Text(text) => text
                .parse::<Timestamp>()
                .map(|moment| Self(moment.as_micros())),
            _ => Err(mismatch(type_id, value)),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// A [`Uuid`] as its bytes.
#[derive(Clone, Copy, AnyBitPattern, NoUninit)]
#[repr(transparent)]
pub(super) struct UuidBytes([u8; 16]);

impl Scalar for UuidBytes {
    fn to_value(self) -> Value {
        Value::Uuid(Uuid::from_bytes(self.0))
    }

    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault> {
        match value {
            Value::Uuid(uuid) => Ok(Self(uuid.into_bytes())),
            Value::Text(text) => match Uuid::try_parse(text) {
                Ok(uuid) => Ok(Self(uuid.into_bytes())),
                Err(_) => Err(mismatch(type_id, value)),
            },
            _ => Err(mismatch(type_id, value)),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

struct ScalarSerializer<S> {
    type_id: &'static str,
    scalar: PhantomData<fn() -> S>,
}

impl<S: Scalar> TypeSerializer for ScalarSerializer<S> {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        out.copy_from_slice(bytemuck::bytes_of(&S::from_value(value, self.type_id)?));
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        pod_read_unaligned::<S>(bytes).to_value()
    }

    fn check(&self, _bytes: &[u8]) -> Result<(), ValueFault> {
        Ok(())
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(pod_read_unaligned::<S>(left).order(&pod_read_unaligned::<S>(right)))
    }
}

fn plain(
    type_id: String,
    size: usize,
    align: usize,
    shape: TypeShape,
    serializer: impl TypeSerializer,
) -> TypeLayout {
    TypeLayout {
        type_id,
        size,
        align,
        pod: true,
        ordered: true,
        padding: Vec::new(),
        shape,
        serializer: Arc::new(serializer),
    }
}

fn scalar<S: Scalar + 'static>(type_id: &'static str) -> TypeLayout {
    let serializer = ScalarSerializer::<S> {
        type_id,
        scalar: PhantomData,
    };
    plain(
        type_id.to_owned(),
        size_of::<S>(),
        align_of::<S>(),
        TypeShape::Opaque,
        serializer,
    )
}

/// Every built-in type that has no parameter.
pub(super) fn all() -> impl Iterator<Item = TypeLayout> {
    [
        plain("bool".to_owned(), 1, 1, TypeShape::Opaque, BoolSerializer),
        scalar::<i8>("i8"),
        scalar::<i16>("i16"),
        scalar::<i32>("i32"),
        scalar::<i64>("i64"),
        scalar::<i128>("i128"),
        scalar::<u8>("u8"),
        scalar::<u16>("u16"),
        scalar::<u32>("u32"),
        scalar::<u64>("u64"),
        scalar::<u128>("u128"),
        scalar::<f32>("f32"),
        scalar::<f64>("f64"),
        scalar::<Micros>("timestamp"),
        scalar::<UuidBytes>("uuid"),
    ]
    .into_iter()
}

struct BoolSerializer;

impl TypeSerializer for BoolSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        match value {
            Value::Bool(value) => {
                out[0] = u8::from(*value);
                Ok(())
            }
            _ => Err(mismatch("bool", value)),
        }
    }

    fn read(&self, bytes: &[u8]) -> Value {
        Value::Bool(bytes[0] == 1)
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        if bytes[0] <= 1 {
            return Ok(());
        }
        Err(ValueFault::InvalidBytes {
            type_id: "bool".to_owned(),
            reason: format!("a bool is 0 or 1, this byte is {}", bytes[0]),
        })
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(left[0].cmp(&right[0]))
    }
}

/// `text<capacity>`: a `u16` with the length in bytes, then the text, then zeros.
pub(super) fn text(capacity: u16) -> TypeLayout {
    let used = 2 + usize::from(capacity);
    let size = used.next_multiple_of(2);
    let serializer = TextSerializer {
        capacity: usize::from(capacity),
    };
    let mut layout = plain(
        format!("text<{capacity}>"),
        size,
        2,
        TypeShape::Opaque,
        serializer,
    );
    if size > used {
        layout.padding.push(used..size);
    }
    layout
}

struct TextSerializer {
    capacity: usize,
}

impl TextSerializer {
    fn text<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, String> {
        let length = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let room = &bytes[2..2 + self.capacity];
        if length > room.len() {
            return Err(format!("its length says {length} bytes"));
        }
        let (text, rest) = room.split_at(length);
        if rest.iter().any(|byte| *byte != 0) {
            return Err("the bytes behind the text are not 0".to_owned());
        }
        str::from_utf8(text).map_err(|error| error.to_string())
    }
}

impl TypeSerializer for TextSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let Value::Text(text) = value else {
            return Err(mismatch(&format!("text<{}>", self.capacity), value));
        };
        if text.len() > self.capacity {
            return Err(ValueFault::TooLong {
                length: text.len(),
                length_max: self.capacity,
            });
        }
        let length = u16::try_from(text.len()).expect("a text<N> has a capacity of 16 bits");
        out[..2].copy_from_slice(&length.to_le_bytes());
        out[2..2 + text.len()].copy_from_slice(text.as_bytes());
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        Value::Text(self.text(bytes).unwrap_or_default().to_owned())
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        self.text(bytes)
            .map(|_| ())
            .map_err(|reason| ValueFault::InvalidBytes {
                type_id: format!("text<{}>", self.capacity),
                reason,
            })
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(
            self.text(left)
                .unwrap_or_default()
                .cmp(self.text(right).unwrap_or_default()),
        )
    }
}

/// `id<table>`, or `option<id<table>>` where `optional`.
pub(super) fn reference(table: &str, optional: bool) -> TypeLayout {
    let type_id = match optional {
        true => format!("option<id<{table}>>"),
        false => format!("id<{table}>"),
    };
    let serializer = ReferenceSerializer {
        type_id: type_id.clone(),
        optional,
    };
    let shape = TypeShape::Reference {
        table: table.to_owned(),
        optional,
    };
    plain(
        type_id,
        size_of::<u64>(),
        align_of::<u64>(),
        shape,
        serializer,
    )
}

struct ReferenceSerializer {
    type_id: String,
    optional: bool,
}

impl TypeSerializer for ReferenceSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let id = match value {
            Value::Null if self.optional => 0,
            Value::Null => return Err(mismatch(&self.type_id, value)),
            _ => u64::from_value(value, &self.type_id)?,
        };
        if id == 0 && *value != Value::Null {
            return Err(ValueFault::OutOfRange {
                type_id: self.type_id.clone(),
                found: "0 (record ids start at 1)".to_owned(),
            });
        }
        out.copy_from_slice(&id.to_le_bytes());
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        match pod_read_unaligned::<u64>(bytes) {
            0 => Value::Null,
            id => id.into(),
        }
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        if self.optional || pod_read_unaligned::<u64>(bytes) != 0 {
            return Ok(());
        }
        Err(ValueFault::InvalidBytes {
            type_id: self.type_id.clone(),
            reason: "record ids start at 1, these bytes are all 0".to_owned(),
        })
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(pod_read_unaligned::<u64>(left).cmp(&pod_read_unaligned::<u64>(right)))
    }
}

/// `[element; length]`.
pub(super) fn array(element: Arc<TypeLayout>, length: usize) -> TypeLayout {
    let mut layout = plain(
        format!("[{}; {length}]", element.type_id),
        element.size * length,
        element.align,
        TypeShape::Array {
            element: Arc::clone(&element),
            length,
        },
        ArraySerializer {
            element: Arc::clone(&element),
            length,
        },
    );
    layout.ordered = element.ordered;
    for index in 0..length {
        let start = index * element.size;
        layout.padding.extend(
            element
                .padding
                .iter()
                .map(|range| range.start + start..range.end + start),
        );
    }
    layout
}

struct ArraySerializer {
    element: Arc<TypeLayout>,
    length: usize,
}

impl TypeSerializer for ArraySerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let expected = || format!("a list of {} {}", self.length, self.element.type_id);
        let Value::List(values) = value else {
            return Err(mismatch(&expected(), value));
        };
        if values.len() != self.length {
            return Err(mismatch(&expected(), value));
        }
        for (index, (value, out)) in values
            .iter()
            .zip(out.chunks_exact_mut(self.element.size))
            .enumerate()
        {
            self.element
                .serializer
                .write(value, out)
                .map_err(|fault| fault.in_part(index))?;
        }
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        let elements = bytes.chunks_exact(self.element.size);
        Value::List(
            elements
                .map(|element| self.element.serializer.read(element))
                .collect(),
        )
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        for (index, element) in bytes.chunks_exact(self.element.size).enumerate() {
            self.element
                .check(element)
                .map_err(|fault| fault.in_part(index))?;
        }
        Ok(())
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        let size = self.element.size;
        for (left, right) in left.chunks_exact(size).zip(right.chunks_exact(size)) {
            match self.element.serializer.compare(left, right)? {
                Ordering::Equal => {}
                unequal => return Some(unequal),
            }
        }
        Some(Ordering::Equal)
    }
}
