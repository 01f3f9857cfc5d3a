//! From a description to a database: tables and procedures, what a folder holds, and whether the
//! two fit.

use std::{any::TypeId, fmt, path::Path, sync::Arc};

#[cfg(feature = "auto-register")]
use super::linked;
use super::{Database, Inner, Persistence, flatten};
use crate::{
    Config, Durability, Error, Result,
    clock::{Clock, SystemClock},
    persistence::{self, RealDisk},
    procedure::{Procedure, ProcedureFn, ProcedureRegistry, Signature},
    schema::{
        Catalog, Place, Record, SchemaError, TableDefinition, TableSchema, TypeDefinition,
        TypeRegistry,
    },
    storage::{Draft, Indexes, LoadedTable, MemoryAccount, Store, TableVersion},
    transaction::schema_change::{build_indexes_of, check_references},
};

/// A table that a struct declares.
struct Declared {
    name: &'static str,
    place: Place,
    record: TypeId,
    define: fn(&mut TypeRegistry) -> Result<TableDefinition, SchemaError>,
    bind: fn(&mut Catalog) -> Result<Arc<TableSchema>, SchemaError>,
}

impl Declared {
    fn of<T: Record>() -> Self {
        Self {
            name: T::NAME,
            place: T::PLACE,
            record: TypeId::of::<T>(),
            define: T::define,
            bind: Catalog::bind_compiled::<T>,
        }
    }
}

type RegisterProcedure =
    Box<dyn FnOnce(&mut ProcedureRegistry, &mut TypeRegistry) -> Result<(), SchemaError>>;

/// A description of a database, from which it is opened.
#[derive(Default)]
pub struct DatabaseBuilder {
    tables: Vec<Declared>,
    /// With each the type that stands for it, where one does.
    procedures: Vec<(Option<TypeId>, RegisterProcedure)>,
    #[cfg(feature = "auto-register")]
    linked: bool,
    types: Vec<(String, TypeDefinition)>,
    memory_limits: Vec<(&'static str, u64)>,
    config: Config,
    clock: Option<Arc<dyn Clock>>,
}

impl DatabaseBuilder {
    /// Adds the table that struct `T` declares.
    #[must_use]
    pub fn table<T: Record>(mut self) -> Self {
        self.tables.push(Declared::of::<T>());
        self
    }

    /// Adds the function that `#[procedure]` made `P` of.
    #[must_use]
    pub fn procedure<P: Procedure>(mut self) -> Self {
        self.push_procedure::<P>();
        self
    }

    fn push_procedure<P: Procedure>(&mut self) {
        let register: RegisterProcedure = Box::new(|registry, types| registry.register::<P>(types));
        self.procedures.push((Some(TypeId::of::<P>()), register));
    }

    /// Adds every table and every procedure that the macros have made anywhere in the program,
    /// beside those that are named.
    ///
    /// They come in the order of their names. A crate that nothing refers to is not linked into
    /// the program, and so brings nothing: write `use that_crate as _;` where the database is
    /// built, or name its tables.
    ///
    /// ```standalone_crate
    /// use tickbase::prelude::*;
    ///
    /// #[table]
    /// struct Airport {
    ///     code: Text<4>,
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let db = Database::builder().linked().in_memory()?;
    /// assert!(db.table_of::<Airport>().is_ok());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "auto-register")]
    #[must_use]
    pub fn linked(mut self) -> Self {
        self.linked = true;
        self
    }

    /// Adds a table of the program where nobody has named it.
    #[cfg(feature = "auto-register")]
    pub(super) fn add_linked_table<T: Record>(&mut self) {
        let record = TypeId::of::<T>();
        if self.tables.iter().all(|table| table.record != record) {
            self.tables.push(Declared::of::<T>());
        }
    }

    /// Adds a procedure of the program where nobody has named it.
    #[cfg(feature = "auto-register")]
    pub(super) fn add_linked_procedure<P: Procedure>(&mut self) {
        let procedure = Some(TypeId::of::<P>());
        if self.procedures.iter().all(|(known, _)| *known != procedure) {
            self.push_procedure::<P>();
        }
    }

    /// Adds a function under the name of its signature.
    #[must_use]
    pub fn procedure_fn(mut self, signature: Signature, function: ProcedureFn) -> Self {
        let register: RegisterProcedure =
            Box::new(move |registry, _| registry.register_procedure(signature, function));
        self.procedures.push((None, register));
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
        self.build(Some(Arc::new(RealDisk::new(folder.as_ref()))))
    }

    #[cfg_attr(
        not(feature = "auto-register"),
        expect(unused_mut, reason = "nothing is added behind the program's back")
    )]
    fn build(mut self, disk: Option<Arc<RealDisk>>) -> Result<Database> {
        self.config.check()?;
        #[cfg(feature = "auto-register")]
        if self.linked {
            linked::add_all(&mut self);
        }
        let account = MemoryAccount::new(self.config.memory_limit_bytes)
            .with_table_limit(self.config.table_memory_limit_bytes);
        let account = Arc::new(account);
        let mut types = TypeRegistry::default();
        for (name, definition) in self.types {
            types.register_type(&name, definition)?;
        }
        let mut procedures = ProcedureRegistry::default();
        for (_, register) in self.procedures {
            register(&mut procedures, &mut types)?;
        }
        let (mut catalog, tables, version, tick, files) = match disk {
            Some(disk) => {
                let opened = persistence::open(disk, types, &account)?;
                (
                    opened.catalog,
                    opened.tables,
                    opened.version,
                    opened.tick,
                    Some(opened.store),
                )
            }
            None => (Catalog::with_types(types), Vec::new(), 0, 0, None),
        };
        bind_tables(&mut catalog, &self.tables, &self.memory_limits)?;
        let store = Store::new(version.saturating_sub(1), tick, account);
        fill(&store, catalog, tables)?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let persistence = Persistence::start(files, &clock)?;
        persistence.flush_and_wait(&store.snapshot())?;
        let (store, config) = (Arc::new(store), self.config);
        Ok(Database {
            inner: Arc::new(Inner {
                store,
                procedures,
                config,
                clock,
                persistence,
                schema_changes: Arc::default(),
            }),
        })
    }
}

