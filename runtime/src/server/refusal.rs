//! The one place that gives every error of the database its status and code.

use axum::http::StatusCode;

use super::problem::{Fault, Problem};
use crate::{
    Error,
    persistence::PersistenceError,
    procedure::CallError,
    schema::{FieldFault, SchemaError},
    storage::StorageError,
    tick::QueueError,
    transaction::TransactionError,
};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Schema(error) => error.into(),
            Error::Transaction(error) => error.into(),
            Error::Call(error) => error.into(),
            Error::Queue(error) => error.into(),
            Error::Storage(error) => error.into(),
            Error::Persistence(error) => error.into(),
            Error::Record { faults, .. } => {
                invalid("invalid-field", &faults, "nothing was written")
            }
            Error::Json(error) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid-json", error.to_string())
            }
            Error::SchemaNotWritten { reason } => {
                tracing::error!(reason, "a change of the schema is not on disk");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "schema-not-written",
                    "the change is made, but it is not on disk yet; the next flush tries again",
                )
            }
            error @ Error::Config { .. } => internal(&error),
        }
    }
}

impl From<SchemaError> for Problem {
    fn from(error: SchemaError) -> Self {
        use SchemaError as E;
        let (status, code) = match &error {
            E::InvalidName { .. } => (StatusCode::BAD_REQUEST, "invalid-name"),
            E::TableNotFound { .. } => (StatusCode::NOT_FOUND, "table-not-found"),
            E::FieldNotFound { .. } => (StatusCode::NOT_FOUND, "field-not-found"),
            E::RelationNotFound { .. } => (StatusCode::NOT_FOUND, "relation-not-found"),
            E::TableIsCompiled { .. } => (StatusCode::FORBIDDEN, "table-is-compiled"),
            E::TableExists { .. } => (StatusCode::CONFLICT, "table-exists"),
            E::FieldExists { .. } => (StatusCode::CONFLICT, "field-exists"),
            E::RelationExists { .. } => (StatusCode::CONFLICT, "relation-exists"),
            E::ChangeUnderWay { .. } => (StatusCode::CONFLICT, "schema-change-under-way"),
            E::TableDropped { .. } => (StatusCode::CONFLICT, "table-dropped"),
            E::TypeExists { .. } => (StatusCode::CONFLICT, "type-exists"),
            // A field is named together with its table: `gate.airport`.
            E::Referenced { dropped, .. } if dropped.contains('.') => {
                (StatusCode::CONFLICT, "field-referenced")
            }
            E::Referenced { .. } => (StatusCode::CONFLICT, "table-referenced"),
            E::DefaultRequired { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "default-required"),
            E::LimitReached { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "limit-reached"),
            E::InvalidRelation { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-relation"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-schema"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<TransactionError> for Problem {
    fn from(error: TransactionError) -> Self {
        use TransactionError as E;
        let (status, code) = match &error {
            E::RecordNotFound { .. } => (StatusCode::NOT_FOUND, "record-not-found"),
            E::InvalidRecord { faults, .. } => {
                return invalid("invalid-field", faults, "nothing was written");
            }
            E::WrongRecordSize { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong-record-size"),
            E::DuplicateKey { .. } => (StatusCode::CONFLICT, "duplicate-key"),
            E::RelationMissing { .. } => (StatusCode::CONFLICT, "relation-missing"),
            E::RecordReferenced { .. } => (StatusCode::CONFLICT, "record-referenced"),
            E::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            E::SchemaChanged { .. } => (StatusCode::CONFLICT, "schema-changed"),
            E::Broken { .. } | E::Nested => return internal(&error),
            E::Schema(error) => return error.clone().into(),
            E::Storage(error) => return error.clone().into(),
        };
        let problem = Self::new(status, code, error.to_string());
        let fault = match &error {
            E::DuplicateKey { field, .. } | E::RelationMissing { field, .. } => {
                Fault::at(format!("/{field}"), code, error.to_string())
            }
            _ => return problem,
        };
        problem.with_faults([fault])
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        use CallError as E;
        match error {
            E::NotFound { procedure, hint } => Self::new(
                StatusCode::NOT_FOUND,
                "procedure-not-found",
                format!("there is no procedure `{procedure}`{hint}"),
            ),
            E::InvalidArguments { faults, .. } => {
                invalid("invalid-argument", &faults, "the procedure was not called")
            }
            E::Failed { error, .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "procedure-failed",
                error.to_string(),
            ),
            // The message stays in the log: it may tell what is nobody's business.
            E::Panicked { procedure, .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "procedure-panicked",
                format!("procedure `{procedure}` panicked; nothing of what it did remains"),
            ),
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full {
                capacity,
                retry_after_ms,
            } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "queue-full",
                format!("{capacity} requests are waiting; this one was not taken"),
            )
            .retry_after_ms(retry_after_ms),
            QueueError::Expired { waited_ms } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "queue-expired",
                format!("it waited {waited_ms} ms in the queue and was not executed"),
            )
            .retry_after_ms(0),
            QueueError::Stopped => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopped",
                "the database is stopping; the request was not executed",
            ),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        let (status, code) = match &error {
            StorageError::MemoryLimit { .. } | StorageError::OutOfMemory { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "storage-full")
            }
            StorageError::TableMemoryLimit { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "table-full")
            }
            StorageError::IdOutOfRange { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "ids-exhausted")
            }
            StorageError::IdTaken { .. } => (StatusCode::CONFLICT, "id-taken"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<PersistenceError> for Problem {
    /// Names of files and folders stay in the log.
    fn from(error: PersistenceError) -> Self {
        match &error {
            PersistenceError::DiskFull { .. } => {
                tracing::error!(%error, "a request failed");
                let status = StatusCode::INSUFFICIENT_STORAGE;
                Self::new(status, "disk-full", "the disk is full; nothing was changed")
            }
            PersistenceError::Unavailable { .. } => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "persistence-unavailable", error.to_string()).retry_after_ms(1000)
            }
            _ => internal(&error),
        }
    }
}

/// A fault of ours: the log says which.
fn internal(error: &impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A problem with one entry per field that is at fault.
fn invalid(code: &'static str, faults: &[FieldFault], consequence: &str) -> Problem {
    let count = match faults {
        [_] => "1 value does not fit".to_owned(),
        faults => format!("{} values do not fit", faults.len()),
    };
    let detail = format!("{count}; {consequence}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        .with_faults(faults.iter().map(Fault::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Name, RecordId};

    #[test]
    fn every_kind_of_error_has_its_status_and_code() {
        let name = |name| Name::new(name).unwrap();
        let referenced = |dropped: &str| SchemaError::Referenced {
            dropped: dropped.to_owned(),
            relations: vec![name("gate_airport")],
        };
        let cases: [(Error, u16, &str); 8] = [
            (referenced("airport").into(), 409, "table-referenced"),
            (referenced("gate.airport").into(), 409, "field-referenced"),
            (
                SchemaError::TableIsCompiled { table: name("a") }.into(),
                403,
                "table-is-compiled",
            ),
            (Name::new("../x").unwrap_err().into(), 400, "invalid-name"),
            (
                TransactionError::RelationMissing {
                    table: name("gate"),
                    field: name("airport"),
                    target: name("airport"),
                    id: RecordId::MIN,
                }
                .into(),
                409,
                "relation-missing",
            ),
            (
                QueueError::Expired { waited_ms: 9 }.into(),
                503,
                "queue-expired",
            ),
            (
                CallError::Failed {
                    procedure: "divert".to_owned(),
                    error: "it has landed".into(),
                }
                .into(),
                422,
                "procedure-failed",
            ),
            (
                CallError::Panicked {
                    procedure: "divert".to_owned(),
                    message: "secret".to_owned(),
                }
                .into(),
                500,
                "procedure-panicked",
            ),
        ];
        for (error, status, code) in cases {
            let problem = Problem::from(error);
            assert_eq!(problem.status_and_code(), (status, code));
            let body = String::from_utf8(problem.to_json("/")).unwrap();
            assert!(!body.contains("secret"), "{body}");
        }
    }
}
