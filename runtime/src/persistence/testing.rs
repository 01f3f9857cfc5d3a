//! Small databases for the tests of this layer.

use std::{io, sync::Arc};

use super::{
    Disk, DiskFile, PersistenceError, Store, fake_disk::FakeDisk, open, recovery::Opened as Folder,
};
use crate::{
    schema::{
        Catalog, FieldDefinition, Name, OnDelete, RecordId, RelationDefinition, TableDefinition,
        TypeRegistry, Value, plan_migration,
    },
    storage::{self, Draft, Indexes, LoadedTable, MemoryAccount, Snapshot, TableLoader},
};

/// A file in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryFile {
    pub(super) bytes: Vec<u8>,
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn definition(name: &str, fields: &[(&str, &str)]) -> TableDefinition {
    let field =
        |(name, type_id): &(&str, &str)| FieldDefinition::new(Name::new(name).unwrap(), *type_id);
    TableDefinition {
        documentation: format!("Every {name} there is."),
        ..TableDefinition::new(Name::new(name).unwrap(), fields.iter().map(field).collect())
    }
}

pub(super) fn relation(from_table: &str, from_field: &str, to_table: &str) -> RelationDefinition {
    RelationDefinition {
        name: None,
        from_table: from_table.to_owned(),
        from_field: from_field.to_owned(),
        to_table: to_table.to_owned(),
        to_field: "id".to_owned(),
        on_delete: OnDelete::Restrict,
    }
}

/// Tables `airport` (8 bytes) and `gate` (4 bytes, the second padding), with ids 1 and 2.
pub(super) fn gates() -> Catalog {
    let mut catalog = Catalog::default();
    let airport = definition("airport", &[("runways", "u64")]);
    catalog.create_table(&airport).unwrap();
    let gate = definition("gate", &[("level", "u8"), ("number", "u16")]);
    catalog.create_table(&gate).unwrap();
    catalog
}

/// A table `note` of a number (at 0) and two texts (at 4 and 20), 36 bytes in all.
pub(super) fn notes() -> Catalog {
    let mut catalog = Catalog::default();
    let fields = [("stars", "u8"), ("title", "string"), ("seal", "bytes")];
    catalog.create_table(&definition("note", &fields)).unwrap();
    catalog
}

/// The bytes of a record of [`notes`].
pub(super) fn note(stars: u8, title: &str, seal: &[u8]) -> Vec<u8> {
    let catalog = notes();
    let layout = &catalog.table("note").unwrap().layout;
    let seal = Value::Bytes(seal.to_vec());
    let fields = [
        ("stars", stars.into()),
        ("title", title.into()),
        ("seal", seal),
    ];
    layout.write(&Value::object(fields)).unwrap().into_bytes()
}

/// A name, records by their ids, the last id, and the version of the last change.
pub(super) type Table<'a> = (&'a str, &'a [(u64, Vec<u8>)], u64, u64);

/// The snapshot of a database that published each table when it changed.
pub(super) fn snapshot(version: u64, catalog: &Catalog, tables: &[Table<'_>]) -> Snapshot {
    let account = Arc::new(MemoryAccount::new(u64::MAX));
    let store = storage::Store::new(0, 0, account);
    for publish in 1..=version {
        store.set_tick(publish * 10);
        let mut draft = Draft::new(store.snapshot());
        draft.set_catalog(catalog.clone());
        for schema in catalog.tables() {
            let (_, records, last_id, changed_at) = tables
                .iter()
                .find(|(name, ..)| schema.name == **name)
                .unwrap_or(&("", &[], 0, 0));
            if publish == (*changed_at).max(1) {
                let mut loader = TableLoader::with_account(
                    Arc::clone(schema),
                    &Arc::new(MemoryAccount::new(u64::MAX)),
                );
                for (id, record) in *records {
                    let record = schema.layout.split(record).unwrap();
                    loader.push(RecordId::new(*id).unwrap(), record).unwrap();
                }
                let indexes = Indexes::of(schema, catalog.relations_of(schema));
                draft.set_loaded(loader.finish(*last_id).unwrap(), indexes);
            }
        }
        store.publish(draft);
    }
    store.snapshot()
}

/// A folder that was opened by a program without structs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) catalog: Catalog,
    pub(super) tables: Vec<LoadedTable>,
    pub(super) version: u64,
}

/// What a loaded table holds: its name, its records, and its last id.
pub(super) type Contents = (String, Vec<(u64, Vec<u8>)>, u64);

fn contents(loaded: &LoadedTable) -> Contents {
    let records = loaded
        .records()
        .map(|(id, record)| (id.get(), record.to_bytes().into_owned()));
    (
        loaded.schema().name.to_string(),
        records.collect(),
        loaded.last_id,
    )
}

pub(super) fn contents_of(opened: &Opened) -> Vec<Contents> {
    opened.tables.iter().map(contents).collect()
}

pub(super) fn open_fake(disk: &FakeDisk) -> Result<Opened, PersistenceError> {
    open_disk(Arc::new(disk.clone()))
}

pub(super) fn open_disk(disk: Arc<dyn Disk>) -> Result<Opened, PersistenceError> {
    let account = Arc::new(MemoryAccount::new(u64::MAX));
    let types = TypeRegistry::default();
    let folder = open(disk, &types)?;
    let plan = plan_migration(&folder.catalog, types, &[], &|table| folder.facts(table)).unwrap();
    assert!(plan.migrations.is_empty(), "nothing was compiled");
    let tables = folder.load(&plan, &account)?;
    let Folder {
        store,
        version,
        catalog,
        ..
    } = folder;
    store.tidy();
    Ok(Opened {
        store,
        catalog,
        tables,
        version,
    })
}

pub(super) fn airports(runways: u8) -> Vec<(u64, Vec<u8>)> {
    (1..4).map(|id| (id, vec![runways; 8])).collect()
}

/// Gates of level 9 and airports with as many runways as the version says.
pub(super) fn state(version: u64) -> Snapshot {
    let gates_of = [(70, vec![9, 0, 1, 0]), (71, vec![9, 0, 2, 0])];
    let airports = airports(version as u8);
    let tables = [
        ("airport", &airports[..], 3, version),
        ("gate", &gates_of[..], 80 + version, 1),
    ];
    snapshot(version, &gates(), &tables)
}

pub(super) fn state_contents(version: u64) -> Vec<Contents> {
    vec![
        ("airport".to_owned(), airports(version as u8), 3),
        (
            "gate".to_owned(),
            vec![(70, vec![9, 0, 1, 0]), (71, vec![9, 0, 2, 0])],
            80 + version,
        ),
    ]
}

pub(super) fn flushed(version: u64) -> (FakeDisk, Store) {
    let disk = FakeDisk::default();
    let mut store = open_fake(&disk).unwrap().store;
    store.flush(&state(version)).unwrap();
    (disk, store)
}
