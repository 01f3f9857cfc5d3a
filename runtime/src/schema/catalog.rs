//! Everything that a database knows of its data but the data: types, tables and relations.

use std::{
    any::TypeId,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    FIELDS_MAX, FieldDefinition, Name, Record, RecordLayout, Relation, RelationDefinition,
    SchemaError, TABLES_MAX, TableDefinition, TableId, TableSchema, TypeDefinition, TypeRegistry,
    TypeShape, did_you_mean,
};
use crate::config::TABLE_MEMORY_LIMIT_BYTES_MIN;

/// The relations that a table takes part in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRelations {
    /// Those of its own fields.
    pub from: Vec<Arc<Relation>>,
    /// Those of fields that refer to it.
    pub to: Vec<Arc<Relation>>,
}

impl TableRelations {
    /// Whether the table has none.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty() && self.to.is_empty()
    }
}

/// The types, tables and relations of a database at one version.
///
/// A change is made on a clone, which then takes the place of the former catalog or, where the
/// change is refused, is dropped.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: TypeRegistry,
    tables: BTreeMap<Name, Arc<TableSchema>>,
    relations: BTreeMap<Name, Arc<Relation>>,
    /// By the slot of the table; derived from `relations`.
    table_relations: Vec<TableRelations>,
    /// The schema of each compiled table, by its struct.
    compiled: HashMap<TypeId, Arc<TableSchema>, RandomState>,
    last_table_id: u32,
    last_relation_id: u32,
}

impl Catalog {
    /// A catalog with these types and no table.
    pub fn with_types(types: TypeRegistry) -> Self {
        Self {
            types,
            ..Self::default()
        }
    }

    /// The types.
    pub fn types(&self) -> &TypeRegistry {
        &self.types
    }

    /// The types, to register more.
    pub fn types_mut(&mut self) -> &mut TypeRegistry {
        &mut self.types
    }

