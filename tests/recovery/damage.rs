//! Folders that somebody meddled with: refused with the file and what to do, and left as they are.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use harness::{Account, Airport, airport, table_definition};
use tickbase::{Database, Error, PersistenceError, Result, Runtime, Value};

use crate::{contents, data_file, lazy};

fn open(folder: &Path) -> Result<Database> {
    lazy().table::<Airport>().table::<Account>().open(folder)
}

/// A folder with two tables, stopped cleanly.
fn kept() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).unwrap();
    db.transact(|tx| {
        for number in 0..3_000_u16 {
            tx.insert(airport(&number.to_string()))?;
            tx.insert(Account {
                balance: number.into(),
            })?;
        }
        Ok(())
    })
    .unwrap();
    Runtime::new(db).stop().unwrap();
    folder
}

/// Opens a folder that was damaged, which must name the file, and leave everything as it is.
fn assert_refused(folder: &Path, file: &Path, what: &str) -> Error {
    let found = contents(folder);
    let error = open(folder).expect_err(what);
    let text = error.to_string();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(text.contains(name), "{what}: {name} in {text}");
    assert!(
        text.contains("restore the whole folder from a backup, or move it away to start empty"),
        "{what}: {text}"
    );
    assert!(contents(folder) == found, "{what}: the folder was changed");
    error
}

