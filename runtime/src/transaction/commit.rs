//! How a transaction becomes a version: checked against the current one, then published at once.
//!
//! There are two ways to the new tree of a table. Where nobody changed the table since the
//! transaction began, its staged tree is installed. Else its changes are applied again, field by
//! field, on the current tree. Both leave the same records.

use std::sync::{Arc, MutexGuard};

use smallvec::SmallVec;

use super::{
    Isolation, StagingBuffer, Transaction, TransactionError, TransactionHandle,
    constraints::{FinalTable, check_relations, update_indexes},
    scope::refuse_nested,
};
use crate::{
    schema::{FieldMask, RecordId, RecordRef},
    storage::{Change, Draft, Snapshot, StagedTree, Store, TableShared, TableVersion, TableView},
};

/// Commits beside others: locks the tables that the commit depends on, in the order of their
/// names, then checks and publishes.
pub(super) fn commit(mut tx: TransactionHandle) -> Result<u64, TransactionError> {
    refuse_nested()?;
    let store = Arc::clone(&tx.store);
    let _gate = store.shared_gate();
    let mut tables = tables_to_lock(&tx.base, &tx);
    let mut catalog = tx.base.clone();
    loop {
        let locked = lock(&tables);
        let current = store.snapshot();
        // Which tables to lock is said by the catalog, which stays as it is behind the gate.
        if !current.has_same_catalog(&catalog) {
            drop(locked);
            tables = tables_to_lock(&current, &tx);
            catalog = current;
            continue;
        }
        // Once nobody holds the version before any more, its memory can be used again.
        drop(catalog);
        let mut draft = Draft::new(current);
        commit_into(&mut draft, &mut tx)?;
        drop(tx);
        return Ok(publish(&store, draft));
    }
}

/// Commits where the caller holds the exclusive gate.
pub(crate) fn commit_locked(
    store: &Store,
    mut tx: TransactionHandle,
) -> Result<u64, TransactionError> {
    let mut draft = Draft::new(store.snapshot());
    commit_into(&mut draft, &mut tx)?;
    drop(tx);
    Ok(publish(store, draft))
}

fn publish(store: &Store, draft: Draft) -> u64 {
    match draft.is_empty() {
        true => store.snapshot().version(),
        false => store.publish(draft).version(),
    }
}

/// Adds a transaction to a draft that nobody else changes; where it fails the draft stays as it is.
/// What it staged is gone afterwards.
pub(crate) fn commit_into(
    draft: &mut Draft,
    tx: &mut TransactionHandle,
) -> Result<(), TransactionError> {
    let current = draft.snapshot();
    let (base, isolation) = (&tx.base, tx.isolation);
    let Transaction { number, staging } = &mut tx.transaction;
    if let Some(buffer) = staging.iter().find(|buffer| buffer.half_done) {
        let table = buffer.table_name().clone();
        return Err(TransactionError::Broken { table });
    }
    if isolation == Isolation::Serializable
        && let Some(table) = tx.reads.borrow().first_conflict(base, &current)
    {
        return Err(TransactionError::Conflict { table });
    }
    // Before anything is checked with ids that are no longer the next ones.
    for staging in staging.iter() {
        let now = current.table_in(staging.slot);
        if now.is_some_and(|now| !staging.ids_hold(now.version)) {
            let table = staging.table_name().clone();
            return Err(TransactionError::Conflict { table });
        }
    }
    let mut finals: SmallVec<[FinalTable<'_>; 1]> = SmallVec::new();
    for staging in staging.iter_mut().filter(|staging| !staging.is_empty()) {
        finals.push(prepare(base, &current, staging, *number, isolation)?);
    }
    check_relations(&current, &finals)?;
    take_ids(&finals)?;
    for table in finals {
        let now = table.now.version;
        draft.set_staged(
            now,
            &mut table.staging.staged,
            table.staging.records,
            now.shared.last_id(),
            table.indexes,
        );
    }
    Ok(())
}

/// Makes the tree of one table what it will be, and gives it with its indexes.
fn prepare<'c>(
    base: &Snapshot,
    current: &'c Snapshot,
    staging: &'c mut StagingBuffer,
    number: u64,
    isolation: Isolation,
) -> Result<FinalTable<'c>, TransactionError> {
    let tables = (base.table_in(staging.slot), current.table_in(staging.slot));
    let (before, now) = match tables {
        (Some(before), Some(now)) if Arc::ptr_eq(&before.version.shared, &now.version.shared) => {
            (before, now)
        }
        _ => {
            let table = staging.table_name().clone();
            return Err(TransactionError::SchemaChanged { table });
        }
    };
    if before.changed_at() != now.changed_at() {
        let again = apply_again(before, current, now, staging, number, isolation)?;
        (staging.staged, staging.records) = again;
    }
    let indexes = update_indexes(now, staging)?;
    Ok(FinalTable {
        now,
        staging,
        indexes,
    })
}

