//! `id<table>` and `option<id<table>>`: the id of a record of another table.

use std::cmp::Ordering;

use bytemuck::pod_read_unaligned;

use super::{mismatch, plain, scalar::Scalar};
use crate::schema::{TypeLayout, TypeSerializer, TypeShape, Value, ValueFault};

/// `id<table>`, or `option<id<table>>` where `optional`.
pub(in crate::schema) fn reference(table: &str, optional: bool) -> TypeLayout {
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
