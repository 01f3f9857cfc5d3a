//! Types of variable length: what their values are, beside the slots that hold them.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{RecordBuf, TAIL_BYTES_MAX, TypeLayout, TypeShape, Value, ValueFault, slot};

/// What a value of variable length is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// Text in UTF-8: the type `string`.
    Text,
    /// Any bytes: the type `bytes`.
    Bytes,
}

impl VariableKind {
    /// The id of the type.
    pub fn type_id(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Bytes => "bytes",
        }
    }

    /// The bytes that a value stands for.
    pub(super) fn content(self, value: &Value) -> Result<Cow<'_, [u8]>, ValueFault> {
        let mismatch = |expected: &str| ValueFault::TypeMismatch {
            expected: expected.to_owned(),
            found: value.describe(),
        };
        match (self, value) {
            (Self::Text, Value::Text(text)) => Ok(Cow::Borrowed(text.as_bytes())),
            (Self::Text, _) => Err(mismatch("string")),
            (Self::Bytes, Value::Bytes(bytes)) => Ok(Cow::Borrowed(bytes)),
            // The form in which JSON carries them.
            (Self::Bytes, Value::Text(text)) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(_) => Err(mismatch("bytes in base64")),
            },
            (Self::Bytes, _) => Err(mismatch("bytes")),
        }
    }

    /// The value of bytes that passed [`check`](Self::check).
    pub(super) fn value(self, content: &[u8]) -> Value {
        match self {
            Self::Text => Value::Text(str::from_utf8(content).unwrap_or_default().to_owned()),
            Self::Bytes => Value::Bytes(content.to_vec()),
        }
    }

    /// Whether the bytes are a value, or why not.
    pub(super) fn check(self, content: &[u8]) -> Result<(), String> {
        match self {
            Self::Text => str::from_utf8(content)
                .map(|_| ())
                .map_err(|error| error.to_string()),
            Self::Bytes => Ok(()),
        }
    }
}

/// A type of variable length, or an option of one: the only types whose values may stand in part
/// in a record's tail.
///
/// Their [`serializer`](TypeLayout::serializer) knows the slot alone. Whoever has a whole record
/// asks this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(super) kind: VariableKind,
    optional: bool,
}

impl Variable {
    /// The type as one of variable length; none where all of it stands in its place.
    pub(super) fn of(layout: &TypeLayout) -> Option<Self> {
        match &layout.shape {
            TypeShape::Variable { kind } => Some(Self {
                kind: *kind,
                optional: false,
            }),
            TypeShape::Optional { inner } => match inner.shape {
                TypeShape::Variable { kind } => Some(Self {
                    kind,
                    optional: true,
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The bytes that a value stands for; none where it is none.
    pub(super) fn content_of(self, value: &Value) -> Result<Option<Cow<'_, [u8]>>, ValueFault> {
        match value {
            Value::Null if self.optional => Ok(None),
            value => self.kind.content(value).map(Some),
        }
    }

    /// The value of these bytes.
    pub(super) fn value(self, content: Option<&[u8]>) -> Value {
        content.map_or(Value::Null, |content| self.kind.value(content))
    }

    /// The value in a field's place; none where the field says none, or where place and tail do
    /// not belong together, which no checked record does.
    pub(crate) fn content<'r>(self, place: &'r [u8], tail: &'r [u8]) -> Option<&'r [u8]> {
        if self.optional && place.get(slot::SLOT_BYTES) != Some(&1) {
            return None;
        }
        slot::content(place.get(..slot::SLOT_BYTES)?, tail)
    }

    /// Writes a value, or none, into its place at `offset` of a record, which is zeroed.
    pub(super) fn put(
        self,
        offset: usize,
        content: Option<&[u8]>,
        record: &mut RecordBuf,
    ) -> Result<(), ValueFault> {
        let Some(content) = content else {
            return Ok(());
        };
        record.put(offset, content)?;
        if self.optional {
            record.fixed_mut()[offset + slot::SLOT_BYTES] = 1;
        }
        Ok(())
    }

    /// Checks a field's place, whose part of the tail begins at `position`, which moves behind it.
    pub(super) fn check(
        self,
        place: &[u8],
        tail: &[u8],
        position: &mut usize,
    ) -> Result<(), ValueFault> {
        let invalid = |reason: String| ValueFault::InvalidBytes {
            type_id: self.kind.type_id().to_owned(),
            reason,
        };
        let (slot, flag) = place.split_at(slot::SLOT_BYTES);
        if self.optional {
            let none = slot.iter().all(|byte| *byte == 0);
            match flag[0] {
                0 if none => return Ok(()),
                0 => {
                    return Err(invalid(
                        "it says none, and its slot is not all 0".to_owned(),
                    ));
                }
                1 => {}
                flag => {
                    let reason = format!("its flag is 0 or 1, this byte is {flag}");
                    return Err(invalid(reason));
                }
            }
        }
        let content = slot::check(slot, tail, position).map_err(invalid)?;
        if *position > TAIL_BYTES_MAX {
            return Err(ValueFault::TailTooLong {
                length: content.len(),
                length_max: TAIL_BYTES_MAX,
            });
        }
        self.kind.check(content).map_err(invalid)
    }

    /// Checks the value in a field's place that was written by code that knows its form.
    pub(super) fn check_content(self, place: &[u8], tail: &[u8]) -> Result<(), ValueFault> {
        let content = self.content(place, tail).unwrap_or_default();
        self.kind
            .check(content)
            .map_err(|reason| ValueFault::InvalidBytes {
                type_id: self.kind.type_id().to_owned(),
                reason,
            })
    }

    /// The bytes that a field's place takes of the tail, by what it says itself.
    pub(super) fn tail_bytes(self, place: &[u8]) -> usize {
        slot::tail_bytes(slot::length(place))
    }

    /// A value as an index has it: in the order of the values, none before all others, and equal
    /// where they are.
    pub(crate) fn key(self, content: Option<&[u8]>) -> Cow<'_, [u8]> {
        match (self.optional, content) {
            (false, content) => Cow::Borrowed(content.unwrap_or_default()),
            (true, None) => Cow::Borrowed(&[]),
            (true, Some(content)) => Cow::Owned([&[1], content].concat()),
        }
    }
}
