//! What is written: one snapshot as one set of files, of which only those that changed are new.

use std::io;

use super::{
    DATA_FOLDER, DiskFile, PersistenceError, Store, Written, data_file,
    file_names::{data_file_name, data_path},
    schema_document::{Contents, FileEntry, SchemaDocument, TableEntry},
};
use crate::{
    schema::TableSchema,
    storage::{Snapshot, TableView},
};

/// Attempts to find a name that no former, failed flush left behind.
const ATTEMPTS_MAX: u32 = 1000;

impl Store {
    /// Writes the tables of `snapshot` that changed since the last flush, and makes them, with its
    /// catalog, the current set. A snapshot that is the current set already, but for its tick, is
    /// not written again, and neither is one older than what was written.
    ///
    /// A table changed where its [`changed_at`](TableView::changed_at) is above the version of the
    /// last flush, so a database that was opened must go on from the version it was opened at.
    pub(crate) fn flush(&mut self, snapshot: &Snapshot) -> Result<Written, PersistenceError> {
        self.write_all(snapshot, false)
    }

    /// A [`flush`](Self::flush) that writes `schema.json` even where only the tick is new: the
    /// last one of a clean stop.
    pub(crate) fn flush_always(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Written, PersistenceError> {
        self.write_all(snapshot, true)
    }

    /// Writes only the catalog of `snapshot`, for a change that made or dropped a table: the
    /// others keep the records of the last flush. Where these would not fit the catalog, since
    /// fields changed or a relation is new, this is a flush.
    pub(crate) fn write_schema_only(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Written, PersistenceError> {
        if snapshot.version() < self.catalog_version {
            return Ok(self.nothing_written());
        }
        if self.records_need_flush(snapshot) {
            return self.flush(snapshot);
        }
        let document = SchemaDocument::new(
            self.current.database_id,
            (self.current.version, self.current.tick),
            snapshot.catalog(),
            |schema| {
                self.current
                    .table(schema.id)
                    .map_or_else(Contents::default, kept)
            },
        );
        let bytes = self.publish(document)?;
        self.catalog_version = snapshot.version();
        Ok(Written {
            bytes,
            ..self.nothing_written()
        })
    }

    fn nothing_written(&self) -> Written {
        Written {
            version: self.current.version,
            tables: 0,
            bytes: 0,
        }
    }

    /// Whether the records of the last flush could break the catalog of `snapshot`.
    fn records_need_flush(&self, snapshot: &Snapshot) -> bool {
        let catalog = snapshot.catalog();
        let changed = |schema: &TableSchema| {
            self.current
                .table(schema.id)
                .is_some_and(|entry| entry.schema_version != schema.schema_version)
        };
        catalog.tables().any(|schema| changed(schema))
            || catalog.relations().any(|relation| {
                !self.current.has_relation(relation.id)
                    && self.current.table(relation.from_id).is_some()
            })
    }

    fn write_all(
        &mut self,
        snapshot: &Snapshot,
        always: bool,
    ) -> Result<Written, PersistenceError> {
        if snapshot.version() < self.catalog_version {
            return Ok(self.nothing_written());
        }
        let written = self
            .write_changed_tables(snapshot)
            .and_then(|files| self.publish_flush(snapshot, files, always));
        if written.is_err() {
            // The files of this attempt are named by nothing, unless it is in doubt.
            self.sweep();
        }
        written
    }

    /// The new files, each synced, and then their names.
    fn write_changed_tables(&self, snapshot: &Snapshot) -> Result<NewFiles, PersistenceError> {
        let mut files = NewFiles::default();
        for table in snapshot.tables() {
            if self.unchanged(table).is_some() {
                continue;
            }
            let (name, mut file) = self.create_data_file(table.schema(), snapshot.version())?;
            let written = data_file::write(
                &mut *file,
                self.current.database_id,
                snapshot.version(),
                table,
            )
            .map_err(|error| self.error("writing", &data_path(&name), error))?;
            files.bytes += written.length;
            files.contents.push((
                table.schema().id.0,
                written.records,
                FileEntry::new(name, &written),
            ));
        }
        if !files.contents.is_empty() {
            self.disk
                .sync_dir(DATA_FOLDER)
                .map_err(|error| self.error("syncing", DATA_FOLDER, error))?;
        }
        Ok(files)
    }

    fn publish_flush(
        &mut self,
        snapshot: &Snapshot,
        files: NewFiles,
        always: bool,
    ) -> Result<Written, PersistenceError> {
        let tables = files.contents.len() as u64;
        let mut new = files.contents.into_iter().peekable();
        let mut contents: Vec<(u32, Contents)> = Vec::new();
        for table in snapshot.tables() {
            let id = table.schema().id.0;
            let last_id = table.last_id();
            let contents_of = match new.next_if(|(table, ..)| *table == id) {
                Some((_, records, file)) => Contents {
                    last_id,
                    records,
                    file: Some(file),
                },
                None => Contents {
                    last_id,
                    ..self.unchanged(table).map_or_else(Contents::default, kept)
                },
            };
            contents.push((id, contents_of));
        }
        contents.sort_by_key(|(id, _)| *id);
        let document = SchemaDocument::new(
            self.current.database_id,
            (snapshot.version(), snapshot.tick()),
            snapshot.catalog(),
            |schema| match contents.binary_search_by_key(&schema.id.0, |(id, _)| *id) {
                Ok(place) => std::mem::take(&mut contents[place].1),
                Err(_) => Contents::default(),
            },
        );
        if tables == 0 && !always && self.is_current(&document) {
            return Ok(self.nothing_written());
        }
        let schema_bytes = self.publish(document)?;
        self.catalog_version = snapshot.version();
        Ok(Written {
            version: snapshot.version(),
            tables,
            bytes: files.bytes + schema_bytes,
        })
    }

    /// The entry of a table whose file still holds all of it.
    fn unchanged(&self, table: TableView<'_>) -> Option<&TableEntry> {
        let schema = table.schema();
        self.current.table(schema.id).filter(|entry| {
            entry.file.is_some()
                && entry.schema_version == schema.schema_version
                && table.changed_at() <= self.current.version
        })
    }

    fn create_data_file(
        &self,
        schema: &TableSchema,
        version: u64,
    ) -> Result<(String, Box<dyn DiskFile>), PersistenceError> {
        for attempt in 0..ATTEMPTS_MAX {
            let name = data_file_name(&schema.name, version, attempt);
            match self.disk.create_new(&data_path(&name)) {
                Ok(file) => return Ok((name, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.error("creating", &data_path(&name), error)),
            }
        }
        let name = data_file_name(&schema.name, version, 0);
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(self.error("creating", &data_path(&name), error))
    }
}

/// The files of one attempt.
#[derive(Default)]
struct NewFiles {
    /// The id of each table that is written anew, how many records, and where, in the order of
    /// the snapshot.
    contents: Vec<(u32, u64, FileEntry)>,
    bytes: u64,
}

/// The contents of the last flush.
fn kept(entry: &TableEntry) -> Contents {
    Contents {
        last_id: entry.last_id,
        records: entry.records,
        file: entry.file.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        persistence::{
            fake_disk::{FakeDisk, Fault},
            testing::{
                airports, contents_of, definition, flushed, gates, open_fake, relation, snapshot,
                state, state_contents,
            },
        },
        schema::Catalog,
    };

    #[test]
    fn records_and_ids_are_restored_even_where_the_highest_were_deleted() {
        let (disk, store) = flushed(2);
        drop(store);
        let opened = open_fake(&disk).unwrap();
        assert_eq!(contents_of(&opened), state_contents(2));
        assert_eq!((opened.version, opened.store.current.tick), (2, 20));
    }

    #[test]
    fn a_table_that_did_not_change_keeps_its_file() {
        let (disk, mut store) = flushed(2);
        let written = store.flush(&state(3)).unwrap();
        assert_eq!((written.version, written.tables), (3, 1));
        let expected = [
            "LOCK",
            "data/airport.3.bin",
            "data/airport.bin",
            "data/gate.2.bin",
            "data/gate.bin",
            "schema.json",
        ];
        assert_eq!(disk.files(), expected);
        drop(store);
        let opened = open_fake(&disk).unwrap();
        assert_eq!(
            contents_of(&opened),
            state_contents(3),
            "the last id is new"
        );
        let mut store = opened.store;
        assert_eq!(
            store.flush(&state(4)).unwrap().tables,
            1,
            "after a start too"
        );
    }

    #[test]
    fn a_flush_with_nothing_new_writes_nothing() {
        let (disk, mut store) = flushed(2);
        disk.set_fault(Fault::None);
        assert_eq!(store.flush(&state(2)).unwrap().bytes, 0);
        assert_eq!(disk.operations(), 0);
        assert!(store.flush_always(&state(2)).unwrap().bytes > 0);
        drop(store);
        let mut store = open_fake(&disk).unwrap().store;
        assert_eq!(
            store.flush(&state(2)).unwrap().bytes,
            0,
            "after a start too"
        );
    }

    #[test]
    fn a_snapshot_older_than_what_is_on_disk_is_not_written() {
        let (disk, mut store) = flushed(5);
        let written = store.flush(&state(4)).unwrap();
        assert_eq!((written.version, written.bytes), (5, 0));
        store.write_schema_only(&state(8)).unwrap();
        assert_eq!(store.flush(&state(7)).unwrap().bytes, 0);
        drop(store);
        assert_eq!(contents_of(&open_fake(&disk).unwrap()), state_contents(5));
    }

    /// The catalog of [`gates`] without its gates, and with lounges.
    fn lounges() -> Catalog {
        let mut catalog = gates();
        catalog.drop_table("gate").unwrap();
        let lounge = definition("lounge", &[("airport", "id<airport>")]);
        catalog.create_table(&lounge).unwrap();
        let relation = relation("lounge", "airport", "airport");
        catalog.create_relation(&relation).unwrap();
        catalog
    }

    #[test]
    fn a_new_table_is_on_disk_without_a_flush_and_a_dropped_one_is_gone() {
        let (disk, mut store) = flushed(2);
        let newer = airports(200);
        let lounge = [(1, vec![1, 0, 0, 0, 0, 0, 0, 0])];
        let tables = [("airport", &newer[..], 3, 3), ("lounge", &lounge[..], 1, 4)];
        let changed = snapshot(4, &lounges(), &tables);
        let written = store.write_schema_only(&changed).unwrap();
        assert_eq!((written.version, written.tables), (2, 0));
        let expected = [
            "LOCK",
            "data/airport.2.bin",
            "data/airport.bin",
            "schema.json",
        ];
        assert_eq!(disk.files(), expected);

        let opened = open_fake(&disk.after_power_cut()).unwrap();
        assert_eq!(opened.version, 2);
        let airport = ("airport".to_owned(), airports(2), 3);
        let empty = ("lounge".to_owned(), vec![], 0);
        assert_eq!(contents_of(&opened), [airport, empty]);
        assert_eq!(opened.catalog.last_ids(), (3, 1));

        assert_eq!(store.flush(&changed).unwrap().tables, 2);
        drop(store);
        let airport = ("airport".to_owned(), newer, 3);
        let lounge = ("lounge".to_owned(), lounge.to_vec(), 1);
        assert_eq!(contents_of(&open_fake(&disk).unwrap()), [airport, lounge]);
    }

    #[test]
    fn a_relation_or_field_that_the_flushed_records_may_break_takes_a_flush() {
        let mut catalog = lounges();
        catalog.drop_relation("lounge_airport").unwrap();
        let disk = FakeDisk::default();
        let mut store = open_fake(&disk).unwrap().store;
        store.flush(&snapshot(1, &catalog, &[])).unwrap();
        catalog
            .create_relation(&relation("lounge", "airport", "airport"))
            .unwrap();
        let written = store
            .write_schema_only(&snapshot(2, &catalog, &[]))
            .unwrap();
        assert_eq!(written.version, 2);

        let field = definition("x", &[("area", "u32")]).fields;
        catalog.add_fields("lounge", &field).unwrap();
        let records = [(1, vec![1; 16])];
        let tables = [("lounge", &records[..], 1, 3)];
        assert!(catalog.table("lounge").unwrap().record_size() == 16);
        let records_padded = [(1, [vec![1; 12], vec![0; 4]].concat())];
        let tables = [("lounge", &records_padded[..], tables[0].2, tables[0].3)];
        let written = store
            .write_schema_only(&snapshot(3, &catalog, &tables))
            .unwrap();
        assert_eq!((written.version, written.tables), (3, 1));
    }
}