    /// The tables in the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        self.tables.values()
    }

    /// The relations in the order of their names.
    pub fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations.values()
    }

    /// The table with this name.
    pub fn table(&self, name: &str) -> Option<&Arc<TableSchema>> {
        self.tables.get(name)
    }

    /// The table with this name, or an error that names the nearest one.
    pub fn require_table(&self, name: &str) -> Result<&Arc<TableSchema>, SchemaError> {
        self.table(name).ok_or_else(|| SchemaError::TableNotFound {
            table: name.chars().take(80).collect(),
        })
    }

    /// The table that struct `T` declares.
    pub fn compiled_table<T: Record>(&self) -> Option<&Arc<TableSchema>> {
        self.compiled.get(&TypeId::of::<T>())
    }

    /// The relations of the table in this slot.
    pub fn relations_of(&self, table: &TableSchema) -> &TableRelations {
        static NONE: TableRelations = TableRelations {
            from: Vec::new(),
            to: Vec::new(),
        };
        self.table_relations.get(table.slot).unwrap_or(&NONE)
    }

    /// The relation with this name or, in digits, this id.
    pub fn relation(&self, name_or_id: &str) -> Option<&Arc<Relation>> {
        self.relations.get(name_or_id).or_else(|| {
            let id: u32 = name_or_id.parse().ok()?;
            self.relations.values().find(|relation| relation.id == id)
        })
    }

    /// The highest table id and the highest relation id ever given out.
    pub fn last_ids(&self) -> (u32, u32) {
        (self.last_table_id, self.last_relation_id)
    }

    /// Goes on numbering from at least these ids; what was dropped before a restart stays unused.
    pub fn raise_last_ids(&mut self, last_table_id: u32, last_relation_id: u32) {
        self.last_table_id = self.last_table_id.max(last_table_id);
        self.last_relation_id = self.last_relation_id.max(last_relation_id);
    }

    /// Registers a custom type.
    pub fn register_type(
        &mut self,
        name: &str,
        definition: TypeDefinition,
    ) -> Result<(), SchemaError> {
        self.types.register_type(name, definition).map(|_| ())
    }

    /// Adds a table; its relations are left to [`create_relation`](Self::create_relation), since
    /// they may refer to tables that are yet to come.
    pub fn create_table(
        &mut self,
        definition: &TableDefinition,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        let id = TableId(self.last_table_id + 1);
        self.insert_table(definition, id, 1)
    }

    /// Adds a table that a data folder holds, under its former id and version.
    pub fn restore_table(
        &mut self,
        definition: &TableDefinition,
        id: TableId,
        schema_version: u32,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        if self.tables.values().any(|table| table.id == id) {
            return Err(SchemaError::InvalidTable {
                table: definition.name.clone(),
                reason: format!("two tables have the id {}", id.0),
            });
        }
        self.insert_table(definition, id, schema_version)
    }

    fn insert_table(
        &mut self,
        definition: &TableDefinition,
        id: TableId,
        schema_version: u32,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        if self.tables.contains_key(&definition.name) {
            return Err(SchemaError::TableExists {
                table: definition.name.clone(),
            });
        }
        check_memory_limit(&definition.name, definition.memory_limit_bytes)?;
        let taken: Vec<usize> = self.tables.values().map(|table| table.slot).collect();
        let slot = (0..TABLES_MAX).find(|slot| !taken.contains(slot)).ok_or(
            SchemaError::LimitReached {
                what: "tables",
                limit: TABLES_MAX,
            },
        )?;
        let schema = Arc::new(TableSchema {
            id,
            slot,
            name: definition.name.clone(),
            layout: RecordLayout::compute(&definition.name, &definition.fields, &self.types)?,
            schema_version,
            compiled: false,
            memory_limit_bytes: definition.memory_limit_bytes,
            documentation: definition.documentation.clone(),
        });
        self.last_table_id = self.last_table_id.max(id.0);
        self.tables.insert(schema.name.clone(), Arc::clone(&schema));
        self.derive_relations();
        Ok(schema)
    }

    /// Gives a table another limit, or none of its own.
    pub fn set_memory_limit(
        &mut self,
        table: &str,
        memory_limit_bytes: Option<u64>,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        let mut schema = TableSchema::clone(self.require_dynamic(table)?);
        check_memory_limit(&schema.name, memory_limit_bytes)?;
        schema.memory_limit_bytes = memory_limit_bytes;
        Ok(self.replace_table(schema))
    }

    /// Marks a table as declared by struct `T`, whose layout must be that of the table.
    pub fn bind_compiled<T: Record>(&mut self) -> Result<Arc<TableSchema>, SchemaError> {
        let mut schema = TableSchema::clone(self.require_table(T::NAME)?);
        let offsets: Vec<usize> = schema
            .layout
            .fields()
            .iter()
            .map(|field| field.offset)
            .collect();
        let (size, align) = (schema.layout.record_size(), schema.layout.align());
        if size != T::SIZE || align != T::ALIGN || offsets != T::OFFSETS {
            return Err(SchemaError::InvalidTable {
                table: schema.name,
                reason: format!(
                    "its struct has {} bytes with fields at {:?}, the table {size} with fields at \
                     {offsets:?}",
                    T::SIZE,
                    T::OFFSETS
                ),
            });
        }
        schema.compiled = true;
        let schema = self.replace_table(schema);
        self.compiled.insert(TypeId::of::<T>(), Arc::clone(&schema));
        Ok(schema)
    }

    /// Drops a table that no relation of another table refers to.
    pub fn drop_table(&mut self, name: &str) -> Result<Arc<TableSchema>, SchemaError> {
        let schema = Arc::clone(self.require_dynamic(name)?);
        let others = |relation: &&Arc<Relation>| relation.from_id != schema.id;
        let refers = self.relations_of(&schema).to.iter().filter(others);
        let relations: Vec<Name> = refers.map(|relation| relation.name.clone()).collect();
        if !relations.is_empty() {
            return Err(SchemaError::Referenced {
                dropped: name.to_owned(),
                relations,
            });
        }
        self.tables.remove(name);
        self.relations
            .retain(|_, relation| relation.from_id != schema.id);
        self.derive_relations();
        Ok(schema)
    }

    /// Adds fields behind the others.
    pub fn add_fields(
        &mut self,
        table: &str,
        fields: &[FieldDefinition],
    ) -> Result<Arc<TableSchema>, SchemaError> {
        let schema = Arc::clone(self.require_dynamic(table)?);
        if schema.layout.fields().len() + fields.len() > FIELDS_MAX {
            return Err(SchemaError::LimitReached {
                what: "fields in a table",
                limit: FIELDS_MAX,
            });
        }
        let mut definitions = schema.layout.definitions();
        definitions.extend_from_slice(fields);
        self.change_fields(&schema, &definitions)
    }

    /// Removes a field that no relation needs.
    pub fn remove_field(
        &mut self,
        table: &str,
        field: &str,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        let schema = Arc::clone(self.require_dynamic(table)?);
        let (index, _) = schema.layout.require_field(&schema.name, field)?;
        let needs = self
            .relations_of(&schema)
            .from
            .iter()
            .filter(|r| r.from_index == index);
        let relations: Vec<Name> = needs.map(|relation| relation.name.clone()).collect();
        if !relations.is_empty() {
            return Err(SchemaError::Referenced {
                dropped: format!("{table}.{field}"),
                relations,
            });
        }
        let mut definitions = schema.layout.definitions();
        definitions.remove(index);
        self.change_fields(&schema, &definitions)
    }

    fn change_fields(
        &mut self,
        schema: &TableSchema,
        definitions: &[FieldDefinition],
    ) -> Result<Arc<TableSchema>, SchemaError> {
        let mut changed = schema.clone();
        changed.layout = RecordLayout::compute(&schema.name, definitions, &self.types)?;
        changed.schema_version += 1;
        let changed = self.replace_table(changed);
        // Removing a field moves those behind it, and with them the ends of relations.
        for relation in self.relations.values_mut() {
            if relation.from_id == changed.id {
                let field = changed.layout.field(relation.from_field.as_str());
                let (from_index, _) = field.expect("a field with a relation is not removed");
                *relation = Arc::new(Relation {
                    from_index,
                    ..Relation::clone(relation)
                });
            }
        }
        self.derive_relations();
        Ok(changed)
    }

    /// Adds a relation. Whether the records keep it is for those who hold them to check.
    pub fn create_relation(
        &mut self,
        definition: &RelationDefinition,
    ) -> Result<Arc<Relation>, SchemaError> {
        self.restore_relation(definition, self.last_relation_id + 1)
    }

    /// Adds a relation under the id that it had in a data folder.
    pub fn restore_relation(
        &mut self,
        definition: &RelationDefinition,
        id: u32,
    ) -> Result<Arc<Relation>, SchemaError> {
        let from = self.require_table(&definition.from_table)?;
        let (from_index, from_field) = from
            .layout
            .require_field(&from.name, &definition.from_field)?;
        let to = self.require_table(&definition.to_table)?;
        let name = match &definition.name {
            Some(name) => name.clone(),
            None => Name::new(&format!("{}_{}", from.name, from_field.name))?,
        };
        let refuse = |reason: String| {
            Err(SchemaError::InvalidRelation {
                relation: name.clone(),
                reason,
            })
        };
        if definition.to_field != "id" {
            let hint = did_you_mean(&definition.to_field, ["id"]);
            return refuse(format!(
                "a relation points at the `id` of `{}`, not at `{}`{hint}",
                to.name, definition.to_field
            ));
        }
        match &from_field.layout.shape {
            TypeShape::Reference { table, .. } if to.name == *table.as_str() => {}
            _ => {
                return refuse(format!(
                    "field `{}` of `{}` is a `{}`, it must be an `id<{}>` or an \
                     `option<id<{}>>`",
                    from_field.name,
                    from.name,
                    from_field.type_id(),
                    to.name,
                    to.name
                ));
            }
        }
        if self.relations.contains_key(&name) {
            return Err(SchemaError::RelationExists { relation: name });
        }
        let twin = |r: &&Arc<Relation>| r.from_id == from.id && r.from_index == from_index;
        if let Some(twin) = self.relations.values().find(twin) {
            return refuse(format!("relation `{}` is on the same field", twin.name));
        }
        let relation = Arc::new(Relation {
            id,
            name: name.clone(),
            from_table: from.name.clone(),
            from_id: from.id,
            from_field: from_field.name.clone(),
            from_index,
            to_table: to.name.clone(),
            to_id: to.id,
            on_delete: definition.on_delete,
        });
        self.last_relation_id = self.last_relation_id.max(id);
        self.relations.insert(name, Arc::clone(&relation));
        self.derive_relations();
        Ok(relation)
    }

    /// Drops a relation, given by its name or id.
    pub fn drop_relation(&mut self, name_or_id: &str) -> Result<Arc<Relation>, SchemaError> {
        let relation =
            self.relation(name_or_id)
                .cloned()
                .ok_or_else(|| SchemaError::RelationNotFound {
                    relation: name_or_id.chars().take(80).collect(),
                })?;
        if self.require_table(relation.from_table.as_str())?.compiled {
            return Err(SchemaError::TableIsCompiled {
                table: relation.from_table.clone(),
            });
        }
        self.relations.remove(relation.name.as_str());
        self.derive_relations();
        Ok(relation)
    }

    fn require_dynamic(&self, name: &str) -> Result<&Arc<TableSchema>, SchemaError> {
        let schema = self.require_table(name)?;
        if schema.compiled {
            return Err(SchemaError::TableIsCompiled {
                table: schema.name.clone(),
            });
        }
        Ok(schema)
    }

    fn replace_table(&mut self, schema: TableSchema) -> Arc<TableSchema> {
        let schema = Arc::new(schema);
        self.tables.insert(schema.name.clone(), Arc::clone(&schema));
        schema
    }

    fn derive_relations(&mut self) {
        let slots = self
            .tables
            .values()
            .map(|table| table.slot + 1)
            .max()
            .unwrap_or(0);
        let mut derived = vec![TableRelations::default(); slots];
        for relation in self.relations.values() {
            let slot = |table: &Name| self.tables.get(table).map(|schema| schema.slot);
            if let Some(slot) = slot(&relation.from_table) {
                derived[slot].from.push(Arc::clone(relation));
            }
            if let Some(slot) = slot(&relation.to_table) {
                derived[slot].to.push(Arc::clone(relation));
            }
        }
        self.table_relations = derived;
    }
}

