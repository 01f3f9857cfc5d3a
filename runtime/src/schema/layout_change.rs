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

/// What of a record of one layout goes where in a record of another, and defaults for the fields
/// that are new.
#[derive(Debug)]
pub(crate) struct LayoutChange {
    /// A fixed part of the new layout in which every field of fixed size has its default.
    blank: RecordBuf,
    /// Bytes of the old fixed part, and where they begin in the new one.
    moves: Vec<(Range<usize>, usize)>,
    /// The fields of fixed size whose type became another one, each with the one that it was.
    converted: Vec<(Field, Field)>,
    /// The fields of variable length in their order, each with the one that it was.
    variable: Vec<(Field, Option<Former>)>,
}

/// A field as it was, and whether its bytes are those that it has now.
#[derive(Clone, Debug)]
pub(crate) struct Former {
    pub(crate) field: Field,
    pub(crate) bytes_stay: bool,
}

impl LayoutChange {
    /// The change from one layout to another of the same table. Fields of one name have one type.
    pub(crate) fn between(old: &RecordLayout, new: &RecordLayout) -> Self {
        Self::from_former(new, |place| {
            let (_, former) = old.field(new.fields()[place].name.as_str())?;
            Some(Former {
                field: former.clone(),
                bytes_stay: true,
            })
        })
    }

    /// The change to a layout of which `former` knows, by its place, what each field was. Every
    /// value of a former field has to be one of the field that it is now.
    pub(crate) fn from_former(
        new: &RecordLayout,
        former: impl Fn(usize) -> Option<Former>,
    ) -> Self {
        let mut change = Self {
            blank: RecordBuf::zeroed(new.record_size()),
            moves: Vec::new(),
            converted: Vec::new(),
            variable: Vec::new(),
        };
        for (place, field) in new.fields().iter().enumerate() {
            let former = former(place);
            if field.layout.variable().is_some() {
                change.variable.push((field.clone(), former));
                continue;
            }
            match (former, &field.default) {
                (Some(former), _) if former.bytes_stay => {
                    let start = former.field.offset;
                    let bytes = start..start + former.field.layout.size;
                    change.moves.push((bytes, field.offset));
                }
                (Some(former), _) => change.converted.push((field.clone(), former.field)),
                (None, Some(default)) => {
                    let written = field.write(default, &mut change.blank);
                    written.expect("a default was checked when its field was defined");
                }
                (None, None) => {}
            }
        }
        change
    }

    /// Puts a record of the old layout into `new`, as one of the new layout. It fails where a
    /// new or converted value is too much for the tail of the record.
    pub(crate) fn copy(&self, old: RecordRef<'_>, new: &mut RecordBuf) -> Result<(), FieldFault> {
        new.reset_to(&self.blank);
        let fixed = new.fixed_mut();
        for (from, to) in &self.moves {
            fixed[*to..to + from.len()].copy_from_slice(&old.fixed[from.clone()]);
        }
        for (field, former) in &self.converted {
            let written = field.write(&former.value(old), new);
            written.map_err(|fault| field.fault(fault))?;
        }
        for (field, former) in &self.variable {
            let written = match (former, &field.default) {
                (Some(former), _) if former.bytes_stay => field.copy(&former.field, old, new),
                (Some(former), _) => field.write(&former.field.value(old), new),
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
