//! How a transaction becomes a version: checked against the current one, then published at once.
//!
//! There are two ways to the new tree of a table. Where nobody changed the table since the
//! transaction began, its staged tree is installed. Else its changes are applied again, field by
//! field, on the current tree. Both leave the same records.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::{
    Isolation, StagingBuffer, TransactionError, TransactionHandle,
    constraints::{FinalTable, check_relations, update_indexes},
    scope::refuse_nested,
};
use crate::{
    schema::{FieldMask, RecordId},
    storage::{Change, Draft, Snapshot, StagedTree, Store, TableShared, TableVersion, TableView},
};

/// Commits beside others: locks the tables that the commit depends on, in the order of their
/// names, then checks and publishes.
pub(super) fn commit(store: &Store, tx: TransactionHandle) -> Result<u64, TransactionError> {
    refuse_nested()?;
    let _gate = store.shared_gate();
    let locked = tables_to_lock(&store.snapshot(), &tx);
    let _tables: Vec<MutexGuard<'_, ()>> = locked
        .iter()
        .map(|table| table.commit.lock().unwrap_or_else(PoisonError::into_inner))
        .collect();
    commit_locked(store, tx)
}

/// Commits where the caller holds the exclusive gate, or the locks of all tables concerned.
pub(crate) fn commit_locked(store: &Store, tx: TransactionHandle) -> Result<u64, TransactionError> {
    let mut draft = Draft::new(store.snapshot());
    commit_into(&mut draft, tx)?;
    if draft.is_empty() {
        return Ok(store.snapshot().version());
    }
    Ok(store.publish(draft).version())
}

/// Adds a transaction to a draft that nobody else changes; where it fails the draft stays as it is.
pub(crate) fn commit_into(
    draft: &mut Draft,
    tx: TransactionHandle,
) -> Result<(), TransactionError> {
    let TransactionHandle {
        transaction,
        base,
        reads,
        isolation,
        ..
    } = tx;
    let current = draft.snapshot();
    if let Some(buffer) = transaction.staging.iter().find(|buffer| buffer.half_done) {
        let table = buffer.table_name().clone();
        return Err(TransactionError::Broken { table });
    }
    if isolation == Isolation::Serializable
        && let Some(table) = reads.borrow().first_conflict(&base, &current)
    {
        return Err(TransactionError::Conflict { table });
    }
    // Before anything is checked with ids that are no longer the next ones.
    for staging in &transaction.staging {
        let now = current.table_in(staging.slot);
        if now.is_some_and(|now| !staging.ids_hold(now.version)) {
            let table = staging.table_name().clone();
            return Err(TransactionError::Conflict { table });
        }
    }
    let mut finals = Vec::with_capacity(transaction.staging.len());
    for staging in transaction.staging {
        if !staging.is_empty() {
            let prepared = prepare(&base, &current, staging, transaction.number, isolation);
            finals.push(prepared?);
        }
    }
    check_relations(&current, &finals)?;
    take_ids(&finals)?;
    for table in finals {
        let last_id = table.now.version.shared.last_id();
        draft.set_staged(
            table.now.version,
            table.staged,
            table.records,
            last_id,
            table.indexes,
        );
    }
    Ok(())
}

/// The tree and the indexes of one table as they will be.
fn prepare<'c>(
    base: &Snapshot,
    current: &'c Snapshot,
    staging: StagingBuffer,
    number: u64,
    isolation: Isolation,
) -> Result<FinalTable<'c>, TransactionError> {
    let name = staging.table_name().clone();
    let schema_changed = || TransactionError::SchemaChanged {
        table: name.clone(),
    };
    let before = base.table_in(staging.slot).ok_or_else(schema_changed)?;
    let now = current.table_in(staging.slot).ok_or_else(schema_changed)?;
    if !Arc::ptr_eq(&before.version.shared, &now.version.shared) {
        return Err(schema_changed());
    }
    let explicit = staging.changes.as_slice().iter().map(Change::id);
    let mut changed: Vec<RecordId> = explicit.collect();
    if !staging.noted.is_empty() {
        changed.extend(&staging.noted);
        changed.sort_unstable();
        changed.dedup();
    }
    let provisional_ids = staging.provisional_ids;
    let (staged, records) = if before.changed_at() == now.changed_at() {
        (staging.staged, staging.records)
    } else {
        apply_again(before, current, now, &staging, number, isolation)?
    };
    let indexes = update_indexes(now, &staged, &changed)?;
    Ok(FinalTable {
        now,
        staged,
        records,
        indexes,
        changed,
        provisional_ids,
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
    let bytes = |id| {
        own.get(id)
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
                staged.insert(id)?.copy_from_slice(bytes(id));
                records += 1;
            }
            Change::Update { id, fields } => {
                write_fields(now.version, &mut staged, id, bytes(id), fields)?
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
            write_fields(now.version, &mut staged, id, bytes(id), fields)?;
        }
    }
    Ok((staged, records))
}

/// Writes some fields of a record; false where the record is not there.
fn write_fields(
    table: &TableVersion,
    staged: &mut StagedTree,
    id: RecordId,
    record: &[u8],
    fields: FieldMask,
) -> Result<bool, TransactionError> {
    let Some(mut bytes) = staged.update(id)? else {
        return Ok(false);
    };
    for (index, field) in table.schema.layout.fields().iter().enumerate() {
        if fields.contains(index) {
            bytes.set_part(field.offset, field.bytes(record));
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
                let Some(old) = before.read_record(id).filter(|old| *old != record) else {
                    continue;
                };
                let differs =
                    |index: &usize| fields[*index].bytes(old) != fields[*index].bytes(record);
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
        if let Some((last, count)) = table.provisional_ids
            && !table.now.version.shared.take_ids(last, count)
        {
            return Err(TransactionError::Conflict {
                table: table.now.schema().name.clone(),
            });
        }
    }
    Ok(())
}

/// The tables that a commit changes, has read, or needs to stay as they are for its relations.
fn tables_to_lock(current: &Snapshot, tx: &TransactionHandle) -> Vec<Arc<TableShared>> {
    let staged = tx
        .transaction
        .staging
        .iter()
        .filter(|buffer| !buffer.is_empty());
    let mut slots: Vec<usize> = staged.map(|buffer| buffer.slot).collect();
    for slot in slots.clone() {
        let Some(table) = current.table_in(slot) else {
            continue;
        };
        let relations = current.catalog().relations_of(table.schema());
        let others = relations.from.iter().map(|relation| &relation.to_table);
        let others = others.chain(relations.to.iter().map(|relation| &relation.from_table));
        slots.extend(
            others
                .filter_map(|name| current.catalog().table(name.as_str()))
                .map(|s| s.slot),
        );
    }
    slots.extend(tx.reads.borrow().slots());
    slots.sort_unstable();
    slots.dedup();
    let mut tables: Vec<TableView<'_>> = slots
        .into_iter()
        .filter_map(|slot| current.table_in(slot))
        .collect();
    tables.sort_by(|left, right| left.schema().name.cmp(&right.schema().name));
    tables
        .into_iter()
        .map(|table| Arc::clone(&table.version.shared))
        .collect()
}
