//! `string` and `bytes`: values of any length, of which a slot stands in the record.

use std::cmp::Ordering;

use super::plain;
use crate::schema::{TypeLayout, TypeSerializer, TypeShape, Value, ValueFault, VariableKind, slot};

/// `string` or `bytes`.
pub(super) fn variable(kind: VariableKind) -> TypeLayout {
    let mut layout = plain(
        kind.type_id().to_owned(),
        slot::SLOT_BYTES,
        slot::SLOT_ALIGN,
        TypeShape::Variable { kind },
        SlotSerializer { kind },
    );
    layout.pod = false;
    layout
}

/// Knows the slot alone, and so the values that stand in it whole. Those that are longer are
/// written and read by the layout of the record, which has the tail too.
struct SlotSerializer {
    kind: VariableKind,
}

impl TypeSerializer for SlotSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let content = self.kind.content(value)?;
        if content.len() > slot::INLINE_BYTES_MAX {
            return Err(ValueFault::TooLong {
                length: content.len(),
                length_max: slot::INLINE_BYTES_MAX,
            });
        }
        out.copy_from_slice(&slot::encode(&content, 0));
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        self.kind
            .value(slot::content(bytes, &[]).unwrap_or_default())
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        slot::check(bytes, &[], &mut 0)
            .and_then(|content| self.kind.check(content))
            .map_err(|reason| ValueFault::InvalidBytes {
                type_id: self.kind.type_id().to_owned(),
                reason,
            })
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(slot::content(left, &[])?.cmp(slot::content(right, &[])?))
    }
}
