//! From a description to a database: tables and procedures, what a folder holds, and whether the
//! two fit.

use std::{any::TypeId, fmt, path::Path, sync::Arc};

#[cfg(feature = "auto-register")]
use super::linked;
use super::{
    Database, Inner, Persistence,
    opening::{bind_tables, define_tables, fill, tell},
};
use crate::{
    Config, Durability, Error, Result,
    clock::{Clock, SystemClock},
    persistence::{self, Disk, RealDisk},
    procedure::{Procedure, ProcedureFn, ProcedureRegistry, Signature},
    schema::{
        Catalog, Place, Record, SchemaError, StoredFacts, TableDefinition, TableSchema,
        TypeDefinition, TypeRegistry, plan_migration,
    },
    storage::{MemoryAccount, Store},
};

/// A table that a struct declares.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) record: TypeId,
    pub(super) define: fn(&mut TypeRegistry) -> Result<TableDefinition, SchemaError>,
    pub(super) bind: fn(&mut Catalog) -> Result<Arc<TableSchema>, SchemaError>,
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
    /// loaded and checked.
    ///
    /// Where the folder was written with other structs it is migrated to those of the program, all at
    /// once and on disk before this returns, as long as nothing is lost by it; [`Database::migrations`]
    /// tells what was done. Stored tables that no struct declares are kept and reached by their names.
    ///
    /// # Errors
    /// [`SchemaError::NotMigrated`] where something would be lost, with every field concerned and what
    /// would allow it. Whatever the error, what was in the folder is in it still.
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

    #[cfg_attr(
        not(feature = "auto-register"),
        expect(unused_mut, reason = "nothing is added behind the program's back")
    )]
    fn build(mut self, disk: Option<Arc<dyn Disk>>) -> Result<Database> {
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

impl fmt::Debug for DatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|table| table.name).collect();
        f.debug_struct("DatabaseBuilder")
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}
