//! The model of a dynamic table: its fields, and an ordered map of its records.

use std::collections::{BTreeMap, BTreeSet};

use harness::Random;
use tickbase::{FieldDefinition, Name, Value};

use super::kinds::{KINDS, Kind};

/// A field, as the model has it.
#[derive(Clone, Debug)]
pub(super) struct FieldModel {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) unique: bool,
    pub(super) default: Option<Value>,
}

impl FieldModel {
    pub(super) fn random(name: String, random: &mut Random) -> Self {
        let kind = random.pick(&KINDS);
        Self {
            name,
            kind,
            // Whether two records without a value are two with one value, indexes may decide.
            unique: !kind.fills_itself() && random.one_in(6),
            default: (!random.one_in(3)).then(|| kind.random(random)),
        }
    }

    pub(super) fn definition(&self) -> FieldDefinition {
        FieldDefinition {
            unique: self.unique,
            default: self.default.clone(),
            ..FieldDefinition::new(Name::new(&self.name).unwrap(), self.kind.type_id())
        }
    }

    /// What a record that does not say takes.
    pub(super) fn filled(&self) -> Option<Value> {
        let none = self.kind.fills_itself().then_some(Value::Null);
        self.default.clone().or(none)
    }

    fn bytes(&self, value: &Value) -> Vec<u8> {
        let mut bytes = vec![0; self.kind.size_and_align().0];
        self.kind.write(value, &mut bytes);
        bytes
    }
}

/// The values of a record, in the order of the fields.
pub(super) type RecordModel = Vec<Value>;

/// The database, as the model has it: a table `item` of any fields, and a table `target`.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) fields: Vec<FieldModel>,
    pub(super) records: BTreeMap<u64, RecordModel>,
    pub(super) targets: BTreeSet<u64>,
    /// The field that has a relation to `target`.
    pub(super) relation: Option<String>,
    /// The highest id that was given out for certain.
    pub(super) last_id: u64,
    /// Changes with every change of the fields; views of one number have one schema.
    pub(super) schema: u64,
}

/// Which rules of the whole a state may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Unique,
    Relation,
}

impl Model {
    /// Offsets as `repr(C)` has them, and the size of a record.
    pub(super) fn layout(&self) -> (Vec<usize>, usize) {
        let (mut offsets, mut end, mut widest) = (Vec::new(), 0_usize, 1);
        for field in &self.fields {
            let (size, align) = field.kind.size_and_align();
            end = end.next_multiple_of(align);
            offsets.push(end);
            end += size;
            widest = widest.max(align);
        }
        (offsets, end.next_multiple_of(widest))
    }

    pub(super) fn bytes(&self, record: &[Value]) -> Vec<u8> {
        let (offsets, size) = self.layout();
        let mut bytes = vec![0; size];
        for ((field, value), offset) in self.fields.iter().zip(record).zip(offsets) {
            let end = offset + field.kind.size_and_align().0;
            field.kind.write(value, &mut bytes[offset..end]);
        }
        bytes
    }

    /// As an object of all fields.
    pub(super) fn value(&self, record: &[Value]) -> Value {
        let names = self.fields.iter().map(|field| field.name.as_str());
        Value::object(names.zip(record.iter().cloned()))
    }

    pub(super) fn random_record(&self, random: &mut Random) -> RecordModel {
        let kinds = self.fields.iter().map(|field| field.kind);
        kinds.map(|kind| kind.random(random)).collect()
    }

    /// Mostly an id that is there.
    pub(super) fn id(&self, random: &mut Random) -> u64 {
        let place = random.place(self.records.len().max(1));
        match self.records.keys().nth(place) {
            Some(id) if !random.one_in(8) => *id,
            _ => 1 + random.below(self.last_id + 3),
        }
    }

    pub(super) fn field_place(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The rules that it breaks: two records with one value in a unique field, an id that leads
    /// nowhere.
    pub(super) fn broken(&self) -> Vec<Broken> {
        let mut broken = Vec::new();
        let twice = |(place, field): (usize, &FieldModel)| {
            let values = self
                .records
                .values()
                .map(|record| field.bytes(&record[place]));
            let distinct: BTreeSet<Vec<u8>> = values.collect();
            field.unique && distinct.len() < self.records.len()
        };
        if self.fields.iter().enumerate().any(twice) {
            broken.push(Broken::Unique);
        }
        let relation = self.relation.as_deref();
        if let Some(place) = relation.and_then(|name| self.field_place(name)) {
            let leads_nowhere = |record: &RecordModel| match record[place] {
                Value::Integer(id) => !self.targets.contains(&u64::try_from(id).unwrap()),
                _ => false,
            };
            if self.records.values().any(leads_nowhere) {
                broken.push(Broken::Relation);
            }
        }
        broken
    }
}
