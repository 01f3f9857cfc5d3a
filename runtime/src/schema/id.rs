//! Record ids, plain and typed, and table ids.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    num::NonZeroU64,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of a record in its table: in sequence from 1, never given out twice.
pub type RecordId = NonZeroU64;

/// The number of a table in its database, never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// The id of a record of table `T`.
///
/// It is as large as a `u64`, and so is `Option<Id<T>>`, in which 0 stands for none.
#[repr(transparent)]
pub struct Id<T> {
    number: RecordId,
    table: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The typed form of a record id.
    pub const fn new(number: RecordId) -> Self {
        Self {
            number,
            table: PhantomData,
        }
    }

    /// The id with this number; none where it is 0.
    pub const fn from_u64(number: u64) -> Option<Self> {
        match RecordId::new(number) {
            Some(number) => Some(Self::new(number)),
            None => None,
        }
    }

    /// The plain record id.
    pub const fn record_id(self) -> RecordId {
        self.number
    }

    /// The number, from 1.
    pub const fn get(self) -> u64 {
        self.number.get()
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.number)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number, f)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.number.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RecordId::deserialize(deserializer).map(Self::new)
    }
}
