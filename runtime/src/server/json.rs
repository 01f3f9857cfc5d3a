//! JSON in and out: bodies as values, their members by name, and records with their id.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::problem::{Fault, Problem, push_step};
use crate::schema::{RecordId, RecordRef, TableSchema, Value, did_you_mean};

/// The media type of all JSON answers but problems.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body as a value. Names that stand twice, and more than 128 levels, are refused.
pub(super) fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid-json",
            format!("the body is no valid JSON: {error}"),
        )
    })
}

/// An answer with a JSON body.
pub(super) fn respond(status: StatusCode, body: &impl Serialize) -> Response {
    match write(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, JSON)], body).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The JSON of an answer.
pub(super) fn write(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

/// A record as JSON carries it: its id, then its fields.
pub(super) struct RecordJson<'a> {
    pub(super) id: RecordId,
    pub(super) schema: &'a TableSchema,
    pub(super) record: RecordRef<'a>,
}

impl Serialize for RecordJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.schema.layout.fields();
        let mut object = serializer.serialize_map(Some(fields.len() + 1))?;
        object.serialize_entry("id", &self.id)?;
        for field in fields {
            object.serialize_entry(field.name.as_str(), &field.value(self.record))?;
        }
        object.end()
    }
}

/// The members of an object in a body, read by name; what is wrong with them is gathered.
pub(super) struct Members<'v, 'f> {
    parts: &'v [(String, Value)],
    pointer: &'f str,
    faults: &'f mut Vec<Fault>,
}

impl<'v, 'f> Members<'v, 'f> {
    /// The object at `pointer`, whose members can have the names `known`.
    pub(super) fn of(
        value: &'v Value,
        pointer: &'f str,
        known: &[&str],
        faults: &'f mut Vec<Fault>,
    ) -> Self {
        let parts: &'v [(String, Value)] = match value {
            Value::Object(parts) => parts,
            other => {
                let detail = format!("expected an object, found {}", other.describe());
                faults.push(Fault::at(pointer, "type-mismatch", detail));
                &[]
            }
        };
        let is_object = matches!(value, Value::Object(_));
        let mut members = Self {
            parts,
            pointer,
            faults,
        };
        for (name, _) in parts {
            if is_object && !known.contains(&name.as_str()) {
                let hint = did_you_mean(name, known.iter().copied());
                let detail = format!("there is no such member{hint}");
                members.fault(name, "unknown-member", detail);
            }
        }
        members
    }

    /// The member's value, as it came.
    pub(super) fn value(&self, name: &str) -> Option<&'v Value> {
        let (_, value) = self.parts.iter().find(|(part, _)| part == name)?;
        Some(value)
    }

    /// A member that is a text, where it is there.
    pub(super) fn text(&mut self, name: &str) -> Option<&'v str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            other => {
                let detail = format!("expected a text, found {}", other.describe());
                self.fault(name, "type-mismatch", detail);
                None
            }
        }
    }

    /// A member that is a text and has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> &'v str {
        if self.value(name).is_none() {
            self.fault(name, "missing-member", "the member is missing".to_owned());
        }
        self.text(name).unwrap_or_default()
    }

    /// A member that is true or false; false where it is not there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.value(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                let detail = format!("expected true or false, found {}", other.describe());
                self.fault(name, "type-mismatch", detail);
                false
            }
        }
    }

    /// A member that is a whole number from 0 on, or null; none where it is not there.
    pub(super) fn count_or_null(&mut self, name: &str) -> Option<Option<u64>> {
        let found = self.value(name)?;
        match found {
            Value::Null => return Some(None),
            Value::Integer(number) => {
                if let Ok(count) = u64::try_from(*number) {
                    return Some(Some(count));
                }
            }
            _ => {}
        }
        let detail = format!(
            "expected a number of bytes or null, found {}",
            found.describe()
        );
        self.fault(name, "type-mismatch", detail);
        None
    }

    /// Notes what is wrong with a member.
    pub(super) fn fault(&mut self, name: &str, code: &'static str, detail: String) {
        let mut pointer = self.pointer.to_owned();
        push_step(&mut pointer, &name.chars().take(80).collect::<String>());
        self.faults.push(Fault::at(pointer, code, detail));
    }
}

/// The refusal of a body that describes no schema, with all that is wrong with it.
pub(super) fn invalid_schema(faults: Vec<Fault>) -> Problem {
    let detail = match faults.len() {
        1 => "1 part of the body is at fault; nothing was changed".to_owned(),
        count => format!("{count} parts of the body are at fault; nothing was changed"),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-schema", detail).with_faults(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_is_broken_deep_or_doubtful_is_refused_where_it_is() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (body, part) in [
            ("{\"a\": 1,", "line 1"),
            ("{\"a\":1,\"a\":2}", "`a` stands twice"),
            ("1e400", "out of range"),
            ("NaN", "expected"),
            ("{} {}", "trailing"),
            ("\"\\ud800\"", "line 1"),
            ("", "EOF"),
            (&deep, "recursion"),
        ] {
            let problem = parse(body.as_bytes()).unwrap_err();
            assert_eq!(problem.status_and_code(), (400, "invalid-json"));
            let text = String::from_utf8(problem.to_json("/")).unwrap();
            assert!(text.contains(part), "{body}: {text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn members_are_told_apart_from_those_that_nobody_knows() {
        let value = parse(br#"{"nmae": 1, "unique": "no"}"#).unwrap();
        let mut faults = Vec::new();
        let mut members = Members::of(&value, "/fields/0", &["name", "unique"], &mut faults);
        assert_eq!(members.required_text("name"), "");
        assert!(!members.flag("unique"));
        let told = serde_json::to_string(&faults).unwrap();
        assert_eq!(
            told,
            r#"[{"pointer":"/fields/0/nmae","code":"unknown-member","detail":"there is no such member, did you mean `name`?"},{"pointer":"/fields/0/name","code":"missing-member","detail":"the member is missing"},{"pointer":"/fields/0/unique","code":"type-mismatch","detail":"expected true or false, found \"no\""}]"#
        );
    }
}
