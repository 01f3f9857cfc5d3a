//! `/rpc`: the procedures, what they take, and calling them.

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::{
    json::{self, JSON},
    payload::Payload,
    problem::Problem,
    rest::Rest,
};
use crate::{
    procedure::{CallError, ParameterType, ProcedureRegistry, Signature},
    schema::{Name, did_you_mean},
    tick::{Answer, Request as Change},
    transaction::Isolation,
};

#[derive(Serialize)]
struct SignatureJson<'a> {
    name: &'a str,
    parameters: Vec<ParameterJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<u32>,
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    isolation: Option<&'static str>,
    documentation: &'a str,
}

#[derive(Serialize)]
struct ParameterJson<'a> {
    name: &'a str,
    r#type: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    documentation: &'a str,
}

impl<'a> From<&'a Signature> for SignatureJson<'a> {
    fn from(signature: &'a Signature) -> Self {
        let parameters = signature.parameters.iter();
        Self {
            name: &signature.name,
            parameters: parameters
                .map(|parameter| ParameterJson {
                    name: &parameter.name,
                    r#type: parameter.ty.type_id(),
                    documentation: &parameter.documentation,
                })
                .collect(),
            returns: signature.returns.as_ref().map(ParameterType::type_id),
            every: signature.every,
            read_only: signature.read_only,
            // What only reads has nothing to be kept apart.
            isolation: (!signature.read_only).then_some(match signature.isolation {
                Isolation::ReadCommitted => "read_committed",
                Isolation::Serializable => "serializable",
            }),
            documentation: &signature.documentation,
        }
    }
}

/// `GET /rpc`
pub(super) async fn list(State(rest): State<Rest>) -> Response {
    let signatures = rest.runtime().procedures().signatures();
    let signatures: Vec<SignatureJson<'_>> = signatures
        .map(|signature| SignatureJson::from(&**signature))
        .collect();
    json::respond(StatusCode::OK, &signatures)
}

/// `GET /rpc/{procedure}`
pub(super) async fn get(
    State(rest): State<Rest>,
    Path(procedure): Path<String>,
) -> Result<Response, Problem> {
    let signature = require(rest.runtime().procedures(), &procedure)?;
    Ok(json::respond(
        StatusCode::OK,
        &SignatureJson::from(signature),
    ))
}

/// `POST /rpc/{procedure}`
pub(super) async fn call(
    State(rest): State<Rest>,
    Path(procedure): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let read_only = require(rest.runtime().procedures(), &procedure)?.read_only;
    let arguments = Payload::read_optional(&rest, request).await?.value()?;
    let written = match read_only {
        true => rest.call_reader(procedure, arguments).await?,
        false => {
            rest.write(Change::Call {
                procedure,
                arguments,
            })
            .await?
        }
    };
    let returned = match &written.answer {
        Answer::Returned(outcome) => outcome.as_json(),
        _ => None,
    };
    Ok(match returned {
        Some(value) => written.respond(([(header::CONTENT_TYPE, JSON)], value.to_owned())),
        None => written.respond(StatusCode::NO_CONTENT),
    })
}

fn require<'r>(
    procedures: &'r ProcedureRegistry,
    procedure: &str,
) -> Result<&'r Signature, Problem> {
    Name::new(procedure)?;
    procedures
        .signature(procedure)
        .map(|found| &**found)
        .ok_or_else(|| {
            let known = procedures.signatures().map(|known| known.name.as_str());
            let hint = did_you_mean(procedure, known);
            let procedure = procedure.to_owned();
            CallError::NotFound { procedure, hint }.into()
        })
}
