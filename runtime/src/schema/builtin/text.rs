//! `text<N>`: text of bounded length in the record itself.

use std::cmp::Ordering;

use super::{mismatch, plain};
use crate::schema::{TypeLayout, TypeSerializer, TypeShape, Value, ValueFault};

/// `text<capacity>`: a `u16` with the length in bytes, then the text, then zeros.
pub(in crate::schema) fn text(capacity: u16) -> TypeLayout {
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