fn flip(file: &Path, offset: u64) {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn a_data_file_with_one_wrong_bit_is_refused_wherever_it_is() {
    let folder = kept();
    let file = data_file(folder.path(), "account");
    let length = fs::metadata(&file).unwrap().len();
    // Magic, header, reserved, first record, last record, runs, checksums, last byte.
    for offset in [
        0,
        9,
        60,
        2000,
        4095,
        4096,
        4096 + 8 * 2_999,
        length - 20,
        length - 1,
    ] {
        flip(&file, offset);
        let what = format!("a wrong bit at {offset}");
        let error = assert_refused(folder.path(), &file, &what);
        assert!(
            matches!(error, Error::Persistence(PersistenceError::Corrupt { .. })),
            "{error}"
        );
        flip(&file, offset);
    }
    assert_eq!(
        open(folder.path())
            .unwrap()
            .snapshot()
            .table::<Account>()
            .len(),
        3_000
    );
}

#[test]
fn a_text_with_one_wrong_bit_is_refused_with_its_file_and_place() {
    let folder = kept();
    let db = open(folder.path()).unwrap();
    let note = table_definition("note", &[("title", "string"), ("seal", "bytes")]);
    db.create_table(&note).unwrap();
    let notes = db.table("note").unwrap();
    for length in 0..1_000 {
        let title = "title ".repeat(length % 100);
        let seal = Value::Bytes(vec![7; length % 30]);
        let fields = Value::object([("title", title.into()), ("seal", seal)]);
        notes.create_record(&fields).unwrap();
    }
    drop(notes);
    Runtime::new(db).stop().unwrap();
    let file = data_file(folder.path(), "note");
    let whole = fs::read(&file).unwrap();
    let number = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap());
    let (checksums, tails_length) = (number(80), number(112));
    assert!(tails_length > 250_000, "most of the file are tails");
    let tails = checksums - tails_length.next_multiple_of(16);
    for offset in (tails..checksums).step_by(9_973) {
        flip(&file, offset);
        let error = assert_refused(folder.path(), &file, &format!("a wrong bit at {offset}"));
        flip(&file, offset);
        let Error::Persistence(PersistenceError::Corrupt { offset: found, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(found, 4096 + (offset - 4096) / 65_536 * 65_536, "its block");
    }
    let db = open(folder.path()).unwrap();
    assert_eq!(db.snapshot().table_by_name("note").unwrap().len(), 1_000);
}

#[test]
fn a_data_file_that_is_shorter_or_longer_is_refused() {
    let folder = kept();
    let file = data_file(folder.path(), "airport");
    let whole = fs::read(&file).unwrap();
    for length in [0, 1, 4095, 4096, 5000, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_refused(folder.path(), &file, &format!("cut to {length}"));
    }
    fs::write(&file, [&whole[..], &[0]].concat()).unwrap();
    assert_refused(folder.path(), &file, "one byte longer");
    fs::write(&file, &whole).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn data_files_that_changed_places_are_refused() {
    let folder = kept();
    let (left, right) = (
        data_file(folder.path(), "airport"),
        data_file(folder.path(), "account"),
    );
    let aside = folder.path().join("aside");
    for (from, to) in [(&left, &aside), (&right, &left), (&aside, &right)] {
        fs::rename(from, to).unwrap();
    }
    let error = open(folder.path()).unwrap_err().to_string();
    let first = left.file_name().unwrap().to_str().unwrap();
    let second = right.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(first) || error.contains(second), "{error}");
}

#[test]
fn a_data_file_of_an_earlier_flush_or_another_folder_is_refused() {
    let folder = kept();
    let file = data_file(folder.path(), "account");
    let earlier = fs::read(&file).unwrap();
    let db = open(folder.path()).unwrap();
    let all = |balance: i64| {
        db.transact(|tx| {
            Ok(tx
                .table_mut::<Account>()
                .par_for_each_mut(|_, a| a.balance = balance)?)
        })
    };
    all(7).unwrap();
    Runtime::new(db.clone()).stop().unwrap();
    drop(db);
    let file = data_file(folder.path(), "account");
    let current = fs::read(&file).unwrap();
    assert_eq!(current.len(), earlier.len());
    fs::write(&file, &earlier).unwrap();
    assert_refused(folder.path(), &file, "an earlier flush");
    let other = kept();
    fs::copy(data_file(other.path(), "account"), &file).unwrap();
    assert_refused(folder.path(), &file, "another folder");
    fs::write(&file, &current).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_file_that_is_missing_is_refused_by_name() {
    let folder = kept();
    let schema = folder.path().join("schema.json");
    for file in [data_file(folder.path(), "airport"), schema] {
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let error = assert_refused(folder.path(), &file, "a missing file");
        assert!(
            matches!(error, Error::Persistence(PersistenceError::Missing { .. })),
            "{error}"
        );
        fs::write(&file, bytes).unwrap();
    }
    open(folder.path()).unwrap();
}

#[test]
fn a_schema_that_was_edited_or_cut_is_refused() {
    let folder = kept();
    let file = folder.path().join("schema.json");
    let whole = fs::read_to_string(&file).unwrap();
    assert!(whole.contains("\"balance\""));
    let edited = [
        whole.replace("\"balance\"", "\"balancE\""),
        whole.replace("\"format\": 1", "\"format\": 2"),
        whole.replace("3000", "2999"),
        whole[..whole.len() / 2].to_owned(),
        String::new(),
        "{}".to_owned(),
        format!("{whole} "),
    ];
    for text in edited {
        assert_ne!(text, whole);
        fs::write(&file, &text).unwrap();
        let found = contents(folder.path());
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("schema.json"), "{error}");
        assert!(contents(folder.path()) == found, "the folder was changed");
    }
    fs::write(&file, &whole).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn what_a_killed_flush_left_behind_is_removed_and_never_read() {
    let folder = kept();
    let left: [PathBuf; 2] = ["schema.json.tmp", "data/account.999999.bin"].map(PathBuf::from);
    for file in &left {
        fs::write(folder.path().join(file), "half of it").unwrap();
    }
    let db = open(folder.path()).unwrap();
    assert_eq!(db.snapshot().table::<Account>().len(), 3_000);
    for file in &left {
        assert!(!folder.path().join(file).exists(), "{}", file.display());
    }
}

#[test]
fn a_folder_that_is_open_cannot_be_opened_again() {
    let folder = kept();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(
        matches!(error, Error::Persistence(PersistenceError::Locked { .. })),
        "{error}"
    );
    let error = error.to_string();
    assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    assert!(error.contains("stop that program first"), "{error}");
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_is_a_file_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "important").unwrap();
    let error = open(&file).unwrap_err().to_string();
    assert!(error.contains("notes.txt"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"important");
}
