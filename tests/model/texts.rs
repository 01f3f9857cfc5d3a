//! Random histories of a table with texts and bytes of any length, beside an ordered map: over
//! transactions, changes of its fields, flushes and restarts.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Random, for_each_seed};
use tempfile::TempDir;
use tickbase::{
    BufferView, Database, FieldDefinition, Isolation, Name, RecordId, Snapshot, TableDefinition,
    TransactionError, TransactionHandle, Value,
};

const TABLE: &str = "note";
/// The field that no two records may have the same value in.
const UNIQUE: &str = "name";

/// Each record's value by field.
type State = BTreeMap<u64, BTreeMap<String, Value>>;

/// What a table is and holds.
#[derive(Clone, Default)]
struct Model {
    /// Name and type of each field, in order.
    fields: Vec<(String, &'static str)>,
    records: State,
}

impl Model {
    fn value(&self, id: u64) -> Option<Value> {
        let record = self.records.get(&id)?;
        let part = |(name, _): &(String, _)| (name.clone(), record[name].clone());
        Some(Value::Object(self.fields.iter().map(part).collect()))
    }

    fn is_unique(&self) -> bool {
        let name = |record: &BTreeMap<String, Value>| record[UNIQUE].describe();
        let names: BTreeSet<String> = self.records.values().map(name).collect();
        names.len() == self.records.len()
    }

