//! Crashes and failures at every moment: one of the sets that may be current can be opened.

use std::collections::BTreeMap;

use super::{
    PersistenceError, Store, Written,
    fake_disk::{FakeDisk, Fault},
    testing::{
        Contents, contents_of, definition, flushed, gates, open_fake, snapshot, state,
        state_contents,
    },
};
use crate::schema::Catalog;

/// Which of two states a disk holds; anything else is a failure.
fn version_on(disk: &FakeDisk, context: &str) -> u64 {
    let opened = open_fake(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(
        contents_of(&opened),
        state_contents(opened.version),
        "{context}"
    );
    opened.version
}

#[test]
fn whatever_fails_in_a_flush_the_former_set_or_the_new_one_can_be_opened() {
    let kinds: [fn(u64) -> Fault; 3] = [Fault::Once, Fault::OnceDone, Fault::From];
    for kind in kinds {
        for number in 0.. {
            let (disk, mut store) = flushed(2);
            disk.set_fault(kind(number));
            let result = store.flush(&state(3));
            let operations = disk.operations();
            let context = format!("{:?}", kind(number));
            for disk in [disk.after_kill(), disk.after_power_cut()] {
                let version = version_on(&disk, &context);
                assert!(version == 2 || version == 3, "{context}");
                assert!(
                    version == 3 || result.is_err(),
                    "{context}: was told to be durable"
                );
                // What a start found must stay, although it removed files.
                assert_eq!(version_on(&disk.after_power_cut(), &context), version);
            }

            disk.set_fault(Fault::None);
            let again = store.flush(&state(3)).unwrap();
            assert_eq!(again.version, 3);
            for disk in [disk.after_kill(), disk.after_power_cut()] {
                assert_eq!(version_on(&disk, &context), 3);
            }
            store.flush(&state(4)).unwrap();
            assert_eq!(disk.files().len(), 6, "{context}: {:?}", disk.files());
            if number >= operations {
                assert!(number > 10 && result.is_ok());
                break;
            }
        }
    }
}

#[test]
fn repeated_failures_leave_no_files_behind() {
    let (disk, mut store) = flushed(2);
    disk.set_fault(Fault::None);
    store.flush(&state(3)).unwrap();
    let all = disk.operations();
    for number in (0..all).chain(0..all) {
        disk.set_fault(Fault::Once(number));
        let _ = store.flush(&state(4 + number));
        assert!(disk.files().len() <= 12, "{:?}", disk.files());
    }
    disk.set_fault(Fault::None);
    store.flush_always(&state(99)).unwrap();
    assert_eq!(disk.files().len(), 6, "{:?}", disk.files());
}

#[test]
fn a_flush_of_what_was_current_is_written_where_a_newer_one_is_in_doubt() {
    let kinds: [fn(u64) -> Fault; 2] = [Fault::Once, Fault::OnceDone];
    for fault in kinds.into_iter().flat_map(|kind| (0..15).map(kind)) {
        let (disk, mut store) = flushed(2);
        disk.set_fault(fault);
        let failed = store.flush(&state(3)).is_err();
        disk.set_fault(Fault::None);
        if failed {
            store.flush(&state(2)).unwrap();
            let disk = disk.after_power_cut();
            assert_eq!(version_on(&disk, &format!("{fault:?}")), 2);
        }
    }
}

#[test]
fn two_flushes_that_fail_one_after_the_other_leave_one_set_that_opens() {
    let kinds: [fn(u64) -> Fault; 2] = [Fault::Once, Fault::OnceDone];
    let faults = || kinds.into_iter().flat_map(|kind| (0..14).map(kind));
    for (first, second) in faults().flat_map(|first| faults().map(move |second| (first, second))) {
        let (disk, mut store) = flushed(2);
        let mut durable = 2;
        for (version, fault) in [(3, first), (4, second)] {
            disk.set_fault(fault);
            if store.flush(&state(version)).is_ok() {
                durable = version;
            }
        }
        disk.set_fault(Fault::None);
        let context = format!("{first:?}, {second:?}");
        for disk in [disk.after_kill(), disk.after_power_cut()] {
            let found = version_on(&disk, &context);
            assert!(found >= durable, "{context}: version {durable} was durable");
        }
    }
}

type Records = Vec<(u64, Vec<u8>)>;

/// What a database holds: its version, and the id, records and last record id of each table.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    version: u64,
    tables: BTreeMap<String, (u32, Records, u64)>,
}

/// A database that changes, is flushed and crashes, as a seed will have it.
struct History {
    random: u64,
    disk: FakeDisk,
    store: Store,
    catalog: Catalog,
    /// What is in memory.
    live: Model,
    changed_at: BTreeMap<String, u64>,
    /// What is known to be durable.
    durable: Model,
    /// What else a crash may bring back, since an operation failed.
    in_doubt: Vec<Model>,
}

