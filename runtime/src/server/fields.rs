//! `/tables/{table}/fields`: the fields of a table.

use axum::{
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::{
    json::{self, Members, invalid_schema},
    negotiation::refuse_conditions,
    payload::{MediaType, Payload},
    problem::{Fault, Problem},
    rest::{Rest, require_table, table_name},
    tables::made,
};
use crate::{
    schema::{Field, FieldDefinition, Name, SchemaError, TypeRegistry, Value, did_you_mean},
    tick::Request as Change,
};

/// A field in its place in the record.
#[derive(Serialize)]
pub(super) struct FieldJson<'a> {
    name: &'a str,
    r#type: &'a str,
    offset: usize,
    size: usize,
    unique: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a Value>,
    documentation: &'a str,
}

impl<'a> From<&'a Field> for FieldJson<'a> {
    fn from(field: &'a Field) -> Self {
        Self {
            name: field.name.as_str(),
            r#type: field.type_id(),
            offset: field.offset,
            size: field.layout.size,
            unique: field.unique,
            default: field.default.as_ref(),
            documentation: &field.documentation,
        }
    }
}

/// `GET /tables/{table}/fields`
pub(super) async fn list(
    State(rest): State<Rest>,
    Path(table): Path<String>,
) -> Result<Response, Problem> {
    let table = table_name(&table)?;
    Ok(rest.read(|snapshot| {
        let layout = &require_table(snapshot, &table)?.schema().layout;
        let fields: Vec<FieldJson<'_>> = layout.fields().iter().map(FieldJson::from).collect();
        Ok(json::respond(StatusCode::OK, &fields))
    }))
}

/// `GET /tables/{table}/fields/{field}`
pub(super) async fn get(
    State(rest): State<Rest>,
    Path((table, field)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (table, field) = (table_name(&table)?, Name::new(&field)?);
    Ok(rest.read(|snapshot| {
        let layout = &require_table(snapshot, &table)?.schema().layout;
        let Some((_, found)) = layout.field(field.as_str()) else {
            let known = layout.fields().iter().map(|field| field.name.as_str());
            let hint = did_you_mean(field.as_str(), known);
            let field = field.to_string();
            let error = SchemaError::FieldNotFound { table, field };
            let detail = format!("{error}{hint}");
            return Err(Problem::from(error).with_detail(detail));
        };
        Ok(json::respond(StatusCode::OK, &FieldJson::from(found)))
    }))
}

/// `POST /tables/{table}/fields`
pub(super) async fn add(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, Problem> {
    let name = table_name(&table)?;
    let payload = Payload::read(&rest, request, &[MediaType::Json]).await?;
    let fields = added_fields(&rest, &payload.value()?)?;
    let location = match &*fields {
        [one] => format!("{}/{}", uri.path().trim_end_matches('/'), one.name),
        _ => uri.path().to_owned(),
    };
    let table = name.to_string();
    let written = rest.write(Change::AddFields { table, fields }).await?;
    let response = made(&rest, &name);
    Ok(written.respond(([(header::LOCATION, location)], response)))
}

/// `DELETE /tables/{table}/fields/{field}`
pub(super) async fn remove(
    State(rest): State<Rest>,
    Path((table, field)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_conditions(&headers)?;
    let table = table_name(&table)?.to_string();
    let field = Name::new(&field)?.to_string();
    let written = rest.write(Change::RemoveField { table, field }).await?;
    Ok(written.respond(StatusCode::NO_CONTENT))
}

/// One field, or a list of them.
fn added_fields(rest: &Rest, value: &Value) -> Result<Vec<FieldDefinition>, Problem> {
    let mut faults = Vec::new();
    let snapshot = rest.snapshot();
    let types = snapshot.catalog().types();
    let fields = match value {
        Value::List(_) => field_definitions(value, "", types, &mut faults),
        one => field_definition(one, "", types, &mut faults)
            .into_iter()
            .collect(),
    };
    if faults.is_empty() {
        Ok(fields)
    } else {
        Err(invalid_schema(faults))
    }
}

/// The list of fields at `pointer`, whose types have to be among `types`.
pub(super) fn field_definitions(
    value: &Value,
    pointer: &str,
    types: &TypeRegistry,
    faults: &mut Vec<Fault>,
) -> Vec<FieldDefinition> {
    let Value::List(values) = value else {
        let detail = format!("expected a list of fields, found {}", value.describe());
        faults.push(Fault::at(pointer, "type-mismatch", detail));
        return Vec::new();
    };
    if values.is_empty() {
        faults.push(Fault::at(
            pointer,
            "missing-field",
            "there is no field in it",
        ));
    }
    let definition = |(index, value)| {
        let pointer = format!("{pointer}/{index}");
        field_definition(value, &pointer, types, faults)
    };
    values.iter().enumerate().filter_map(definition).collect()
}

fn field_definition(
    value: &Value,
    pointer: &str,
    types: &TypeRegistry,
    faults: &mut Vec<Fault>,
) -> Option<FieldDefinition> {
    let known = ["name", "type", "default", "unique", "documentation"];
    let mut members = Members::of(value, pointer, &known, faults);
    let (name, type_id) = (members.required_text("name"), members.required_text("type"));
    let unique = members.flag("unique");
    let documentation = members.text("documentation").unwrap_or_default().to_owned();
    let default = members.value("default").cloned();
    if let Some(Value::Text(_)) = members.value("type")
        && let Err(error) = types.resolve(type_id)
    {
        members.fault("type", "invalid-type", error.to_string());
    }
    if !matches!(members.value("name"), Some(Value::Text(_))) {
        return None;
    }
    match Name::new(name) {
        Ok(name) => Some(FieldDefinition {
            unique,
            default,
            documentation,
            ..FieldDefinition::new(name, type_id)
        }),
        Err(error) => {
            members.fault("name", "invalid-name", error.to_string());
            None
        }
    }
}
