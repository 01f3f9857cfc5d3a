//! The procedures of a database, by name.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{CallError, Outcome, Params, Procedure, ProcedureError, Signature};
use crate::{
    schema::{Name, SchemaError, TypeRegistry, Value, did_you_mean},
    transaction::TransactionHandle,
};

/// What a procedure is to the runtime. The database is reached through the handle alone, so that
/// no read escapes the transaction.
pub type ProcedureFn = fn(&mut TransactionHandle, Params) -> Result<Outcome, ProcedureError>;

/// A registered procedure.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) signature: Arc<Signature>,
    pub(crate) function: ProcedureFn,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signature.fmt(f)
    }
}

/// All procedures of a database.
#[derive(Clone, Debug, Default)]
pub struct ProcedureRegistry {
    procedures: BTreeMap<String, Registered>,
}

impl ProcedureRegistry {
    /// Adds the function that `#[procedure]` made `P` of.
    pub fn register<P: Procedure>(&mut self, types: &mut TypeRegistry) -> Result<(), SchemaError> {
        let signature = Signature {
            name: P::NAME.to_owned(),
            parameters: P::parameters(types)?,
            returns: P::returns(types)?,
            every: P::EVERY,
            isolation: P::ISOLATION,
            read_only: P::READ_ONLY,
            documentation: P::DOCUMENTATION.to_owned(),
            place: P::PLACE,
        };
        self.register_procedure(signature, P::call)
    }

    /// Adds a function under the name of its signature, which must not be taken.
    pub fn register_procedure(
        &mut self,
        signature: Signature,
        function: ProcedureFn,
    ) -> Result<(), SchemaError> {
        let name = Name::new(&signature.name)?.to_string();
        if signature.every == Some(0) {
            return Err(SchemaError::InvalidProcedure {
                procedure: name,
                reason: "`every` counts ticks, so it is at least 1".to_owned(),
            });
        }
        if let Some(former) = self.procedures.get(&name) {
            let (former, place) = (former.signature.place, signature.place);
            return Err(SchemaError::InvalidProcedure {
                procedure: name,
                reason: format!(
                    "two have this name, one {former} and one {place}: rename one of them, or write \
                     `#[procedure(name = \"…\")]` on it"
                ),
            });
        }
        self.procedures.insert(
            name,
            Registered {
                signature: Arc::new(signature),
                function,
            },
        );
        Ok(())
    }

    /// The signatures in the order of their names.
    pub fn signatures(&self) -> impl Iterator<Item = &Arc<Signature>> {
        self.procedures
            .values()
            .map(|registered| &registered.signature)
    }

    /// The signature of the procedure with this name.
    pub fn signature(&self, name: &str) -> Option<&Arc<Signature>> {
        self.procedures
            .get(name)
            .map(|registered| &registered.signature)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.procedures.get(name)
    }

    /// The arguments of a call by name, checked against the procedure's signature.
    pub(crate) fn check(&self, procedure: &str, arguments: &Value) -> Result<Params, CallError> {
        let Some(signature) = self.signature(procedure) else {
            return Err(CallError::NotFound {
                procedure: procedure.to_owned(),
                hint: self.hint(procedure),
            });
        };
        Params::from_object(signature, arguments).map_err(|faults| CallError::InvalidArguments {
            procedure: procedure.to_owned(),
            faults,
        })
    }

    /// ", did you mean `x`?" for the nearest name, or nothing.
    pub(crate) fn hint(&self, name: &str) -> String {
        did_you_mean(name, self.procedures.keys().map(String::as_str))
    }
}
