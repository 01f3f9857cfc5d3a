//! The built-in types: their layouts and serializers.

mod array;
mod reference;
mod scalar;
mod text;
mod variable;

use std::{cmp::Ordering, sync::Arc};

pub(super) use array::array;
pub(super) use reference::reference;
use scalar::{Micros, UuidBytes, scalar};
pub(super) use text::text;
use variable::variable;

use super::{TypeLayout, TypeSerializer, TypeShape, Value, ValueFault, VariableKind};

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
        variable(VariableKind::Text),
        variable(VariableKind::Bytes),
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

fn mismatch(expected: &str, found: &Value) -> ValueFault {
    ValueFault::TypeMismatch {
        expected: expected.to_owned(),
        found: found.describe(),
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
