//! The plan of a whole folder: its new catalog, and how the records of each table get there.

use std::sync::Arc;

use super::{
    Difference, Migration, MigrationStep,
    fields::{Compared, FieldsPlan, renamed},
    names::Names,
};
use crate::schema::{
    Catalog, LayoutChange, Name, RecordLayout, Relation, RelationDefinition, SchemaError,
    TableDefinition, TableId, TableSchema, TypeDefinition, TypeLayout, TypeRegistry, TypeShape,
};

/// What is known of a stored table beside its schema.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoredFacts {
    /// Whether a struct declared it when it was written.
    pub(crate) compiled: bool,
    /// Records that it has.
    pub(crate) records: u64,
    /// The highest record id ever given out.
    pub(crate) last_id: u64,
}

/// How a folder becomes what the program declares.
#[derive(Debug)]
pub(crate) struct MigrationPlan {
    /// The types, tables and relations that it will have. No table is bound to a struct yet.
    pub(crate) catalog: Catalog,
    /// What changes, table by table.
    pub(crate) migrations: Vec<Migration>,
    /// The conversion of the records of each table whose layout is another one.
    conversions: Vec<(TableId, LayoutChange)>,
    /// Relations that are new, by their ids: whether records keep them is yet to be seen.
    new_relations: Vec<u32>,
}

impl MigrationPlan {
    /// How the records of a table are to be converted; none where they stay as they are.
    pub(crate) fn conversion(&self, table: TableId) -> Option<&LayoutChange> {
        let conversion = self.conversions.iter().find(|(id, _)| *id == table)?;
        Some(&conversion.1)
    }

    /// The difference that two records with one value are, where it is this plan that forbids them.
    /// `value` says in words whose it is.
    pub(crate) fn duplicate(
        &self,
        table: &Name,
        field: &Name,
        existing: u64,
        value: &str,
    ) -> Option<Difference> {
        let added = MigrationStep::UniqueAdded {
            field: field.clone(),
        };
        let mut migrations = self.migrations.iter();
        migrations
            .find(|migration| migration.table == *table && migration.steps.contains(&added))?;
        Some(Difference::of_field(
            table.as_str(),
            field.as_str(),
            format!("is unique now, and the value of record {existing} is {value} too"),
            "take `#[unique]` or `#[key]` away, or let the records differ with the former program"
                .to_owned(),
        ))
    }

    /// The difference that an id which leads nowhere is, where it is a new relation that forbids it.
    pub(crate) fn leads_nowhere(&self, table: &Name, field: &Name, id: u64) -> Option<Difference> {
        let is_it = |r: &&Arc<Relation>| r.from_table == *table && r.from_field == *field;
        let relation = self.catalog.relations().find(is_it)?;
        self.new_relations.contains(&relation.id).then(|| {
            Difference::of_field(
                table.as_str(),
                field.as_str(),
                format!(
                    "refers to `{}` now, and a record has the id {id}, which is none there",
                    relation.to_table
                ),
                "take `#[references(…)]` away, or correct the records with the former program"
                    .to_owned(),
            )
        })
    }
}

/// Compares what is stored with what the program brings: its types, and the tables of its structs.
///
/// # Errors
/// [`SchemaError::NotMigrated`] with every difference that stands in the way.
pub(crate) fn plan_migration(
    stored: &Catalog,
    types: TypeRegistry,
    definitions: &[TableDefinition],
    facts: &dyn Fn(TableId) -> StoredFacts,
) -> Result<MigrationPlan, SchemaError> {
    let mut differences = Vec::new();
    let names = Names::find(stored, definitions, facts, &mut differences);
    let types = with_stored_types(types, stored, &names)?;
    let mut planner = Planner {
        stored,
        definitions,
        names,
        plan: MigrationPlan {
            catalog: Catalog::with_types(types),
            migrations: Vec::new(),
            conversions: Vec::new(),
            new_relations: Vec::new(),
        },
        fields: Vec::new(),
        differences,
    };
    planner.tables(facts)?;
    if planner.differences.is_empty() {
        planner.relations()?;
        return Ok(planner.plan);
    }
    Err(SchemaError::NotMigrated {
        differences: planner.differences,
    })
}

struct Planner<'a> {
    stored: &'a Catalog,
    definitions: &'a [TableDefinition],
    names: Names,
    plan: MigrationPlan,
    /// What became of the fields of each stored table that is kept.
    fields: Vec<(TableId, FieldsPlan)>,
    differences: Vec<Difference>,
}

