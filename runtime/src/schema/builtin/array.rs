//! `[type; N]`: a fixed number of values of one type.

use std::{cmp::Ordering, sync::Arc};

use super::{mismatch, plain};
use crate::schema::{TypeLayout, TypeSerializer, TypeShape, Value, ValueFault};

/// `[element; length]`.
pub(in crate::schema) fn array(element: Arc<TypeLayout>, length: usize) -> TypeLayout {
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
    (layout.pod, layout.ordered) = (element.pod, element.ordered);
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
