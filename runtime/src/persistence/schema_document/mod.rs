//! What `schema.json` says, in structs of its own, and how it becomes a catalog again.

mod custom_type;
mod relation;
mod table;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::{custom_type::TypeEntry, relation::RelationEntry};
use crate::schema::{Catalog, SchemaError, TableId, TableSchema, TypeRegistry};

pub(super) use table::{Contents, FileEntry, TableEntry};

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;
/// What stands for the checksum while it is computed.
pub(super) const NO_CHECKSUM: &str = "00000000";

/// One consistent set: the whole database as of one version, its records in the files it names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SchemaDocument {
    pub(super) format: u32,
    #[serde(with = "uuid_text")]
    pub(super) database_id: Uuid,
    /// The version that the records are of.
    pub(super) version: u64,
    pub(super) tick: u64,
    pub(super) last_table_id: u32,
    pub(super) last_relation_id: u32,
    pub(super) tables: Vec<TableEntry>,
    relations: Vec<RelationEntry>,
    custom_types: Vec<TypeEntry>,
    /// Of the whole file, with eight zeros in this place.
    pub(super) crc32c: String,
}

impl SchemaDocument {
    /// What is to be written of a catalog, with the contents that `contents` gives for each table.
    pub(super) fn new(
        database_id: Uuid,
        (version, tick): (u64, u64),
        catalog: &Catalog,
        mut contents: impl FnMut(&TableSchema) -> Contents,
    ) -> Self {
        let (last_table_id, last_relation_id) = catalog.last_ids();
        Self {
            format: FORMAT,
            database_id,
            version,
            tick,
            last_table_id,
            last_relation_id,
            tables: catalog
                .tables()
                .map(|schema| TableEntry::new(schema, contents(schema)))
                .collect(),
            relations: catalog.relations().map(|r| RelationEntry::new(r)).collect(),
            custom_types: catalog
                .types()
                .custom()
                .map(|t| TypeEntry::new(t))
                .collect(),
            crc32c: NO_CHECKSUM.to_owned(),
        }
    }

    /// The table with this id.
    pub(super) fn table(&self, id: TableId) -> Option<&TableEntry> {
        self.tables.iter().find(|table| table.id == id.0)
    }

    /// The names of the data files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .filter_map(|table| Some(table.file.as_ref()?.name.as_str()))
    }

    /// Whether there is a relation with this id.
    pub(super) fn has_relation(&self, id: u32) -> bool {
        self.relations.iter().any(|relation| relation.id == id)
    }

    /// The catalog that was written. Everything that can be computed is computed again and must be
    /// as it is written. Of the types that the program brings only those are looked at of which
    /// nobody else knows how they are read.
    pub(super) fn catalog(&self, program: &TypeRegistry) -> Result<Catalog, String> {
        let mut catalog = Catalog::default();
        for entry in &self.custom_types {
            entry.restore(catalog.types_mut(), program)?;
        }
        let mut tables: Vec<&TableEntry> = self.tables.iter().collect();
        tables.sort_by_key(|table| table.id);
        for entry in tables {
            entry.restore(&mut catalog)?;
        }
        for entry in &self.relations {
            if entry.id == 0 || entry.id > self.last_relation_id {
                return Err(format!(
                    "relation `{}` has the id {}, ids go from 1 to {}",
                    entry.name, entry.id, self.last_relation_id
                ));
            }
            if catalog.relations().any(|relation| relation.id == entry.id) {
                return Err(format!("two relations have the id {}", entry.id));
            }
            let definition = entry.definition()?;
            catalog
                .restore_relation(&definition, entry.id)
                .map_err(text)?;
        }
        if let Some(table) = self.tables.iter().find(|t| t.id > self.last_table_id) {
            return Err(format!(
                "table `{}` has the id {}, ids go from 1 to {}",
                table.name, table.id, self.last_table_id
            ));
        }
        catalog.raise_last_ids(self.last_table_id, self.last_relation_id);
        Ok(catalog)
    }
}

fn text(error: SchemaError) -> String {
    error.to_string()
}

fn same(what: impl FnOnce() -> String, written: usize, computed: usize) -> Result<(), String> {
    if written == computed {
        return Ok(());
    }
    Err(format!(
        "{} is {written} in the file, this version computes {computed}",
        what()
    ))
}

mod uuid_text {
    //! A UUID in its usual form with hyphens.

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(uuid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(uuid)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text).map_err(D::Error::custom)
    }
}