    /// Writes these values over those that the record has.
    fn put(&mut self, id: u64, values: &[(String, Value)]) -> bool {
        let record = self.records.get_mut(&id);
        let there = record.is_some();
        if let Some(record) = record {
            record.extend(values.iter().cloned());
        }
        there
    }
}

struct History {
    folder: TempDir,
    db: Option<Database>,
    random: Random,
    model: Model,
    /// Counts fields, so that each has a name that no other had.
    named: u32,
    held: Vec<(Snapshot, Model)>,
    /// The records at some time, to be put back.
    kept: Option<(BufferView, Model)>,
}

fn open(folder: &TempDir) -> Database {
    Database::builder().open(folder).unwrap()
}

fn record_id(id: u64) -> RecordId {
    RecordId::new(id).unwrap()
}

impl History {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder);
        let field =
            |name: &str, type_id: &str| FieldDefinition::new(Name::new(name).unwrap(), type_id);
        let mut model = Model::default();
        model.fields.push(("level".to_owned(), "u16"));
        model.fields.push((UNIQUE.to_owned(), "string"));
        model.fields.push(("text".to_owned(), "string"));
        let fields = model.fields.iter().map(|(name, type_id)| FieldDefinition {
            unique: name == UNIQUE,
            ..field(name, type_id)
        });
        let definition = TableDefinition::new(Name::new(TABLE).unwrap(), fields.collect());
        db.create_table(&definition).unwrap();
        Self {
            folder,
            db: Some(db),
            random: Random::new(seed),
            model,
            named: 0,
            held: Vec::new(),
            kept: None,
        }
    }

    fn db(&self) -> Database {
        self.db.clone().unwrap()
    }

    fn length(&mut self) -> u64 {
        match self.random.below(4) {
            0 => self.random.below(12),
            1 => 11 + self.random.below(4),
            2 => self.random.below(200),
            _ => self.random.below(5001),
        }
    }

    fn text(&mut self) -> Value {
        let length = usize::try_from(self.length()).unwrap();
        let mut text = String::new();
        while text.len() < length {
            text.push(self.random.pick(&['a', 'b', '\0', '"', 'é', '水']));
        }
        text.into()
    }

    fn value(&mut self, name: &str, type_id: &str) -> Value {
        if name == UNIQUE {
            // Few enough to meet, on both sides of what fits into a field.
            return format!("a name {}", "x".repeat(self.random.below(30) as usize)).into();
        }
        match type_id {
            "u16" => (self.random.below(65_536) as u16).into(),
            "option<string>" | "option<bytes>" if self.random.below(3) == 0 => Value::Null,
            "bytes" | "option<bytes>" => {
                let length = self.length();
                Value::Bytes((0..length).map(|_| self.random.below(256) as u8).collect())
            }
            _ => self.text(),
        }
    }

    /// Values of all fields, or of some.
    fn values(&mut self, all: bool) -> Vec<(String, Value)> {
        let mut values = Vec::new();
        for (name, type_id) in self.model.fields.clone() {
            if all || self.random.below(2) == 0 {
                let value = self.value(&name, type_id);
                values.push((name, value));
            }
        }
        values
    }

    /// Mostly an id that is there.
    fn id(&mut self) -> u64 {
        let last = self.model.records.keys().next_back();
        self.random.below(last.map_or(1, |last| last + 2)) + 1
    }

    /// One change in a transaction, and in the model of what it sees.
    fn change(&mut self, tx: &mut TransactionHandle, own: &mut Model) {
        let number = self.id();
        let id = record_id(number);
        let missing = |error: TransactionError| {
            assert!(
                matches!(error, TransactionError::RecordNotFound { .. }),
                "{error}"
            );
            false
        };
        let done = |result: Result<(), TransactionError>| result.map_or_else(missing, |()| true);
        match self.random.below(10) {
            0..=3 => {
                let values = self.values(true);
                let id = tx
                    .create_record(TABLE, &Value::Object(values.clone()))
                    .unwrap();
                own.records.insert(id.get(), values.into_iter().collect());
            }
            4..=5 => {
                let values = self.values(true);
                let updated = tx.update_record(TABLE, id, &Value::Object(values.clone()));
                assert_eq!(done(updated), own.put(number, &values));
            }
            6..=7 => {
                let values = self.values(false);
                let patched = tx.partial_update(TABLE, id, &Value::Object(values.clone()));
                assert_eq!(done(patched), own.put(number, &values));
            }
            8 => {
                let deleted = tx.delete_record(TABLE, id);
                assert_eq!(done(deleted), own.records.remove(&number).is_some());
            }
            _ => {
                let record = tx.record(TABLE, id).unwrap();
                let layout = &tx.table_by_name(TABLE).unwrap().schema().layout;
                assert_eq!(record.map(|record| layout.read(record)), own.value(number));
            }
        }
    }

    /// Commits, where the model has no name twice.
    fn commit(&mut self, tx: TransactionHandle, own: Model) {
        match tx.commit() {
            Ok(_) => {
                assert!(own.is_unique(), "two records have one name");
                self.model = own;
            }
            Err(TransactionError::DuplicateKey { .. }) => assert!(!own.is_unique()),
            Err(error) => panic!("{error}"),
        }
    }

    fn transaction(&mut self) {
        let mut tx = self.db().begin();
        let mut own = self.model.clone();
        for _ in 0..=self.random.below(6) {
            self.change(&mut tx, &mut own);
        }
        if self.random.below(4) > 0 {
            self.commit(tx, own);
        }
    }

    /// Two transactions write fields of the same records: the later wins field by field.
    fn merge(&mut self) {
        let db = self.db();
        let mut both = [(); 2].map(|()| db.begin_with(Isolation::ReadCommitted));
        let mut written = [Vec::new(), Vec::new()];
        for _ in 0..=self.random.below(3) {
            let id = self.id();
            for (tx, written) in both.iter_mut().zip(&mut written) {
                let values = self.values(false);
                let patch = Value::Object(values.clone());
                if tx.partial_update(TABLE, record_id(id), &patch).is_ok() {
                    written.push((id, values));
                }
            }
        }
        for (tx, written) in both.into_iter().zip(written) {
            let mut own = self.model.clone();
            for (id, values) in written {
                assert!(own.put(id, &values));
            }
            self.commit(tx, own);
        }
    }

    fn add_field(&mut self) {
        let types = ["string", "bytes", "option<string>", "option<bytes>", "u16"];
        let type_id = self.random.pick(&types);
        self.named += 1;
        let name = format!("f{}", self.named);
        let default = match type_id.starts_with("option<") && self.random.below(2) == 0 {
            true => None,
            false => Some(self.value(&name, type_id)),
        };
        let field = FieldDefinition {
            default: default.clone(),
            ..FieldDefinition::new(Name::new(&name).unwrap(), type_id)
        };
        self.db().add_fields(TABLE, &[field]).unwrap();
        self.model.fields.push((name.clone(), type_id));
        for record in self.model.records.values_mut() {
            record.insert(name.clone(), default.clone().unwrap_or(Value::Null));
        }
        self.kept = None;
    }

    fn remove_field(&mut self) {
        let place = self.random.below(self.model.fields.len() as u64) as usize;
        if self.model.fields[place].0 == UNIQUE {
            return;
        }
        let (name, _) = self.model.fields.remove(place);
        self.db().remove_field(TABLE, &name).unwrap();
        for record in self.model.records.values_mut() {
            record.remove(&name);
        }
        self.kept = None;
    }

    fn keep_or_restore(&mut self) {
        let buffer = self.db().table(TABLE).unwrap().buffer();
        match self.kept.take() {
            Some((view, model)) => {
                buffer.store(&view).unwrap();
                self.model = model;
            }
            None => self.kept = Some((buffer.load().unwrap(), self.model.clone())),
        }
    }

    fn restart(&mut self) {
        self.db().flush().unwrap();
        (self.kept, self.db) = (None, None);
        self.held.clear();
        self.db = Some(open(&self.folder));
    }

    fn run(mut self) {
        for _ in 0..60 {
            match self.random.below(20) {
                0..=8 => self.transaction(),
                9..=12 => self.merge(),
                13 => self.add_field(),
                14 => self.remove_field(),
                15 => {
                    self.db().compact_table(TABLE).unwrap();
                    self.kept = None;
                }
                16 => self.keep_or_restore(),
                17 => self.held.push((self.db().snapshot(), self.model.clone())),
                18 => self.held.clear(),
                _ => self.restart(),
            }
            check(&self.db().snapshot(), &self.model);
        }
        for (snapshot, model) in &self.held {
            check(snapshot, model);
        }
        self.restart();
        check(&self.db().snapshot(), &self.model);
    }
}

/// Compares all that a snapshot shows of the table with the model.
fn check(snapshot: &Snapshot, model: &Model) {
    let table = snapshot.table_by_name(TABLE).unwrap();
    let layout = &table.schema().layout;
    let ids = table.records().map(|(id, _)| id.get());
    assert!(ids.eq(model.records.keys().copied()));
    assert_eq!(table.len(), model.records.len() as u64);
    for (id, record) in table.records() {
        let value = model.value(id.get()).unwrap();
        assert_eq!(layout.read(record), value);
        assert_eq!(table.record(id), Some(record));
        assert_eq!(table.read_record(id), Some(record.fixed));
        assert_eq!(layout.write(&value).unwrap().as_ref(), record, "one form");
    }
}

#[test]
fn random_histories_of_texts_are_those_of_an_ordered_map() {
    for_each_seed(0..150, |seed| History::new(seed).run());
}
