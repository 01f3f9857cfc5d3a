//! Numbers, and what is one in memory: times and UUIDs.

use std::{cmp::Ordering, marker::PhantomData};

use bytemuck::{AnyBitPattern, NoUninit, pod_read_unaligned};
use uuid::Uuid;

use super::{mismatch, plain};
use crate::schema::{Timestamp, TypeLayout, TypeSerializer, TypeShape, Value, ValueFault};

/// A fixed-size number, or anything else that is one in memory, and how it is a [`Value`].
///
/// All of them take every pattern of bytes.
pub(super) trait Scalar: AnyBitPattern + NoUninit + Send + Sync {
    fn to_value(self) -> Value;
    fn from_value(value: &Value, type_id: &str) -> Result<Self, ValueFault>;
    fn order(&self, other: &Self) -> Ordering;
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

/// The layout of a scalar.
pub(super) fn scalar<S: Scalar + 'static>(type_id: &'static str) -> TypeLayout {
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
