//! The steps of a history: what is done to the database and to the model.

use tickbase::{
    Error, Isolation, OnDelete, RelationDefinition, SchemaError, TransactionHandle, Value,
};

use super::{
    check::{check, check_records},
    history::{
        Ended, History, create_items, is_conflict, is_invalid, is_missing, is_schema, record_id,
    },
    kinds::TARGETS,
    model::{FieldModel, Model, RecordModel},
};

/// Views that a history holds at most.
const HELD_MAX: usize = 8;

impl History {
    pub(super) fn step(&mut self) {
        match self.random.below(100) {
            0..=19 => self.create(),
            20..=25 => self.create_wrong(),
            26..=33 => self.read(),
            34..=41 => self.replace(),
            42..=49 => self.patch(),
            50..=56 => self.delete(),
            57..=61 => self.change_target(),
            62..=71 => self.transaction(),
            72..=77 => self.add_fields(),
            78..=81 => self.remove_field(),
            82..=85 => self.compact_or_grow(),
            86..=87 => self.burn_ids(),
            88..=91 => self.hold(),
            92..=94 => self.store(),
            95..=98 => self.change_relation(),
            _ => self.make_anew(),
        }
    }

    fn inserted(&self, id: u64, record: RecordModel) -> Model {
        let mut next = self.model.clone();
        assert!(id > next.last_id, "ids only go up");
        next.last_id = id;
        assert!(next.records.insert(id, record).is_none());
        next
    }

    /// A record of which some fields are left to their defaults, and its object.
    fn record_with_gaps(&mut self) -> (RecordModel, Value) {
        let mut record = self.model.random_record(&mut self.random);
        let mut said = Vec::new();
        for (field, value) in self.model.fields.iter().zip(&mut record) {
            match field.filled() {
                Some(filled) if self.random.one_in(4) => *value = filled,
                _ => said.push((field.name.clone(), value.clone())),
            }
        }
        (record, Value::Object(said))
    }

    fn create(&mut self) {
        let (record, object) = self.record_with_gaps();
        let result = self.items.create_record(&object);
        // Where it is refused, any new id would break the same rule.
        let id = result
            .as_ref()
            .map_or(self.model.last_id + 1, |id| id.get());
        let next = self.inserted(id, record);
        self.settle("create", result, next);
    }

    fn create_wrong(&mut self) {
        let record = self.model.random_record(&mut self.random);
        let Value::Object(mut parts) = self.model.value(&record) else {
            unreachable!("a record is an object")
        };
        let place = self.random.place(parts.len());
        let field = &self.model.fields[place];
        match self.random.below(3) {
            0 => parts[place].1 = field.kind.wrong(),
            1 => parts.push(("nowhere".to_owned(), Value::Null)),
            _ if field.filled().is_none() => drop(parts.remove(place)),
            _ => parts[place].1 = field.kind.wrong(),
        }
        let result = self.items.create_record(&Value::Object(parts));
        self.refused("create of what is no record", result, is_invalid);
    }

    fn read(&mut self) {
        let id = self.model.id(&mut self.random);
        let (bytes, value) = (
            self.items.read_record(record_id(id)),
            self.items.read_value(record_id(id)),
        );
        let Some(record) = self.model.records.get(&id) else {
            self.refused("read", bytes, is_missing);
            return self.refused("read of a value", value, is_missing);
        };
        assert_eq!(bytes.unwrap(), self.model.bytes(record));
        assert_eq!(value.unwrap(), self.model.value(record));
        self.count("read", Ended::Done);
        self.count("read of a value", Ended::Done);
    }

