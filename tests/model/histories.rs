//! Random histories of the table API, checked step by step against ordered maps.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Random, for_each_seed, is_whole_run};
use tickbase::{
    Database, Error, Id, Isolation, RecordCodec, Snapshot, TransactionError, TransactionHandle,
    table,
};

/// A record with padding and a unique field.
#[table]
#[derive(Debug, PartialEq)]
struct Item {
    level: u8,
    #[unique]
    code: u32,
    weight: i64,
}

type State = BTreeMap<u64, Item>;

/// A change or read, and what it showed.
#[derive(Clone, Debug)]
enum Step {
    Insert(u64, Item),
    Replace(u64, Item, bool),
    SetWeight(u64, i64, bool),
    SetCode(u64, u32, bool),
    Delete(u64, bool),
    /// Adds to the weight of all records.
    Pass(i64),
    /// Doubles what is above, and leaves the rest.
    Double(i64),
    Get(u64, Option<Item>),
    Find(u32, Option<u64>),
    Sum(u64, i64),
}

impl Step {
    /// Does the same to the model, and says whether that showed the same.
    fn replay(&self, state: &mut State) -> bool {
        match *self {
            Self::Insert(id, item) => state.insert(id, item).is_none(),
            Self::Replace(id, item, done) => {
                state.get_mut(&id).map(|old| *old = item).is_some() == done
            }
            Self::SetWeight(id, weight, done) => {
                state.get_mut(&id).map(|old| old.weight = weight).is_some() == done
            }
            Self::SetCode(id, code, done) => {
                state.get_mut(&id).map(|old| old.code = code).is_some() == done
            }
            Self::Delete(id, done) => state.remove(&id).is_some() == done,
            Self::Pass(more) => {
                state.values_mut().for_each(|item| item.weight += more);
                true
            }
            Self::Double(above) => {
                let heavy = state.values_mut().filter(|item| item.weight > above);
                heavy.for_each(|item| item.weight *= 2);
                true
            }
            Self::Get(id, shown) => state.get(&id).copied() == shown,
            Self::Find(code, shown) => found(state, code) == Ok(shown),
            Self::Sum(count, sum) => {
                let all = state.values().map(|item| item.weight);
                (state.len() as u64, all.sum()) == (count, sum)
            }
        }
    }
}

/// The record with this code; an error where there are several, as only inside a transaction.
fn found(state: &State, code: u32) -> Result<Option<u64>, ()> {
    let mut all = state.iter().filter(|(_, item)| item.code == code);
    let first = all.next().map(|(id, _)| *id);
    all.next().map_or(Ok(first), |_| Err(()))
}

/// A transaction, and the model of what it sees.
struct Open {
    tx: TransactionHandle,
    isolation: Isolation,
    base: State,
    own: State,
    steps: Vec<Step>,
    /// Which fields it wrote by name: level, code, weight.
    written: BTreeMap<u64, [bool; 3]>,
    /// How often the table was compacted before it.
    compacted: u64,
}

