//! Indexes of a table: unique fields, and how often each record of another table is referred to.
//!
//! They are persistent maps that share structure between versions, so an index belongs to the
//! same snapshot as the records.

mod key;

use std::borrow::Cow;

use imbl::OrdMap;
use key::FieldKey;

use crate::schema::{RecordId, RecordRef, TableRelations, TableSchema, Variable};

/// The indexes of one table at one version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indexes {
    unique: Vec<UniqueIndex>,
    references: Vec<ReferenceIndex>,
}

/// Where a field stands in a record.
#[derive(Clone, Copy, Debug)]
struct FieldPlace {
    index: usize,
    offset: usize,
    size: usize,
    variable: Option<Variable>,
}

impl FieldPlace {
    fn of(schema: &TableSchema, index: usize) -> Self {
        let field = &schema.layout.fields()[index];
        Self {
            index,
            offset: field.offset,
            size: field.layout.size,
            variable: field.layout.variable(),
        }
    }

    /// Its place in the fixed part of a record.
    fn bytes(self, fixed: &[u8]) -> &[u8] {
        &fixed[self.offset..self.offset + self.size]
    }

    /// What makes equal values equal: see [`Field::key_bytes`](crate::Field::key_bytes).
    fn key_bytes(self, record: RecordRef<'_>) -> Cow<'_, [u8]> {
        let place = self.bytes(record.fixed);
        match self.variable {
            None => Cow::Borrowed(place),
            Some(variable) => variable.key(variable.content(place, record.tail)),
        }
    }

    fn key(self, bytes: &[u8]) -> FieldKey {
        match self.variable {
            None => FieldKey::fixed(bytes),
            Some(_) => FieldKey::variable(bytes),
        }
    }
}

#[derive(Clone, Debug)]
struct UniqueIndex {
    field: FieldPlace,
    ids: OrdMap<FieldKey, RecordId>,
}

/// How many records hold each id in one field.
#[derive(Clone, Debug)]
struct ReferenceIndex {
    field: FieldPlace,
    counts: OrdMap<u64, u64>,
}

/// Two records with one value in a unique field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DuplicateKey {
    /// The field's place.
    pub(crate) field: usize,
    /// The record that has the value.
    pub(crate) existing: RecordId,
    /// The record that was to have it too.
    pub(crate) id: RecordId,
}

/// Keys to take out of a unique index, and keys to put in.
type KeyChanges = (Vec<FieldKey>, Vec<(FieldKey, RecordId)>);

/// What a change does to the indexes of a table.
#[derive(Debug, Default)]
pub(crate) struct IndexUpdate {
    /// By unique index.
    unique: Vec<KeyChanges>,
    /// By reference index: the ids no longer held, and the ids held anew.
    references: Vec<(Vec<u64>, Vec<u64>)>,
}