    fn replace(&mut self) {
        let id = self.model.id(&mut self.random);
        let record = self.model.random_record(&mut self.random);
        let mut bytes = self.model.bytes(&record);
        let place = self.random.place(self.model.fields.len());
        let (offsets, _) = self.model.layout();
        let (kind, offset) = (self.model.fields[place].kind, offsets[place]);
        if self.random.one_in(5) {
            let end = offset + kind.size_and_align().0;
            if kind.spoil(&mut bytes[offset..end]) {
                let result = self.items.update_record(record_id(id), &bytes);
                return self.refused("replace by what is no record", result, is_invalid);
            }
            let result = self.items.update_record(record_id(id), &bytes[1..]);
            return self.refused("replace by too few bytes", result, is_invalid);
        }
        // Bytes that carry no value may hold anything, and are stored as 0.
        for byte in kind.padding() {
            bytes[offset + byte] = 0xAA;
        }
        let result = self.items.update_record(record_id(id), &bytes);
        if !self.model.records.contains_key(&id) {
            return self.refused("replace of what is not there", result, is_missing);
        }
        let mut next = self.model.clone();
        next.records.insert(id, record);
        self.settle("replace", result, next);
    }

    /// Some fields of a record, new, and the object of these alone.
    fn patched(&mut self, record: &RecordModel) -> (RecordModel, Value) {
        let mut record = record.clone();
        let mut parts = Vec::new();
        for (field, value) in self.model.fields.iter().zip(&mut record) {
            if self.random.one_in(2) {
                *value = field.kind.random(&mut self.random);
                parts.push((field.name.clone(), value.clone()));
            }
        }
        (record, Value::Object(parts))
    }

    fn patch(&mut self) {
        let id = self.model.id(&mut self.random);
        let known = self.model.records.get(&id).cloned();
        let record = known
            .clone()
            .unwrap_or_else(|| self.model.random_record(&mut self.random));
        let (record, mut object) = self.patched(&record);
        let wrong = self.random.one_in(6);
        if let (true, Value::Object(parts)) = (wrong, &mut object) {
            let field = &self.model.fields[0];
            parts.retain(|(name, _)| *name != field.name);
            parts.push((field.name.clone(), field.kind.wrong()));
        }
        let result = self.items.partial_update(record_id(id), &object);
        if known.is_none() {
            self.refused("patch of what is not there", result, is_missing);
        } else if wrong {
            self.refused("patch with what does not fit", result, is_invalid);
        } else {
            let mut next = self.model.clone();
            next.records.insert(id, record);
            self.settle("patch", result, next);
        }
    }

    fn delete(&mut self) {
        let id = self.model.id(&mut self.random);
        let result = self.items.delete_record(record_id(id));
        let mut next = self.model.clone();
        if next.records.remove(&id).is_none() {
            return self.refused("delete", result, is_missing);
        }
        self.settle("delete", result, next);
    }

    fn change_target(&mut self) {
        let mut next = self.model.clone();
        if self.random.one_in(2) && next.targets.len() < 10 {
            let target = self.targets.create_record(&Value::object([("number", 1)]));
            next.targets.insert(target.as_ref().unwrap().get());
            self.settle("create a target", target, next);
            return;
        }
        // Without a relation those that are referred to mostly stay, so that there can be one.
        let all = self
            .random
            .one_in(if next.relation.is_some() { 1 } else { 30 });
        let id = match all {
            true => 1 + self.random.below(12),
            false => TARGETS + 1 + self.random.below(8),
        };
        let result = self.targets.delete_record(record_id(id));
        if !next.targets.remove(&id) {
            return self.refused("delete what is no target", result, is_missing);
        }
        self.settle("delete a target", result, next);
    }

    /// Several changes that become visible at once, or never; in between, another change.
    fn transaction(&mut self) {
        let isolation = self
            .random
            .pick(&[Isolation::Serializable, Isolation::ReadCommitted]);
        let mut tx = self.db.begin_with(isolation);
        let mut next = self.model.clone();
        for _ in 0..1 + self.random.below(6) {
            self.change_in(&mut tx, &mut next);
        }
        check_records(tx.table_by_name("item").unwrap(), &next);
        match self.random.below(8) {
            0 => {
                tx.abort();
                self.count("abort", Ended::Done);
            }
            1 => {
                self.add_fields();
                let staging = tx.transaction().staging("item");
                let changed = staging.is_some_and(|staging| !staging.changes().is_empty());
                let moved = self.model.schema != next.schema;
                let result = tx.commit().map_err(Error::from);
                if moved && changed {
                    self.refused("commit after a change of the fields", result, is_conflict);
                } else if moved {
                    let targets = next.targets;
                    let next = Model {
                        targets,
                        ..self.model.clone()
                    };
                    self.settle_or_conflict("commit", result, next);
                } else {
                    self.settle("commit", result, next);
                }
            }
            2 => {
                self.db.compact_table("item").unwrap();
                let result = tx.commit().map_err(Error::from);
                // A table that is built anew may refuse what is older.
                self.settle_or_conflict("commit", result, next);
            }
            _ => {
                let result = tx.commit().map_err(Error::from);
                self.settle("commit", result, next);
            }
        }
    }

