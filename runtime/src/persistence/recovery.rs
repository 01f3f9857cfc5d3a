//! Opens a folder: makes an empty database, or loads the current set and refuses all else.

use std::{io, path::PathBuf, sync::Arc};

use uuid::Builder;

use super::{
    DATA_FOLDER, Disk, DiskFile, FileBytes, LOCK_FILE, LOG_FOLDER, PersistenceError, SCHEMA_FILE,
    Store,
    data_file::{self, Expected, ReadError},
    error::RESTORE,
    file_names::{data_file_table, data_path, is_data_file},
    schema_document::{Contents, FileEntry, SchemaDocument, TableEntry},
    schema_file::{self, SchemaFault},
};
use crate::{
    schema::{
        Catalog, FieldFault, LayoutChange, MigrationPlan, RecordBuf, RecordId, StoredFacts,
        TableId, TableSchema, TypeRegistry,
    },
    storage::{LoadedTable, MemoryAccount, StorageError, TableLoader},
};

/// A folder whose schema was read and whose records were not.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The folder, locked. Until its [`tidy`](Store::tidy) nothing in it was changed.
    pub(crate) store: Store,
    /// The types, tables and relations as they were written. No table is bound to a struct.
    pub(crate) catalog: Catalog,
    /// The version that the records are of; the database goes on from here.
    pub(crate) version: u64,
    /// The tick that they are of.
    pub(crate) tick: u64,
}

impl Opened {
    /// What is known of a table beside its schema.
    pub(crate) fn facts(&self, table: TableId) -> StoredFacts {
        let entry = self.store.current.table(table);
        entry.map_or_else(StoredFacts::default, |entry| StoredFacts {
            compiled: entry.compiled,
            records: entry.records,
            last_id: entry.last_id,
        })
    }

    /// The records of every stored table that `plan` keeps, as they are to be. They were checked as
    /// what they were written as.
    ///
    /// # Errors
    /// [`Missing`](PersistenceError::Missing) and [`Corrupt`](PersistenceError::Corrupt) where a
    /// file is not there or not what was written.
    pub(crate) fn load(
        &self,
        plan: &MigrationPlan,
        account: &Arc<MemoryAccount>,
    ) -> Result<Vec<LoadedTable>, PersistenceError> {
        let document = &self.store.current;
        let disk = &*self.store.disk;
        let mut tables = Vec::with_capacity(document.tables.len());
        for stored in self.catalog.tables() {
            let entry = document
                .table(stored.id)
                .ok_or_else(|| invalid(disk, format!("table `{}` is not in it", stored.name)))?;
            let Some(kept) = plan.catalog.tables().find(|table| table.id == stored.id) else {
                continue;
            };
            let source = Source {
                disk,
                document,
                entry,
                stored,
            };
            tables.push(source.load(kept, plan.conversion(stored.id), account)?);
        }
        Ok(tables)
    }
}

/// Opens the database in the folder of `disk`, or makes an empty one.
///
/// `types` are those that the program brings; only through them is known how to read a custom
/// type with a serializer of its own.
///
/// # Errors
/// [`Locked`](PersistenceError::Locked) where the folder is in use;
/// [`Missing`](PersistenceError::Missing) and [`Corrupt`](PersistenceError::Corrupt) where a file is
/// not there or not what was written, and then the folder is left as it was found.
pub(crate) fn open(disk: Arc<dyn Disk>, types: &TypeRegistry) -> Result<Opened, PersistenceError> {
    let io = |operation, path: &str| {
        let file = disk.folder().join(path);
        move |error| PersistenceError::io(file, operation, error)
    };
    disk.create_dir("").map_err(io("creating", ""))?;
    let lock = disk.lock(LOCK_FILE).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => PersistenceError::Locked {
            folder: disk.folder().to_owned(),
        },
        _ => io("locking", LOCK_FILE)(error),
    })?;
    for folder in [DATA_FOLDER, LOG_FOLDER] {
        disk.create_dir(folder).map_err(io("creating", folder))?;
    }
    // What is seen may be there only until the power fails: a rename, for one, whose folder was
    // never synced. Nothing may be removed on the strength of it before it is durable.
    for folder in [DATA_FOLDER, ""] {
        disk.sync_dir(folder).map_err(io("syncing", folder))?;
    }
    if disk
        .exists(SCHEMA_FILE)
        .map_err(io("looking for", SCHEMA_FILE))?
    {
        read(disk, lock, types)
    } else {
        create(disk, lock)
    }
}

