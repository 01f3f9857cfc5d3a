//! What can be wrong with a schema, a value or a record.

use super::{Name, migration::Difference};

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    TypeMismatch {
        /// The type that was asked for.
        expected: String,
        /// The value that came.
        found: String,
    },
    /// A value of the right type that is none of those allowed.
    #[error("expected {expected}, found {found}")]
    NotOneOf {
        /// The values that are allowed.
        expected: String,
        /// The value that came.
        found: String,
    },
    /// A number beyond its type.
    #[error("{found} does not fit in {type_id}")]
    OutOfRange {
        /// The type that was asked for.
        type_id: String,
        /// The value that came.
        found: String,
    },
    /// A text longer than its field.
    #[error("it has {length} bytes, at most {length_max} fit")]
    TooLong {
        /// Bytes that came.
        length: usize,
        /// Bytes that fit.
        length_max: usize,
    },
    /// A value with which the texts and bytes of a record would be more than it can hold.
    #[error(
        "with its {length} bytes, the strings and bytes of the record are more than {length_max} \
         bytes together"
    )]
    TailTooLong {
        /// Bytes of this value.
        length: usize,
        /// Bytes that all of them may have together, their lengths included.
        length_max: usize,
    },
    /// A pattern of bytes that is no value of the type.
    #[error("the bytes are no {type_id}: {reason}")]
    InvalidBytes {
        /// The type that was asked for.
        type_id: String,
        /// Which rule they break.
        reason: String,
    },
    /// A fault in a part of the value.
    #[error("in `{part}`: {fault}")]
    InPart {
        /// The part's name, or its index.
        part: String,
        /// What is wrong there.
        fault: Box<ValueFault>,
    },
    /// A part that the value needs and lacks.
    #[error("the field is missing and has no default")]
    Missing,
    /// An argument that the procedure needs and did not get.
    #[error("the argument is missing")]
    MissingArgument,
    /// An argument that the procedure does not take.
    #[error("the procedure takes no such argument{hint}")]
    UnknownArgument {
        /// A name that may have been meant, in words.
        hint: String,
    },
    /// A part that the type does not know.
    #[error("there is no such field{hint}")]
    Unknown {
        /// A name that may have been meant, in words.
        hint: String,
    },
}

impl ValueFault {
    /// The stable code of this kind of fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TypeMismatch { .. } => "type-mismatch",
            Self::NotOneOf { .. } => "invalid-value",
            Self::OutOfRange { .. } => "out-of-range",
            Self::TooLong { .. } | Self::TailTooLong { .. } => "too-long",
            Self::InvalidBytes { .. } => "invalid-bytes",
            Self::InPart { fault, .. } => fault.code(),
            Self::MissingArgument => "missing-argument",
            Self::UnknownArgument { .. } => "unknown-argument",
            Self::Missing => "missing-field",
            Self::Unknown { .. } => "unknown-field",
        }
    }

    pub(crate) fn in_part(self, part: impl ToString) -> Self {
        Self::InPart {
            part: part.to_string(),
            fault: Box::new(self),
        }
    }
}

/// What is wrong with one field of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {fault}")]
pub struct FieldFault {
    /// The field's name, as it came.
    pub field: String,
    /// What is wrong with its value.
    pub fault: ValueFault,
}

/// Bytes that are too few, or too many, to be a record of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record has {expected} bytes{}, these are {found}", if *.at_least { " or more" } else { "" })]
pub struct RecordSizeFault {
    /// Bytes of the fixed part.
    pub expected: usize,
    /// Whether a tail may follow, since there are fields of variable length.
    pub at_least: bool,
    /// Bytes that came.
    pub found: usize,
}

