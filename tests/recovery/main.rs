//! What a folder keeps: over a stop, over a kill, and where somebody meddled with it.

mod child;
mod damage;
mod kill;
mod restart;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tickbase::{Config, Database, DatabaseBuilder};

/// A database that flushes when it stops and not before, unless its schema changes.
fn lazy() -> DatabaseBuilder {
    Database::builder().config(Config {
        tick_rate_hz: harness::served::TICK_RATE_HZ,
        flush_interval_ticks: 1_000_000,
        ..Config::default()
    })
}

/// All that a folder holds, by path: files as their bytes, links as where they lead.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            let bytes = if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                target.into_os_string().into_encoded_bytes()
            } else if kind.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
        }
    }
    found
}

/// The data file that holds the records of a table now.
fn data_file(folder: &Path, table: &str) -> PathBuf {
    let link = folder.join("data").join(format!("{table}.bin"));
    fs::canonicalize(link).unwrap()
}