impl Planner<'_> {
    fn tables(&mut self, facts: &dyn Fn(TableId) -> StoredFacts) -> Result<(), SchemaError> {
        let is_kept = |table: &&Arc<TableSchema>| !self.names.is_replaced(table.name.as_str());
        let mut stored: Vec<_> = self.stored.tables().filter(is_kept).collect();
        stored.sort_by_key(|table| table.id);
        for table in stored {
            self.table(table, facts(table.id))?;
        }
        let (last_table_id, last_relation_id) = self.stored.last_ids();
        let catalog = &mut self.plan.catalog;
        catalog.raise_last_ids(last_table_id, last_relation_id);
        if self.differences.is_empty() {
            for (place, definition) in self.definitions.iter().enumerate() {
                if self.names.source(place).is_none() {
                    catalog.create_table(definition)?;
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, table: &TableSchema, facts: StoredFacts) -> Result<(), SchemaError> {
        let declared = self.names.struct_of(table.name.as_str());
        let definition = match declared {
            Some(place) => self.definitions[place].clone(),
            None => TableDefinition {
                memory_limit_bytes: table.memory_limit_bytes,
                documentation: table.documentation.clone(),
                ..TableDefinition::new(table.name.clone(), renamed(&table.layout, &self.names))
            },
        };
        let types = self.plan.catalog.types();
        let new = RecordLayout::compute(&definition.name, &definition.fields, types)?;
        let mut fields = Compared {
            table: definition.name.as_str(),
            old: &table.layout,
            new: &new,
            history: &definition.history,
            records: facts.records,
            names: &self.names,
        }
        .plan(&mut self.differences);
        let mut steps = Vec::new();
        if definition.name != table.name {
            let from = table.name.clone();
            steps.push(MigrationStep::TableRenamed { from });
        }
        steps.append(&mut fields.steps);
        let changed = !steps.is_empty();
        if declared.is_none() && facts.compiled {
            steps.insert(0, MigrationStep::Undeclared);
        }
        if !self.differences.is_empty() {
            return Ok(());
        }
        if changed {
            let former = |place: usize| fields.former[place].clone();
            let conversion = LayoutChange::from_former(&new, former);
            self.plan.conversions.push((table.id, conversion));
        }
        if !steps.is_empty() {
            self.plan.migrations.push(Migration {
                table: definition.name.clone(),
                records: facts.records,
                steps,
            });
        }
        let version = table.schema_version + u32::from(changed);
        let catalog = &mut self.plan.catalog;
        catalog.restore_table(&definition, table.id, version)?;
        self.fields.push((table.id, fields));
        Ok(())
    }

    /// Keeps every relation whose field is kept, and makes those that structs declare and that are
    /// not there.
    fn relations(&mut self) -> Result<(), SchemaError> {
        for relation in self.stored.relations() {
            if let Some(definition) = self.kept(relation) {
                let catalog = &mut self.plan.catalog;
                catalog.restore_relation(&definition, relation.id)?;
            }
        }
        for relation in self.definitions.iter().flat_map(|table| &table.relations) {
            let catalog = &mut self.plan.catalog;
            let known = catalog.relations().any(|known| {
                known.from_table == *relation.from_table.as_str()
                    && known.from_field == *relation.from_field.as_str()
            });
            if !known {
                let made = catalog.create_relation(relation)?;
                self.plan.new_relations.push(made.id);
            }
        }
        Ok(())
    }

    /// A stored relation with the names that its ends have now; none where its field is gone.
    fn kept(&self, relation: &Relation) -> Option<RelationDefinition> {
        let (_, fields) = self.fields.iter().find(|(id, _)| *id == relation.from_id)?;
        let place = fields.place_of(relation.from_field.as_str())?;
        let from_table = self.names.now(relation.from_table.as_str());
        let from = self.plan.catalog.table(from_table)?;
        let from_field = from.layout.fields()[place].name.as_str();
        let usual = |table: &str, field: &str| format!("{table}_{field}");
        let was_usual = relation.name
            == *usual(relation.from_table.as_str(), relation.from_field.as_str()).as_str();
        let now = usual(from_table, from_field);
        let is_free = |name: &Name| self.plan.catalog.relation(name.as_str()).is_none();
        let name = match was_usual {
            // Where another relation has that name, this one keeps its own.
            true => Name::new(&now).ok().filter(is_free),
            false => None,
        };
        Some(RelationDefinition {
            name: Some(name.unwrap_or_else(|| relation.name.clone())),
            from_table: from_table.to_owned(),
            from_field: from_field.to_owned(),
            to_table: self.names.now(relation.to_table.as_str()).to_owned(),
            to_field: "id".to_owned(),
            on_delete: relation.on_delete,
        })
    }
}

/// The types of the program, and those that only the folder knows.
fn with_stored_types(
    mut types: TypeRegistry,
    stored: &Catalog,
    names: &Names,
) -> Result<TypeRegistry, SchemaError> {
    for layout in stored.types().custom() {
        if types.get(&layout.type_id).is_some() {
            continue;
        }
        types.register_type(&layout.type_id, definition_of(layout, names))?;
    }
    Ok(types)
}

fn definition_of(layout: &TypeLayout, names: &Names) -> TypeDefinition {
    match &layout.shape {
        TypeShape::Enum { variants } => TypeDefinition::Enum {
            variants: variants.clone(),
        },
        TypeShape::Composite { parts } => {
            let part = |part: &crate::schema::CompositePart| {
                (part.name.clone(), names.type_id(&part.layout.type_id))
            };
            TypeDefinition::Composite {
                parts: parts.iter().map(part).collect(),
            }
        }
        _ => TypeDefinition::Opaque {
            size: layout.size,
            align: layout.align,
            serializer: Arc::clone(&layout.serializer),
        },
    }
}
