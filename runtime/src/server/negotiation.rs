//! What a client would like to get: `Accept`, `If-None-Match` and `Prefer`.

use std::hash::{BuildHasher, Hash, Hasher};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::problem::Problem;
use crate::schema::{RecordRef, TableSchema};

/// The two forms of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its bytes.
    Raw,
    /// A JSON object.
    Json,
}

impl Form {
    /// The form that the client likes best, bytes where it likes both.
    pub(super) fn wanted(headers: &HeaderMap) -> Result<Self, Problem> {
        let accepted: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .collect();
        if accepted.is_empty() {
            return Ok(Self::Raw);
        }
        let raw = quality(&accepted, "octet-stream");
        let json = quality(&accepted, "json");
        match (raw, json) {
            (0, 0) => Err(Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                "not-acceptable",
                "a record comes as application/octet-stream or application/json",
            )
            .with_header(header::VARY, HeaderValue::from_static("Accept"))),
            (raw, json) if raw >= json => Ok(Self::Raw),
            _ => Ok(Self::Json),
        }
    }

    /// The strong entity tag of a record in this form. Two forms are two entities, so each has
    /// its own suffix; the same bytes under another layout are another JSON.
    pub(super) fn entity_tag(self, schema: &TableSchema, record: RecordRef<'_>) -> HeaderValue {
        let mut hasher = foldhash::quality::FixedState::default().build_hasher();
        (schema.id, schema.schema_version).hash(&mut hasher);
        hasher.write(record.fixed);
        hasher.write(record.tail);
        let suffix = match self {
            Self::Raw => 'b',
            Self::Json => 'j',
        };
        let tag = format!("\"{:016x}-{suffix}\"", hasher.finish());
        HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// How much `application/{subtype}` is liked, in thousandths (RFC 9110, section 12.5.1): the most
/// specific range that covers it decides.
fn quality(accepted: &[&str], subtype: &str) -> u16 {
    let mut best = (0, 0);
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specific = match media.split_once('/') {
            Some(("*", "*")) => 1,
            Some(("application", "*")) => 2,
            Some(("application", named)) if named == subtype => 3,
            _ => continue,
        };
        let weight = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .and_then(|(_, value)| value.trim().parse::<f32>().ok())
            .map_or(1000, |weight| (weight.clamp(0.0, 1.0) * 1000.0) as u16);
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

/// Whether the client has this entity already (RFC 9110, section 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, entity_tag: &HeaderValue) -> bool {
    let tag = entity_tag.to_str().unwrap_or_default();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag)
}

/// Refuses conditions on a change: they would have to be tried within the tick. Passing over
/// them would let two clients overwrite each other where both believe that they cannot.
pub(super) fn refuse_conditions(headers: &HeaderMap) -> Result<(), Problem> {
    let conditions = [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_UNMODIFIED_SINCE,
    ];
    match conditions.iter().find(|name| headers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "condition-unsupported",
            format!("this version does not know `{name}` on a change; nothing was changed"),
        )),
    }
}

/// The header that tells which wish of `Prefer` was fulfilled.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Whether a change shall be answered with the record (RFC 7240, `return=representation`).
pub(super) fn wants_representation(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|wish| wish.split(';').next().unwrap_or_default())
        .filter_map(|wish| wish.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("return"))
        .is_some_and(|(_, value)| value.trim().trim_matches('"') == "representation")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_record_comes_in_the_form_that_is_liked_best() {
        let wanted = |accept: &str| {
            Form::wanted(&headers(header::ACCEPT, accept))
                .map_err(|problem| problem.status_and_code().0)
        };
        for (accept, form) in [
            ("", Ok(Form::Raw)),
            ("*/*", Ok(Form::Raw)),
            ("application/json", Ok(Form::Json)),
            ("text/html, application/json;q=0.5", Ok(Form::Json)),
            (
                "application/json, application/octet-stream;q=0.1",
                Ok(Form::Json),
            ),
            (
                "application/*;q=0.2, Application/JSON ; Q=0.1",
                Ok(Form::Raw),
            ),
            ("*/*, application/octet-stream;q=0", Ok(Form::Json)),
            ("text/html", Err(406)),
            ("application/json;q=0", Err(406)),
        ] {
            assert_eq!(wanted(accept), form, "{accept}");
        }
        assert_eq!(Form::wanted(&HeaderMap::new()).unwrap(), Form::Raw);
    }

    #[test]
    fn an_entity_that_the_client_has_is_known_by_its_tag() {
        let tag = HeaderValue::from_static("\"1f-b\"");
        let known = |value| is_known(&headers(header::IF_NONE_MATCH, value), &tag);
        assert!(known("\"1f-b\"") && known("\"0\", W/\"1f-b\"") && known("*"));
        assert!(!known("\"1f-j\"") && !known("1f-b"));
    }

    #[test]
    fn a_wish_for_the_record_is_found_among_others() {
        let wants = |value| wants_representation(&headers("prefer".parse().unwrap(), value));
        assert!(wants("wait=5, Return=representation"));
        assert!(wants("return=\"representation\"; x=1"));
        assert!(!wants("return=minimal") && !wants("representation"));
    }
}
