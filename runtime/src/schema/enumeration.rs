//! Enums without fields: a name outside, a byte in the record.

use std::{cmp::Ordering, sync::Arc};

use super::{
    EnumVariant, SchemaError, TypeLayout, TypeSerializer, TypeShape, Value, ValueFault,
    fault::did_you_mean,
};

/// The layout of an enum with these variants, or what is wrong with them.
pub(super) fn layout(type_id: &str, variants: Vec<EnumVariant>) -> Result<TypeLayout, SchemaError> {
    let refuse = |reason: String| {
        Err(SchemaError::InvalidType {
            type_id: type_id.to_owned(),
            reason,
        })
    };
    if variants.is_empty() {
        return refuse("an enum needs at least one variant".to_owned());
    }
    for (index, variant) in variants.iter().enumerate() {
        if variant.name.is_empty() || variant.name.len() > 255 {
            return refuse(format!(
                "a variant's name has 1 to 255 bytes, not {:?}",
                variant.name
            ));
        }
        for earlier in &variants[..index] {
            if earlier.name == variant.name {
                return refuse(format!("variant `{}` stands twice", variant.name));
            }
            if earlier.number == variant.number {
                return refuse(format!(
                    "variants `{}` and `{}` are both {}",
                    earlier.name, variant.name, variant.number
                ));
            }
        }
    }
    Ok(TypeLayout {
        type_id: type_id.to_owned(),
        size: 1,
        align: 1,
        pod: true,
        ordered: true,
        padding: Vec::new(),
        shape: TypeShape::Enum {
            variants: variants.clone(),
        },
        serializer: Arc::new(EnumSerializer {
            type_id: type_id.to_owned(),
            variants,
        }),
    })
}

struct EnumSerializer {
    type_id: String,
    variants: Vec<EnumVariant>,
}

impl EnumSerializer {
    fn by_number(&self, number: u8) -> Option<&EnumVariant> {
        self.variants
            .iter()
            .find(|variant| variant.number == number)
    }
}

impl TypeSerializer for EnumSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let Value::Text(name) = value else {
            return Err(ValueFault::TypeMismatch {
                expected: format!("a variant of {}", self.type_id),
                found: value.describe(),
            });
        };
        match self.variants.iter().find(|variant| variant.name == *name) {
            Some(variant) => {
                out[0] = variant.number;
                Ok(())
            }
            None => {
                let names: Vec<&str> = self.variants.iter().map(|v| v.name.as_str()).collect();
                Err(ValueFault::NotOneOf {
                    expected: format!("one of {}", names.join(", ")),
                    found: format!("{name:?}{}", did_you_mean(name, names.iter().copied())),
                })
            }
        }
    }

    fn read(&self, bytes: &[u8]) -> Value {
        self.by_number(bytes[0])
            .map_or(Value::Null, |variant| Value::Text(variant.name.clone()))
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        match self.by_number(bytes[0]) {
            Some(_) => Ok(()),
            None => Err(ValueFault::InvalidBytes {
                type_id: self.type_id.clone(),
                reason: format!("no variant has the number {}", bytes[0]),
            }),
        }
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        Some(left[0].cmp(&right[0]))
    }
}
