//! What must hold on the result of a commit: unique keys and relations.

use std::sync::Arc;

use super::{StagingBuffer, TransactionError};
use crate::{
    schema::{RecordId, Relation},
    storage::{DuplicateKey, Indexes, Snapshot, TableView},
};

/// One table as it will be when the commit is published.
pub(super) struct FinalTable<'c> {
    /// The table as it is.
    pub(super) now: TableView<'c>,
    /// What it will be.
    pub(super) staging: &'c mut StagingBuffer,
    pub(super) indexes: Arc<Indexes>,
}

/// The indexes of a table after a commit, or the key that two records would share.
pub(super) fn update_indexes(
    now: TableView<'_>,
    staging: &StagingBuffer,
) -> Result<Arc<Indexes>, TransactionError> {
    let indexes = &now.version.indexes;
    if indexes.is_empty() {
        return Ok(Arc::clone(indexes));
    }
    let staged = &staging.staged;
    let mut update = indexes.update();
    for id in staging.changed_records() {
        indexes.note(&mut update, id, now.record(id), staged.view().record(id));
    }
    indexes.apply(update).map(Arc::new).map_err(|duplicate| {
        let DuplicateKey {
            field,
            existing,
            id,
        } = duplicate;
        let schema = now.schema();
        let field = &schema.layout.fields()[field];
        let value = staged
            .view()
            .record(id)
            .map(|record| field.value(record).describe());
        TransactionError::DuplicateKey {
            table: schema.name.clone(),
            field: field.name.clone(),
            value: value.unwrap_or_default(),
            existing,
        }
    })
}

/// Checks every relation that the commit could break: records that now refer to others, and
/// records that are gone.
pub(super) fn check_relations(
    current: &Snapshot,
    finals: &[FinalTable<'_>],
) -> Result<(), TransactionError> {
    for table in finals {
        let relations = current.catalog().relations_of(table.now.schema());
        for relation in &relations.from {
            check_targets(current, finals, table, relation)?;
        }
        for relation in &relations.to {
            check_not_referenced(current, finals, table, relation)?;
        }
    }
    Ok(())
}

fn final_of<'f, 'c>(
    current: &Snapshot,
    finals: &'f [FinalTable<'c>],
    table: &str,
) -> Result<&'f FinalTable<'c>, Option<usize>> {
    let slot = current.catalog().table(table).map(|schema| schema.slot);
    let is_it = |other: &&FinalTable<'_>| Some(other.now.schema().slot) == slot;
    finals.iter().find(is_it).ok_or(slot)
}

fn check_targets(
    current: &Snapshot,
    finals: &[FinalTable<'_>],
    table: &FinalTable<'_>,
    relation: &Relation,
) -> Result<(), TransactionError> {
    let field = &table.now.schema().layout.fields()[relation.from_index];
    let target = final_of(current, finals, relation.to_table.as_str());
    let exists = |id: RecordId| match target {
        Ok(target) => target.staging.staged.view().get(id).is_some(),
        Err(slot) => {
            let target = slot.and_then(|slot| current.table_in(slot));
            target.is_some_and(|target| target.read_record(id).is_some())
        }
    };
    for id in table.staging.changed_records() {
        let Some(record) = table.staging.staged.view().get(id) else {
            continue;
        };
        let bytes = field.bytes(record);
        if table
            .now
            .read_record(id)
            .is_some_and(|before| field.bytes(before) == bytes)
        {
            continue;
        }
        let number = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        if let Some(referred) = RecordId::new(number)
            && !exists(referred)
        {
            return Err(TransactionError::RelationMissing {
                table: table.now.schema().name.clone(),
                field: field.name.clone(),
                target: relation.to_table.clone(),
                id: referred,
            });
        }
    }
    Ok(())
}

fn check_not_referenced(
    current: &Snapshot,
    finals: &[FinalTable<'_>],
    table: &FinalTable<'_>,
    relation: &Relation,
) -> Result<(), TransactionError> {
    let gone = |id: &RecordId| {
        table.now.read_record(*id).is_some() && table.staging.staged.view().get(*id).is_none()
    };
    for id in table.staging.changed_records().filter(gone) {
        let count = match final_of(current, finals, relation.from_table.as_str()) {
            Ok(from) => from.indexes.references_to(relation.from_index, id),
            Err(slot) => {
                let from = slot.and_then(|slot| current.table_in(slot));
                from.map_or(0, |from| {
                    from.version.indexes.references_to(relation.from_index, id)
                })
            }
        };
        if count > 0 {
            return Err(TransactionError::RecordReferenced {
                table: table.now.schema().name.clone(),
                id,
                relation: relation.name.clone(),
                by_table: relation.from_table.clone(),
                count,
            });
        }
    }
    Ok(())
}
