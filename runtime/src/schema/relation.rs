//! Relations: a field of one table that holds the id of a record of another.

use super::{Name, TableId};

/// What happens to those that refer to a record when it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDelete {
    /// The delete is refused.
    #[default]
    Restrict,
}

impl OnDelete {
    /// Its name over REST and in `schema.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restrict => "restrict",
        }
    }
}

/// A relation as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationDefinition {
    /// Its name; `{from_table}_{from_field}` where it has none.
    pub name: Option<Name>,
    /// The table that refers.
    pub from_table: String,
    /// Its field that holds the id.
    pub from_field: String,
    /// The table that is referred to.
    pub to_table: String,
    /// The field that is referred to: `id`.
    pub to_field: String,
    /// What a delete does.
    pub on_delete: OnDelete,
}

/// A relation between two tables: every id in the field is that of a record that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its number, never given out twice.
    pub id: u32,
    /// Its name.
    pub name: Name,
    /// The table that refers.
    pub from_table: Name,
    /// That table's id.
    pub from_id: TableId,
    /// The field that holds the id.
    pub from_field: Name,
    /// That field's place among the fields of its table.
    pub from_index: usize,
    /// The table that is referred to.
    pub to_table: Name,
    /// That table's id.
    pub to_id: TableId,
    /// What a delete does.
    pub on_delete: OnDelete,
}

impl Relation {
    /// The fields that are matched: the one that refers, and the one referred to.
    pub fn field_mappings(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::once((self.from_field.as_str(), "id"))
    }
}
