//! `/tables/{table}/records`: making, reading, changing and deleting single records.

use axum::{
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    json::{self, JSON, RecordJson},
    negotiation::{Form, PREFERENCE_APPLIED, is_known, refuse_conditions, wants_representation},
    payload::{MediaType, Payload, busy, without_id},
    problem::Problem,
    rest::{Rest, Written, require_table, table_name},
};
use crate::{
    schema::{Name, RecordId},
    storage::Snapshot,
    tick::{Answer, Request as Change},
    transaction::TransactionError,
};

const RAW: HeaderValue = HeaderValue::from_static("application/octet-stream");
const ACCEPT: HeaderValue = HeaderValue::from_static("Accept");

/// `POST /tables/{table}/records`
pub(super) async fn create(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Created {
        id: RecordId,
    }
    let name = table_name(&table)?;
    let taken = [MediaType::Json, MediaType::Raw];
    let payload = Payload::read(&rest, request, &taken).await?;
    let record = payload.record(&rest, &name, None)?;
    let table = name.to_string();
    let written = rest.write(Change::CreateRecord { table, record }).await?;
    let Answer::Record { id } = written.answer else {
        return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let location = format!("{}/{id}", uri.path().trim_end_matches('/'));
    let response = json::respond(StatusCode::CREATED, &Created { id });
    Ok(written.respond(([(header::LOCATION, location)], response)))
}

/// `GET` and `HEAD /tables/{table}/records/{id}`
pub(super) async fn get(
    State(rest): State<Rest>,
    Path((table, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (table, id) = (table_name(&table)?, record_id(&id)?);
    let form = Form::wanted(&headers)?;
    Ok(rest.read(|snapshot| {
        let response = record_response(&rest, snapshot, &table, id, form)?;
        let entity_tag = &response.headers()[header::ETAG];
        if !is_known(&headers, entity_tag) {
            return Ok(response);
        }
        let kept = [(header::ETAG, entity_tag.clone()), (header::VARY, ACCEPT)];
        Ok((StatusCode::NOT_MODIFIED, kept).into_response())
    }))
}

/// `PUT /tables/{table}/records/{id}`
pub(super) async fn replace(
    State(rest): State<Rest>,
    Path((table, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (name, id) = (table_name(&table)?, record_id(&id)?);
    refuse_conditions(request.headers())?;
    let representation = wants_representation(request.headers());
    let taken = [MediaType::Json, MediaType::Raw];
    let payload = Payload::read(&rest, request, &taken).await?;
    let record = payload.record(&rest, &name, Some(id))?;
    let table = name.to_string();
    let change = Change::ReplaceRecord { table, id, record };
    let written = rest.write(change).await?;
    Ok(changed(&rest, &name, id, &written, representation))
}

/// `PATCH /tables/{table}/records/{id}`
pub(super) async fn patch(
    State(rest): State<Rest>,
    Path((table, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (name, id) = (table_name(&table)?, record_id(&id)?);
    refuse_conditions(request.headers())?;
    let representation = wants_representation(request.headers());
    let taken = [MediaType::MergePatch, MediaType::Json];
    let payload = Payload::read(&rest, request, &taken).await?;
    let patch = without_id(payload.value()?, id)?;
    let table = name.to_string();
    let written = rest.write(Change::PatchRecord { table, id, patch }).await?;
    Ok(changed(&rest, &name, id, &written, representation))
}

/// `DELETE /tables/{table}/records/{id}`
pub(super) async fn delete(
    State(rest): State<Rest>,
    Path((table, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (table, id) = (table_name(&table)?.to_string(), record_id(&id)?);
    refuse_conditions(&headers)?;
    let written = rest.write(Change::DeleteRecord { table, id }).await?;
    Ok(written.respond(StatusCode::NO_CONTENT))
}

/// A record's id as it stands in a path: digits, from 1.
fn record_id(id: &str) -> Result<RecordId, Problem> {
    let digits = !id.starts_with('0') && id.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = id.parse().ok().filter(|_| digits);
    parsed.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid-id",
            "a record's id is a whole number from 1",
        )
    })
}

/// The record in this form; records with long texts count as large answers.
fn record_response(
    rest: &Rest,
    snapshot: &Snapshot,
    table: &Name,
    id: RecordId,
    form: Form,
) -> Result<Response, Problem> {
    let view = require_table(snapshot, table)?;
    let schema = view.schema();
    let Some(record) = view.record(id) else {
        let table = table.clone();
        return Err(TransactionError::RecordNotFound { table, id }.into());
    };
    let (media_type, body) = match form {
        Form::Raw => (RAW, record.to_bytes().into_owned()),
        Form::Json => (JSON, json::write(&RecordJson { id, schema, record })?),
    };
    let body = rest.budget().hold(body).ok_or_else(busy)?;
    let mut response = ([(header::CONTENT_TYPE, media_type)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::ETAG, form.entity_tag(schema, record));
    headers.insert(header::VARY, ACCEPT);
    Ok(response)
}

/// 204, or the record as it is now where the client asked for it and it is still there.
fn changed(
    rest: &Rest,
    table: &Name,
    id: RecordId,
    written: &Written,
    representation: bool,
) -> Response {
    let snapshot = representation.then(|| rest.snapshot());
    let response = snapshot.map(|snapshot| record_response(rest, &snapshot, table, id, Form::Json));
    match response {
        Some(Ok(response)) => {
            let applied = HeaderValue::from_static("return=representation");
            written.respond(([(PREFERENCE_APPLIED, applied)], response))
        }
        _ => written.respond(StatusCode::NO_CONTENT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_a_path_is_digits_from_1() {
        assert_eq!(record_id("18446744073709551615").unwrap(), RecordId::MAX);
        for bad in [
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            "",
            "a",
            "18446744073709551616",
        ] {
            let problem = record_id(bad).unwrap_err();
            assert_eq!(problem.status_and_code(), (400, "invalid-id"), "{bad}");
        }
    }
}
