//! The arguments of a call: from values, by name, to the Rust types of the parameters.

use super::{Parameter, ParameterType, ProcedureArgument, Signature};
use crate::schema::{FieldFault, Value, ValueFault, did_you_mean};

/// Arguments that fit the parameters of one procedure, in their order.
#[derive(Clone, Debug, Default)]
pub struct Params {
    arguments: Vec<(Parameter, Value)>,
    /// What the procedure gives, so that its result is written as the signature says.
    returns: Option<ParameterType>,
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
            match argument.map(|value| parameter.ty.check(&value).map(|()| value)) {
                Some(Ok(value)) => arguments.push((parameter.clone(), value)),
                Some(Err(fault)) => {
                    faults.push(FieldFault {
                        field: parameter.name.clone(),
                        fault,
                    });
                }
                None if parameter.ty.is_optional() => {
                    arguments.push((parameter.clone(), Value::Null));
                }
                None => faults.push(FieldFault {
                    field: parameter.name.clone(),
                    fault: ValueFault::MissingArgument,
                }),
            }
        }
        if faults.is_empty() {
            Ok(Self {
                arguments,
                returns: signature.returns.clone(),
            })
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

    /// What the procedure gives, as its signature says.
    pub(crate) fn returns(&self) -> Option<&ParameterType> {
        self.returns.as_ref()
    }

    /// Name and value of each argument, for a log line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.arguments
            .iter()
            .map(|(parameter, value)| (parameter.name.as_str(), value))
    }
}
