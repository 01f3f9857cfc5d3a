//! The changes of one transaction to one table.

use crate::{
    schema::{FieldMask, Name, RecordId, RecordRef},
    storage::{
        Change, ChangeList, Draft, Overlay, SlotBytes, SlotRef, Snapshot, StagedTree, StorageError,
        TableVersion, TableView, replace_records, write_records,
    },
};

use super::TransactionError;

/// The changes of one transaction to one table, which nobody else sees.
#[derive(Debug)]
pub struct StagingBuffer {
    pub(super) slot: usize,
    table_name: Name,
    pub(super) staged: StagedTree,
    pub(super) changes: ChangeList,
    /// Whether a pass may have changed any record.
    pub(super) passed: bool,
    /// The records whose indexed fields a pass may have changed.
    pub(super) noted: Vec<RecordId>,
    /// Records with these changes.
    pub(super) records: u64,
    /// The highest id before the first that this transaction took, and how many it took.
    pub(super) provisional_ids: Option<(u64, u64)>,
    /// Whether a change began and did not come to its end, so that this must not be committed.
    pub(super) half_done: bool,
}

impl StagingBuffer {
    /// No changes yet to the table in this slot.
    pub(super) fn new(base: &Snapshot, slot: usize, number: u64) -> Option<Self> {
        let table = base.table_in(slot)?;
        Some(Self {
            slot,
            table_name: table.schema().name.clone(),
            staged: Draft::stage(base, slot, number)?,
            changes: ChangeList::default(),
            passed: false,
            noted: Vec::new(),
            records: table.len(),
            provisional_ids: None,
            half_done: false,
        })
    }

    /// The table's name.
    pub fn table_name(&self) -> &Name {
        &self.table_name
    }

    /// What was done to which record; passes over all records are not listed.
    pub fn changes(&self) -> &[Change] {
        self.changes.as_slice()
    }

    /// The table as its base has it, with these changes.
    pub(super) fn buffer<'t>(&'t self, base: TableView<'t>) -> TableView<'t> {
        let overlay = Overlay {
            changes: self.changes.as_slice(),
            noted: &self.noted,
        };
        base.staged(&self.staged, self.records, overlay)
    }

