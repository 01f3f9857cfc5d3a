//! The layout of a record: where each field stands, and how a record is checked and read.

use std::{ops::Range, sync::Arc};

use super::{
    FIELDS_MAX, Field, FieldDefinition, FieldFault, Name, RECORD_SIZE_MAX, RecordRef,
    RecordSizeFault, SchemaError, TypeRegistry, Value, ValueFault, composite::place,
};

/// Size, alignment and fields of a table's records.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordLayout {
    fields: Vec<Field>,
    record_size: usize,
    align: usize,
    padding: Vec<Range<usize>>,
    has_tails: bool,
}

impl RecordLayout {
    /// Places the fields one behind the other as `repr(C)` does, and checks all of them.
    pub fn compute(
        table: &Name,
        definitions: &[FieldDefinition],
        types: &TypeRegistry,
    ) -> Result<Self, SchemaError> {
        let refuse = |reason: String| {
            Err(SchemaError::InvalidTable {
                table: table.clone(),
                reason,
            })
        };
        if definitions.is_empty() {
            return refuse("it has no fields".to_owned());
        }
        if definitions.len() > FIELDS_MAX {
            return refuse(format!(
                "it has {} fields, a table has at most {FIELDS_MAX}",
                definitions.len()
            ));
        }
        let mut fields: Vec<Field> = Vec::with_capacity(definitions.len());
        for definition in definitions {
            if fields.iter().any(|field| field.name == definition.name) {
                return Err(SchemaError::FieldExists {
                    table: table.clone(),
                    field: definition.name.clone(),
                });
            }
            fields.push(resolve_field(table, definition, types)?);
        }
        let placed = place(fields.iter().map(|field| &*field.layout));
        let Some(placed) = placed.filter(|placed| placed.size <= RECORD_SIZE_MAX) else {
            return refuse(format!(
                "its records are larger than {RECORD_SIZE_MAX} bytes"
            ));
        };
        for (field, offset) in fields.iter_mut().zip(placed.offsets) {
            field.offset = offset;
        }
        Ok(Self {
            has_tails: fields.iter().any(|field| field.layout.variable().is_some()),
            fields,
            record_size: placed.size,
            align: placed.align,
            padding: placed.padding,
        })
    }

    /// The fields in the order of their offsets.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Bytes of the fixed part of a record, a multiple of [`align`](Self::align).
    pub fn record_size(&self) -> usize {
        self.record_size
    }

    /// A power of two that the address of a record is a multiple of.
    pub fn align(&self) -> usize {
        self.align
    }

    /// The bytes that carry no value and are always 0.
    pub fn padding(&self) -> &[Range<usize>] {
        &self.padding
    }

