//! Changes of tables, fields and relations, put into a draft as one step each.
//!
//! Whoever calls these holds the exclusive gate.

use std::sync::Arc;

use super::TransactionError;
use crate::{
    schema::{
        RecordId, RecordRef, Relation, RelationDefinition, SchemaError, TableDefinition,
        TableRelations, TableSchema,
    },
    storage::{
        Draft, DuplicateKey, Indexes, MemoryAccount, Snapshot, TableLoader, TableVersion, TableView,
    },
};

/// Adds an empty table with its relations.
pub(crate) fn create_table(
    draft: &mut Draft,
    account: &Arc<MemoryAccount>,
    definition: &TableDefinition,
) -> Result<Arc<TableSchema>, TransactionError> {
    let current = draft.snapshot();
    let mut catalog = current.catalog().clone();
    let schema = catalog.create_table(definition)?;
    for definition in &definition.relations {
        let relation = catalog.create_relation(definition)?;
        if relation.from_table != schema.name {
            let reason = format!(
                "it belongs to table `{}`: create it once `{}` is there",
                relation.from_table, schema.name
            );
            let relation = relation.name.clone();
            return Err(SchemaError::InvalidRelation { relation, reason }.into());
        }
    }
    let indexes = Indexes::of(&schema, catalog.relations_of(&schema));
    draft.set_table(
        schema.slot,
        Some(TableVersion::new(Arc::clone(&schema), indexes, account)),
    );
    draft.set_catalog(catalog);
    Ok(schema)
}

/// Drops a table and its records.
pub(crate) fn drop_table(
    draft: &mut Draft,
    table: &str,
) -> Result<Arc<TableSchema>, TransactionError> {
    let current = draft.snapshot();
    let mut catalog = current.catalog().clone();
    let schema = catalog.drop_table(table)?;
    draft.set_table(schema.slot, None);
    draft.set_catalog(catalog);
    Ok(schema)
}

/// Gives a table another limit of its memory, or that of the database.
pub(crate) fn set_memory_limit(
    draft: &mut Draft,
    table: &str,
    memory_limit_bytes: Option<u64>,
) -> Result<Arc<TableSchema>, TransactionError> {
    let current = draft.snapshot();
    let mut catalog = current.catalog().clone();
    let schema = catalog.set_memory_limit(table, memory_limit_bytes)?;
    let former = existing(&current, table)?.version;
    former.enforce_limit_of(&schema);
    draft.set_schema(former, Arc::clone(&schema), Arc::clone(&former.indexes));
    draft.set_catalog(catalog);
    Ok(schema)
}

/// Adds a relation, where all records that are there keep it.
pub(crate) fn create_relation(
    draft: &mut Draft,
    definition: &RelationDefinition,
) -> Result<Arc<Relation>, TransactionError> {
    let current = draft.snapshot();
    let mut catalog = current.catalog().clone();
    let relation = catalog.create_relation(definition)?;
    let from = existing(&current, relation.from_table.as_str())?;
    let indexes = build_indexes(from, from.schema(), catalog.relations_of(from.schema()))?;
    let targets = existing(&current, relation.to_table.as_str())?;
    check_references(&indexes, from, targets, &relation)?;
    let schema = Arc::clone(&from.version.schema);
    draft.set_schema(from.version, schema, Arc::new(indexes));
    draft.set_catalog(catalog);
    Ok(relation)
}

/// Drops a relation; its field stays.
pub(crate) fn drop_relation(draft: &mut Draft, relation: &str) -> Result<(), TransactionError> {
    let current = draft.snapshot();
    let mut catalog = current.catalog().clone();
    let relation = catalog.drop_relation(relation)?;
    let from = existing(&current, relation.from_table.as_str())?;
    let indexes = build_indexes(from, from.schema(), catalog.relations_of(from.schema()))?;
    let schema = Arc::clone(&from.version.schema);
    draft.set_schema(from.version, schema, Arc::new(indexes));
    draft.set_catalog(catalog);
    Ok(())
}

