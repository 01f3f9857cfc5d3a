//! Where in a program's source something was declared.

use std::fmt;

/// A place in the source, for messages that name what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The module's path, crate first.
    pub module: &'static str,
    /// The file, as the compiler was told of it.
    pub file: &'static str,
    /// The line, from 1; 0 where nothing is known.
    pub line: u32,
}

impl Place {
    /// The place of what no macro has made.
    pub const UNKNOWN: Self = Self {
        module: "",
        file: "",
        line: 0,
    };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("that was added by hand"),
            line => write!(f, "at {}:{line}", self.file),
        }
    }
}
