//! The value of a field as the key of an index.

use std::cmp::Ordering;

/// The bytes of one field. Two keys of one index are equal where their values are.
#[derive(Clone, Debug)]
pub(super) enum FieldKey {
    /// Up to sixteen bytes of a field of fixed size, as a number: those of unsigned fields are in
    /// the order of their values.
    Number([u64; 2]),
    /// Other bytes, as many as fit without making keys larger.
    Short {
        length: u8,
        bytes: [u8; SHORT_BYTES_MAX],
    },
    /// More than that.
    Long(Box<[u8]>),
}

/// As many as leave a key its size.
const SHORT_BYTES_MAX: usize = 22;

const _: () = assert!(size_of::<FieldKey>() == 24);

impl FieldKey {
    /// The key of a field of fixed size.
    pub(super) fn fixed(bytes: &[u8]) -> Self {
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
        Self::Number(halves)
    }

    /// The key of a field of variable length: in the order of the bytes.
    pub(super) fn variable(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT_BYTES_MAX];
        match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(bytes);
                Self::Short {
                    length,
                    bytes: short,
                }
            }
            _ => Self::Long(bytes.into()),
        }
    }

    /// The bytes, where they are not a number.
    fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Number(_) => None,
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)),
            Self::Long(bytes) => Some(bytes),
        }
    }
}

impl Ord for FieldKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.cmp(right),
            // All keys of one index are numbers, or none is.
            _ => self.as_bytes().cmp(&other.as_bytes()),
        }
    }
}

impl PartialOrd for FieldKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FieldKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FieldKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_texts_are_in_the_order_of_the_texts_whether_they_are_short_or_long() {
        let texts = ["", "\0", "a", "a\0", "aa", "ab", "b"];
        let longer = [21, 22, 23, 24].map(|length| "b".repeat(length));
        let ordered: Vec<&str> = texts
            .into_iter()
            .chain(longer.iter().map(|t| &**t))
            .collect();
        for (place, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                let [left, right] = [left, right].map(|text| FieldKey::variable(text.as_bytes()));
                assert_eq!(left.cmp(&right), place.cmp(&other), "{left:?} {right:?}");
                assert_eq!(left == right, place == other);
            }
        }
    }

    #[test]
    fn keys_of_unsigned_numbers_are_in_the_order_of_the_numbers() {
        let key = |number: u32| FieldKey::fixed(&number.to_le_bytes());
        assert!(key(255) < key(256) && key(u32::MAX) > key(1) && key(7) == key(7));
    }
}
