//! What a transaction has read, so that its commit can see whether that still is so.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    schema::{Name, RecordId},
    storage::Snapshot,
};

/// Above this many records of one table, the whole table counts as read.
const RECORDS_MAX: usize = 4096;

/// What was read of one table.
#[derive(Debug)]
struct TableReads {
    slot: usize,
    /// Record ids, found or not; not sorted, and more than once where read more than once.
    records: SmallVec<[RecordId; 4]>,
    /// Whether any of its records may have been read.
    all: bool,
}

/// What a transaction has read of its base.
#[derive(Debug, Default)]
pub(super) struct ReadSet {
    tables: SmallVec<[TableReads; 1]>,
}

impl ReadSet {
    fn table(&mut self, slot: usize) -> &mut TableReads {
        match self.tables.iter().position(|table| table.slot == slot) {
            Some(place) => &mut self.tables[place],
            None => {
                self.tables.push(TableReads {
                    slot,
                    records: SmallVec::new(),
                    all: false,
                });
                self.tables.last_mut().expect("it was just pushed")
            }
        }
    }

    /// Notes a record that was looked up.
    pub(super) fn record(&mut self, slot: usize, id: RecordId) {
        let table = self.table(slot);
        if table.all || table.records.last() == Some(&id) {
            return;
        }
        if table.records.len() == RECORDS_MAX {
            table.all = true;
            table.records = SmallVec::new();
            return;
        }
        table.records.push(id);
    }

    /// Notes that any record of a table may have been read, or missed.
    pub(super) fn all(&mut self, slot: usize) {
        self.table(slot).all = true;
    }

    /// The slots of the tables that were read.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.tables.iter().map(|table| table.slot)
    }

    /// The first table in which something that was read in `base` is another in `current`.
    ///
    /// A record that changed and changed back is the same. A hot page alone is no difference.
    pub(super) fn first_conflict(&self, base: &Snapshot, current: &Snapshot) -> Option<Name> {
        self.tables.iter().find_map(|reads| {
            let before = base.table_in(reads.slot)?;
            let differs = match current.table_in(reads.slot) {
                None => true,
                // The same bytes may say something else.
                Some(now) if !Arc::ptr_eq(&now.version.schema, &before.version.schema) => true,
                Some(now) if now.changed_at() == before.changed_at() => false,
                Some(now) => {
                    let same = |id: &RecordId| now.record(*id) == before.record(*id);
                    reads.all || !reads.records.iter().all(same)
                }
            };
            differs.then(|| before.schema().name.clone())
        })
    }
}
