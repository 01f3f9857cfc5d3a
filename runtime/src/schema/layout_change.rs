//! From a record of one layout to the same record in another.

use std::{ops::Range, sync::Arc};

use super::{Catalog, FieldDefinition, RecordLayout, SchemaError, TableSchema};

/// How a table's fields are to change.
#[derive(Clone, Debug)]
pub(crate) enum FieldsChange {
    /// These come behind the others.
    Add(Vec<FieldDefinition>),
    /// The one with this name goes.
    Remove(String),
}

impl FieldsChange {
    /// Whether records become no larger by it.
    pub(crate) fn makes_room(&self) -> bool {
        matches!(self, Self::Remove(_))
    }

    /// Changes the fields in a catalog, and gives what the table is then.
    pub(crate) fn apply(
        &self,
        catalog: &mut Catalog,
        table: &str,
    ) -> Result<Arc<TableSchema>, SchemaError> {
        match self {
            Self::Add(fields) => catalog.add_fields(table, fields),
            Self::Remove(field) => catalog.remove_field(table, field),
        }
    }
}

/// What of a record of one layout goes where in a record of another: fields by their names, and
/// defaults for those that are new.
#[derive(Debug)]
pub(crate) struct LayoutChange {
    /// A record of the new layout in which every field has its default, padding is 0.
    blank: Vec<u8>,
    /// Bytes of the old record, and where they begin in the new one.
    moves: Vec<(Range<usize>, usize)>,
}

impl LayoutChange {
    /// The change from one layout to another of the same table.
    pub(crate) fn between(old: &RecordLayout, new: &RecordLayout) -> Self {
        let mut blank = vec![0; new.record_size()];
        let mut moves: Vec<(Range<usize>, usize)> = Vec::new();
        for field in new.fields() {
            if let Some((_, former)) = old.field(field.name.as_str()) {
                let bytes = former.offset..former.offset + former.layout.size;
                moves.push((bytes, field.offset));
            } else if let Some(default) = &field.default {
                let bytes = field.bytes_mut(&mut blank);
                let written = field.layout.serializer.write(default, bytes);
                written.expect("a default was checked when its field was defined");
            }
        }
        Self { blank, moves }
    }

    /// Puts a record of the old layout into `new`, as one of the new layout.
    pub(crate) fn copy(&self, old: &[u8], new: &mut Vec<u8>) {
        new.clone_from(&self.blank);
        for (from, to) in &self.moves {
            new[*to..to + from.len()].copy_from_slice(&old[from.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Name, TableDefinition, Value};

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    fn field(name_of: &str, type_id: &str) -> FieldDefinition {
        FieldDefinition::new(name(name_of), type_id)
    }

    #[test]
    fn records_keep_the_fields_that_stay_and_take_the_defaults_of_new_ones() {
        let mut catalog = Catalog::default();
        let fields = vec![
            field("level", "u8"),
            field("number", "u32"),
            field("open", "bool"),
        ];
        let definition = TableDefinition::new(name("gate"), fields);
        let before = catalog.create_table(&definition).unwrap();
        let record = Value::object([
            ("level", Value::from(3_u8)),
            ("number", 7_u32.into()),
            ("open", true.into()),
        ]);
        let mut old = vec![0; before.record_size()];
        before.layout.write(&record, &mut old).unwrap();

        let width = FieldDefinition {
            default: Some(2.5.into()),
            ..field("width", "f64")
        };
        let added = vec![width, field("twin", "option<u16>")];
        let after = FieldsChange::Add(added)
            .apply(&mut catalog, "gate")
            .unwrap();
        // What stood there before must not show through.
        let mut new = vec![0xAA; 99];
        LayoutChange::between(&before.layout, &after.layout).copy(&old, &mut new);
        after.layout.check(&new).unwrap();
        let read = after.layout.read(&new);
        assert_eq!(read.get("width"), Some(&2.5.into()));
        assert_eq!(read.get("twin"), Some(&Value::Null));
        for (name, value) in [
            ("level", 3_u64.into()),
            ("number", 7_u64.into()),
            ("open", Value::from(true)),
        ] {
            assert_eq!(
                read.get(name).map(Value::describe),
                Some(value.describe()),
                "{name}"
            );
        }

        let removed = FieldsChange::Remove("level".to_owned());
        let last = removed.apply(&mut catalog, "gate").unwrap();
        let mut third = Vec::new();
        LayoutChange::between(&after.layout, &last.layout).copy(&new, &mut third);
        assert_eq!(third[..5], [7, 0, 0, 0, 1]);
        last.layout.check(&third).unwrap();
        assert_eq!(last.layout.read(&third).get("width"), Some(&2.5.into()));
    }
}
