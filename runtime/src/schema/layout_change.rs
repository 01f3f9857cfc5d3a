//! From a record of one layout to the same record in another.

use std::{ops::Range, sync::Arc};

use super::{
    Catalog, Field, FieldDefinition, FieldFault, RecordBuf, RecordLayout, RecordRef, SchemaError,
    TableSchema,
};

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
    /// A fixed part of the new layout in which every field of fixed size has its default.
    blank: RecordBuf,
    /// Bytes of the old fixed part, and where they begin in the new one.
    moves: Vec<(Range<usize>, usize)>,
    /// The fields of variable length in their order, each with the one that it was.
    variable: Vec<(Field, Option<Field>)>,
}

impl LayoutChange {
    /// The change from one layout to another of the same table. Fields of one name have one type.
    pub(crate) fn between(old: &RecordLayout, new: &RecordLayout) -> Self {
        let mut blank = RecordBuf::zeroed(new.record_size());
        let (mut moves, mut variable) = (Vec::new(), Vec::new());
        for field in new.fields() {
            let former = old.field(field.name.as_str()).map(|(_, former)| former);
            if field.layout.variable().is_some() {
                variable.push((field.clone(), former.cloned()));
            } else if let Some(former) = former {
                let bytes = former.offset..former.offset + former.layout.size;
                moves.push((bytes, field.offset));
            } else if let Some(default) = &field.default {
                let written = field.write(default, &mut blank);
                written.expect("a default was checked when its field was defined");
            }
        }
        Self {
            blank,
            moves,
            variable,
        }
    }

    /// Puts a record of the old layout into `new`, as one of the new layout. It fails where the
    /// default of a new field is too much for the tail of the record.
    pub(crate) fn copy(&self, old: RecordRef<'_>, new: &mut RecordBuf) -> Result<(), FieldFault> {
        new.reset_to(&self.blank);
        let fixed = new.fixed_mut();
        for (from, to) in &self.moves {
            fixed[*to..to + from.len()].copy_from_slice(&old.fixed[from.clone()]);
        }
        for (field, former) in &self.variable {
            let written = match (former, &field.default) {
                (Some(former), _) => field.copy(former, old, new),
                (None, Some(default)) => field.write(default, new),
                (None, None) => Ok(()),
            };
            written.map_err(|fault| field.fault(fault))?;
        }
        Ok(())
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
        let old = before.layout.write(&record).unwrap();

        let width = FieldDefinition {
            default: Some(2.5.into()),
            ..field("width", "f64")
        };
        let added = vec![width, field("twin", "option<u16>")];
        let after = FieldsChange::Add(added)
            .apply(&mut catalog, "gate")
            .unwrap();
        // What stood there before must not show through.
        let mut new = RecordRef::without_tail(&[0xAA; 99]).to_buf();
        let change = LayoutChange::between(&before.layout, &after.layout);
        change.copy(old.as_ref(), &mut new).unwrap();
        after.layout.check(new.as_ref()).unwrap();
        let read = after.layout.read(new.as_ref());
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
        let mut third = RecordBuf::default();
        let change = LayoutChange::between(&after.layout, &last.layout);
        change.copy(new.as_ref(), &mut third).unwrap();
        let third = third.as_ref();
        assert_eq!(third.fixed[..5], [7, 0, 0, 0, 1]);
        last.layout.check(third).unwrap();
        assert_eq!(last.layout.read(third).get("width"), Some(&2.5.into()));
    }
}
