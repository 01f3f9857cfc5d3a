//! What a migration did, and what stands in the way of one, in words.

use std::fmt;

use crate::schema::{Name, Value};

/// What became of one stored table when its folder was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// The table, by the name that it has now.
    pub table: Name,
    /// The records that were there, all of which are there still.
    pub records: u64,
    /// What changed, the table itself first and then its fields in order.
    pub steps: Vec<MigrationStep>,
}

/// One change of a stored table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MigrationStep {
    /// The table had this name.
    TableRenamed {
        /// The former name.
        from: Name,
    },
    /// A struct declared the table when it was written, and none does now. It is kept with its
    /// records, as a table that is reached and changed by its name.
    Undeclared,
    /// A field that was not there.
    FieldAdded {
        /// The field.
        field: Name,
        /// What the records that were there have in it; none where there were none.
        value: Option<Value>,
    },
    /// A field that had another name.
    FieldRenamed {
        /// The field.
        field: Name,
        /// The former name.
        from: Name,
    },
    /// A field whose type now holds all that it held, and more.
    FieldWidened {
        /// The field.
        field: Name,
        /// The former type.
        from: String,
        /// The type.
        to: String,
    },
    /// A field whose enum has more variants, or other numbers for them.
    VariantsChanged {
        /// The field.
        field: Name,
        /// The type.
        type_id: String,
        /// The variants that are new.
        added: Vec<String>,
    },
    /// A field that no two records may share the value of any more.
    UniqueAdded {
        /// The field.
        field: Name,
    },
    /// A field of which several records may have one value now.
    UniqueRemoved {
        /// The field.
        field: Name,
    },
    /// A field that went with its values, as the struct says that it may.
    FieldDropped {
        /// The field.
        field: Name,
    },
    /// The fields stand in another order.
    FieldsReordered,
}

/// One reason why a folder is not migrated, and what would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table, by the name that the program has for it.
    pub table: String,
    /// The field, where it is one.
    pub field: Option<String>,
    /// What is different.
    pub difference: String,
    /// The attribute or step that would allow it.
    pub remedy: String,
}

impl Difference {
    /// A difference of a whole table.
    pub(crate) fn of_table(table: &str, difference: String, remedy: String) -> Self {
        Self {
            table: table.to_owned(),
            field: None,
            difference,
            remedy,
        }
    }

    /// A difference of one field.
    pub(crate) fn of_field(table: &str, field: &str, difference: String, remedy: String) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::of_table(table, difference, remedy)
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            field,
            difference,
            remedy,
        } = self;
        match field {
            Some(field) => write!(f, "`{table}.{field}` {difference}: {remedy}"),
            None => write!(f, "table `{table}` {difference}: {remedy}"),
        }
    }
}

impl fmt::Display for MigrationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableRenamed { from } => write!(f, "the table was called `{from}`"),
            Self::Undeclared => f.write_str(
                "no struct of the program declares it any more; it is kept, and can be reached and \
                 changed by its name",
            ),
            Self::FieldAdded { field, value: None } => write!(f, "`{field}` is new"),
            Self::FieldAdded {
                field,
                value: Some(value),
            } => write!(f, "`{field}` is new, with {}", value.describe()),
            Self::FieldRenamed { field, from } => write!(f, "`{field}` was called `{from}`"),
            // A type of the program keeps its name however it changes.
            Self::FieldWidened { field, from, to } if from == to => {
                write!(f, "the type of `{field}`, {to}, is another one")
            }
            Self::FieldWidened { field, from, to } => {
                write!(f, "`{field}` was {from} and is now {to}")
            }
            Self::VariantsChanged { field, added, .. } if added.is_empty() => {
                write!(f, "the variants of `{field}` have other numbers")
            }
            Self::VariantsChanged { field, added, .. } => {
                write!(f, "`{field}` can be {} too", added.join(" or "))
            }
            Self::UniqueAdded { field } => write!(f, "`{field}` is unique now"),
            Self::UniqueRemoved { field } => write!(f, "`{field}` is not unique any more"),
            Self::FieldDropped { field } => write!(f, "`{field}` was dropped"),
            Self::FieldsReordered => f.write_str("the fields stand in another order"),
        }
    }
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        write!(f, "table `{}`: {}", self.table, steps.join("; "))
    }
}
