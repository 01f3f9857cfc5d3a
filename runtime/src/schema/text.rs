//! Text of bounded length that stands in the record itself.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ValueFault;

/// Text of at most `N` bytes of UTF-8, as plain data.
///
/// In memory it is a `u16` with the length in bytes, then `N` bytes of which those behind the
/// text are 0. It compares, hashes and prints as the text.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Text<const N: usize> {
    length: u16,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Self = {
        assert!(N <= u16::MAX as usize, "a Text holds at most 65,535 bytes");
        Self {
            length: 0,
            bytes: [0; N],
        }
    };

    /// The text, where it fits.
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        if text.len() > N {
            return Err(ValueFault::TooLong {
                length: text.len(),
                length_max: N,
            });
        }
        let mut new = Self::EMPTY;
        new.bytes[..text.len()].copy_from_slice(text.as_bytes());
        new.length = u16::try_from(text.len()).expect("N fits in u16");
        Ok(new)
    }

    /// The text, for constants: `const CODE: Text<4> = Text::literal("ATL");`.
    ///
    /// # Panics
    /// Where the text has more than `N` bytes; in a constant, this is an error of the compiler.
    pub const fn literal(text: &str) -> Self {
        let (from, mut new) = (text.as_bytes(), Self::EMPTY);
        assert!(
            from.len() <= N,
            "the text has more bytes than its `Text<N>` holds"
        );
        let (start, _) = new.bytes.split_at_mut(from.len());
        start.copy_from_slice(from);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "N fits in u16, as `EMPTY` asserts"
        )]
        {
            new.length = from.len() as u16;
        }
        new
    }

    /// As many characters of the text as fit.
    pub fn truncated(text: &str) -> Self {
        let end = text.floor_char_boundary(N);
        Self::new(&text[..end]).expect("it was cut to fit")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        // Every way into a Text checks its UTF-8, so nothing is ever lost here.
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> AsRef<str> for Text<N> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> FromStr for Text<N> {
    type Err = ValueFault;

    fn from_str(text: &str) -> Result<Self, ValueFault> {
        Self::new(text)
    }
}

impl<const N: usize> TryFrom<&str> for Text<N> {
    type Error = ValueFault;

    fn try_from(text: &str) -> Result<Self, ValueFault> {
        Self::new(text)
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<const N: usize> PartialOrd for Text<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Text<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<const N: usize> Hash for Text<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fills_its_room_is_kept_whole_and_a_longer_one_is_refused() {
        assert_eq!(Text::<4>::new("KATL").unwrap(), "KATL");
        assert_eq!(Text::<4>::new("").unwrap(), "");
        assert!(matches!(
            Text::<4>::new("KATLx"),
            Err(ValueFault::TooLong {
                length: 5,
                length_max: 4
            })
        ));
        assert_eq!(Text::<4>::truncated("aaaé"), "aaa");
    }

    #[test]
    fn texts_compare_as_texts_and_not_as_their_length() {
        assert!(Text::<4>::new("b").unwrap() > Text::<4>::new("aaaa").unwrap());
    }
}