/// Applies the changes of a transaction to a table that has changed since it began.
fn apply_again(
    before: TableView<'_>,
    current: &Snapshot,
    now: TableView<'_>,
    staging: &StagingBuffer,
    number: u64,
    isolation: Isolation,
) -> Result<(StagedTree, u64), TransactionError> {
    let slot = staging.slot;
    let mut staged = Draft::stage(current, slot, number).expect("the table was just found");
    let mut records = now.len();
    let own = staging.staged.view();
    let record = |id| {
        own.record(id)
            .expect("a staged tree has the records that it changed")
    };
    // Who wrote a record has seen that it was there.
    let gone = |id| match isolation {
        Isolation::Serializable => TransactionError::Conflict {
            table: staging.table_name().clone(),
        },
        Isolation::ReadCommitted => staging.not_found(id),
    };
    for change in staging.changes.as_slice() {
        match *change {
            Change::Create { id } => {
                staged.insert_record(id, record(id))?;
                records += 1;
            }
            Change::Update { id, fields } => {
                write_fields(now.version, &mut staged, id, record(id), fields)?
                    .then_some(())
                    .ok_or_else(|| gone(id))?;
            }
            // It came and went in this transaction.
            Change::Delete { id } if before.read_record(id).is_none() => {}
            Change::Delete { id } => {
                if !staged.remove(id)? {
                    return Err(gone(id));
                }
                records -= 1;
            }
        }
    }
    if staging.passed {
        for (id, fields) in passed_changes(before, staging) {
            // A record that is gone meanwhile needs no change any more.
            write_fields(now.version, &mut staged, id, record(id), fields)?;
        }
    }
    Ok((staged, records))
}

/// Writes some fields of a record; false where the record is not there.
fn write_fields(
    table: &TableVersion,
    staged: &mut StagedTree,
    id: RecordId,
    record: RecordRef<'_>,
    fields: FieldMask,
) -> Result<bool, TransactionError> {
    let layout = &table.schema.layout;
    if layout.has_tails() {
        let Some(now) = staged.view().record(id) else {
            return Ok(false);
        };
        let merged = layout.merge(now, record, fields);
        let merged = merged.map_err(|fault| TransactionError::InvalidRecord {
            table: table.schema.name.clone(),
            faults: vec![fault],
        })?;
        return Ok(staged.replace_record(id, merged.as_ref())?);
    }
    let Some(mut bytes) = staged.update(id)? else {
        return Ok(false);
    };
    for (index, field) in layout.fields().iter().enumerate() {
        if fields.contains(index) {
            bytes.set_part(field.offset, field.bytes(record.fixed));
        }
    }
    Ok(true)
}

/// What passes changed: each page that was copied, compared with the one it was copied from.
fn passed_changes(before: TableView<'_>, staging: &StagingBuffer) -> Vec<(RecordId, FieldMask)> {
    let fields = before.schema().layout.fields();
    let mut changed = Vec::new();
    for leaf in staging.staged.view().leaves_from(0) {
        let Some(old_leaf) = before.tree().leaf(leaf.number()) else {
            continue;
        };
        for (place, page) in leaf.pages().enumerate() {
            if page.identity() == old_leaf.page(place).identity() {
                continue;
            }
            for (id, record) in page.records() {
                let Some(old) = before.record(id).filter(|old| *old != record) else {
                    continue;
                };
                let differs = |index: &usize| !fields[*index].is_same(old, record);
                let mask = (0..fields.len())
                    .filter(differs)
                    .fold(FieldMask::NONE, FieldMask::with);
                changed.push((id, mask));
            }
        }
    }
    changed
}

/// Takes the ids that procedures used provisionally. Where somebody else has taken one of them,
/// the call has to run again.
fn take_ids(finals: &[FinalTable<'_>]) -> Result<(), TransactionError> {
    for table in finals {
        if let Some((last, count)) = table.staging.provisional_ids
            && !table.now.version.shared.take_ids(last, count)
        {
            return Err(TransactionError::Conflict {
                table: table.now.schema().name.clone(),
            });
        }
    }
    Ok(())
}

/// The tables that a commit changes, has read, or needs to stay as they are for its relations, in
/// the order of their names.
fn tables_to_lock(current: &Snapshot, tx: &TransactionHandle) -> SmallVec<[Arc<TableShared>; 2]> {
    let mut slots: SmallVec<[usize; 8]> = SmallVec::new();
    for buffer in &tx.transaction.staging {
        if !buffer.is_empty() {
            slots.push(buffer.slot);
        }
    }
    for place in 0..slots.len() {
        let Some(table) = current.table_in(slots[place]) else {
            continue;
        };
        let relations = current.catalog().relations_of(table.schema());
        if relations.is_empty() {
            continue;
        }
        let others = relations.from.iter().map(|relation| &relation.to_table);
        let others = others.chain(relations.to.iter().map(|relation| &relation.from_table));
        let schemas = others.filter_map(|name| current.catalog().table(name.as_str()));
        slots.extend(schemas.map(|schema| schema.slot));
    }
    for slot in tx.reads.borrow().slots() {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    if let [slot] = slots[..] {
        let table = current.table_in(slot);
        return table
            .iter()
            .map(|table| Arc::clone(&table.version.shared))
            .collect();
    }
    slots.sort_unstable();
    slots.dedup();
    let version = |slot: usize| Some(current.table_in(slot)?.version);
    let mut tables: SmallVec<[&TableVersion; 8]> = slots.into_iter().filter_map(version).collect();
    tables.sort_by(|left, right| left.schema.name.cmp(&right.schema.name));
    let shared = tables.iter().map(|table| Arc::clone(&table.shared));
    shared.collect()
}

fn lock(tables: &[Arc<TableShared>]) -> SmallVec<[MutexGuard<'_, ()>; 2]> {
    tables.iter().map(|table| table.lock_commit()).collect()
}
