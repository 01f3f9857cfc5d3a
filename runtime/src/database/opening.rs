//! What is done with the tables while a database is opened: defined, bound to their structs, filled.

use std::sync::Arc;

use super::{builder::Declared, flatten};
use crate::{
    Error, Result,
    schema::{
        Catalog, Difference, Migration, MigrationPlan, MigrationStep, SchemaError, TableDefinition,
        TypeRegistry,
    },
    storage::{Draft, Indexes, LoadedTable, Store, TableVersion},
    transaction::{
        TransactionError,
        schema_change::{build_indexes_of, check_references},
    },
};

/// What the structs of the program say of their tables; their types are registered by it.
pub(super) fn define_tables(
    types: &mut TypeRegistry,
    tables: &[Declared],
    memory_limits: &[(&'static str, u64)],
) -> Result<Vec<TableDefinition>> {
    let undeclared = |(name, _): &&(&str, u64)| tables.iter().all(|table| table.name != *name);
    if let Some((name, _)) = memory_limits.iter().find(undeclared) {
        return Err(Error::Config {
            setting: "table_memory_limit",
            reason: format!("no struct of the program declares table `{name}`: add it by `table`"),
        });
    }
    let mut definitions = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let mut earlier = tables[..index].iter();
        if let Some(earlier) = earlier.find(|earlier| earlier.name == table.name) {
            return Err(declared_twice(earlier, table));
        }
        definitions.push((table.define)(types)?);
    }
    Ok(definitions)
}

/// The fault of two tables that have one name.
fn declared_twice(one: &Declared, other: &Declared) -> Error {
    let (name, place) = (one.name, other.place);
    Error::Config {
        setting: "tables",
        reason: match one.record == other.record {
            true => format!("table `{name}`, declared {place}, is added twice: remove one"),
            false => format!(
                "two structs declare table `{name}`, one {} and one {place}: rename one of them, \
                 or write `#[table(name = \"…\")]` on it",
                one.place
            ),
        },
    }
}

/// Binds the tables of the program to their structs.
pub(super) fn bind_tables(
    catalog: &mut Catalog,
    tables: &[Declared],
    memory_limits: &[(&'static str, u64)],
) -> Result<()> {
    for Declared { name, bind, .. } in tables {
        // What the program says counts, not what the folder was written with.
        let limit = memory_limits
            .iter()
            .rev()
            .find(|(limited, _)| limited == name);
        catalog.set_memory_limit(name, limit.map(|(_, limit_bytes)| *limit_bytes))?;
        bind(catalog)?;
    }
    Ok(())
}

/// Logs what was migrated, once it is on disk.
pub(super) fn tell(migrations: &[Migration]) {
    for migration in migrations {
        let Migration { table, records, .. } = migration;
        if migration.steps.contains(&MigrationStep::Undeclared) {
            tracing::warn!(%table, records, "{migration}");
        } else {
            tracing::info!(%table, records, "migrated {migration}");
        }
    }
}

/// Publishes the first version: the tables that were loaded, and empty ones for the others.
pub(super) fn fill(
    store: &Store,
    plan: &MigrationPlan,
    mut loaded: Vec<LoadedTable>,
) -> Result<()> {
    let catalog = &plan.catalog;
    let mut draft = Draft::new(store.snapshot());
    let mut differences = Vec::new();
    for schema in catalog.tables() {
        let relations = catalog.relations_of(schema);
        match loaded
            .iter()
            .position(|table| table.schema().id == schema.id)
        {
            Some(place) => {
                let mut table = loaded.swap_remove(place);
                table.schema = Arc::clone(schema);
                match build_indexes_of(table.records(), schema, relations) {
                    Ok(indexes) => draft.set_loaded(table, indexes),
                    Err(error) => differences.push(difference(plan, error)?),
                }
            }
            None => {
                let indexes = Indexes::of(schema, relations);
                let table = TableVersion::new(Arc::clone(schema), indexes, store.account());
                draft.set_table(schema.slot, Some(table));
            }
        }
    }
    draft.set_catalog(catalog.clone());
    let snapshot = draft.snapshot();
    for relation in catalog.relations() {
        let table = |name: &str| snapshot.table_by_name(name);
        let ends = (
            table(relation.from_table.as_str()),
            table(relation.to_table.as_str()),
        );
        if let (Some(from), Some(to)) = ends
            && let Err(error) = check_references(&from.version.indexes, from, to, relation)
        {
            differences.push(difference(plan, error)?);
        }
    }
    // It builds on the draft, and has to be gone before it.
    drop(snapshot);
    if !differences.is_empty() {
        return Err(SchemaError::NotMigrated { differences }.into());
    }
    store.publish(draft);
    Ok(())
}

/// What records have against the new schema as a difference; an error where it is not new.
fn difference(plan: &MigrationPlan, error: TransactionError) -> Result<Difference> {
    let difference = match &error {
        TransactionError::DuplicateKey {
            table,
            field,
            existing,
            value,
        } => plan.duplicate(table, field, existing.get(), value),
        TransactionError::RelationMissing {
            table, field, id, ..
        } => plan.leads_nowhere(table, field, id.get()),
        _ => None,
    };
    difference.ok_or_else(|| flatten(error))
}
