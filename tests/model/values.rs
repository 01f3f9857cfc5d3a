//! Random histories of a value table, beside an ordered map of its structs: over transactions,
//! passes, conflicts, flushes and restarts.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Random, for_each_seed};
use tempfile::TempDir;
use tickbase::{
    Database, FieldType, Id, RecordCodec, Snapshot, Text, Timestamp, TransactionError,
    TransactionHandle, table,
};

/// Padding inside, so that what stands there would show.
#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(C)]
struct Place {
    floor: u8,
    metres: u32,
}

#[table]
#[derive(Clone, Debug, PartialEq)]
struct Guest {
    level: u8,
    #[key]
    name: String,
    nick: Option<String>,
    picture: Vec<u8>,
    banner: Option<Vec<u8>>,
    age: Option<u64>,
    place: Place,
    left: Option<Place>,
    seen: Option<Timestamp>,
    friend: Option<Id<Self>>,
    code: Option<Text<3>>,
    sizes: Option<[u16; 3]>,
}

type State = BTreeMap<u64, Guest>;

struct History {
    folder: TempDir,
    db: Option<Database>,
    random: Random,
    model: State,
    held: Vec<(Snapshot, State)>,
}

fn open(folder: &TempDir) -> Database {
    Database::builder().table::<Guest>().open(folder).unwrap()
}

fn typed(id: u64) -> Id<Guest> {
    Id::from_u64(id).unwrap()
}

/// Writes fields over those that the record has; false where there is none.
fn put(own: &mut State, id: u64, change: impl FnOnce(&mut Guest)) -> bool {
    own.get_mut(&id).map(change).is_some()
}

