//! One random history: the database, its model, and what came of each step.

use std::collections::BTreeMap;

use harness::{Random, table_definition};
use tickbase::{
    AtomicBuffer, BufferView, Database, Error, RecordId, SchemaError, Table, TableDefinition,
    TransactionError, Value,
};

use super::{
    check::check,
    kinds::{TARGETS, database},
    model::{Broken, FieldModel, Model},
};

/// Steps of one history.
const STEPS: u64 = 120;

/// Pairs of a step and how it ended that all histories together come across.
pub(super) const OUTCOMES: usize = 44;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ended {
    Done,
    Refused,
}

pub(super) struct History {
    pub(super) db: Database,
    pub(super) items: Table,
    pub(super) targets: Table,
    pub(super) random: Random,
    pub(super) model: Model,
    /// Views, and what they showed at first.
    pub(super) held: Vec<(BufferView, Model)>,
    counts: BTreeMap<(&'static str, Ended), u64>,
}

/// The rule that an error says was broken.
pub(super) fn rule(error: &Error) -> Option<Broken> {
    match error {
        Error::Transaction(TransactionError::DuplicateKey { .. }) => Some(Broken::Unique),
        Error::Transaction(
            TransactionError::RelationMissing { .. } | TransactionError::RecordReferenced { .. },
        ) => Some(Broken::Relation),
        _ => None,
    }
}

/// Whether an error says that others changed what a transaction stands on.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(
        error,
        Error::Transaction(
            TransactionError::Conflict { .. } | TransactionError::SchemaChanged { .. }
        )
    )
}

pub(super) fn record_id(id: u64) -> RecordId {
    RecordId::new(id).unwrap()
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let db = database();
        db.create_table(&table_definition("target", &[("number", "u32")]))
            .unwrap();
        let mut model = Model::default();
        db.transact(|tx| {
            for _ in 0..TARGETS {
                let target = tx.create_record("target", &Value::object([("number", 0)]))?;
                model.targets.insert(target.get());
            }
            Ok(())
        })
        .unwrap();
        create_items(&db, &mut model, &mut random);
        Self {
            items: db.table("item").unwrap(),
            targets: db.table("target").unwrap(),
            db,
            random,
            model,
            held: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn run(mut self) -> BTreeMap<(&'static str, Ended), u64> {
        for step in 0..STEPS {
            self.step();
            if step % 4 == 0 {
                self.check_now();
            }
        }
        self.check_now();
        for (view, model) in &self.held {
            check(view.view(), model);
            let by_name = view.snapshot().table_by_name("item").unwrap();
            check(by_name, model);
        }
        self.held.clear();
        // A publish gives back what the last of them kept.
        self.db.compact_table("item").unwrap();
        assert_eq!(self.db.live_snapshots(), 1);
        self.counts
    }

    pub(super) fn buffer(&self) -> AtomicBuffer {
        self.items.buffer()
    }

    fn check_now(&self) {
        check(self.buffer().load().unwrap().view(), &self.model);
        assert!(self.items.validate_record_size().unwrap());
        let targets = self.targets.buffer().load().unwrap();
        let ids = targets.view().records().map(|(id, _)| id.get());
        assert!(ids.eq(self.model.targets.iter().copied()));
    }

    pub(super) fn count(&mut self, what: &'static str, ended: Ended) {
        *self.counts.entry((what, ended)).or_default() += 1;
    }

    /// Compares what came of a change with the state that it leads to: it is done where that
    /// breaks no rule, else refused by such a rule.
    pub(super) fn settle<R>(
        &mut self,
        what: &'static str,
        result: Result<R, Error>,
        next: Model,
    ) -> Option<R> {
        let broken = next.broken();
        match result {
            Ok(result) => {
                assert_eq!(broken, [], "{what} is done");
                self.model = next;
                self.count(what, Ended::Done);
                Some(result)
            }
            Err(error) => {
                let right = rule(&error).is_some_and(|rule| broken.contains(&rule));
                assert!(right, "{what}: {error}, broken: {broken:?}");
                self.count(what, Ended::Refused);
                None
            }
        }
    }

    /// As [`settle`](Self::settle), for a change that others may also have come before.
    pub(super) fn settle_or_conflict<R>(
        &mut self,
        what: &'static str,
        result: Result<R, Error>,
        next: Model,
    ) {
        match result {
            Err(error) if is_conflict(&error) => {}
            result => drop(self.settle(what, result, next)),
        }
    }

    /// A change that must be refused, and so that `says` agrees with the error.
    pub(super) fn refused<R>(
        &mut self,
        what: &'static str,
        result: Result<R, Error>,
        says: impl FnOnce(&Error) -> bool,
    ) {
        match result {
            Ok(_) => panic!("{what} is done"),
            Err(error) => assert!(says(&error), "{what}: {error}"),
        }
        self.count(what, Ended::Refused);
    }
}

/// Creates the table `item` with some fields; it is empty.
pub(super) fn create_items(db: &Database, model: &mut Model, random: &mut Random) {
    let names = ["a", "b", "c", "d"];
    let count = 1 + random.place(names.len());
    let field = |name: &&str| FieldModel::random((*name).to_owned(), random);
    let fields: Vec<FieldModel> = names[..count].iter().map(field).collect();
    let definition = TableDefinition {
        fields: fields.iter().map(FieldModel::definition).collect(),
        ..table_definition("item", &[])
    };
    db.create_table(&definition).unwrap();
    *model = Model {
        fields,
        targets: std::mem::take(&mut model.targets),
        schema: model.schema + 1,
        ..Model::default()
    };
}

/// Whether an error says that there is no such record.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(
        error,
        Error::Transaction(TransactionError::RecordNotFound { .. })
    )
}

/// Whether an error says that values or bytes make no record.
pub(super) fn is_invalid(error: &Error) -> bool {
    let Error::Transaction(error) = error else {
        return false;
    };
    matches!(
        error,
        TransactionError::InvalidRecord { .. } | TransactionError::WrongRecordSize { .. }
    )
}

/// Whether an error is of the schema, and of this kind.
pub(super) fn is_schema(error: &Error, kind: impl FnOnce(&SchemaError) -> bool) -> bool {
    matches!(error, Error::Schema(error) if kind(error))
}