    /// The field with this name, and its place.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields
            .iter()
            .enumerate()
            .find(|(_, field)| field.name == *name)
    }

    /// The field with this name, or the error that names the nearest one.
    pub fn require_field(&self, table: &Name, name: &str) -> Result<(usize, &Field), SchemaError> {
        self.field(name).ok_or_else(|| SchemaError::FieldNotFound {
            table: table.clone(),
            field: name.chars().take(80).collect(),
        })
    }

    /// The definitions that this layout was computed from.
    pub fn definitions(&self) -> Vec<FieldDefinition> {
        let definition = |field: &Field| FieldDefinition {
            name: field.name.clone(),
            type_id: field.layout.type_id.clone(),
            unique: field.unique,
            default: field.default.clone(),
            documentation: field.documentation.clone(),
        };
        self.fields.iter().map(definition).collect()
    }

    /// Whether records can have a tail, since there are fields of variable length.
    pub fn has_tails(&self) -> bool {
        self.has_tails
    }

    /// A record from the bytes of its fixed part and of its tail, which follows it. That they are
    /// a record is for [`check`](Self::check) to say.
    pub fn split<'a>(&self, bytes: &'a [u8]) -> Result<RecordRef<'a>, RecordSizeFault> {
        match bytes.split_at_checked(self.record_size) {
            Some((fixed, tail)) if self.has_tails || tail.is_empty() => {
                Ok(RecordRef { fixed, tail })
            }
            _ => Err(RecordSizeFault {
                expected: self.record_size,
                at_least: self.has_tails,
                found: bytes.len(),
            }),
        }
    }

    /// The bytes that the tail of a record has where its fixed part is right.
    pub(crate) fn tail_bytes(&self, fixed: &[u8]) -> usize {
        if !self.has_tails {
            return 0;
        }
        let of_field = |field: &Field| {
            let variable = field.layout.variable()?;
            Some(variable.tail_bytes(field.bytes(fixed)))
        };
        let of_fields = self.fields.iter().filter_map(of_field);
        of_fields.fold(0, usize::saturating_add)
    }

    /// The record as an object of its fields, without its id.
    pub fn read(&self, record: RecordRef<'_>) -> Value {
        Value::object(
            self.fields
                .iter()
                .map(|field| (field.name.as_str(), field.value(record))),
        )
    }

    /// Checks every field of a record that comes from outside, and that its tail is theirs to the
    /// last byte. Gives every fault.
    ///
    /// # Panics
    /// Where the fixed part has not exactly `record_size` bytes.
    pub fn check(&self, record: RecordRef<'_>) -> Result<(), Vec<FieldFault>> {
        let RecordRef { fixed, tail } = record;
        assert_eq!(fixed.len(), self.record_size, "a whole record is checked");
        let mut faults = Vec::new();
        let mut position = Some(0_usize);
        for field in &self.fields {
            let place = field.bytes(fixed);
            let checked = match (field.layout.variable(), &mut position) {
                (None, _) => field.layout.check(place),
                (Some(variable), Some(at)) => {
                    let end = at.saturating_add(variable.tail_bytes(place));
                    let checked = variable.check(place, tail, at);
                    // What stands behind a slot that leads astray cannot be found.
                    position = position.filter(|at| *at == end);
                    checked
                }
                (Some(_), None) => Ok(()),
            };
            if let Err(fault) = checked {
                faults.push(field.fault(fault));
            }
        }
        if let Some(behind) = position.and_then(|at| tail.len().checked_sub(at))
            && behind > 0
        {
            faults.push(FieldFault {
                field: String::new(),
                fault: ValueFault::InvalidBytes {
                    type_id: "record".to_owned(),
                    reason: format!("{behind} bytes stand behind those of its fields"),
                },
            });
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// Makes every byte of the fixed part that carries no value 0.
    pub fn zero_padding(&self, fixed: &mut [u8]) {
        super::type_layout::zero_padding(&self.padding, fixed);
    }
}

fn resolve_field(
    table: &Name,
    definition: &FieldDefinition,
    types: &TypeRegistry,
) -> Result<Field, SchemaError> {
    let refuse = |reason: String| SchemaError::InvalidField {
        table: table.clone(),
        field: definition.name.to_string(),
        reason,
    };
    if definition.name == "id" {
        return Err(refuse(
            "`id` is the record's id, which every record has".to_owned(),
        ));
    }
    let layout = types.resolve(&definition.type_id)?;
    if definition.unique && !layout.ordered {
        return Err(refuse(format!(
            "type `{}` has no order to index by",
            layout.type_id
        )));
    }
    let default = definition.default.as_ref();
    let default = default
        .map(|default| layout.normalize(default))
        .transpose()
        .map_err(|fault| refuse(format!("its default does not fit: {fault}")))?;
    Ok(Field {
        name: definition.name.clone(),
        offset: 0,
        layout: Arc::clone(&layout),
        unique: definition.unique,
        default,
        documentation: definition.documentation.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(fields: &[(&str, &str)]) -> RecordLayout {
        let definitions: Vec<_> = fields
            .iter()
            .map(|(name, type_id)| FieldDefinition::new(Name::new(name).unwrap(), *type_id))
            .collect();
        let table = Name::new("gate").unwrap();
        RecordLayout::compute(&table, &definitions, &TypeRegistry::default()).unwrap()
    }

    #[test]
    fn a_record_has_the_bytes_that_were_written_by_hand() {
        let gate = layout(&[
            ("open", "bool"),
            ("number", "u32"),
            ("name", "text<5>"),
            ("airport", "id<airport>"),
            ("level", "i16"),
        ]);
        let offsets: Vec<usize> = gate.fields().iter().map(|field| field.offset).collect();
        assert_eq!(offsets, [0, 4, 8, 16, 24]);
        assert_eq!((gate.record_size(), gate.align()), (32, 8));
        assert_eq!(gate.padding(), [1..4, 15..16, 26..32]);

        let value = Value::object([
            ("open", Value::Bool(true)),
            ("number", 0x0102_0304_u32.into()),
            ("name", "B7".into()),
            ("airport", 5_u64.into()),
            ("level", (-2_i16).into()),
        ]);
        let record = gate.write(&value).unwrap().into_bytes();
        #[rustfmt::skip]
        let expected = [
            1, 0, 0, 0,                 // open, then padding up to 4
            0x04, 0x03, 0x02, 0x01,     // number, little-endian
            2, 0, b'B', b'7', 0, 0, 0,  // name: two bytes of length, then five of text
            0,                          // padding up to 16
            5, 0, 0, 0, 0, 0, 0, 0,     // airport
            0xFE, 0xFF,                 // level
            0, 0, 0, 0, 0, 0,           // padding up to a multiple of 8
        ];
        assert_eq!(record, expected);
        assert_eq!(gate.read(RecordRef::without_tail(&record)), value);
    }

    #[test]
    fn every_fault_of_a_record_is_told_at_once() {
        let gate = layout(&[("open", "bool"), ("number", "u8"), ("level", "i16")]);
        let value = Value::object([
            ("open", Value::from("yes")),
            ("nubmer", 1.into()),
            ("level", 40_000.into()),
        ]);
        let faults = gate.write(&value).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`nubmer`: there is no such field, did you mean `number`?",
                "`open`: expected bool, found \"yes\"",
                "`number`: the field is missing and has no default",
                "`level`: 40000 does not fit in i16",
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_value_are_found_field_by_field() {
        let gate = layout(&[
            ("open", "bool"),
            ("name", "text<3>"),
            ("airport", "id<airport>"),
        ]);
        let mut record = vec![0; gate.record_size()];
        record[0] = 7;
        record[2] = 1;
        record[4] = 0xFF;
        let codes: Vec<_> = gate
            .check(RecordRef::without_tail(&record))
            .unwrap_err()
            .iter()
            .map(|f| (f.field.clone(), f.fault.code()))
            .collect();
        let invalid = |field: &str| (field.to_owned(), "invalid-bytes");
        assert_eq!(
            codes,
            [invalid("open"), invalid("name"), invalid("airport")]
        );
    }

    #[test]
    fn a_patch_changes_only_the_fields_that_it_names() {
        let gate = layout(&[("open", "bool"), ("number", "u8")]);
        let patch = Value::object([("number", 3)]);
        let record = RecordRef::without_tail(&[1, 9]);
        let (patched, mask) = gate.patch(&patch, record).unwrap();
        assert_eq!(patched.into_bytes(), [1, 3]);
        assert!(mask.contains(1) && !mask.contains(0));
    }
}
