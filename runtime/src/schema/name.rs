//! The name of a table, field, type, relation or procedure.

use std::{borrow::Borrow, fmt, sync::Arc};

use super::SchemaError;

/// A checked name: a lower-case letter, then up to 62 lower-case letters, digits and underscores.
///
/// Names become parts of URLs and of file names, so this constructor is the only way to one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The most bytes in a name.
    pub const LENGTH_MAX: usize = 63;

    /// Checks `name` against the rule above.
    pub fn new(name: &str) -> Result<Self, SchemaError> {
        let refuse = |reason: &str| {
            Err(SchemaError::InvalidName {
                name: name.chars().take(80).collect(),
                reason: reason.to_owned(),
            })
        };
        if name.is_empty() {
            return refuse("it is empty");
        }
        if name.len() > Self::LENGTH_MAX {
            return refuse("it has more than 63 bytes");
        }
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return refuse("it must start with a lower-case letter, a to z");
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(allowed) {
            return refuse("only a to z, 0 to 9 and _ may stand in it");
        }
        Ok(Self(Arc::from(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_a_url_are_refused() {
        let long = "a".repeat(64);
        for bad in [
            "",
            "../x",
            "a/b",
            "A",
            "_a",
            "1a",
            "a b",
            "a\0",
            "é",
            "a.b",
            long.as_str(),
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["a", "flight", "a_1", &"a".repeat(63)] {
            assert_eq!(Name::new(good).unwrap(), *good);
        }
    }
}
