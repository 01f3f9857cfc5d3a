//! An open folder: which set of files is current, and how another one takes its place.

use std::{collections::BTreeSet, io, sync::Arc};

use super::{
    DATA_FOLDER, Disk, DiskFile, PersistenceError, SCHEMA_FILE, SCHEMA_TEMPORARY,
    file_names::{data_path, is_data_file, link_name, linked_table},
    schema_document::SchemaDocument,
    schema_file,
};

/// The folder of a database, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) disk: Arc<dyn Disk>,
    /// Held, never used.
    _lock: Box<dyn DiskFile>,
    /// The newest set that is known to be durable.
    pub(super) current: SchemaDocument,
    /// The version of the newest catalog in a durable `schema.json`; the records may be older.
    pub(super) catalog_version: u64,
    /// The data files of sets of which it is not known whether `schema.json` names them after a
    /// power cut, since an operation failed after its rename had begun.
    in_doubt: Option<BTreeSet<String>>,
}

/// What a flush wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The version of the records that are durable now.
    pub(crate) version: u64,
    /// Tables whose file is new; the others kept theirs.
    pub(crate) tables: u64,
    /// Bytes of all files written.
    pub(crate) bytes: u64,
}

impl Store {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        lock: Box<dyn DiskFile>,
        current: SchemaDocument,
    ) -> Self {
        Self {
            disk,
            _lock: lock,
            catalog_version: current.version,
            current,
            in_doubt: None,
        }
    }

    /// Whether writing this document would change nothing on disk but the tick.
    pub(super) fn is_current(&self, document: &SchemaDocument) -> bool {
        let mut document = document.clone();
        document.tick = self.current.tick;
        let bytes = |document| schema_file::encode(document).ok();
        self.in_doubt.is_none() && bytes(&document) == bytes(&self.current)
    }

    /// Makes `document` the current set, whose data files are durable already. Gives the bytes
    /// written.
    ///
    /// The rename is the commit point. Where it or what follows fails, both sets stay on disk
    /// until a later one is known to be durable.
    pub(super) fn publish(&mut self, document: SchemaDocument) -> Result<u64, PersistenceError> {
        let bytes = schema_file::encode(&document)
            .map_err(|error| self.error("encoding", SCHEMA_FILE, error.into()))?;
        self.write_temporary(&bytes)
            .map_err(|error| self.error("writing", SCHEMA_TEMPORARY, error))?;
        self.in_doubt
            .get_or_insert_default()
            .extend(document.files().map(str::to_owned));
        self.disk
            .rename(SCHEMA_TEMPORARY, SCHEMA_FILE)
            .map_err(|error| self.error("replacing", SCHEMA_FILE, error))?;
        self.disk
            .sync_dir("")
            .map_err(|error| self.error("syncing", "", error))?;
        self.in_doubt = None;
        let former = std::mem::replace(&mut self.current, document);
        self.renew_links(&former.files().collect());
        self.sweep();
        Ok(bytes.len() as u64)
    }

    fn write_temporary(&self, bytes: &[u8]) -> io::Result<()> {
        match self.disk.remove(SCHEMA_TEMPORARY) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.disk.create_new(SCHEMA_TEMPORARY)?;
        file.write_at(0, bytes)?;
        file.sync()
    }

    /// Makes the folder what it would be after a flush without fault: to be called once all that is
    /// in it was read and found usable.
    pub(crate) fn tidy(&self) {
        self.renew_links(&BTreeSet::new());
        self.sweep();
    }

    /// Lets `data/{table}.bin` lead to each current file that is not among `linked`. The links are
    /// for other programs: a failure is no more than a warning.
    fn renew_links(&self, linked: &BTreeSet<&str>) {
        for table in &self.current.tables {
            let Some(file) = &table.file else { continue };
            if linked.contains(file.name.as_str()) {
                continue;
            }
            let link = data_path(&link_name(&table.name));
            let temporary = format!("{link}.tmp");
            let _ = self.disk.remove(&temporary);
            let renewed = self
                .disk
                .link(&file.name, &temporary)
                .and_then(|()| self.disk.rename(&temporary, &link));
            if let Err(error) = renewed {
                tracing::warn!(%link, %error, "the link to the current data file was not renewed");
            }
        }
    }

    /// Removes what is no longer needed: temporary files, data files of no set that may be
    /// current, and links that lead nowhere. What fails now is tried again next time.
    pub(super) fn sweep(&self) {
        let mut needed: BTreeSet<&str> = self.current.files().collect();
        needed.extend(self.in_doubt.iter().flatten().map(String::as_str));
        let tables: BTreeSet<&str> = self
            .current
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect();
        let leads_nowhere = |name: &str| {
            linked_table(name).is_some_and(|table| !tables.contains(table))
                && matches!(self.disk.exists(&data_path(name)), Ok(false))
        };
        let useless = |name: &String| {
            name.ends_with(".tmp")
                || (is_data_file(name) && !needed.contains(name.as_str()))
                || leads_nowhere(name)
        };
        let names = self.disk.list(DATA_FOLDER).unwrap_or_default();
        for name in names.iter().filter(|name| useless(name)) {
            self.remove(&data_path(name));
        }
        let names = self.disk.list("").unwrap_or_default();
        for name in names.iter().filter(|name| name.ends_with(".tmp")) {
            self.remove(name);
        }
    }

    fn remove(&self, path: &str) {
        if let Err(error) = self.disk.remove(path) {
            tracing::warn!(path, %error, "a file that is no longer needed was not removed");
        }
    }

    pub(super) fn error(
        &self,
        operation: &'static str,
        path: &str,
        source: io::Error,
    ) -> PersistenceError {
        PersistenceError::io(self.disk.folder().join(path), operation, source)
    }
}
