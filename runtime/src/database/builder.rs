//! From a description to a database: tables and procedures, what a folder holds, and whether the
//! two fit.

use std::{fmt, path::Path, sync::Arc};

use super::{Database, Inner, Persistence, flatten};
use crate::{
    Config, Durability, Error, Result,
    clock::{Clock, SystemClock},
    persistence::{self, Disk, RealDisk},
    procedure::{Procedure, ProcedureFn, ProcedureRegistry, Signature},
    schema::{
        Catalog, Difference, Migration, MigrationPlan, MigrationStep, Record, SchemaError,
        StoredFacts, TableDefinition, TableSchema, TypeDefinition, TypeRegistry, plan_migration,
    },
    storage::{Draft, Indexes, LoadedTable, MemoryAccount, Store, TableVersion},
    transaction::{
        TransactionError,
        schema_change::{build_indexes_of, check_references},
    },
};

type Define = fn(&mut TypeRegistry) -> Result<TableDefinition, SchemaError>;
type Bind = fn(&mut Catalog) -> Result<Arc<TableSchema>, SchemaError>;
type RegisterProcedure =
    Box<dyn FnOnce(&mut ProcedureRegistry, &mut TypeRegistry) -> Result<(), SchemaError>>;

/// A description of a database, from which it is opened.
#[derive(Default)]
pub struct DatabaseBuilder {
    tables: Vec<(&'static str, Define, Bind)>,
    procedures: Vec<RegisterProcedure>,
    types: Vec<(String, TypeDefinition)>,
    memory_limits: Vec<(&'static str, u64)>,
    config: Config,
    clock: Option<Arc<dyn Clock>>,
}

impl DatabaseBuilder {
    /// Adds the table that struct `T` declares.
    #[must_use]
    pub fn table<T: Record>(mut self) -> Self {
        self.tables
            .push((T::NAME, T::define, Catalog::bind_compiled::<T>));
        self
    }

    /// Adds the function that `#[procedure]` made `P` of.
    #[must_use]
    pub fn procedure<P: Procedure>(mut self) -> Self {
        self.procedures
            .push(Box::new(|registry, types| registry.register::<P>(types)));
        self
    }

    /// Adds a function under the name of its signature.
    #[must_use]
    pub fn procedure_fn(mut self, signature: Signature, function: ProcedureFn) -> Self {
        self.procedures.push(Box::new(move |registry, _| {
            registry.register_procedure(signature, function)
        }));
        self
    }

    /// Registers a custom type for tables that are made at run time.
    #[must_use]
    pub fn register_type(mut self, name: &str, definition: TypeDefinition) -> Self {
        self.types.push((name.to_owned(), definition));
        self
    }

    /// Lets the table that struct `T` declares use so much memory and no more. What would go beyond
    /// is refused; reads go on, and deleting and compacting makes room.
    #[must_use]
    pub fn table_memory_limit<T: Record>(mut self, limit_bytes: u64) -> Self {
        self.memory_limits.push((T::NAME, limit_bytes));
        self
    }

    /// Replaces all settings.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Ticks per second, 15 to 120; 60 where nothing is said.
    #[must_use]
    pub fn tick_rate_hz(mut self, tick_rate_hz: u32) -> Self {
        self.config.tick_rate_hz = tick_rate_hz;
        self
    }

    /// Replaces the clock, for tests and for programs with a time of their own.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A database that lives in memory alone.
    pub fn in_memory(mut self) -> Result<Database> {
        self.config.durability = Durability::None;
        self.build(None)
    }

    /// A database that is kept in `folder`, which is made where it is not there. What it holds is
    /// loaded and checked; what does not fit is refused, and nothing in the folder is changed.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Database> {
        if self.config.durability == Durability::None {
            return Err(Error::Config {
                setting: "durability",
                reason: "nothing would be written to the folder: use `in_memory()`".to_owned(),
            });
        }
        self.open_on(Arc::new(RealDisk::new(folder.as_ref())))
    }

    /// A database that is kept on `disk`.
    pub(super) fn open_on(self, disk: Arc<dyn Disk>) -> Result<Database> {
        self.build(Some(disk))
    }

    fn build(self, disk: Option<Arc<dyn Disk>>) -> Result<Database> {
        self.config.check()?;
        let account = MemoryAccount::new(self.config.memory_limit_bytes)
            .with_table_limit(self.config.table_memory_limit_bytes);
        let account = Arc::new(account);
        let mut types = TypeRegistry::default();
        for (name, definition) in self.types {
            types.register_type(&name, definition)?;
        }
        let mut procedures = ProcedureRegistry::default();
        for register in self.procedures {
            register(&mut procedures, &mut types)?;
        }
        let definitions = define_tables(&mut types, &self.tables, &self.memory_limits)?;
        let folder = disk
            .map(|disk| persistence::open(disk, &types))
            .transpose()?;
        let (mut plan, tables) = match &folder {
            Some(folder) => {
                let facts = |table| folder.facts(table);
                let plan = plan_migration(&folder.catalog, types, &definitions, &facts)?;
                let tables = folder.load(&plan, &account)?;
                (plan, tables)
            }
            None => {
                let nothing = |_| StoredFacts::default();
                let plan = plan_migration(&Catalog::default(), types, &definitions, &nothing)?;
                (plan, Vec::new())
            }
        };
        bind_tables(&mut plan.catalog, &self.tables, &self.memory_limits)?;
        let (version, tick) = folder.as_ref().map_or((0, 0), |f| (f.version, f.tick));
        let store = Store::new(version.saturating_sub(1), tick, account);
        fill(&store, &plan, tables)?;
        let files = folder.map(|folder| folder.store);
        if let Some(files) = &files {
            files.tidy();
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let persistence = Persistence::start(files, &clock)?;
        persistence.flush_and_wait(&store.snapshot())?;
        tell(&plan.migrations);
        let (store, config) = (Arc::new(store), self.config);
        Ok(Database {
            inner: Arc::new(Inner {
                store,
                procedures,
                config,
                clock,
                persistence,
                schema_changes: Arc::default(),
                migrations: plan.migrations,
            }),
        })
    }
}

/// What the structs of the program say of their tables; their types are registered by it.
fn define_tables(
    types: &mut TypeRegistry,
    tables: &[(&'static str, Define, Bind)],
    memory_limits: &[(&'static str, u64)],
) -> Result<Vec<TableDefinition>> {
    let undeclared = |(name, _): &&(&str, u64)| tables.iter().all(|(table, ..)| table != name);
    if let Some((name, _)) = memory_limits.iter().find(undeclared) {
        return Err(Error::Config {
            setting: "table_memory_limit",
            reason: format!("no struct of the program declares table `{name}`: add it by `table`"),
        });
    }
    let mut definitions = Vec::with_capacity(tables.len());
    for (index, (name, define, _)) in tables.iter().enumerate() {
        if tables[..index].iter().any(|(earlier, ..)| earlier == name) {
            return Err(Error::Config {
                setting: "tables",
                reason: format!("two structs declare table `{name}`: rename one of them"),
            });
        }
        definitions.push(define(types)?);
    }
    Ok(definitions)
}

/// Binds the tables of the program to their structs.
fn bind_tables(
    catalog: &mut Catalog,
    tables: &[(&'static str, Define, Bind)],
    memory_limits: &[(&'static str, u64)],
) -> Result<()> {
    for (name, _, bind) in tables {
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
fn tell(migrations: &[Migration]) {
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
fn fill(store: &Store, plan: &MigrationPlan, mut loaded: Vec<LoadedTable>) -> Result<()> {
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

impl fmt::Debug for DatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|(name, ..)| name).collect();
        f.debug_struct("DatabaseBuilder")
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}