impl History {
    fn new(seed: u64) -> Self {
        let disk = FakeDisk::default();
        let empty = Model {
            version: 0,
            tables: BTreeMap::new(),
        };
        let mut history = Self {
            random: seed * 2 + 1,
            store: open_fake(&disk).unwrap().store,
            disk,
            catalog: gates(),
            live: empty.clone(),
            changed_at: BTreeMap::new(),
            durable: empty,
            in_doubt: Vec::new(),
        };
        history.live.version = 1;
        history.add_table("airport");
        history.add_table("gate");
        history.write(false);
        history
    }

    /// A number below `end` (xorshift64, Marsaglia 2003).
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end
    }

    fn step(&mut self) {
        self.live.version += 1;
        let schema_changes = self.below(4) == 0;
        if schema_changes {
            self.make_or_drop_lounge();
        }
        for table in self.live.tables.keys().cloned().collect::<Vec<_>>() {
            if self.below(2) == 0 {
                let schema = self.catalog.table(&table).unwrap();
                let (id, record_size) = (schema.id.0, schema.record_size());
                let (number, last_id) = (self.below(40), 100 + self.below(9));
                // The second and fourth byte of a gate, and none of the others, are padding.
                let record = |id: u64| (id, [vec![id as u8, 0], vec![7; record_size - 2]].concat());
                let records = (1..=number).map(|id| record(id * 2)).collect();
                self.live
                    .tables
                    .insert(table.clone(), (id, records, last_id));
                self.changed_at.insert(table, self.live.version);
            }
        }
        let number = self.below(20);
        let fault = match self.below(6) {
            0 => Fault::Once(number),
            1 => Fault::OnceDone(number),
            2 => Fault::From(number),
            _ => Fault::None,
        };
        self.disk.set_fault(fault);
        self.write(schema_changes);
        self.disk.set_fault(Fault::None);
        for disk in [self.disk.after_kill(), self.disk.after_power_cut()] {
            let (found, _) = self.find(&disk);
            let (again, _) = self.find(&disk.after_power_cut());
            assert_eq!(found, again, "a start that removed files saw what stays");
        }
        match self.below(6) {
            0 => self.crash(self.disk.after_kill()),
            1 => self.crash(self.disk.after_power_cut()),
            _ => {}
        }
    }

    fn make_or_drop_lounge(&mut self) {
        if self.catalog.drop_table("lounge").is_ok() {
            self.live.tables.remove("lounge");
        } else {
            let lounge = definition("lounge", &[("places", "[u16; 3]")]);
            self.catalog.create_table(&lounge).unwrap();
            self.add_table("lounge");
        }
    }

    fn add_table(&mut self, name: &str) {
        let id = self.catalog.table(name).unwrap().id.0;
        self.live.tables.insert(name.to_owned(), (id, vec![], 0));
        self.changed_at.insert(name.to_owned(), self.live.version);
    }

    fn write(&mut self, schema_only: bool) {
        let tables: Vec<_> = self
            .live
            .tables
            .iter()
            .map(|(name, (_, records, last))| {
                (&name[..], &records[..], *last, self.changed_at[name])
            })
            .collect();
        let snapshot = snapshot(self.live.version, &self.catalog, &tables);
        let mut written = self.live.clone();
        let result: Result<Written, PersistenceError> = if schema_only {
            // What was not durable before is empty; what was dropped and made again is another table.
            for (name, table) in &mut written.tables {
                *table = match self.durable.tables.get(name) {
                    Some(durable) if durable.0 == table.0 => durable.clone(),
                    _ => (table.0, vec![], 0),
                };
            }
            written.version = self.durable.version;
            self.store.write_schema_only(&snapshot)
        } else {
            self.store.flush(&snapshot)
        };
        match result {
            Ok(_) => {
                self.durable = written;
                self.in_doubt.clear();
            }
            Err(_) => self.in_doubt.push(written),
        }
    }

    /// What is on a disk, which must be one of what may be there.
    fn find(&self, disk: &FakeDisk) -> (Model, Catalog) {
        let opened = open_fake(disk).unwrap();
        let table = |(name, records, last): Contents| {
            let id = opened.catalog.table(&name).unwrap().id.0;
            (name, (id, records, last))
        };
        let found = Model {
            version: opened.version,
            tables: contents_of(&opened).into_iter().map(table).collect(),
        };
        assert!(
            found == self.durable || self.in_doubt.contains(&found),
            "{found:?} is none of {:?}, {:?}",
            self.durable,
            self.in_doubt
        );
        (found, opened.catalog)
    }

    fn crash(&mut self, disk: FakeDisk) {
        let (found, catalog) = self.find(&disk);
        self.store = open_fake(&disk).unwrap().store;
        self.disk = disk;
        self.catalog = catalog;
        self.changed_at = found.tables.keys().map(|name| (name.clone(), 0)).collect();
        self.live = found.clone();
        self.durable = found;
        self.in_doubt.clear();
    }
}

#[test]
fn a_random_history_with_faults_and_crashes_never_opens_anything_else() {
    for seed in 0..60 {
        let mut history = History::new(seed);
        for step in 0..40 {
            let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history.step()));
            assert!(stepped.is_ok(), "seed {seed}, step {step}");
        }
    }
}
