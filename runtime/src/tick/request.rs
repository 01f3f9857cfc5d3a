//! What can be asked of a running database, and what it answers.

use std::sync::Arc;

use crate::{
    Error,
    database::Persisted,
    procedure::{Outcome, PreparedCall, shielded},
    schema::{
        FieldDefinition, FieldsChange, RecordId, Relation, RelationDefinition, TableDefinition,
        TableSchema, Value,
    },
};

/// A change that waits for its tick. Reads are no requests: they run on a snapshot, at any time.
#[derive(Clone, Debug)]
pub enum Request {
    /// Add a table.
    CreateTable(TableDefinition),
    /// Drop a table.
    DropTable {
        /// Its name.
        table: String,
    },
    /// Add fields to a table.
    AddFields {
        /// The table's name.
        table: String,
        /// The fields.
        fields: Vec<FieldDefinition>,
    },
    /// Remove a field from a table.
    RemoveField {
        /// The table's name.
        table: String,
        /// The field's name.
        field: String,
    },
    /// Give a table another limit of its memory.
    LimitTable {
        /// Its name.
        table: String,
        /// Bytes that it may use; none where the database says.
        memory_limit_bytes: Option<u64>,
    },
    /// Add a relation.
    CreateRelation(RelationDefinition),
    /// Drop a relation.
    DropRelation {
        /// Its name or id.
        relation: String,
    },
    /// Add a record.
    CreateRecord {
        /// The table's name.
        table: String,
        /// The record.
        record: RecordInput,
    },
    /// Replace a whole record.
    ReplaceRecord {
        /// The table's name.
        table: String,
        /// The record's id.
        id: RecordId,
        /// The new record.
        record: RecordInput,
    },
    /// Write some fields of a record.
    PatchRecord {
        /// The table's name.
        table: String,
        /// The record's id.
        id: RecordId,
        /// The fields, as an object.
        patch: Value,
    },
    /// Delete a record.
    DeleteRecord {
        /// The table's name.
        table: String,
        /// The record's id.
        id: RecordId,
    },
    /// Call a procedure.
    Call {
        /// Its name.
        procedure: String,
        /// The arguments, as an object by name.
        arguments: Value,
    },
    /// Call a procedure with arguments whose types the compiler has checked, as
    /// [`RuntimeHandle::call`](crate::RuntimeHandle::call) does.
    CallPrepared(PreparedCall),
}

impl Request {
    /// Schema changes come before data changes.
    pub(super) fn is_schema_change(&self) -> bool {
        matches!(
            self,
            Self::CreateTable(_)
                | Self::DropTable { .. }
                | Self::AddFields { .. }
                | Self::RemoveField { .. }
                | Self::LimitTable { .. }
                | Self::CreateRelation(_)
                | Self::DropRelation { .. }
        )
    }

    /// Whether it goes to the procedures phase.
    pub(super) fn is_call(&self) -> bool {
        matches!(self, Self::Call { .. } | Self::CallPrepared(_))
    }

    /// The table and the change, where this changes the fields of one; else the request itself.
    pub(super) fn into_fields_change(self) -> Result<(String, FieldsChange), Self> {
        match self {
            Self::AddFields { table, fields } => Ok((table, FieldsChange::Add(fields))),
            Self::RemoveField { table, field } => Ok((table, FieldsChange::Remove(field))),
            other => Err(other),
        }
    }

    /// Its kind, as metrics name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::CreateTable(_) => "create_table",
            Self::DropTable { .. } => "drop_table",
            Self::AddFields { .. } => "add_fields",
            Self::RemoveField { .. } => "remove_field",
            Self::LimitTable { .. } => "limit_table",
            Self::CreateRelation(_) => "create_relation",
            Self::DropRelation { .. } => "drop_relation",
            Self::CreateRecord { .. } => "create_record",
            Self::ReplaceRecord { .. } => "replace_record",
            Self::PatchRecord { .. } => "patch_record",
            Self::DeleteRecord { .. } => "delete_record",
            Self::Call { .. } | Self::CallPrepared(_) => "call",
        }
    }
}

/// A record that comes from outside.
#[derive(Clone, Debug)]
pub enum RecordInput {
    /// As an object of its fields.
    Fields(Value),
    /// As its bytes.
    Bytes(Vec<u8>),
}

/// What a request gave.
#[derive(Debug)]
pub enum Answer {
    /// The table that was made or changed.
    Table(Arc<TableSchema>),
    /// The relation that was made.
    Relation(Arc<Relation>),
    /// The record that was made.
    Record {
        /// Its id.
        id: RecordId,
    },
    /// What a procedure returned.
    Returned(Outcome),
    /// Nothing beyond that it is done.
    Done,
}

/// The answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// What it gave, or why it was refused.
    pub result: Result<Answer, Error>,
    /// The tick that answered.
    pub tick: u64,
    /// The version at which it applied.
    pub version: u64,
    /// What survives if the process ends now.
    pub durability: Persisted,
}

/// Who is told. It runs on the tick thread, so it only passes the reply on.
pub(crate) type ReplyTo = Box<dyn FnOnce(Reply) + Send>;

impl Reply {
    /// Tells who asked. A panic there is theirs, and must not keep the tick from the others.
    pub(super) fn send(self, to: ReplyTo) {
        if let Err(message) = shielded(|| to(self)) {
            tracing::error!(message, "who was told of a reply panicked");
        }
    }
}
