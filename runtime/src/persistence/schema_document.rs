//! What `schema.json` says, in structs of its own, and how it becomes a catalog again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::data_file::DataFile;
use crate::schema::{
    Catalog, CompositePart, EnumVariant, Field, FieldDefinition, Name, OnDelete, Relation,
    RelationDefinition, SchemaError, TableDefinition, TableId, TableSchema, TypeDefinition,
    TypeLayout, TypeRegistry, TypeShape, Value,
};

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

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableEntry {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) record_size: usize,
    pub(super) schema_version: u32,
    compiled: bool,
    documentation: String,
    /// The highest record id ever given out.
    pub(super) last_id: u64,
    pub(super) records: u64,
    /// None where the table is empty and was never written.
    pub(super) file: Option<FileEntry>,
    fields: Vec<FieldEntry>,
}

/// Which records a table has.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) last_id: u64,
    pub(super) records: u64,
    pub(super) file: Option<FileEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) length: u64,
    #[serde(with = "hex_text")]
    pub(super) header_crc32c: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldEntry {
    name: String,
    r#type: String,
    offset: usize,
    size: usize,
    unique: bool,
    #[serde(
        default,
        deserialize_with = "some",
        skip_serializing_if = "Option::is_none"
    )]
    default: Option<Value>,
    documentation: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationEntry {
    id: u32,
    name: String,
    from: End,
    to: End,
    on_delete: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    table: String,
    field: String,
}

