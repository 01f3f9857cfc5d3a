//! What the data is: types, fields, record layouts, tables, relations and the catalog of them all.
//!
//! This layer is pure. It opens no file, takes no lock, starts no thread and knows of no record
//! that is stored anywhere: it turns names and types into offsets, and values into bytes and back.
//!
//! Invariants:
//! - A layout is computed in one place, [`RecordLayout::compute`], for compiled tables and for
//!   those made at run time alike.
//! - Bytes that passed [`RecordLayout::check`] are a valid value of every field, for ever.
//! - A [`Catalog`] is never changed: every change makes a new one.

mod builtin;
mod catalog;
mod compose;
mod composite;
mod enumeration;
mod fault;
mod field;
mod field_type;
mod field_value;
mod id;
mod layout;
mod layout_change;
mod migration;
mod name;
mod place;
mod record;
mod record_bytes;
mod registry;
mod relation;
mod slot;
mod table_schema;
#[cfg(test)]
mod tail_tests;
mod text;
mod timestamp;
mod type_layout;
mod value;
mod value_record;
mod variable;

pub use catalog::{Catalog, TableRelations};
pub(crate) use fault::did_you_mean;
pub use fault::{FieldFault, RecordSizeFault, SchemaError, ValueFault};
pub use field::{Field, FieldDefinition, FieldHandle, FieldMask};
pub use field_type::FieldType;
pub use field_value::{FieldValue, OptionalValue};
pub use id::{Id, RecordId, TableId};
pub use layout::RecordLayout;
pub(crate) use layout_change::{FieldsChange, LayoutChange};
pub use migration::{Difference, Migration, MigrationStep};
pub(crate) use migration::{MigrationPlan, StoredFacts, plan_migration};
pub use name::Name;
pub use place::Place;
pub use record::{PlainRecord, Record};
pub use record_bytes::{RecordBuf, RecordRef};
pub use registry::{TypeDefinition, TypeRegistry};
pub use relation::{OnDelete, Relation, RelationDefinition};
pub use table_schema::{TableDefinition, TableHistory, TableSchema};
pub use text::Text;
pub use timestamp::Timestamp;
pub use type_layout::{CompositePart, EnumVariant, TypeLayout, TypeSerializer, TypeShape};
pub use value::Value;
pub use value_record::{ValueEdit, ValueField, ValueRecord, ValueRef, ValueWriter};
pub(crate) use variable::Variable;
pub use variable::VariableKind;

/// The largest fixed part of a record that a table can hold, in bytes.
pub(crate) const RECORD_SIZE_MAX: usize = 64 * 1024;
/// The most bytes of a record beyond that: its texts and bytes that do not fit into their fields,
/// with the length of each.
pub(crate) const TAIL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest alignment that a type can ask for, in bytes.
pub(crate) const ALIGN_MAX: usize = 64;
/// The most fields that a table can have.
pub(crate) const FIELDS_MAX: usize = 256;
/// The most tables that a database can have.
pub(crate) const TABLES_MAX: usize = 1024;
