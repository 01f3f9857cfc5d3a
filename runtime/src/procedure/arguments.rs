//! The arguments of a call: from values, by name, to the Rust types of the parameters.

use super::{Parameter, ParameterType, Signature};
use crate::{
    schema::{FieldFault, FieldType, SchemaError, TypeRegistry, Value, ValueFault, did_you_mean},
    storage::field_from_bytes,
};

/// Arguments that fit the parameters of one procedure, in their order.
#[derive(Clone, Debug, Default)]
pub struct Params {
    arguments: Vec<(Parameter, Value)>,
}

impl Params {
    /// Matches an object's values with the parameters by name. Gives every fault at once.
    pub fn from_object(signature: &Signature, object: &Value) -> Result<Self, Vec<FieldFault>> {
        let none = Vec::new();
        let given = match object {
            Value::Object(parts) => parts,
            Value::Null => &none,
            other => {
                let fault = ValueFault::TypeMismatch {
                    expected: "an object with the arguments by name".to_owned(),
                    found: other.describe(),
                };
                return Err(vec![FieldFault {
                    field: String::new(),
                    fault,
                }]);
            }
        };
        let parameters = &signature.parameters;
        let mut faults = Vec::new();
        for (name, _) in given {
            if !parameters.iter().any(|parameter| parameter.name == *name) {
                let hint = did_you_mean(name, parameters.iter().map(|known| known.name.as_str()));
                let field = name.chars().take(80).collect();
                faults.push(FieldFault {
                    field,
                    fault: ValueFault::UnknownArgument { hint },
                });
            }
        }
        let mut arguments = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let argument = object.get(&parameter.name).cloned();
            match argument.map(|value| check(&parameter.ty, &value).map(|()| value)) {
                Some(Ok(value)) => arguments.push((parameter.clone(), value)),
                Some(Err(fault)) => {
                    faults.push(FieldFault {
                        field: parameter.name.clone(),
                        fault,
                    });
                }
                None if parameter.ty.type_id().starts_with("option<") => {
                    arguments.push((parameter.clone(), Value::Null));
                }
                None => faults.push(FieldFault {
                    field: parameter.name.clone(),
                    fault: ValueFault::MissingArgument,
                }),
            }
        }
        if faults.is_empty() {
            Ok(Self { arguments })
        } else {
            Err(faults)
        }
    }

    /// The argument at this place, as the type that its parameter has.
    pub fn get<T: ProcedureArgument>(&self, index: usize) -> Result<T, ValueFault> {
        let (parameter, value) = self
            .arguments
            .get(index)
            .ok_or(ValueFault::MissingArgument)?;
        T::from_value(&parameter.ty, value)
    }

    /// Name and value of each argument, for a log line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.arguments
            .iter()
            .map(|(parameter, value)| (parameter.name.as_str(), value))
    }
}

/// A type that a procedure can take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a procedure",
    label = "this type has no value outside the program",
    note = "arguments are types that can be fields, String, Vec of types that can be fields, and Value"
)]
pub trait ProcedureArgument: Sized {
    /// Registers the type and says what it is.
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError>;

    /// The value as this type.
    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault>;
}

impl<F: FieldType> ProcedureArgument for F {
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        F::register(types).map(ParameterType::Field)
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match ty {
            ParameterType::Field(layout) | ParameterType::List(layout) => {
                let mut bytes = vec![0; layout.size];
                layout.serializer.write(value, &mut bytes)?;
                field_from_bytes(layout, &bytes)
            }
            _ => Err(mismatch(ty, value)),
        }
    }
}

impl<F: FieldType> ProcedureArgument for Vec<F> {
    fn parameter_type(types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        F::register(types).map(ParameterType::List)
    }

    fn from_value(ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        match value {
            Value::List(values) => values
                .iter()
                .map(|value| F::from_value(ty, value))
                .collect(),
            _ => Err(mismatch(ty, value)),
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
            _ => Err(mismatch(ty, value)),
        }
    }
}

impl ProcedureArgument for Value {
    fn parameter_type(_types: &mut TypeRegistry) -> Result<ParameterType, SchemaError> {
        Ok(ParameterType::Any)
    }

    fn from_value(_ty: &ParameterType, value: &Value) -> Result<Self, ValueFault> {
        Ok(value.clone())
    }
}

fn check(ty: &ParameterType, value: &Value) -> Result<(), ValueFault> {
    match (ty, value) {
        (ParameterType::Field(layout), _) => {
            layout.serializer.write(value, &mut vec![0; layout.size])
        }
        (ParameterType::List(layout), Value::List(values)) => {
            let mut bytes = vec![0; layout.size];
            for (index, value) in values.iter().enumerate() {
                bytes.fill(0);
                layout
                    .serializer
                    .write(value, &mut bytes)
                    .map_err(|fault| fault.in_part(index))?;
            }
            Ok(())
        }
        (ParameterType::String, Value::Text(_)) | (ParameterType::Any, _) => Ok(()),
        _ => Err(mismatch(ty, value)),
    }
}

fn mismatch(ty: &ParameterType, value: &Value) -> ValueFault {
    ValueFault::TypeMismatch {
        expected: ty.type_id(),
        found: value.describe(),
    }
}