/// Whether a record was there to be changed.
fn done(result: Result<(), TransactionError>) -> bool {
    match result {
        Ok(()) => true,
        Err(TransactionError::RecordNotFound { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn names_differ(state: &State) -> bool {
    let names: BTreeSet<&str> = state.values().map(|guest| guest.name.as_str()).collect();
    names.len() == state.len()
}

impl History {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Some(open(&folder));
        Self {
            folder,
            db,
            random: Random::new(seed),
            model: State::new(),
            held: Vec::new(),
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

    fn text(&mut self) -> String {
        let length = usize::try_from(self.length()).unwrap();
        let mut text = String::new();
        while text.len() < length {
            text.push(self.random.pick(&['a', 'b', '\0', '"', 'é', '水']));
        }
        text
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.length();
        (0..length).map(|_| self.random.below(256) as u8).collect()
    }

    /// A value, or none.
    fn maybe<V>(&mut self, value: impl FnOnce(&mut Self) -> V) -> Option<V> {
        (self.random.below(3) > 0).then(|| value(self))
    }

    fn place(&mut self) -> Place {
        Place {
            floor: self.random.below(256) as u8,
            metres: self.random.below(1 << 32) as u32,
        }
    }

    /// Few enough to meet, on both sides of what fits into a field.
    fn name(&mut self) -> String {
        format!("a name {}", "x".repeat(self.random.below(30) as usize))
    }

    fn guest(&mut self) -> Guest {
        Guest {
            level: self.random.below(256) as u8,
            name: self.name(),
            nick: self.maybe(Self::text),
            picture: self.bytes(),
            banner: self.maybe(Self::bytes),
            age: self.maybe(|this| this.random.below(u64::MAX)),
            place: self.place(),
            left: self.maybe(Self::place),
            seen: self.maybe(|this| Timestamp::from_micros(this.random.below(1 << 50) as i64)),
            friend: self.maybe(|this| typed(this.random.below(1 << 40) + 1)),
            code: self.maybe(|this| Text::new(this.random.pick(&["", "ab", "abc"])).unwrap()),
            sizes: self.maybe(|this| [(); 3].map(|()| this.random.below(65_536) as u16)),
        }
    }

    /// Mostly an id that is there.
    fn id(&mut self) -> u64 {
        let last = self.model.keys().next_back();
        self.random.below(last.map_or(1, |last| last + 2)) + 1
    }

    /// One change in a transaction, and in the model of what it sees.
    fn change(&mut self, tx: &mut TransactionHandle, own: &mut State) {
        let id = self.id();
        let fields = Guest::fields();
        match self.random.below(14) {
            0..=3 => {
                let guest = self.guest();
                let id = tx.insert(guest.clone()).unwrap();
                own.insert(id.get(), guest);
            }
            4 => {
                let guest = self.guest();
                let replaced = tx.replace(typed(id), guest.clone());
                assert_eq!(done(replaced), put(own, id, |old| *old = guest));
            }
            5 => {
                let (nick, left) = (self.maybe(Self::text), self.maybe(Self::place));
                let change = |guest: &mut Guest| {
                    guest.nick.clone_from(&nick);
                    guest.left = left;
                };
                assert_eq!(done(tx.update(typed(id), change)), put(own, id, change));
            }
            6 => {
                let name = self.name();
                let set = tx.set(typed(id), fields.name, &name);
                assert_eq!(done(set), put(own, id, |guest| guest.name = name));
            }
            7 => {
                let banner = self.maybe(Self::bytes);
                let set = tx.set(typed(id), fields.banner, banner.as_deref());
                assert_eq!(done(set), put(own, id, |guest| guest.banner = banner));
            }
            8 => {
                let left = self.maybe(Self::place);
                let set = tx.set(typed(id), fields.left, left);
                assert_eq!(done(set), put(own, id, |guest| guest.left = left));
            }
            9 => {
                let deleted = tx.delete(typed(id));
                assert_eq!(done(deleted), own.remove(&id).is_some());
            }
            10 => self.pass(tx, own),
            11 => {
                let name = self.name();
                let has = |guest: &Guest| guest.name == name;
                let found = tx.find(fields.name, &name);
                let known = own.values().filter(|guest| has(guest)).count();
                assert_eq!(found.is_some(), known > 0);
                assert!(
                    found.is_none_or(|(id, guest)| guest.name() == name && has(&own[&id.get()]))
                );
            }
            _ => {
                let read = tx.get(typed(id)).map(|guest| guest.to_value());
                assert_eq!(read.as_ref(), own.get(&id));
            }
        }
    }

    fn pass(&mut self, tx: &mut TransactionHandle, own: &mut State) {
        let (text, age, level) = (self.text(), self.random.below(1000), self.random.below(256));
        tx.table_mut::<Guest>()
            .par_for_each_mut(|_, guest| {
                if u64::from(guest.level()) < level {
                    let picture = [guest.picture(), b"!"].concat();
                    guest.set_picture(&picture[..picture.len().min(300)]);
                    guest.set_nick(Some(&text));
                    guest.set_age(guest.age().map(|old| old / 2 + age));
                }
            })
            .unwrap();
        let chosen = |guest: &&mut Guest| u64::from(guest.level) < level;
        for guest in own.values_mut().filter(chosen) {
            guest.picture.push(b'!');
            guest.picture.truncate(300);
            guest.nick = Some(text.clone());
            guest.age = guest.age.map(|old| old / 2 + age);
        }
    }

    fn transaction(&mut self) {
        let mut tx = self.db().begin();
        let mut own = self.model.clone();
        for _ in 0..=self.random.below(6) {
            self.change(&mut tx, &mut own);
        }
        if self.random.below(4) == 0 {
            return tx.abort();
        }
        match tx.commit() {
            Ok(_) => {
                assert!(names_differ(&own), "two records have one name");
                self.model = own;
            }
            Err(TransactionError::DuplicateKey { .. }) => assert!(!names_differ(&own)),
            Err(error) => panic!("{error}"),
        }
    }

    fn restart(&mut self) {
        self.db().flush().unwrap();
        self.held.clear();
        self.db = None;
        self.db = Some(open(&self.folder));
    }

    fn run(mut self) {
        for _ in 0..50 {
            match self.random.below(16) {
                0..=11 => self.transaction(),
                12 => self.db().compact_table("guest").unwrap(),
                13 => self.held.push((self.db().snapshot(), self.model.clone())),
                14 => self.held.clear(),
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
fn check(snapshot: &Snapshot, model: &State) {
    let table = snapshot.table::<Guest>();
    let read = table.iter().map(|(id, guest)| (id.get(), guest.to_value()));
    assert!(read.eq(model.iter().map(|(id, guest)| (*id, guest.clone()))));
    assert_eq!(table.len(), model.len() as u64);
    for (id, guest) in model {
        let read = table.get(typed(*id)).unwrap();
        assert_eq!(read.name(), guest.name);
        assert_eq!(read.nick(), guest.nick.as_deref());
        assert_eq!(
            (read.picture(), read.banner()),
            (&*guest.picture, guest.banner.as_deref())
        );
        assert_eq!((read.age(), read.left()), (guest.age, guest.left));
        let found = table.find(Guest::fields().name, &guest.name);
        assert_eq!(found.map(|(id, _)| id.get()), Some(*id));
        let bytes = table.as_bytes().record(typed(*id).record_id()).unwrap();
        assert_eq!(bytes.to_bytes(), guest.to_bytes(), "one form");
    }
}

#[test]
fn random_histories_of_a_value_table_are_those_of_an_ordered_map() {
    for_each_seed(0..40, |seed| History::new(seed).run());
}
