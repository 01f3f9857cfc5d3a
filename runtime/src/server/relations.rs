//! `/relations`: which field of which table refers to which table.

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
    rest::Rest,
};
use crate::{
    schema::{Name, OnDelete, Relation, RelationDefinition, SchemaError, Value, did_you_mean},
    tick::{Answer, Request as Change},
};

#[derive(Serialize)]
struct RelationJson<'a> {
    id: u32,
    name: &'a str,
    from: String,
    to: String,
    on_delete: &'a str,
}

impl<'a> From<&'a Relation> for RelationJson<'a> {
    fn from(relation: &'a Relation) -> Self {
        Self {
            id: relation.id,
            name: relation.name.as_str(),
            from: format!("{}.{}", relation.from_table, relation.from_field),
            to: format!("{}.id", relation.to_table),
            on_delete: relation.on_delete.as_str(),
        }
    }
}

/// `GET /relations`
pub(super) async fn list(State(rest): State<Rest>) -> Response {
    rest.read(|snapshot| {
        let relations: Vec<RelationJson<'_>> = snapshot
            .catalog()
            .relations()
            .map(|relation| RelationJson::from(&**relation))
            .collect();
        Ok(json::respond(StatusCode::OK, &relations))
    })
}

/// `GET /relations/{relation}`
pub(super) async fn get(
    State(rest): State<Rest>,
    Path(relation): Path<String>,
) -> Result<Response, Problem> {
    let relation = name_or_id(&relation)?;
    Ok(rest.read(|snapshot| {
        let catalog = snapshot.catalog();
        let Some(found) = catalog.relation(&relation) else {
            let known = catalog.relations().map(|known| known.name.as_str());
            let hint = did_you_mean(&relation, known);
            let error = SchemaError::RelationNotFound { relation };
            let detail = format!("{error}{hint}");
            return Err(Problem::from(error).with_detail(detail));
        };
        Ok(json::respond(StatusCode::OK, &RelationJson::from(&**found)))
    }))
}

/// `POST /relations`
pub(super) async fn create(
    State(rest): State<Rest>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, Problem> {
    let payload = Payload::read(&rest, request, &[MediaType::Json]).await?;
    let definition = definition(&payload.value()?)?;
    let written = rest.write(Change::CreateRelation(definition)).await?;
    let Answer::Relation(relation) = &written.answer else {
        return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let location = format!("{}/{}", uri.path().trim_end_matches('/'), relation.name);
    let response = json::respond(StatusCode::CREATED, &RelationJson::from(&**relation));
    Ok(written.respond(([(header::LOCATION, location)], response)))
}

/// `DELETE /relations/{relation}`
pub(super) async fn drop(
    State(rest): State<Rest>,
    Path(relation): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_conditions(&headers)?;
    let relation = name_or_id(&relation)?;
    let written = rest.write(Change::DropRelation { relation }).await?;
    Ok(written.respond(StatusCode::NO_CONTENT))
}

/// A relation's name, or its id in digits, as it stands in a path.
fn name_or_id(relation: &str) -> Result<String, Problem> {
    let is_id = !relation.is_empty()
        && relation.len() <= Name::LENGTH_MAX
        && relation.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id {
        Name::new(relation)?;
    }
    Ok(relation.to_owned())
}

fn definition(value: &Value) -> Result<RelationDefinition, Problem> {
    let mut faults = Vec::new();
    let known = ["name", "from", "to", "on_delete"];
    let mut members = Members::of(value, "", &known, &mut faults);
    let name = members.text("name").map(Name::new);
    let (from, to) = (members.required_text("from"), members.required_text("to"));
    let on_delete = members.text("on_delete").unwrap_or("restrict");
    if let Some(Err(error)) = &name {
        members.fault("name", "invalid-name", error.to_string());
    }
    let on_delete_known = [OnDelete::Restrict];
    let found = on_delete_known
        .into_iter()
        .find(|known| known.as_str() == on_delete);
    if found.is_none() {
        let names: Vec<&str> = on_delete_known.iter().map(|known| known.as_str()).collect();
        let detail = format!("expected one of: {}", names.join(", "));
        members.fault("on_delete", "invalid-value", detail);
    }
    let from = end("/from", from, "gate.airport", &mut faults);
    let to = end("/to", to, "airport.id", &mut faults);
    match (from, to, found) {
        (Some((from_table, from_field)), Some((to_table, to_field)), Some(on_delete))
            if faults.is_empty() =>
        {
            Ok(RelationDefinition {
                name: name.and_then(Result::ok),
                from_table,
                from_field,
                to_table,
                to_field,
                on_delete,
            })
        }
        _ => Err(invalid_schema(faults)),
    }
}

/// One end of a relation, written `table.field`.
fn end(
    pointer: &str,
    text: &str,
    example: &str,
    faults: &mut Vec<Fault>,
) -> Option<(String, String)> {
    let parts = text.split_once('.');
    let names = parts.filter(|(t, f)| Name::new(t).is_ok() && Name::new(f).is_ok());
    if names.is_none() && !faults.iter().any(|fault| fault.is_at(pointer)) {
        let detail = format!("expected a table and a field, like `{example}`");
        faults.push(Fault::at(pointer, "invalid-value", detail));
    }
    names.map(|(table, field)| (table.to_owned(), field.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> String {
        let problem = definition(&json::parse(body.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(problem.status_and_code(), (422, "invalid-schema"));
        serde_json::to_string(problem.faults()).unwrap()
    }

    #[test]
    fn a_relation_is_read_from_its_two_ends() {
        let body = br#"{"from": "gate.airport", "to": "airport.id"}"#;
        let definition = definition(&json::parse(body).unwrap()).unwrap();
        assert_eq!(definition.name, None);
        assert_eq!(
            (&*definition.from_table, &*definition.from_field),
            ("gate", "airport")
        );
        assert_eq!(
            (&*definition.to_table, &*definition.to_field),
            ("airport", "id")
        );
        assert_eq!(definition.on_delete, OnDelete::Restrict);
    }

    #[test]
    fn all_that_is_wrong_with_a_relation_is_told_at_once() {
        let told = faults(r#"{"form": "a.b", "to": "airport", "on_delete": "cascde"}"#);
        for part in [
            "did you mean `from`?",
            r#"{"pointer":"/from","code":"missing-member""#,
            r#"{"pointer":"/to","code":"invalid-value""#,
            r#"{"pointer":"/on_delete","code":"invalid-value""#,
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert_eq!(told.matches("/from").count(), 1, "{told}");
        assert!(faults("[]").contains("expected an object"));
    }
}
