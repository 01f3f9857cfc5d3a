//! A field's bytes as the key of an index.

/// The bytes of one field. Two keys of one index are equal where their values are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FieldKey {
    /// Up to sixteen bytes, as a number: those of unsigned fields are in the order of their values.
    Short([u64; 2]),
    /// More than that.
    Long(Box<[u8]>),
}

impl FieldKey {
    pub(super) fn new(bytes: &[u8]) -> Self {
        if bytes.len() > 16 {
            return Self::Long(bytes.into());
        }
        let mut padded = [0; 16];
        padded[..bytes.len()].copy_from_slice(bytes);
        let number = u128::from_le_bytes(padded);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the two halves of the number"
        )]
        let halves = [(number >> 64) as u64, number as u64];
        Self::Short(halves)
    }
}