    fn change_in(&mut self, tx: &mut TransactionHandle, next: &mut Model) {
        let id = next.id(&mut self.random);
        let key = record_id(id);
        let known = next.records.get(&id).cloned();
        let record = next.random_record(&mut self.random);
        let missing = |result: Result<(), tickbase::TransactionError>| {
            assert!(is_missing(&result.unwrap_err().into()), "it is not there");
        };
        match (self.random.below(6), known) {
            (0..=1, _) => {
                let id = match self.random.one_in(2) {
                    true => tx.create_record("item", &next.value(&record)),
                    false => tx.create_record_bytes("item", &next.bytes(&record)),
                };
                next.last_id = id.unwrap().get();
                next.records.insert(next.last_id, record);
            }
            (2, Some(_)) => {
                match self.random.one_in(2) {
                    true => tx.update_record("item", key, &next.value(&record)),
                    false => tx.update_record_bytes("item", key, &next.bytes(&record)),
                }
                .unwrap();
                next.records.insert(id, record);
            }
            (3, Some(old)) => {
                let (record, object) = self.patched(&old);
                tx.partial_update("item", key, &object).unwrap();
                next.records.insert(id, record);
            }
            (4, Some(_)) => {
                tx.delete_record("item", key).unwrap();
                next.records.remove(&id);
            }
            (5, _) => {
                let target = tx.create_record("target", &Value::object([("number", 2)]));
                next.targets.insert(target.unwrap().get());
            }
            (2, None) => missing(tx.update_record("item", key, &next.value(&record))),
            (3, None) => missing(tx.partial_update("item", key, &next.value(&record))),
            _ => missing(tx.delete_record("item", key)),
        }
    }

    fn add_fields(&mut self) {
        let count = 1 + self.random.below(2);
        let mut fields = Vec::new();
        for _ in 0..count {
            let name = self.random.pick(&["a", "b", "c", "d", "e", "f", "g", "h"]);
            fields.push(FieldModel::random(name.to_owned(), &mut self.random));
        }
        let spoiled = self.random.one_in(10);
        if spoiled {
            fields[0].default = Some(fields[0].kind.wrong());
        }
        let definitions: Vec<_> = fields.iter().map(FieldModel::definition).collect();
        let result = self.db.add_fields("item", &definitions);
        let mut next = self.model.clone();
        let mut taken = false;
        let mut bare = false;
        for field in &fields {
            taken |= next.field_place(&field.name).is_some();
            bare |= field.filled().is_none() && !next.records.is_empty();
            next.fields.push(field.clone());
        }
        if taken || spoiled || bare {
            return self.refused("add fields that make no table", result, |error| {
                is_schema(error, |error| match error {
                    SchemaError::FieldExists { .. } => taken,
                    SchemaError::InvalidField { .. } => spoiled,
                    SchemaError::DefaultRequired { .. } => bare,
                    _ => false,
                })
            });
        }
        next.schema += 1;
        for record in next.records.values_mut() {
            record.extend(fields.iter().filter_map(FieldModel::filled));
        }
        self.settle("add fields", result, next);
    }