/// A custom type; one with neither variants nor parts is known to the program alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeEntry {
    name: String,
    size: usize,
    align: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<VariantEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartEntry>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantEntry {
    name: String,
    number: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartEntry {
    name: String,
    r#type: String,
    offset: usize,
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

    /// The catalog that was written, on top of the types that the program brings. Everything that
    /// can be computed is computed again and must be as it is written.
    pub(super) fn catalog(&self, types: TypeRegistry) -> Result<Catalog, String> {
        let mut catalog = Catalog::default();
        *catalog.types_mut() = types;
        for entry in &self.custom_types {
            entry.restore(catalog.types_mut())?;
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

impl TableEntry {
    fn new(schema: &TableSchema, contents: Contents) -> Self {
        Self {
            id: schema.id.0,
            name: schema.name.to_string(),
            record_size: schema.record_size(),
            schema_version: schema.schema_version,
            compiled: schema.compiled,
            documentation: schema.documentation.clone(),
            last_id: contents.last_id,
            records: contents.records,
            file: contents.file,
            fields: schema.layout.fields().iter().map(FieldEntry::new).collect(),
        }
    }

    fn restore(&self, catalog: &mut Catalog) -> Result<(), String> {
        let types = catalog.types();
        let fields: Result<Vec<_>, String> = self
            .fields
            .iter()
            .map(|field| field.definition(types))
            .collect();
        let definition = TableDefinition {
            name: Name::new(&self.name).map_err(text)?,
            fields: fields?,
            relations: Vec::new(),
            documentation: self.documentation.clone(),
        };
        if self.id == 0 || self.schema_version == 0 {
            return Err(format!("table `{}` has an id or version of 0", self.name));
        }
        let schema = catalog
            .restore_table(&definition, TableId(self.id), self.schema_version)
            .map_err(text)?;
        same(
            || format!("records of table `{}` have", self.name),
            self.record_size,
            schema.record_size(),
        )?;
        for (entry, field) in self.fields.iter().zip(schema.layout.fields()) {
            let what = |what: &str| format!("{what} of field `{}.{}`", self.name, field.name);
            same(|| what("the offset"), entry.offset, field.offset)?;
            same(|| what("the size"), entry.size, field.layout.size)?;
        }
        Ok(())
    }
}

impl FileEntry {
    pub(super) fn new(name: String, written: &DataFile) -> Self {
        Self {
            name,
            length: written.length,
            header_crc32c: written.header_crc32c,
        }
    }
}

impl FieldEntry {
    fn new(field: &Field) -> Self {
        Self {
            name: field.name.to_string(),
            r#type: field.type_id().to_owned(),
            offset: field.offset,
            size: field.layout.size,
            unique: field.unique,
            default: field.default.clone(),
            documentation: field.documentation.clone(),
        }
    }

    fn definition(&self, types: &TypeRegistry) -> Result<FieldDefinition, String> {
        let default = self.default.as_ref();
        Ok(FieldDefinition {
            name: Name::new(&self.name).map_err(text)?,
            type_id: self.r#type.clone(),
            unique: self.unique,
            default: default.map(|value| self.typed(value, types)).transpose()?,
            documentation: self.documentation.clone(),
        })
    }

    /// JSON has fewer types than fields have: the bytes of the field tell which one was meant.
    fn typed(&self, default: &Value, types: &TypeRegistry) -> Result<Value, String> {
        let layout = types.resolve(&self.r#type).map_err(text)?;
        let mut bytes = vec![0; layout.size];
        match layout.serializer.write(default, &mut bytes) {
            Ok(()) => Ok(layout.serializer.read(&bytes)),
            Err(fault) => Err(format!("the default of field `{}`: {fault}", self.name)),
        }
    }
}

impl RelationEntry {
    fn new(relation: &Relation) -> Self {
        Self {
            id: relation.id,
            name: relation.name.to_string(),
            from: End {
                table: relation.from_table.to_string(),
                field: relation.from_field.to_string(),
            },
            to: End {
                table: relation.to_table.to_string(),
                field: "id".to_owned(),
            },
            on_delete: relation.on_delete.as_str().to_owned(),
        }
    }

    fn definition(&self) -> Result<RelationDefinition, String> {
        let on_delete = [OnDelete::Restrict]
            .into_iter()
            .find(|on_delete| on_delete.as_str() == self.on_delete)
            .ok_or_else(|| {
                format!(
                    "relation `{}` does {:?} on a delete, which this version does not know",
                    self.name, self.on_delete
                )
            })?;
        Ok(RelationDefinition {
            name: Some(Name::new(&self.name).map_err(text)?),
            from_table: self.from.table.clone(),
            from_field: self.from.field.clone(),
            to_table: self.to.table.clone(),
            to_field: self.to.field.clone(),
            on_delete,
        })
    }
}

impl TypeEntry {
    fn new(layout: &TypeLayout) -> Self {
        let (mut variants, mut parts) = (None, None);
        match &layout.shape {
            TypeShape::Enum { variants: all } => {
                let entry = |variant: &EnumVariant| VariantEntry {
                    name: variant.name.clone(),
                    number: variant.number,
                };
                variants = Some(all.iter().map(entry).collect());
            }
            TypeShape::Composite { parts: all } => {
                let entry = |part: &CompositePart| PartEntry {
                    name: part.name.clone(),
                    r#type: part.layout.type_id.clone(),
                    offset: part.offset,
                };
                parts = Some(all.iter().map(entry).collect());
            }
            _ => {}
        }
        Self {
            name: layout.type_id.clone(),
            size: layout.size,
            align: layout.align,
            variants,
            parts,
        }
    }

    fn restore(&self, types: &mut TypeRegistry) -> Result<(), String> {
        let layout = match (&self.variants, &self.parts) {
            (None, None) => types.get(&self.name).cloned().ok_or_else(|| {
                format!(
                    "only a program that registers type `{}` can open it",
                    self.name
                )
            })?,
            (Some(variants), None) => {
                let variant = |entry: &VariantEntry| EnumVariant {
                    name: entry.name.clone(),
                    number: entry.number,
                };
                let variants = variants.iter().map(variant).collect();
                self.register(types, TypeDefinition::Enum { variants })?
            }
            (None, Some(parts)) => {
                let part = |entry: &PartEntry| (entry.name.clone(), entry.r#type.clone());
                let parts = parts.iter().map(part).collect();
                self.register(types, TypeDefinition::Composite { parts })?
            }
            (Some(_), Some(_)) => {
                return Err(format!("type `{}` has variants and parts", self.name));
            }
        };
        let what = |what: &str| format!("the {what} of type `{}`", self.name);
        same(|| what("size"), self.size, layout.size)?;
        same(|| what("alignment"), self.align, layout.align)?;
        if let (Some(entries), TypeShape::Composite { parts }) = (&self.parts, &layout.shape) {
            for (entry, part) in entries.iter().zip(parts) {
                let what = || format!("the offset of part `{}.{}`", self.name, part.name);
                same(what, entry.offset, part.offset)?;
            }
        }
        Ok(())
    }

    fn register(
        &self,
        types: &mut TypeRegistry,
        definition: TypeDefinition,
    ) -> Result<Arc<TypeLayout>, String> {
        let known = types.custom().any(|layout| layout.type_id == self.name);
        types
            .register_type(&self.name, definition)
            .map_err(|error| {
                if known {
                    format!(
                        "type `{}` is another one in the program than in this file",
                        self.name
                    )
                } else {
                    error.to_string()
                }
            })
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

/// A `null` that is there is a value, not the lack of one.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
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

mod hex_text {
    //! A CRC-32C as eight digits.

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::persistence::data_file::hex;

    pub(super) fn serialize<S: Serializer>(
        checksum: &u32,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(*checksum))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