/// Why a schema, or a change of one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A text that cannot be a name.
    #[error("{name:?} is no valid name: {reason}")]
    InvalidName {
        /// The text, cut to 80 characters.
        name: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// A procedure that cannot be registered.
    #[error("procedure `{procedure}` is refused: {reason}")]
    InvalidProcedure {
        /// Its name.
        procedure: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// No type has this id.
    #[error("there is no type `{type_id}`{hint}")]
    UnknownType {
        /// The type id that was asked for.
        type_id: String,
        /// What may have been meant, in words.
        hint: String,
    },
    /// A type that cannot be stored, or not in this place.
    #[error("type `{type_id}` is refused: {reason}")]
    InvalidType {
        /// The type's id.
        type_id: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// Another type has this name.
    #[error("there is another type `{type_id}` already")]
    TypeExists {
        /// The name that is taken.
        type_id: String,
    },
    /// A set of fields that makes no table.
    #[error("table `{table}` is refused: {reason}")]
    InvalidTable {
        /// The table's name.
        table: Name,
        /// The rule that it breaks.
        reason: String,
    },
    /// A field that is refused.
    #[error("field `{field}` of table `{table}` is refused: {reason}")]
    InvalidField {
        /// The table's name.
        table: Name,
        /// The field's name, as it came.
        field: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// Another table has this name.
    #[error("there is a table `{table}` already")]
    TableExists {
        /// The name that is taken.
        table: Name,
    },
    /// No table has this name.
    #[error("there is no table `{table}`")]
    TableNotFound {
        /// The name that was asked for.
        table: String,
    },
    /// Another field of the table has this name.
    #[error("table `{table}` has a field `{field}` already")]
    FieldExists {
        /// The table's name.
        table: Name,
        /// The name that is taken.
        field: Name,
    },
    /// The table has no field with this name.
    #[error("table `{table}` has no field `{field}`")]
    FieldNotFound {
        /// The table's name.
        table: Name,
        /// The name that was asked for.
        field: String,
    },
    /// A field was added to a table with records, and nothing says what they shall hold.
    #[error("table `{table}` has records, so field `{field}` needs a `default` that they can take")]
    DefaultRequired {
        /// The table's name.
        table: Name,
        /// The field's name.
        field: Name,
    },
    /// The fields of the table are being changed already.
    #[error("the fields of table `{table}` are being changed: wait until that is done")]
    ChangeUnderWay {
        /// The table's name.
        table: Name,
    },
    /// The table went while its fields were being changed.
    #[error("table `{table}` was dropped while its fields were being changed")]
    TableDropped {
        /// The table's name.
        table: Name,
    },
    /// The table, or field, is declared in the program and cannot be changed while it runs.
    #[error("table `{table}` is compiled into the program: change its struct and start again")]
    TableIsCompiled {
        /// The table's name.
        table: Name,
    },
    /// Relations stand in the way of dropping a table or field.
    #[error(
        "`{dropped}` cannot be dropped: relation {} would break",
        list(relations)
    )]
    Referenced {
        /// The table or field that was to go.
        dropped: String,
        /// The relations that need it.
        relations: Vec<Name>,
    },
    /// A relation that makes no sense.
    #[error("relation `{relation}` is refused: {reason}")]
    InvalidRelation {
        /// The relation's name.
        relation: Name,
        /// The rule that it breaks.
        reason: String,
    },
    /// Another relation has this name.
    #[error("there is a relation `{relation}` already")]
    RelationExists {
        /// The name that is taken.
        relation: Name,
    },
    /// No relation has this name or id.
    #[error("there is no relation `{relation}`")]
    RelationNotFound {
        /// The name or id that was asked for.
        relation: String,
    },
    /// A folder that was written with other structs, and that cannot be migrated to those of the
    /// program without losing something. It is left as it was.
    #[error("{}", not_migrated(differences))]
    NotMigrated {
        /// What stands in the way, table by table and field by field.
        differences: Vec<Difference>,
    },
    /// More of something than the database holds.
    #[error("a database holds at most {limit} {what}")]
    LimitReached {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

fn not_migrated(differences: &[Difference]) -> String {
    let mut text =
        "the folder was written with other tables than the program has, and is left as it \
                    was, since not all of it can be migrated:"
            .to_owned();
    for difference in differences {
        text += &format!("\n- {difference}");
    }
    text
}

fn list(names: &[Name]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// ", did you mean `x`?" for the nearest of `known`, or nothing.
pub(crate) fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map_or_else(String::new, |(_, name)| format!(", did you mean `{name}`?"))
}