/// Refuses a limit with which a table could hold nothing.
fn check_memory_limit(table: &Name, limit_bytes: Option<u64>) -> Result<(), SchemaError> {
    match limit_bytes.filter(|limit_bytes| *limit_bytes < TABLE_MEMORY_LIMIT_BYTES_MIN) {
        None => Ok(()),
        Some(limit_bytes) => Err(SchemaError::InvalidTable {
            table: table.clone(),
            reason: format!(
                "its memory limit is {limit_bytes} bytes, it has to be at least \
                 {TABLE_MEMORY_LIMIT_BYTES_MIN}"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::OnDelete;

    fn table(name: &str, fields: &[(&str, &str)]) -> TableDefinition {
        let field = |(name, type_id): &(&str, &str)| {
            FieldDefinition::new(Name::new(name).unwrap(), *type_id)
        };
        TableDefinition::new(Name::new(name).unwrap(), fields.iter().map(field).collect())
    }

    fn relation(from_table: &str, from_field: &str, to_table: &str) -> RelationDefinition {
        RelationDefinition {
            name: None,
            from_table: from_table.to_owned(),
            from_field: from_field.to_owned(),
            to_table: to_table.to_owned(),
            to_field: "id".to_owned(),
            on_delete: OnDelete::Restrict,
        }
    }

    fn gates() -> Catalog {
        let mut catalog = Catalog::default();
        catalog
            .create_table(&table("airport", &[("city", "text<8>")]))
            .unwrap();
        let gate = table("gate", &[("level", "u8"), ("airport", "id<airport>")]);
        catalog.create_table(&gate).unwrap();
        catalog
            .create_relation(&relation("gate", "airport", "airport"))
            .unwrap();
        catalog
    }

    #[test]
    fn a_table_or_field_that_a_relation_needs_cannot_be_dropped() {
        let mut catalog = gates();
        let error = catalog.drop_table("airport").unwrap_err().to_string();
        assert_eq!(
            error,
            "`airport` cannot be dropped: relation `gate_airport` would break"
        );
        assert!(catalog.remove_field("gate", "airport").is_err());
        catalog.remove_field("gate", "level").unwrap();
        assert_eq!(catalog.relation("gate_airport").unwrap().from_index, 0);
        catalog.drop_relation("1").unwrap();
        catalog.drop_table("airport").unwrap();
    }

    #[test]
    fn ids_of_tables_are_never_used_again_and_slots_are() {
        let mut catalog = gates();
        let gate = catalog.drop_table("gate").unwrap();
        assert_eq!(catalog.relations().count(), 0, "its relations went with it");
        let again = catalog
            .create_table(&table("gate", &[("level", "u8")]))
            .unwrap();
        assert_eq!((again.id, again.slot), (TableId(3), gate.slot));
    }

    #[test]
    fn a_relation_from_a_field_of_another_type_is_refused() {
        let mut catalog = gates();
        let error = catalog
            .create_relation(&relation("gate", "level", "airport"))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("is a `u8`, it must be an `id<airport>`"),
            "{error}"
        );
        assert!(
            catalog
                .create_relation(&relation("gate", "airport", "gate"))
                .is_err()
        );
        assert!(
            catalog
                .create_relation(&relation("gate", "airport", "airport"))
                .is_err()
        );
    }
}