fn create(disk: Arc<dyn Disk>, lock: Box<dyn DiskFile>) -> Result<Opened, PersistenceError> {
    let error = |operation, path: &str, source| {
        PersistenceError::io(disk.folder().join(path), operation, source)
    };
    let names = disk
        .list(DATA_FOLDER)
        .map_err(|source| error("listing", DATA_FOLDER, source))?;
    if let Some(orphan) = names.iter().find(|name| is_data_file(name)) {
        return Err(PersistenceError::Missing {
            file: disk.folder().join(SCHEMA_FILE),
            purpose: format!("which says what {} is", data_path(orphan)),
            advice: RESTORE,
        });
    }
    let id = disk
        .random()
        .map_err(|source| error("finding an id for", "", source))?;
    let document = SchemaDocument::new(
        Builder::from_random_bytes(id).into_uuid(),
        (0, 0),
        &Catalog::default(),
        |_| Contents::default(),
    );
    let mut store = Store::new(disk, lock, document.clone());
    store.publish(document)?;
    Ok(Opened {
        store,
        catalog: Catalog::default(),
        version: 0,
        tick: 0,
    })
}

fn read(
    disk: Arc<dyn Disk>,
    lock: Box<dyn DiskFile>,
    types: &TypeRegistry,
) -> Result<Opened, PersistenceError> {
    let document = read_schema(&*disk)?;
    let catalog = document
        .catalog(types)
        .map_err(|reason| invalid(&*disk, reason))?;
    let (version, tick) = (document.version, document.tick);
    Ok(Opened {
        store: Store::new(disk, lock, document),
        catalog,
        version,
        tick,
    })
}

fn read_schema(disk: &dyn Disk) -> Result<SchemaDocument, PersistenceError> {
    let file = disk.folder().join(SCHEMA_FILE);
    let bytes = disk
        .map(SCHEMA_FILE)
        .map_err(|source| PersistenceError::io(file.clone(), "reading", source))?;
    schema_file::decode(&bytes).map_err(|fault| match fault {
        SchemaFault::Damaged {
            offset,
            expected,
            found,
        } => PersistenceError::Corrupt {
            file,
            offset: offset as u64,
            expected,
            found,
            advice: RESTORE,
        },
        SchemaFault::Invalid(reason) => invalid(disk, reason),
    })
}

/// Where the records of one table are.
struct Source<'a> {
    disk: &'a dyn Disk,
    document: &'a SchemaDocument,
    entry: &'a TableEntry,
    /// The table as it was written.
    stored: &'a TableSchema,
}

/// Why a record that is as it was written cannot be taken.
enum Refused {
    Storage(StorageError),
    Converted(RecordId, FieldFault),
}

impl Source<'_> {
    /// The records as those of `kept`.
    fn load(
        &self,
        kept: &Arc<TableSchema>,
        conversion: Option<&LayoutChange>,
        account: &Arc<MemoryAccount>,
    ) -> Result<LoadedTable, PersistenceError> {
        let Self { disk, entry, .. } = *self;
        let mut loader = TableLoader::beyond_limit(Arc::clone(kept), account);
        let Some(file) = &entry.file else {
            if entry.records > 0 {
                let reason = format!("table `{}` has records and no file", entry.name);
                return Err(invalid(disk, reason));
            }
            let file = disk.folder().join(SCHEMA_FILE);
            let finished = loader.finish(entry.last_id);
            return finished.map_err(|source| PersistenceError::Load { file, source });
        };
        let (path, bytes) = self.map(file)?;
        let expected = Expected {
            database_id: self.document.database_id,
            length: file.length,
            header_crc32c: file.header_crc32c,
            records: entry.records,
            last_id: entry.last_id,
        };
        let mut converted = RecordBuf::default();
        let read = data_file::read(&bytes, &expected, self.stored, |id, record| {
            let pushed = match conversion {
                None => loader.push(id, record),
                Some(conversion) => {
                    let done = conversion.copy(record, &mut converted);
                    done.map_err(|fault| Refused::Converted(id, fault))?;
                    loader.push(id, converted.as_ref())
                }
            };
            pushed.map_err(Refused::Storage)
        });
        let finish = |()| {
            let finished = loader.finish(entry.last_id);
            finished.map_err(|source| ReadError::Refused(Refused::Storage(source)))
        };
        read.and_then(finish).map_err(|error| match error {
            ReadError::Refused(Refused::Storage(source)) => {
                PersistenceError::Load { file: path, source }
            }
            ReadError::Refused(Refused::Converted(id, fault)) => PersistenceError::NotConverted {
                file: path,
                id: id.get(),
                fault,
            },
            ReadError::Damaged(damage) => PersistenceError::Corrupt {
                file: path,
                offset: damage.offset,
                expected: damage.expected,
                found: damage.found,
                advice: RESTORE,
            },
        })
    }

    fn map(&self, file: &FileEntry) -> Result<(PathBuf, FileBytes), PersistenceError> {
        let Self { disk, entry, .. } = *self;
        if data_file_table(&file.name) != Some(entry.name.as_str()) {
            let reason = format!("{:?} is no file of table `{}`", file.name, entry.name);
            return Err(invalid(disk, reason));
        }
        let path = disk.folder().join(data_path(&file.name));
        match disk.map(&data_path(&file.name)) {
            Ok(bytes) => Ok((path, bytes)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                Err(PersistenceError::Missing {
                    file: path,
                    purpose: format!("which holds the records of table `{}`", entry.name),
                    advice: RESTORE,
                })
            }
            Err(source) => Err(PersistenceError::io(path, "reading", source)),
        }
    }
}

