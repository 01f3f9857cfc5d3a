//! A relation in `schema.json`.

use serde::{Deserialize, Serialize};

use super::text;
use crate::schema::{Name, OnDelete, Relation, RelationDefinition};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationEntry {
    pub(super) id: u32,
    pub(super) name: String,
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

impl RelationEntry {
    pub(super) fn new(relation: &Relation) -> Self {
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

    pub(super) fn definition(&self) -> Result<RelationDefinition, String> {
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