struct History {
    db: Database,
    random: Random,
    state: State,
    held: Vec<(Snapshot, State)>,
    open: Vec<Open>,
    compacted: u64,
    conflicts: u64,
    commits: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let db = Database::builder().table::<Item>().in_memory().unwrap();
        let count = random.pick(&[0, 3, 70, 70, 1_500]);
        let mut state = State::new();
        db.transact(|tx| {
            for code in 0..count {
                let item = Item {
                    level: 1,
                    code,
                    weight: 1,
                };
                state.insert(tx.insert(item)?.get(), item);
            }
            Ok(())
        })
        .unwrap();
        Self {
            db,
            random,
            state,
            held: Vec::new(),
            open: Vec::new(),
            compacted: 0,
            conflicts: 0,
            commits: 0,
        }
    }

    fn item(&mut self) -> Item {
        let codes = 3 * self.state.len() as u64 + 20;
        Item {
            level: u8::try_from(self.random.below(200)).unwrap(),
            code: u32::try_from(self.random.below(codes)).unwrap(),
            weight: i64::try_from(self.random.below(1_000)).unwrap(),
        }
    }

    /// Mostly an id that is there.
    fn id(&mut self, state: &State) -> u64 {
        let last = state.keys().next_back().map_or(1, |last| last + 2);
        self.random.below(last) + 1
    }

    fn begin(&mut self) {
        let isolation = self
            .random
            .pick(&[Isolation::Serializable, Isolation::ReadCommitted]);
        self.open.push(Open {
            tx: self.db.begin_with(isolation),
            isolation,
            base: self.state.clone(),
            own: self.state.clone(),
            steps: Vec::new(),
            written: BTreeMap::new(),
            compacted: self.compacted,
        });
    }

    /// One step of an open transaction, whose reads show its own view.
    fn step(&mut self, place: usize) {
        let mut open = self.open.swap_remove(place);
        let (number, item) = (self.id(&open.own), self.item());
        let id = Id::<Item>::from_u64(number).unwrap();
        let tx = &mut open.tx;
        let mut written = [false; 3];
        let step = match self.random.below(20) {
            0..=3 => Step::Insert(tx.insert(item).unwrap().get(), item),
            4..=5 => {
                written = [true; 3];
                Step::Replace(number, item, tx.replace(id, item).is_ok())
            }
            6..=8 => {
                written[2] = true;
                let set = tx.set(id, Item::fields().weight, item.weight);
                Step::SetWeight(number, item.weight, set.is_ok())
            }
            9 => {
                written[1] = true;
                let set = tx.set(id, Item::fields().code, item.code);
                Step::SetCode(number, item.code, set.is_ok())
            }
            10..=12 => Step::Delete(number, tx.delete(id).is_ok()),
            13 => {
                let mut table = tx.table_mut::<Item>();
                table
                    .par_for_each_mut(|_, found| found.weight += item.weight)
                    .unwrap();
                Step::Pass(item.weight)
            }
            14 => {
                let mut table = tx.table_mut::<Item>();
                let double = |found: &Item| Item {
                    weight: found.weight * 2,
                    ..*found
                };
                table
                    .par_replace_each(|_, found| (found.weight > 900).then(|| double(found)))
                    .unwrap();
                Step::Double(900)
            }
            15..=16 => Step::Get(number, tx.get(id).copied()),
            17..=18 if found(&open.own, item.code).is_ok() => {
                let found = tx.find(Item::fields().code, item.code);
                Step::Find(item.code, found.map(|(id, _)| id.get()))
            }
            _ => {
                let table = tx.table::<Item>();
                let sum = table.iter().map(|(_, item)| item.weight).sum();
                Step::Sum(table.len(), sum)
            }
        };
        assert!(step.replay(&mut open.own), "{step:?} showed something else");
        let fields = open.written.entry(number).or_default();
        for (field, written) in fields.iter_mut().zip(written) {
            *field |= written;
        }
        open.steps.push(step);
        self.open.push(open);
    }

    /// What a commit that keeps reads of one version and merges by field makes of the state.
    fn merged(&self, open: &Open) -> Result<State, ()> {
        let mut next = self.state.clone();
        for (id, own) in &open.own {
            let Some(base) = open.base.get(id) else {
                next.insert(*id, *own);
                continue;
            };
            let named = open.written.get(id).copied().unwrap_or_default();
            let Some(now) = next.get_mut(id) else {
                if named.contains(&true) {
                    return Err(());
                }
                continue;
            };
            if named[0] || own.level != base.level {
                now.level = own.level;
            }
            if named[1] || own.code != base.code {
                now.code = own.code;
            }
            if named[2] || own.weight != base.weight {
                now.weight = own.weight;
            }
        }
        for id in open.base.keys().filter(|id| !open.own.contains_key(id)) {
            next.remove(id).ok_or(())?;
        }
        Ok(next)
    }

    fn commit(&mut self, place: usize) {
        let open = self.open.swap_remove(place);
        let merged = match open.isolation {
            Isolation::ReadCommitted => self.merged(&open),
            Isolation::Serializable => {
                let mut next = self.state.clone();
                let same = open.steps.iter().all(|step| step.replay(&mut next));
                same.then_some(next).ok_or(())
            }
        };
        let codes = |state: &State| {
            let all: BTreeSet<u32> = state.values().map(|item| item.code).collect();
            all.len() == state.len()
        };
        let moved = open.base != self.state || open.compacted != self.compacted;
        match open.tx.commit() {
            Ok(_) => {
                self.state = merged.expect("what it read is no longer so");
                assert!(codes(&self.state), "two records have one code");
                self.commits += 1;
            }
            Err(TransactionError::DuplicateKey { .. }) => {
                assert!(!codes(&merged.unwrap()), "the codes are unique");
            }
            Err(TransactionError::RecordNotFound { .. }) => {
                assert_eq!(open.isolation, Isolation::ReadCommitted);
                merged.unwrap_err();
            }
            Err(TransactionError::SchemaChanged { .. }) => {
                assert_ne!(open.compacted, self.compacted, "the table is the same");
            }
            Err(TransactionError::Conflict { .. }) => {
                assert_eq!(open.isolation, Isolation::Serializable);
                assert!(moved || self.commits > 0, "nobody else committed");
                self.conflicts += 1;
            }
            Err(error) => panic!("{error}"),
        }
        check(&self.db.snapshot(), &self.state);
    }

    fn run(mut self) -> (u64, u64) {
        for _ in 0..80 {
            match self.random.below(30) {
                0..=2 if self.open.len() < 3 => self.begin(),
                3 => self.held.push((self.db.snapshot(), self.state.clone())),
                4 if !self.held.is_empty() => {
                    let place = self.random.below(self.held.len() as u64);
                    self.held.remove(usize::try_from(place).unwrap());
                }
                5 if self.random.below(4) == 0 => {
                    self.db.compact_table("item").unwrap();
                    self.compacted += 1;
                    check(&self.db.snapshot(), &self.state);
                }
                6 if !self.open.is_empty() => {
                    self.open.pop().unwrap().tx.abort();
                    check(&self.db.snapshot(), &self.state);
                }
                7..=9 if !self.open.is_empty() => {
                    let place = self.random.below(self.open.len() as u64);
                    self.commit(usize::try_from(place).unwrap());
                }
                10 => self.direct(),
                _ if !self.open.is_empty() => {
                    let place = self.random.below(self.open.len() as u64);
                    self.step(usize::try_from(place).unwrap());
                }
                _ => self.begin(),
            }
        }
        for (snapshot, state) in &self.held {
            check(snapshot, state);
        }
        (self.commits, self.conflicts)
    }

    /// A single change in a transaction of its own.
    fn direct(&mut self) {
        let item = self.item();
        let result = self.db.transact(|tx| Ok(tx.insert(item)?));
        match result {
            Ok(id) => assert!(self.state.insert(id.get(), item).is_none()),
            Err(Error::Transaction(TransactionError::DuplicateKey { .. })) => {
                assert_ne!(found(&self.state, item.code), Ok(None));
            }
            Err(error) => panic!("{error}"),
        }
        self.commits += 1;
    }
}