    /// Adds a record under a new id: `write` gets its bytes, all of which it writes.
    pub(super) fn stage_create(
        &mut self,
        table: &TableVersion,
        provisional: bool,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<RecordId, StorageError> {
        self.stage_insert(table, provisional, |staged, id| {
            write(staged.insert(id)?);
            Ok(())
        })
    }

    /// Adds a record that passed the check of its layout under a new id.
    pub(super) fn stage_create_record(
        &mut self,
        table: &TableVersion,
        provisional: bool,
        record: RecordRef<'_>,
    ) -> Result<RecordId, StorageError> {
        self.stage_insert(table, provisional, |staged, id| {
            staged.insert_record(id, record)
        })
    }

    fn stage_insert(
        &mut self,
        table: &TableVersion,
        provisional: bool,
        insert: impl FnOnce(&mut StagedTree, RecordId) -> Result<(), StorageError>,
    ) -> Result<RecordId, StorageError> {
        let id = match provisional {
            false => table.shared.next_id(),
            true => {
                let (last, taken) = self
                    .provisional_ids
                    .get_or_insert_with(|| (table.shared.last_id(), 0));
                *taken += 1;
                RecordId::MIN.saturating_add(*last + *taken - 1)
            }
        };
        self.half_done = true;
        insert(&mut self.staged, id)?;
        self.records += 1;
        self.changes.add(Change::Create { id });
        self.half_done = false;
        Ok(id)
    }

    /// Hands a record to `write`, which says which fields it wrote.
    pub(super) fn stage_update<R>(
        &mut self,
        id: RecordId,
        write: impl FnOnce(&mut SlotBytes<'_>) -> (FieldMask, R),
    ) -> Result<R, TransactionError> {
        self.half_done = true;
        let Some(mut bytes) = self.staged.update(id)? else {
            self.half_done = false;
            return Err(self.not_found(id));
        };
        let (fields, result) = write(&mut bytes);
        if !fields.is_empty() {
            self.changes.add(Change::Update { id, fields });
        }
        self.half_done = false;
        Ok(result)
    }

    /// Replaces a record by one that passed the check of its layout and differs from it in these
    /// fields at most.
    pub(super) fn stage_replace(
        &mut self,
        id: RecordId,
        record: RecordRef<'_>,
        fields: FieldMask,
    ) -> Result<(), TransactionError> {
        self.half_done = true;
        let replaced = self.staged.replace_record(id, record)?;
        self.half_done = false;
        if !replaced {
            return Err(self.not_found(id));
        }
        if !fields.is_empty() {
            self.changes.add(Change::Update { id, fields });
        }
        Ok(())
    }

    /// Marks a record deleted.
    pub(super) fn stage_delete(&mut self, id: RecordId) -> Result<(), TransactionError> {
        self.half_done = true;
        let removed = self.staged.remove(id)?;
        self.half_done = false;
        if !removed {
            return Err(self.not_found(id));
        }
        self.records -= 1;
        self.changes.add(Change::Delete { id });
        Ok(())
    }

    /// Hands every record to `change`, on all cores.
    pub(super) fn stage_pass(
        &mut self,
        table: &TableVersion,
        change: &(impl Fn(RecordId, &mut SlotBytes<'_>) + Sync),
    ) -> Result<(), StorageError> {
        self.half_done = true;
        let noted = write_records(&mut self.staged, &table.indexes, change)?;
        self.note_pass(noted);
        Ok(())
    }

    /// Hands every record to `choose`, on all cores, and where that gives something, to `write`
    /// with it.
    pub(super) fn stage_replacements<N>(
        &mut self,
        table: &TableVersion,
        choose: &(impl Fn(RecordId, SlotRef<'_>) -> Option<N> + Sync),
        write: &(impl Fn(N, &mut SlotBytes<'_>) + Sync),
    ) -> Result<(), StorageError> {
        self.half_done = true;
        let noted = replace_records(&mut self.staged, &table.indexes, choose, write)?;
        self.note_pass(noted);
        Ok(())
    }

    fn note_pass(&mut self, noted: Vec<RecordId>) {
        self.passed = true;
        self.noted.extend(noted);
        self.noted.sort_unstable();
        self.noted.dedup();
        self.half_done = false;
    }

    /// The records that may differ in an indexed field, or in being there: each once.
    pub(super) fn changed_records(&self) -> impl Iterator<Item = RecordId> {
        let noted = self.noted.iter().copied();
        let explicit = self.changes.as_slice().iter().map(Change::id);
        let noted = noted.filter(|id| !self.changes.contains(*id));
        explicit.chain(noted)
    }

    /// Whether the ids that it took are still the next ones, and the records that it changed are
    /// still there.
    pub(super) fn holds(&self, base: &Snapshot, current: &Snapshot) -> bool {
        let tables = (base.table_in(self.slot), current.table_in(self.slot));
        let (Some(before), Some(now)) = tables else {
            return false;
        };
        let stays = |change: &Change| match *change {
            Change::Create { .. } => true,
            Change::Update { id, .. } | Change::Delete { id } => {
                before.read_record(id).is_none() || now.read_record(id).is_some()
            }
        };
        self.ids_hold(now.version)
            && (before.changed_at() == now.changed_at() || self.changes().iter().all(stays))
    }

    /// Whether the ids that it took are still the next ones.
    pub(super) fn ids_hold(&self, now: &TableVersion) -> bool {
        let next = |(last, _)| now.shared.last_id() == last;
        self.provisional_ids.is_none_or(next)
    }

    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.passed
    }

    pub(super) fn not_found(&self, id: RecordId) -> TransactionError {
        TransactionError::RecordNotFound {
            table: self.table_name.clone(),
            id,
        }
    }
}
