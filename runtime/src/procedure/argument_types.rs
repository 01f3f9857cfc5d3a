//! The types that procedures take and give, and what the signature says of each.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    schema::{
        FieldType, Id, Record, SchemaError, Text, Timestamp, TypeLayout, TypeRegistry, TypeShape,
        Value, ValueFault,
    },
    storage::{field_bytes, field_from_bytes},
};

/// The type of a parameter, or of what a procedure gives.
#[derive(Clone, Debug)]
pub enum ParameterType {
    /// A type that could also be a field.
    Field(Arc<TypeLayout>),
    /// Text of any length.
    String,
    /// A list of any length.
    List(Box<ParameterType>),
    /// A value or none.
    Optional(Box<ParameterType>),
    /// Any value at all.
    Any,
}

impl ParameterType {
    /// The type's id, as `GET /rpc` gives it.
    pub fn type_id(&self) -> String {
        match self {
            Self::Field(layout) => layout.type_id.clone(),
            Self::String => "string".to_owned(),
            Self::List(element) => format!("[{}]", element.type_id()),
            Self::Optional(inner) => format!("option<{}>", inner.type_id()),
            Self::Any => "any".to_owned(),
        }
    }

    /// Whether an argument of this type may be left out.
    pub(super) fn is_optional(&self) -> bool {
        match self {
            Self::Optional(_) => true,
            Self::Field(layout) => matches!(
                layout.shape,
                TypeShape::Optional { .. } | TypeShape::Reference { optional: true, .. }
            ),
            _ => false,
        }
    }

    /// Whether the value is one of this type.
    pub(super) fn check(&self, value: &Value) -> Result<(), ValueFault> {
        match (self, value) {
            (Self::Field(layout), _) => layout.serializer.write(value, &mut vec![0; layout.size]),
            (Self::List(element), Value::List(values)) => {
                for (index, value) in values.iter().enumerate() {
                    element.check(value).map_err(|fault| fault.in_part(index))?;
                }
                Ok(())
            }
            (Self::Optional(_), Value::Null) => Ok(()),
            (Self::Optional(inner), value) => inner.check(value),
            (Self::String, Value::Text(_)) | (Self::Any, _) => Ok(()),
            _ => Err(self.mismatch(value)),
        }
    }

    fn mismatch(&self, value: &Value) -> ValueFault {
        ValueFault::TypeMismatch {
            expected: self.type_id(),
            found: value.describe(),
        }
    }
}

/// A type that a procedure can take as an argument, and give back.
///
/// What can be a field of a plain table can be one, enums and structs with `#[derive(FieldType)]`
/// included, and so can `String`, [`Value`], and `Option` and `Vec` of all these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a procedure",
    label = "this type has no value outside the program",
    note = "arguments are numbers, bool, Text<N>, Id<T>, Timestamp, Uuid, arrays of these, String, Value, and Option and Vec of all these",
    note = "for an enum without fields or a struct of plain fields write #[derive(Clone, Copy, FieldType)] on it"
)]
pub trait ProcedureArgument: Clone + Send + Sync + Sized + 'static {
    /// Registers the type and says what it is.
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError>;

    /// The value as this type, of which `ty` is what [`parameter_type`](Self::parameter_type) gave.
    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault>;

    /// This as a value.
    fn to_value(&self, ty: &ParameterType) -> Result<Value, ValueFault>;
}

/// A field type that is an argument as well. That is said apart from [`FieldType`], since an
/// `Option` may be a field or not, and is an argument in any case.
pub trait FieldArgument: FieldType {}

macro_rules! field_arguments {
    ($($field:ty),*) => {$(impl FieldArgument for $field {})*};
}

field_arguments! {
    bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, Timestamp, Uuid
}

impl<const N: usize> FieldArgument for Text<N> {}
impl<T: Record> FieldArgument for Id<T> {}
impl<F: FieldType, const N: usize> FieldArgument for [F; N] {}

#[diagnostic::do_not_recommend]
impl<F: FieldArgument> ProcedureArgument for F {
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        F::register(types).map(ParameterType::Field)
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match ty {
            ParameterType::Field(layout) => {
                let mut bytes = vec![0; layout.size];
                layout.serializer.write(value, &mut bytes)?;
                field_from_bytes(layout, &bytes)
            }
            _ => Err(ty.mismatch(value)),
        }
    }

    fn to_value(&self, ty: &ParameterType) -> Result<Value, ValueFault> {
        match ty {
            ParameterType::Field(layout) if layout.size == size_of::<F>() => {
                Ok(layout.serializer.read(&field_bytes(layout, self)))
            }
            _ => Err(foreign(ty)),
        }
    }
}

impl<A: ProcedureArgument> ProcedureArgument for Option<A> {
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        Ok(ParameterType::Optional(Box::new(A::parameter_type(types)?)))
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match (ty, value) {
            (ParameterType::Optional(_), Value::Null) => Ok(None),
            (ParameterType::Optional(inner), value) => A::from_value(inner, value).map(Some),
            _ => Err(ty.mismatch(value)),
        }
    }

    fn to_value(&self, ty: &ParameterType) -> Result<Value, ValueFault> {
        match (ty, self) {
            (ParameterType::Optional(_), None) => Ok(Value::Null),
            (ParameterType::Optional(inner), Some(value)) => value.to_value(inner),
            _ => Err(foreign(ty)),
        }
    }
}

impl<A: ProcedureArgument> ProcedureArgument for Vec<A> {
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        Ok(ParameterType::List(Box::new(A::parameter_type(types)?)))
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match (ty, value) {
            (ParameterType::List(element), Value::List(values)) => values
                .iter()
                .map(|value| A::from_value(element, value))
                .collect(),
            _ => Err(ty.mismatch(value)),
        }
    }

    fn to_value(&self, ty: &ParameterType) -> Result<Value, ValueFault> {
        match ty {
            ParameterType::List(element) => {
                let values = self.iter().map(|value| value.to_value(element));
                values.collect::<Result<_, _>>().map(Value::List)
            }
            _ => Err(foreign(ty)),
        }
    }
}

impl ProcedureArgument for String {
    fn parameter_type(_types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        Ok(ParameterType::String)
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(ty.mismatch(value)),
        }
    }

    fn to_value(&self, _ty: &ParameterType) -> Result<Value, ValueFault> {
        Ok(Value::Text(self.clone()))
    }
}

impl ProcedureArgument for Value {
    fn parameter_type(_types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        Ok(ParameterType::Any)
    }

    fn from_value(_ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        Ok(value.clone())
    }

    fn to_value(&self, _ty: &ParameterType) -> Result<Value, ValueFault> {
        Ok(self.clone())
    }
}

/// The fault of a signature that was not made of the type whose value it is to write.
fn foreign(ty: &ParameterType) -> ValueFault {
    ValueFault::InvalidBytes {
        type_id: ty.type_id(),
        reason: "the signature gives another type than the function".to_owned(),
    }
}