fn invalid(disk: &dyn Disk, reason: String) -> PersistenceError {
    PersistenceError::SchemaInvalid {
        file: disk.folder().join(SCHEMA_FILE),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        persistence::{
            RealDisk,
            fake_disk::{FakeDisk, Fault},
            testing::{Contents, contents_of, definition, open_disk, open_fake, snapshot},
        },
        storage::Snapshot,
    };

    /// Two tables of which each could hold the other's records.
    fn twins(version: u64) -> Snapshot {
        let mut catalog = Catalog::default();
        for name in ["left", "right"] {
            catalog
                .create_table(&definition(name, &[("a", "u16")]))
                .unwrap();
        }
        let left = [(1, vec![1, 2]), (9, vec![3, version as u8])];
        let right = [(2, vec![5, 6]), (3, vec![7, 8])];
        let tables = [
            ("left", &left[..], 12, version),
            ("right", &right[..], 12, version),
        ];
        snapshot(version, &catalog, &tables)
    }

    fn written(disk: &FakeDisk) -> Vec<Contents> {
        let mut store = open_fake(disk).unwrap().store;
        store.flush(&twins(1)).unwrap();
        drop(store);
        contents_of(&open_fake(disk).unwrap())
    }

    fn refusal(disk: &FakeDisk) -> String {
        let files = disk.files();
        let text = open_fake(disk).unwrap_err().to_string();
        assert_eq!(
            disk.files(),
            files,
            "a folder that is refused is left as it was"
        );
        text
    }

    #[test]
    fn a_folder_is_made_with_all_above_it_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        let open = || open_disk(Arc::new(RealDisk::new(&path)));
        let mut opened = open().unwrap();
        assert!(opened.version == 0 && opened.tables.is_empty());
        let error = open().unwrap_err();
        assert!(matches!(&error, PersistenceError::Locked { .. }));
        let text = error.to_string();
        assert!(
            text.contains("deep/data is in use by another database"),
            "{text}"
        );

        let written = opened.store.flush(&twins(3)).unwrap();
        assert_eq!((written.version, written.tables), (3, 2));
        opened.store.flush(&twins(4)).unwrap();
        drop(opened);
        let opened = open().unwrap();
        assert_eq!(opened.version, 4);
        let records = [(1, vec![1, 2]), (9, vec![3, 4])].to_vec();
        assert_eq!(contents_of(&opened)[0], ("left".to_owned(), records, 12));
        let disk = RealDisk::new(&path);
        let mut names = disk.list("data").unwrap();
        names.sort();
        assert_eq!(
            names,
            ["left.4.bin", "left.bin", "right.4.bin", "right.bin"]
        );
        assert!(disk.exists("data/left.bin").unwrap() && disk.exists("log").unwrap());
    }

    #[test]
    fn every_flipped_bit_is_refused_or_has_no_effect() {
        let disk = FakeDisk::default();
        let before = written(&disk);
        let mut refused = 0;
        for path in ["schema.json", "data/left.1.bin", "data/right.1.bin"] {
            let good = disk.bytes(path);
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                disk.set_bytes(path, bad);
                match open_fake(&disk) {
                    Err(PersistenceError::Corrupt { .. }) => refused += 1,
                    Err(other) => panic!("{path}, bit {bit}: {other}"),
                    Ok(opened) => assert_eq!(contents_of(&opened), before, "{path}, bit {bit}"),
                }
            }
            disk.set_bytes(path, good);
        }
        let bits: usize = ["schema.json", "data/left.1.bin", "data/right.1.bin"]
            .iter()
            .map(|path| disk.bytes(path).len() * 8)
            .sum();
        assert_eq!(refused, bits, "no byte is without a checksum");
        assert_eq!(contents_of(&open_fake(&disk).unwrap()), before);
    }

    #[test]
    fn a_file_that_is_cut_off_or_longer_is_refused_by_name() {
        let disk = FakeDisk::default();
        written(&disk);
        for path in ["schema.json", "data/left.1.bin"] {
            let good = disk.bytes(path);
            for length in 0..good.len() {
                disk.set_bytes(path, good[..length].to_vec());
                let text = refusal(&disk);
                assert!(text.contains(path), "{length} bytes: {text}");
            }
            for more in [1, 4096] {
                let longer = [&good[..], &vec![0; more]].concat();
                disk.set_bytes(path, longer);
                assert!(refusal(&disk).contains(path));
            }
            disk.set_bytes(path, good);
        }
    }

    #[test]
    fn a_missing_file_is_refused_by_name_with_what_to_do() {
        let disk = FakeDisk::default();
        written(&disk);
        disk.remove("data/left.1.bin").unwrap();
        assert_eq!(
            refusal(&disk),
            "/fake/data/left.1.bin is missing, which holds the records of table `left`; restore the \
             whole folder from a backup, or move it away to start empty"
        );
    }

    #[test]
    fn files_of_other_tables_flushes_and_databases_are_refused() {
        let disk = FakeDisk::default();
        written(&disk);
        let [left, right] = ["data/left.1.bin", "data/right.1.bin"].map(|path| disk.bytes(path));
        disk.set_bytes("data/left.1.bin", right.clone());
        disk.set_bytes("data/right.1.bin", left.clone());
        let text = refusal(&disk);
        assert!(
            text.contains("left.1.bin") && text.contains("with the id 2"),
            "{text}"
        );

        let other = FakeDisk::with_random(1);
        written(&other);
        disk.set_bytes("data/left.1.bin", other.bytes("data/left.1.bin"));
        disk.set_bytes("data/right.1.bin", right);
        let text = refusal(&disk);
        assert!(text.contains("one of database 01010101-"), "{text}");

        disk.set_bytes("data/left.1.bin", left.clone());
        let mut store = open_fake(&disk).unwrap().store;
        store.flush(&twins(2)).unwrap();
        drop(store);
        disk.set_bytes("data/left.2.bin", left);
        let text = refusal(&disk);
        assert!(
            text.contains("that of another flush, of version 1"),
            "{text}"
        );
    }

    #[test]
    fn data_without_its_schema_is_no_new_database() {
        let disk = FakeDisk::default();
        written(&disk);
        disk.remove("schema.json").unwrap();
        let text = refusal(&disk);
        assert!(
            text.contains("schema.json is missing, which says what data/left.1.bin is"),
            "{text}"
        );
    }

    #[test]
    fn what_a_crash_left_behind_is_removed_and_nothing_else() {
        let disk = FakeDisk::default();
        let before = written(&disk);
        let expected = disk.files();
        let leftovers = [
            "schema.json.tmp",
            "data/left.bin.tmp",
            "data/left.2.bin",
            "data/gone.1-3.bin",
        ];
        for path in leftovers {
            disk.create_new(path).unwrap();
        }
        disk.link("gone.1-3.bin", "data/gone.bin").unwrap();
        disk.create_new("data/notes.txt").unwrap();
        // The first start removes what the link leads to, in one go or in two.
        open_fake(&disk).unwrap();
        assert_eq!(contents_of(&open_fake(&disk).unwrap()), before);
        let mut files = disk.files();
        files.retain(|file| file != "data/notes.txt");
        assert_eq!(files, expected);
    }

    #[test]
    fn a_start_that_is_interrupted_anywhere_can_be_repeated() {
        for number in 0.. {
            let disk = FakeDisk::default();
            disk.set_fault(Fault::From(number));
            let opened = open_fake(&disk);
            let (done, operations) = (opened.is_ok(), disk.operations());
            drop(opened);
            for disk in [disk.after_kill(), disk.after_power_cut()] {
                let made = disk.files().contains(&"schema.json".to_owned());
                assert!(made || !done, "a folder that was opened is there");
                assert!(open_fake(&disk).unwrap().tables.is_empty());
            }
            if number >= operations {
                assert!(done);
                break;
            }
        }
        let disk = FakeDisk::default();
        let before = written(&disk);
        for number in 0..12 {
            disk.set_fault(Fault::From(number));
            let _ = open_fake(&disk);
            disk.set_fault(Fault::None);
            assert_eq!(contents_of(&open_fake(&disk).unwrap()), before);
        }
    }
}
