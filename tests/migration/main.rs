//! Folders that were written by older structs: what is migrated, and what is refused in which words.

mod allowed;
mod refused;
mod renamed;
mod unclaimed;

use std::{collections::BTreeMap, fs, path::Path};

use tickbase::{Database, DatabaseBuilder, Record, Snapshot, Writable};

/// Writes records of one table into a new folder, as a program with this struct does.
fn written<T: Writable + Copy>(records: &[T]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let db = open::<T>(folder.path()).unwrap();
    insert(&db, records);
    folder
}

/// A program with one struct opens the folder.
fn open<T: Record>(folder: &Path) -> tickbase::Result<Database> {
    Database::builder().table::<T>().open(folder)
}

fn insert<T: Writable + Copy>(db: &Database, records: &[T]) {
    db.transact(|tx| {
        for record in records {
            tx.insert(*record)?;
        }
        Ok(())
    })
    .unwrap();
    db.flush().unwrap();
}

/// Each record of a table as JSON, its id before it.
fn json<T: Record>(snapshot: &Snapshot) -> Vec<String> {
    let table = snapshot.table_by_name(T::NAME).unwrap();
    let text = |record| serde_json::to_string(&T::layout().read(record)).unwrap();
    let records = table.records();
    records
        .map(|(id, record)| format!("{id} {}", text(record)))
        .collect()
}

/// What `db.migrations()` tells, a line for each table.
fn told(db: &Database) -> Vec<String> {
    db.migrations().iter().map(ToString::to_string).collect()
}

/// Opens the folder with a struct, and again: what was migrated is on disk, and is told once.
fn migrated<T: Record>(folder: &Path) -> (Vec<String>, Vec<String>) {
    let db = open::<T>(folder).unwrap();
    let (steps, records) = (told(&db), json::<T>(&db.snapshot()));
    drop(db);
    let again = open::<T>(folder).unwrap();
    assert_eq!(json::<T>(&again.snapshot()), records);
    assert_eq!(told(&again), [""; 0], "what was migrated is migrated");
    (steps, records)
}

/// Opens the folder with a program that is refused, and gives the differences that it is told.
/// Nothing in the folder may have changed.
fn refused(folder: &Path, program: DatabaseBuilder) -> Vec<String> {
    let before = contents(folder);
    let error = program.open(folder).unwrap_err().to_string();
    assert!(
        contents(folder) == before,
        "a folder that is refused is left as it was"
    );
    let (head, differences) = error
        .split_once("\n- ")
        .unwrap_or_else(|| panic!("{error}"));
    assert_eq!(
        head,
        "the folder was written with other tables than the program has, and is left as it was, \
         since not all of it can be migrated:"
    );
    differences.split("\n- ").map(str::to_owned).collect()
}

/// The names and bytes of all files.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for part in ["", "data", "log"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = match path.is_dir() {
                true => Vec::new(),
                false => fs::read(&path).unwrap(),
            };
            found.insert(path.display().to_string(), bytes);
        }
    }
    found
}