impl Indexes {
    /// Empty indexes for the unique fields and the relations of a table.
    pub(crate) fn of(schema: &TableSchema, relations: &TableRelations) -> Self {
        let fields = schema.layout.fields().iter().enumerate();
        let unique = fields
            .filter(|(_, field)| field.unique)
            .map(|(index, _)| UniqueIndex {
                field: FieldPlace::of(schema, index),
                ids: OrdMap::new(),
            });
        let references = relations.from.iter().map(|relation| ReferenceIndex {
            field: FieldPlace::of(schema, relation.from_index),
            counts: OrdMap::new(),
        });
        Self {
            unique: unique.collect(),
            references: references.collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unique.is_empty() && self.references.is_empty()
    }

    /// Whether two states of a record differ in a field that is indexed, by their fixed parts: a
    /// pass, which asks this, writes no tails.
    #[inline]
    pub(crate) fn differ(&self, before: &[u8], after: &[u8]) -> bool {
        let differs = |field: FieldPlace| field.bytes(before) != field.bytes(after);
        self.unique.iter().any(|index| differs(index.field))
            || self.references.iter().any(|index| differs(index.field))
    }

    /// An update that changes nothing yet.
    pub(crate) fn update(&self) -> IndexUpdate {
        IndexUpdate {
            unique: self.unique.iter().map(|_| Default::default()).collect(),
            references: self.references.iter().map(|_| Default::default()).collect(),
        }
    }

    /// Notes the change of one record, none before where it is new, none after where it is gone.
    pub(crate) fn note(
        &self,
        update: &mut IndexUpdate,
        id: RecordId,
        before: Option<RecordRef<'_>>,
        after: Option<RecordRef<'_>>,
    ) {
        let changed = |field: FieldPlace| {
            let key = |record| field.key_bytes(record);
            let (before, after) = (before.map(key), after.map(key));
            (before != after).then_some((before, after))
        };
        for (index, (removed, added)) in self.unique.iter().zip(&mut update.unique) {
            if let Some((before, after)) = changed(index.field) {
                removed.extend(before.map(|bytes| index.field.key(&bytes)));
                added.extend(after.map(|bytes| (index.field.key(&bytes), id)));
            }
        }
        for (index, (released, held)) in self.references.iter().zip(&mut update.references) {
            if let Some((before, after)) = changed(index.field) {
                released.extend(before.and_then(|bytes| referred(&bytes)));
                held.extend(after.and_then(|bytes| referred(&bytes)));
            }
        }
    }

    /// The indexes after the update, or the first key that two records would share.
    pub(crate) fn apply(&self, update: IndexUpdate) -> Result<Self, DuplicateKey> {
        let mut next = self.clone();
        for (index, (removed, added)) in next.unique.iter_mut().zip(update.unique) {
            for key in removed {
                index.ids.remove(&key);
            }
            for (key, id) in added {
                if let Some(existing) = index.ids.insert(key, id) {
                    return Err(DuplicateKey {
                        field: index.field.index,
                        existing,
                        id,
                    });
                }
            }
        }
        for (index, (released, held)) in next.references.iter_mut().zip(update.references) {
            let released = released.into_iter().map(|id| (id, false));
            let mut counted: Vec<_> = released
                .chain(held.into_iter().map(|id| (id, true)))
                .collect();
            counted.sort_unstable();
            for same in counted.chunk_by(|left, right| left.0 == right.0) {
                let more = same.iter().filter(|(_, held)| *held).count() as u64;
                let fewer = same.len() as u64 - more;
                let count = index.counts.get(&same[0].0).copied().unwrap_or(0) + more;
                match count.saturating_sub(fewer) {
                    0 => index.counts.remove(&same[0].0),
                    count => index.counts.insert(same[0].0, count),
                };
            }
        }
        Ok(next)
    }

    /// The record whose value in the unique field of this place has these key bytes.
    pub(crate) fn find(&self, field: usize, bytes: &[u8]) -> Option<RecordId> {
        let index = self
            .unique
            .iter()
            .find(|index| index.field.index == field)?;
        index.ids.get(&index.field.key(bytes)).copied()
    }

    /// Whether the field of this place has a unique index.
    pub(crate) fn has_unique(&self, field: usize) -> bool {
        self.unique.iter().any(|index| index.field.index == field)
    }

    /// How many records hold `id` in the field of this place.
    pub(crate) fn references_to(&self, field: usize, id: RecordId) -> u64 {
        let index = self
            .references
            .iter()
            .find(|index| index.field.index == field);
        index
            .and_then(|index| index.counts.get(&id.get()).copied())
            .unwrap_or(0)
    }

    /// The ids that the field of this place holds.
    pub(crate) fn referred_by(&self, field: usize) -> impl Iterator<Item = RecordId> {
        let indexes = self
            .references
            .iter()
            .filter(move |index| index.field.index == field);
        indexes
            .flat_map(|index| index.counts.keys())
            .filter_map(|id| RecordId::new(*id))
    }
}

/// The id in a field that refers to another table; none where it is 0.
fn referred(bytes: &[u8]) -> Option<u64> {
    let id = u64::from_le_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(id)
}