    fn remove_field(&mut self) {
        let name = self.random.pick(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        let result = self.db.remove_field("item", name);
        let mut next = self.model.clone();
        let Some(place) = next.field_place(name) else {
            return self.refused("remove what is no field", result, |error| {
                is_schema(error, |e| matches!(e, SchemaError::FieldNotFound { .. }))
            });
        };
        if next.relation.as_deref() == Some(name) {
            return self.refused("remove the field of a relation", result, |error| {
                is_schema(error, |e| matches!(e, SchemaError::Referenced { .. }))
            });
        }
        next.fields.remove(place);
        if next.fields.is_empty() {
            return self.refused("remove the last field", result, |error| {
                is_schema(error, |e| matches!(e, SchemaError::InvalidTable { .. }))
            });
        }
        next.schema += 1;
        for record in next.records.values_mut() {
            record.remove(place);
        }
        self.settle("remove a field", result, next);
    }

    fn compact_or_grow(&mut self) {
        let next = self.model.clone();
        if self.random.one_in(2) {
            let result = self.items.compact_table();
            self.settle("compact", result, next);
            return;
        }
        let before = self.buffer().capacity().unwrap();
        let result = self.buffer().grow();
        assert!(self.buffer().capacity().unwrap() >= 2 * before);
        self.settle("grow", result, next);
    }

    /// Ids that somebody takes for himself are not given to records. Many of them leave pages, and
    /// whole parts of the tree, without a record.
    fn burn_ids(&mut self) {
        for _ in 0..self.random.pick(&[1, 1, 70, 3_000]) {
            let id = self.items.next_id().unwrap().get();
            assert!(id > self.model.last_id, "ids only go up");
            self.model.last_id = id;
        }
        self.count("take ids", Ended::Done);
    }

    /// Holds a view, or reads one again that was held, and drops it.
    fn hold(&mut self) {
        if self.held.len() < HELD_MAX && !self.random.one_in(3) {
            let view = self.buffer().load().unwrap();
            self.held.push((view, self.model.clone()));
        } else if !self.held.is_empty() {
            let place = self.random.place(self.held.len());
            let (view, model) = self.held.swap_remove(place);
            check(view.view(), &model);
        }
    }

    /// Puts the records of an older view in the place of those that are there.
    fn store(&mut self) {
        if self.held.is_empty() {
            return self.hold();
        }
        let schema = self.model.schema;
        let mut place = self.random.place(self.held.len());
        if !self.random.one_in(4) {
            let same = self.held.iter().position(|(_, old)| old.schema == schema);
            place = same.unwrap_or(place);
        }
        let (view, old) = &self.held[place];
        let (same, records) = (old.schema == self.model.schema, old.records.clone());
        let result = self.buffer().store(view);
        if !same {
            return self.refused("store a view of other fields", result, is_conflict);
        }
        let next = Model {
            records,
            ..self.model.clone()
        };
        self.settle("store", result, next);
    }

    fn change_relation(&mut self) {
        let mut next = self.model.clone();
        if let Some(field) = next.relation.take() {
            if self.random.one_in(3) {
                let result = self.db.drop_relation(&format!("item_{field}"));
                self.settle("drop a relation", result, next);
            }
            return;
        }
        let refers: Vec<&FieldModel> = next.fields.iter().filter(|f| f.kind.refers()).collect();
        let field = match refers.is_empty() {
            true => next.fields[0].name.clone(),
            false => refers[self.random.place(refers.len())].name.clone(),
        };
        let fits = !refers.is_empty();
        let result = self.db.create_relation(&RelationDefinition {
            name: None,
            from_table: "item".to_owned(),
            from_field: field.clone(),
            to_table: "target".to_owned(),
            to_field: "id".to_owned(),
            on_delete: OnDelete::Restrict,
        });
        if !fits {
            return self.refused("relate what refers to nothing", result, |error| {
                is_schema(error, |e| matches!(e, SchemaError::InvalidRelation { .. }))
            });
        }
        next.relation = Some(field);
        self.settle("create a relation", result, next);
    }

    /// Another table under the same name. What is held of the former one stays as it is.
    fn make_anew(&mut self) {
        self.db.drop_table("item").unwrap();
        self.items.read_record(record_id(1)).unwrap_err();
        let mut next = self.model.clone();
        create_items(&self.db, &mut next, &mut self.random);
        self.settle("drop the table and create another", Ok(()), next);
    }
}