/// Makes the compiled tables part of the catalog, or compares them with those that are there.
fn bind_tables(
    catalog: &mut Catalog,
    tables: &[Declared],
    memory_limits: &[(&'static str, u64)],
) -> Result<()> {
    let undeclared = |(name, _): &&(&str, u64)| tables.iter().all(|table| table.name != *name);
    if let Some((name, _)) = memory_limits.iter().find(undeclared) {
        return Err(Error::Config {
            setting: "table_memory_limit",
            reason: format!("no struct of the program declares table `{name}`: add it by `table`"),
        });
    }
    let mut relations = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let Declared {
            name, define, bind, ..
        } = table;
        let earlier = tables[..index].iter().find(|former| former.name == *name);
        if let Some(earlier) = earlier {
            return Err(declared_twice(earlier, table));
        }
        let definition = define(catalog.types_mut())?;
        match catalog.table(definition.name.as_str()) {
            Some(stored) => compare(stored, &definition)?,
            None => {
                catalog.create_table(&definition)?;
            }
        }
        // What the program says counts, not what the folder was written with.
        let limit = memory_limits
            .iter()
            .rev()
            .find(|(limited, _)| limited == name);
        catalog.set_memory_limit(name, limit.map(|(_, limit_bytes)| *limit_bytes))?;
        bind(catalog)?;
        relations.extend(definition.relations);
    }
    for relation in relations {
        let known = catalog.relations().any(|known| {
            known.from_table == *relation.from_table.as_str()
                && known.from_field == *relation.from_field.as_str()
        });
        if !known {
            catalog.create_relation(&relation)?;
        }
    }
    Ok(())
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

/// Refuses a stored table whose fields are not those of the struct, difference by difference.
fn compare(stored: &TableSchema, definition: &TableDefinition) -> Result<(), SchemaError> {
    let old = stored.layout.definitions();
    let mut differences = Vec::new();
    for field in &definition.fields {
        match old.iter().find(|former| former.name == field.name) {
            None => differences.push(format!("`{}` is new", field.name)),
            Some(former) if former.type_id != field.type_id => differences.push(format!(
                "`{}` was {} and is now {}",
                field.name, former.type_id, field.type_id
            )),
            Some(former) if former.unique != field.unique => {
                differences.push(format!(
                    "`{}` is unique in one and not in the other",
                    field.name
                ));
            }
            Some(_) => {}
        }
    }
    for former in &old {
        if !definition
            .fields
            .iter()
            .any(|field| field.name == former.name)
        {
            differences.push(format!("`{}` is gone", former.name));
        }
    }
    let order = |fields: &[crate::schema::FieldDefinition]| {
        fields
            .iter()
            .map(|field| field.name.clone())
            .collect::<Vec<_>>()
    };
    if differences.is_empty() && order(&old) != order(&definition.fields) {
        differences.push("the fields are in another order".to_owned());
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(SchemaError::InvalidTable {
        table: stored.name.clone(),
        reason: format!(
            "its struct is not the one that the folder was written with: {}. Take back the change, \
             or start with an empty folder",
            differences.join(", ")
        ),
    })
}

/// Publishes the first version: the tables that were loaded, and empty ones for the others.
fn fill(store: &Store, catalog: Catalog, tables: Vec<LoadedTable>) -> Result<()> {
    let mut draft = Draft::new(store.snapshot());
    let mut loaded: Vec<LoadedTable> = tables;
    for schema in catalog.tables() {
        let relations = catalog.relations_of(schema);
        match loaded
            .iter()
            .position(|table| table.schema().id == schema.id)
        {
            Some(place) => {
                let mut table = loaded.swap_remove(place);
                table.schema = Arc::clone(schema);
                let indexes = build_indexes_of(table.records(), schema, relations);
                draft.set_loaded(table, indexes.map_err(flatten)?);
            }
            None => {
                let indexes = Indexes::of(schema, relations);
                let table = TableVersion::new(Arc::clone(schema), indexes, store.account());
                draft.set_table(schema.slot, Some(table));
            }
        }
    }
    draft.set_catalog(catalog);
    let snapshot = store.publish(draft);
    for relation in snapshot.catalog().relations() {
        let table = |name: &str| snapshot.table_by_name(name);
        let ends = (
            table(relation.from_table.as_str()),
            table(relation.to_table.as_str()),
        );
        if let (Some(from), Some(to)) = ends {
            check_references(&from.version.indexes, from, to, relation).map_err(flatten)?;
        }
    }
    Ok(())
}

impl fmt::Debug for DatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|table| table.name).collect();
        f.debug_struct("DatabaseBuilder")
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}
