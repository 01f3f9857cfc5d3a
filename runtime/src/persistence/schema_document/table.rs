//! A table in `schema.json`: its fields, and which records it has.

use serde::{Deserialize, Serialize};

use super::{same, text};
use crate::{
    persistence::data_file::DataFile,
    schema::{
        Catalog, Field, FieldDefinition, Name, TableDefinition, TableId, TableSchema, TypeRegistry,
        Value,
    },
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::persistence) struct TableEntry {
    pub(in crate::persistence) id: u32,
    pub(in crate::persistence) name: String,
    pub(in crate::persistence) record_size: usize,
    pub(in crate::persistence) schema_version: u32,
    pub(in crate::persistence) compiled: bool,
    /// None where the database says, and in files of before there were limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_limit_bytes: Option<u64>,
    documentation: String,
    /// The highest record id ever given out.
    pub(in crate::persistence) last_id: u64,
    pub(in crate::persistence) records: u64,
    /// None where the table is empty and was never written.
    pub(in crate::persistence) file: Option<FileEntry>,
    fields: Vec<FieldEntry>,
}

/// Which records a table has.
#[derive(Debug, Default)]
pub(in crate::persistence) struct Contents {
    pub(in crate::persistence) last_id: u64,
    pub(in crate::persistence) records: u64,
    pub(in crate::persistence) file: Option<FileEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::persistence) struct FileEntry {
    pub(in crate::persistence) name: String,
    pub(in crate::persistence) length: u64,
    #[serde(with = "hex_text")]
    pub(in crate::persistence) header_crc32c: u32,
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

impl TableEntry {
    pub(super) fn new(schema: &TableSchema, contents: Contents) -> Self {
        Self {
            id: schema.id.0,
            name: schema.name.to_string(),
            record_size: schema.record_size(),
            schema_version: schema.schema_version,
            compiled: schema.compiled,
            memory_limit_bytes: schema.memory_limit_bytes,
            documentation: schema.documentation.clone(),
            last_id: contents.last_id,
            records: contents.records,
            file: contents.file,
            fields: schema.layout.fields().iter().map(FieldEntry::new).collect(),
        }
    }

    pub(super) fn restore(&self, catalog: &mut Catalog) -> Result<(), String> {
        let types = catalog.types();
        let fields: Result<Vec<_>, String> = self
            .fields
            .iter()
            .map(|field| field.definition(types))
            .collect();
        let definition = TableDefinition {
            memory_limit_bytes: self.memory_limit_bytes,
            documentation: self.documentation.clone(),
            ..TableDefinition::new(Name::new(&self.name).map_err(text)?, fields?)
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
    pub(in crate::persistence) fn new(name: String, written: &DataFile) -> Self {
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

    /// JSON has fewer types than fields have: that of the field tells which one was meant.
    fn typed(&self, default: &Value, types: &TypeRegistry) -> Result<Value, String> {
        let layout = types.resolve(&self.r#type).map_err(text)?;
        let normalized = layout.normalize(default);
        normalized.map_err(|fault| format!("the default of field `{}`: {fault}", self.name))
    }
}

/// A `null` that is there is a value, not the lack of one.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
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
