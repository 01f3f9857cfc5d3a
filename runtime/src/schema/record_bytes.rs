//! The bytes of a record: the fixed part, in which each field has its place, and the tail.

use std::borrow::Cow;

use super::{TAIL_BYTES_MAX, ValueFault, slot};

/// The bytes of a record, wherever they lie.
///
/// Outside memory, in a file, in the body of a request or under a checksum, the tail follows the
/// fixed part. Only records with texts or bytes of more than twelve bytes have a tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// `record_size` bytes, each field at its offset.
    pub fixed: &'a [u8],
    /// The values that do not fit into their fields, in the order of the fields.
    pub tail: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// A record without a tail.
    pub fn without_tail(fixed: &'a [u8]) -> Self {
        Self { fixed, tail: &[] }
    }

    /// Bytes of both parts together.
    pub fn len(self) -> usize {
        self.fixed.len() + self.tail.len()
    }

    /// Whether there is no byte, which no record has.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Both parts as they stand outside memory; copied only where there is a tail.
    pub fn to_bytes(self) -> Cow<'a, [u8]> {
        match self.tail {
            [] => Cow::Borrowed(self.fixed),
            tail => Cow::Owned([self.fixed, tail].concat()),
        }
    }

    /// A copy.
    pub fn to_buf(self) -> RecordBuf {
        RecordBuf {
            bytes: self.to_bytes().into_owned(),
            fixed_bytes: self.fixed.len(),
        }
    }
}

/// The bytes of a record, owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordBuf {
    /// The fixed part, then the tail.
    bytes: Vec<u8>,
    fixed_bytes: usize,
}

impl RecordBuf {
    /// A fixed part of zeros, and no tail yet.
    pub(super) fn zeroed(fixed_bytes: usize) -> Self {
        Self {
            bytes: vec![0; fixed_bytes],
            fixed_bytes,
        }
    }

    /// A copy of a fixed part, and no tail yet.
    pub(crate) fn with_fixed(fixed: &[u8]) -> Self {
        Self {
            bytes: fixed.to_vec(),
            fixed_bytes: fixed.len(),
        }
    }

    /// The record.
    pub fn as_ref(&self) -> RecordRef<'_> {
        let (fixed, tail) = self.bytes.split_at(self.fixed_bytes);
        RecordRef { fixed, tail }
    }

    /// Both parts as they stand outside memory.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Makes this a copy of another, and keeps its memory.
    pub(super) fn reset_to(&mut self, other: &Self) {
        self.bytes.clone_from(&other.bytes);
        self.fixed_bytes = other.fixed_bytes;
    }

    /// The fixed part, to write.
    pub(super) fn fixed_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.fixed_bytes]
    }

    /// Writes a value of variable length into the slot at `offset`, which is zeroed, and where it
    /// is long behind the tail. Such values have to come in the order of their fields.
    pub(super) fn put(&mut self, offset: usize, content: &[u8]) -> Result<(), ValueFault> {
        let tail_bytes = self.bytes.len() - self.fixed_bytes;
        if tail_bytes + slot::tail_bytes(content.len()) > TAIL_BYTES_MAX {
            return Err(ValueFault::TailTooLong {
                length: content.len(),
                length_max: TAIL_BYTES_MAX,
            });
        }
        let slot = slot::encode(content, tail_bytes);
        self.fixed_mut()[offset..offset + slot.len()].copy_from_slice(&slot);
        slot::append(content, &mut self.bytes);
        Ok(())
    }
}
