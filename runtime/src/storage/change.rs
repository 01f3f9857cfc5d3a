//! What a transaction did to a table, so that it can be checked, logged and applied again.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::schema::{FieldMask, RecordId};

/// One change of one record. The new bytes are in the staged tree; the offset follows from the
/// fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record is new.
    Create {
        /// Its id.
        id: RecordId,
    },
    /// Some of its fields were written.
    Update {
        /// Its id.
        id: RecordId,
        /// The fields that were written.
        fields: FieldMask,
    },
    /// It was deleted.
    Delete {
        /// Its id.
        id: RecordId,
    },
}

impl Change {
    /// The record's id.
    pub fn id(&self) -> RecordId {
        match *self {
            Self::Create { id } | Self::Update { id, .. } | Self::Delete { id } => id,
        }
    }
}

/// The changes of one transaction to one table, each record at most once.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeList {
    changes: SmallVec<[Change; 1]>,
    /// Where each record stands, once there are so many that a search would be slow.
    #[expect(
        clippy::box_collection,
        reason = "few lists have one, and every commit moves its list"
    )]
    places: Option<Box<HashMap<RecordId, usize, foldhash::fast::RandomState>>>,
}

/// Up to this many changes are searched one by one.
const SEARCH_MAX: usize = 16;

impl ChangeList {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[Change] {
        &self.changes
    }

    /// Adds a change, joined with what the list has for the same record.
    pub(crate) fn add(&mut self, change: Change) {
        let Some(place) = self.place(change.id()) else {
            let place = self.changes.len();
            match &mut self.places {
                Some(places) => {
                    places.insert(change.id(), place);
                }
                None if place >= SEARCH_MAX => {
                    let known = self.changes.iter().chain([&change]).enumerate();
                    let places = known.map(|(place, change)| (change.id(), place));
                    self.places = Some(Box::new(places.collect()));
                }
                None => {}
            }
            self.changes.push(change);
            return;
        };
        let known = &mut self.changes[place];
        *known = match (*known, change) {
            (Change::Create { id }, Change::Update { .. }) => Change::Create { id },
            (Change::Update { id, fields }, Change::Update { fields: more, .. }) => {
                Change::Update {
                    id,
                    fields: fields.union(more),
                }
            }
            (_, change) => change,
        };
    }

    /// Whether it has a change of this record.
    pub(crate) fn contains(&self, id: RecordId) -> bool {
        self.place(id).is_some()
    }

    fn place(&self, id: RecordId) -> Option<usize> {
        match &self.places {
            None => self.changes.iter().rposition(|change| change.id() == id),
            Some(places) => places.get(&id).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_record_are_joined_however_many_there_are() {
        let mut list = ChangeList::default();
        let id = |number| RecordId::new(number).unwrap();
        for number in 1..=100 {
            list.add(Change::Create { id: id(number) });
        }
        list.add(Change::Update {
            id: id(7),
            fields: FieldMask::ALL,
        });
        list.add(Change::Delete { id: id(90) });
        assert_eq!(list.as_slice().iter().count(), 100);
        assert!(
            list.as_slice()
                .iter()
                .any(|change| *change == Change::Create { id: id(7) })
        );
        assert!(
            list.as_slice()
                .iter()
                .any(|change| *change == Change::Delete { id: id(90) })
        );
    }
}