/// Compares all that a snapshot shows of the table with the model.
fn check(snapshot: &Snapshot, state: &State) {
    let items = snapshot.table::<Item>();
    assert_eq!(items.len(), state.len() as u64);
    let shown = items.iter().map(|(id, item)| (id.get(), *item));
    assert!(shown.eq(state.iter().map(|(id, item)| (*id, *item))));
    let by_bytes = items.as_bytes();
    for (id, item) in state.iter().step_by(1 + state.len() / 50) {
        assert_eq!(items.get(Id::from_u64(*id).unwrap()), Some(item));
        let bytes = by_bytes.read_record(tickbase::RecordId::new(*id).unwrap());
        assert_eq!(bytes, Some(item.to_bytes().as_slice()), "padding is zero");
        let found = items.find(Item::fields().code, item.code);
        assert_eq!(found.map(|(id, _)| id.get()), Some(*id));
    }
    let sum = items.par_fold(|| 0, |sum, _, item| sum + item.weight, |a, b| a + b);
    assert_eq!(sum, state.values().map(|item| item.weight).sum::<i64>());
    assert!(items.find(Item::fields().code, u32::MAX).is_none());
}

#[test]
fn random_histories_of_a_table_are_those_of_an_ordered_map() {
    let counts = std::sync::Mutex::new((0, 0));
    for_each_seed(0..300, |seed| {
        let (commits, conflicts) = History::new(seed).run();
        let mut counts = counts.lock().unwrap();
        *counts = (counts.0 + commits, counts.1 + conflicts);
    });
    let (commits, conflicts) = counts.into_inner().unwrap();
    if is_whole_run() {
        assert!(
            commits > 1_000 && conflicts > 100,
            "{commits} commits, {conflicts} conflicts"
        );
    }
}