/// Builds the table anew without its deleted records, pages of few records packed; ids and the
/// sequence stay.
pub(crate) fn compact(
    draft: &mut Draft,
    account: &Arc<MemoryAccount>,
    table: &str,
) -> Result<(), TransactionError> {
    let current = draft.snapshot();
    let now = existing(&current, table)?;
    let mut loader = TableLoader::beyond_limit(Arc::clone(&now.version.schema), account).packed();
    for (id, record) in now.records() {
        loader.push(id, record)?;
    }
    let loaded = loader.finish_as(&now.version.shared)?;
    draft.set_loaded(loaded, Indexes::clone(&now.version.indexes));
    // Another catalog, though an equal one, says that a table is gone.
    draft.set_catalog(current.catalog().clone());
    Ok(())
}

/// Puts the records that a table had in another snapshot in the place of those that it has, where
/// all relations hold with them.
pub(crate) fn restore_records(
    draft: &mut Draft,
    account: &Arc<MemoryAccount>,
    table: TableView<'_>,
) -> Result<(), TransactionError> {
    let current = draft.snapshot();
    let name = &table.schema().name;
    let now = existing(&current, name.as_str())?;
    if !Arc::ptr_eq(&now.version.schema, &table.version.schema) {
        return Err(TransactionError::SchemaChanged {
            table: name.clone(),
        });
    }
    let mut loader = TableLoader::with_account(Arc::clone(&now.version.schema), account);
    for (id, record) in table.records() {
        loader.push(id, record)?;
    }
    let loaded = loader.finish_as(&now.version.shared)?;
    let relations = current.catalog().relations_of(now.schema());
    let indexes = build_indexes_of(loaded.records(), now.schema(), relations)?;
    draft.set_loaded(loaded, indexes);
    let changed = draft.snapshot();
    for relation in relations.from.iter().chain(&relations.to) {
        let from = existing(&changed, relation.from_table.as_str())?;
        let targets = existing(&changed, relation.to_table.as_str())?;
        check_references(&from.version.indexes, from, targets, relation)?;
    }
    draft.set_catalog(current.catalog().clone());
    Ok(())
}

/// The indexes of a table that is in a snapshot.
fn build_indexes(
    table: TableView<'_>,
    schema: &TableSchema,
    relations: &TableRelations,
) -> Result<Indexes, TransactionError> {
    build_indexes_of(table.records(), schema, relations)
}

/// The indexes of these records.
pub(crate) fn build_indexes_of<'r>(
    records: impl Iterator<Item = (RecordId, RecordRef<'r>)>,
    schema: &TableSchema,
    relations: &TableRelations,
) -> Result<Indexes, TransactionError> {
    let empty = Indexes::of(schema, relations);
    if empty.is_empty() {
        return Ok(empty);
    }
    let mut update = empty.update();
    for (id, record) in records {
        empty.note(&mut update, id, None, Some(record));
    }
    empty
        .apply(update)
        .map_err(|duplicate| duplicate_key(schema, duplicate))
}

/// The error for two records with one key.
pub(super) fn duplicate_key(schema: &TableSchema, duplicate: DuplicateKey) -> TransactionError {
    let DuplicateKey {
        field,
        existing,
        id,
    } = duplicate;
    TransactionError::DuplicateKey {
        table: schema.name.clone(),
        field: schema.layout.fields()[field].name.clone(),
        value: format!("that of record {id}"),
        existing,
    }
}

/// Checks that every id in the field of a relation is that of a record.
pub(crate) fn check_references(
    indexes: &Indexes,
    from: TableView<'_>,
    targets: TableView<'_>,
    relation: &Relation,
) -> Result<(), TransactionError> {
    let missing = |id: &RecordId| targets.read_record(*id).is_none();
    match indexes.referred_by(relation.from_index).find(missing) {
        None => Ok(()),
        Some(id) => Err(TransactionError::RelationMissing {
            table: from.schema().name.clone(),
            field: relation.from_field.clone(),
            target: relation.to_table.clone(),
            id,
        }),
    }
}

fn existing<'s>(current: &'s Snapshot, table: &str) -> Result<TableView<'s>, TransactionError> {
    let missing = || SchemaError::TableNotFound {
        table: table.to_owned(),
    };
    Ok(current.table_by_name(table).ok_or_else(missing)?)
}
