//! The body of a request: its type, its bytes within the limits, and what it means.

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
};

use super::{
    budget::Held,
    json,
    problem::{Fault, Problem},
    rest::{Rest, require_table},
};
use crate::{
    schema::{Name, RecordId, Value},
    tick::RecordInput,
    transaction::TransactionError,
};

/// The types of body that some route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/json`.
    Json,
    /// `application/merge-patch+json`, RFC 7396.
    MergePatch,
    /// `application/octet-stream`: a record's bytes.
    Raw,
}

impl MediaType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::Raw => "application/octet-stream",
        }
    }
}

/// A body that has come whole.
#[derive(Debug)]
pub(super) struct Payload {
    media_type: Option<MediaType>,
    bytes: Bytes,
    /// Keeps the bytes counted until the request is answered.
    _held: Held,
}

impl Payload {
    /// Reads a body that has one of these types.
    pub(super) async fn read(
        rest: &Rest,
        request: Request,
        taken: &[MediaType],
    ) -> Result<Self, Problem> {
        let media_type = media_type(request.headers(), taken)?;
        let payload = Self::read_bytes(rest, request).await?;
        Ok(Self {
            media_type: Some(media_type),
            ..payload
        })
    }

    /// Reads a JSON body, or none at all, which then needs no type either.
    pub(super) async fn read_optional(rest: &Rest, request: Request) -> Result<Self, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return Self::read(rest, request, &[MediaType::Json]).await;
        }
        let headers = request.headers().clone();
        let payload = Self::read_bytes(rest, request).await?;
        if !payload.bytes.is_empty() {
            media_type(&headers, &[MediaType::Json])?;
        }
        Ok(payload)
    }

    async fn read_bytes(rest: &Rest, request: Request) -> Result<Self, Problem> {
        let body = request.into_body();
        let expected = body.size_hint().upper().unwrap_or(u64::MAX);
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let held = rest
            .budget()
            .take(expected.min(rest.limits().body_bytes_max))
            .ok_or_else(busy)?;
        let whole = Bytes::from_request(Request::new(body), &());
        let bytes = tokio::time::timeout(rest.limits().body_timeout(), whole)
            .await
            .map_err(|_| Problem::of_status(StatusCode::REQUEST_TIMEOUT).closing())?
            .map_err(|rejection| unreadable(rest, rejection.into_response().status()))?;
        Ok(Self {
            media_type: None,
            bytes,
            _held: held,
        })
    }

    /// The JSON value; null where there was no body.
    pub(super) fn value(&self) -> Result<Value, Problem> {
        match self.media_type {
            None => Ok(Value::Null),
            Some(_) => json::parse(&self.bytes),
        }
    }

    /// The body as a record of the table; `id` is the one in the path, where there is one.
    ///
    /// Bytes of a wrong number are refused here: no tick has to be waited for to know it.
    pub(super) fn record(
        &self,
        rest: &Rest,
        table: &Name,
        id: Option<RecordId>,
    ) -> Result<RecordInput, Problem> {
        if self.media_type != Some(MediaType::Raw) {
            let value = self.value()?;
            return Ok(RecordInput::Fields(match id {
                Some(id) => without_id(value, id)?,
                None => value,
            }));
        }
        let snapshot = rest.snapshot();
        let schema = require_table(&snapshot, table)?.schema();
        let split = schema.layout.split(&self.bytes);
        split.map_err(|fault| TransactionError::WrongRecordSize {
            table: table.clone(),
            fault,
        })?;
        Ok(RecordInput::Bytes(self.bytes.to_vec()))
    }
}

/// Takes `id` out of an object: it stands beside the fields of a record and is none of them. It
/// must be that of the record.
pub(super) fn without_id(value: Value, id: RecordId) -> Result<Value, Problem> {
    let Value::Object(mut parts) = value else {
        return Ok(value);
    };
    if let Some(place) = parts.iter().position(|(name, _)| name == "id") {
        let (_, given) = parts.remove(place);
        if given != Value::from(id.get()) {
            let detail = format!("the path says {id}, the body {}", given.describe());
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(
                Problem::new(status, "invalid-field", "a record keeps its id")
                    .with_faults([Fault::at("/id", "id-mismatch", detail)]),
            );
        }
    }
    Ok(Value::Object(parts))
}

/// Too much is on its way in or out at this moment.
pub(super) fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "too many large bodies and answers are on their way",
    )
    .retry_after_ms(1000)
}

fn unreadable(rest: &Rest, status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(rest.limits().body_bytes_max);
    }
    Problem::new(
        StatusCode::BAD_REQUEST,
        "unreadable-body",
        "the body ended early or is not framed as HTTP has it",
    )
}

/// A body beyond the limit.
pub(super) fn too_large(bytes_max: usize) -> Problem {
    Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)
        .with_detail(format!("a body has at most {bytes_max} bytes"))
        .closing()
}

fn media_type(headers: &HeaderMap, taken: &[MediaType]) -> Result<MediaType, Problem> {
    let given = headers.get(header::CONTENT_TYPE);
    let text = given.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    let found = taken
        .iter()
        .find(|taken| taken.as_str().eq_ignore_ascii_case(essence));
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = taken.iter().map(|taken| taken.as_str()).collect();
        let accepted = names.join(", ");
        let detail = format!("`Content-Type` must be one of: {accepted}");
        let problem = Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_detail(detail);
        match HeaderValue::from_str(&accepted) {
            Ok(value) if taken.contains(&MediaType::MergePatch) => {
                problem.with_header(HeaderName::from_static("accept-patch"), value)
            }
            Ok(value) => problem.with_header(header::ACCEPT, value),
            Err(_) => problem,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_another_type_is_refused_with_the_types_that_are_taken() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            media_type(&headers, &[MediaType::Json, MediaType::Raw])
        };
        assert_eq!(
            with("Application/JSON; charset=utf-8").unwrap(),
            MediaType::Json
        );
        assert_eq!(with("application/octet-stream").unwrap(), MediaType::Raw);
        for bad in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let problem = with(bad).unwrap_err();
            assert_eq!(problem.status_and_code(), (415, "unsupported-media-type"));
        }
    }
}
