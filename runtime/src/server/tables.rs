//! `/tables`: the tables and what they are made of.

use axum::{
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    fields::{FieldJson, field_definitions},
    json::{self, Members, invalid_schema},
    negotiation::refuse_conditions,
    payload::{MediaType, Payload},
    problem::Problem,
    rest::{Rest, require_table, table_name},
};
use crate::{
    schema::{Name, RecordLayout, TableDefinition},
    storage::{Snapshot, TableView},
    tick::Request as Change,
};

/// A table among others.
#[derive(Serialize)]
struct TableSummary<'a> {
    name: &'a str,
    record_size: usize,
    records: u64,
    fields: usize,
    compiled: bool,
}

/// A table by itself.
#[derive(Serialize)]
struct TableJson<'a> {
    name: &'a str,
    record_size: usize,
    align: usize,
    records: u64,
    memory_bytes: u64,
    memory_limit_bytes: Option<u64>,
    /// Whether records may have more bytes than `record_size`.
    has_tails: bool,
    compiled: bool,
    schema_version: u32,
    documentation: &'a str,
    fields: Vec<FieldJson<'a>>,
}

impl<'a> From<&TableView<'a>> for TableJson<'a> {
    fn from(table: &TableView<'a>) -> Self {
        let schema = table.schema();
        Self {
            name: schema.name.as_str(),
            record_size: schema.record_size(),
            align: schema.layout.align(),
            records: table.len(),
            memory_bytes: table.memory_bytes(),
            memory_limit_bytes: table.memory_limit_bytes(),
            has_tails: schema.layout.has_tails(),
            compiled: schema.compiled,
            schema_version: schema.schema_version,
            documentation: &schema.documentation,
            fields: schema.layout.fields().iter().map(FieldJson::from).collect(),
        }
    }
}

/// `GET /tables`
pub(super) async fn list(State(rest): State<Rest>) -> Response {
    rest.read(|snapshot| {
        let tables: Vec<TableSummary<'_>> = snapshot
            .tables()
            .map(|table| TableSummary {
                name: table.schema().name.as_str(),
                record_size: table.schema().record_size(),
                records: table.len(),
                fields: table.schema().layout.fields().len(),
                compiled: table.schema().compiled,
            })
            .collect();
        Ok(json::respond(StatusCode::OK, &tables))
    })
}

/// `GET /tables/{table}`
pub(super) async fn get(
    State(rest): State<Rest>,
    Path(table): Path<String>,
) -> Result<Response, Problem> {
    let table = table_name(&table)?;
    Ok(rest.read(|snapshot| table_response(snapshot, &table, StatusCode::OK)))
}

/// `POST /tables/{table}`
pub(super) async fn create(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, Problem> {
    let name = table_name(&table)?;
    let payload = Payload::read(&rest, request, &[MediaType::Json]).await?;
    let definition = definition(&rest, name.clone(), &payload)?;
    match rest.write(Change::CreateTable(definition.clone())).await {
        Ok(written) => {
            let response = made(&rest, &name);
            let location = [(header::LOCATION, uri.path().to_owned())];
            Ok(written.respond((location, response)))
        }
        // Who asks for what is there already, as after a lost answer, has what he wanted.
        Err(problem) if problem.code() == "table-exists" => {
            let snapshot = rest.snapshot();
            if !is_same(&snapshot, &definition) {
                return Err(problem);
            }
            let mut response = table_response(&snapshot, &name, StatusCode::OK)?;
            if let Some(stamp) = problem.stamp() {
                stamp.put_on(&mut response);
            }
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

/// `PATCH /tables/{table}`
pub(super) async fn patch(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    refuse_conditions(request.headers())?;
    let name = table_name(&table)?;
    let taken = [MediaType::MergePatch, MediaType::Json];
    let payload = Payload::read(&rest, request, &taken).await?;
    let value = payload.value()?;
    let mut faults = Vec::new();
    let mut members = Members::of(&value, "", &["memory_limit_bytes"], &mut faults);
    let limit = members.count_or_null("memory_limit_bytes");
    if !faults.is_empty() {
        return Err(invalid_schema(faults));
    }
    let Some(memory_limit_bytes) = limit else {
        // A patch that names nothing changes nothing.
        return Ok(rest.read(|snapshot| {
            require_table(snapshot, &name)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }));
    };
    let table = name.to_string();
    let change = Change::LimitTable {
        table,
        memory_limit_bytes,
    };
    let written = rest.write(change).await?;
    Ok(written.respond(StatusCode::NO_CONTENT))
}

/// `DELETE /tables/{table}`
pub(super) async fn drop(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_conditions(&headers)?;
    let table = table_name(&table)?.to_string();
    let written = rest.write(Change::DropTable { table }).await?;
    Ok(written.respond(StatusCode::NO_CONTENT))
}

/// The table after a change of it; without a body where another change dropped it meanwhile.
pub(super) fn made(rest: &Rest, table: &Name) -> Response {
    let status = StatusCode::CREATED;
    table_response(&rest.snapshot(), table, status).unwrap_or_else(|_| status.into_response())
}

/// The table as JSON.
fn table_response(
    snapshot: &Snapshot,
    table: &Name,
    status: StatusCode,
) -> Result<Response, Problem> {
    let table = require_table(snapshot, table)?;
    Ok(json::respond(status, &TableJson::from(&table)).into_response())
}

fn definition(rest: &Rest, name: Name, payload: &Payload) -> Result<TableDefinition, Problem> {
    let value = payload.value()?;
    let mut faults = Vec::new();
    let known = ["fields", "memory_limit_bytes", "documentation"];
    let mut members = Members::of(&value, "", &known, &mut faults);
    let memory_limit_bytes = members.count_or_null("memory_limit_bytes").flatten();
    let documentation = members.text("documentation").unwrap_or_default().to_owned();
    let fields = members.value("fields");
    if fields.is_none() {
        members.fault(
            "fields",
            "missing-member",
            "the member is missing".to_owned(),
        );
    }
    let snapshot = rest.snapshot();
    let types = snapshot.catalog().types();
    let fields = fields.map(|fields| field_definitions(fields, "/fields", types, &mut faults));
    if !faults.is_empty() {
        return Err(invalid_schema(faults));
    }
    Ok(TableDefinition {
        memory_limit_bytes,
        documentation,
        ..TableDefinition::new(name, fields.unwrap_or_default())
    })
}

fn is_same(snapshot: &Snapshot, definition: &TableDefinition) -> bool {
    let catalog = snapshot.catalog();
    let layout = RecordLayout::compute(&definition.name, &definition.fields, catalog.types());
    // As JSON, in which a default that is no number is the same as another.
    let told = |layout: &RecordLayout| {
        let fields: Vec<FieldJson<'_>> = layout.fields().iter().map(FieldJson::from).collect();
        serde_json::to_value(fields).ok()
    };
    catalog
        .table(definition.name.as_str())
        .is_some_and(|table| {
            !table.compiled
                && table.memory_limit_bytes == definition.memory_limit_bytes
                && table.documentation == definition.documentation
                && layout.is_ok_and(|layout| told(&layout) == told(&table.layout))
        })
}
