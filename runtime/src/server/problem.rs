//! The body of every refusal: a problem of RFC 9457 with a stable `code`.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::stamp::Stamp;
use crate::schema::{FieldFault, ValueFault};

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
    stamp: Option<Stamp>,
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    code: &'static str,
    detail: String,
}

impl Fault {
    pub(super) fn at(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            pointer: Some(pointer.into()),
            parameter: None,
            code,
            detail: detail.into(),
        }
    }

    pub(super) fn is_at(&self, pointer: &str) -> bool {
        self.pointer.as_deref() == Some(pointer)
    }

    pub(super) fn parameter(name: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: Some(name.chars().take(80).collect()),
            code,
            detail: detail.into(),
        }
    }
}

impl From<&FieldFault> for Fault {
    /// The pointer goes as deep as the fault does: `/position/1`.
    fn from(fault: &FieldFault) -> Self {
        let mut pointer = String::new();
        if !fault.field.is_empty() {
            push_step(&mut pointer, &fault.field);
        }
        let mut innermost = &fault.fault;
        while let ValueFault::InPart { part, fault } = innermost {
            push_step(&mut pointer, part);
            innermost = fault;
        }
        Self::at(pointer, innermost.code(), innermost.to_string())
    }
}

/// Adds one step to a JSON pointer.
pub(super) fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            faults: Vec::new(),
            headers: Vec::new(),
            stamp: None,
        }))
    }

    /// The problem of an answer that a layer below gave without saying more than its status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::BAD_REQUEST => ("bad-request", "the path or the query cannot be read"),
            StatusCode::NOT_FOUND => (
                "route-not-found",
                "there is no such route; GET / lists them",
            ),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method-not-allowed",
                "this route has no such method; `Allow` names those it has",
            ),
            StatusCode::REQUEST_TIMEOUT => ("body-timeout", "the body did not arrive in time"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body-too-large", "the body is larger than allowed"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                "unsupported-media-type",
                "the body's type is not taken here",
            ),
            StatusCode::GATEWAY_TIMEOUT => (
                "outcome-unknown",
                "no answer in time; a change that was asked for may or may not be made",
            ),
            status if status.is_client_error() => ("refused", "the request is refused"),
            _ => ("internal", "the server failed; its log says more"),
        };
        Self::new(status, code, detail)
    }

    pub(super) fn with_faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.0.faults.extend(faults);
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The same problem in other words.
    pub(super) fn with_detail(mut self, detail: String) -> Self {
        self.0.detail = detail;
        self
    }

    /// Asks the client to come back after this time, in whole seconds as the header has it.
    pub(super) fn retry_after_ms(self, after_ms: u64) -> Self {
        let seconds = after_ms.div_ceil(1000).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The connection ends with this answer.
    pub(super) fn closing(self) -> Self {
        self.with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The tick and version that refused it.
    pub(super) fn stamped(mut self, stamp: Stamp) -> Self {
        self.0.stamp = Some(stamp);
        self
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.0.stamp
    }

    pub(super) fn code(&self) -> &'static str {
        self.0.code
    }

    #[cfg(test)]
    pub(super) fn status_and_code(&self) -> (u16, &'static str) {
        (self.0.status.as_u16(), self.0.code)
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &[Fault] {
        &self.0.faults
    }

    /// The JSON text, with the path that was asked for.
    pub(super) fn to_json(&self, instance: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: String,
            status: u16,
            code: &'a str,
            detail: &'a str,
            instance: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Fault],
        }
        let body = Body {
            r#type: format!("urn:tickbase:problem:{}", self.0.code),
            title: title(self.0.code),
            status: self.0.status.as_u16(),
            code: self.0.code,
            detail: &self.0.detail,
            instance,
            errors: &self.0.faults,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// `table-not-found` as a sentence would begin.
fn title(code: &str) -> String {
    let mut title = code.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

impl IntoResponse for Problem {
    /// Leaves the body to the outermost layer, which knows what was asked for.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        if let Some(stamp) = self.0.stamp {
            stamp.put_on(&mut response);
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_inside_a_value_is_pointed_at_as_deep_as_it_is() {
        let inner = ValueFault::Missing.in_part("a/b").in_part(1);
        let fault = Fault::from(&FieldFault {
            field: "legs".to_owned(),
            fault: inner,
        });
        assert_eq!(fault.pointer.as_deref(), Some("/legs/1/a~1b"));
        assert_eq!(fault.code, "missing-field");
        assert_eq!(fault.detail, "the field is missing and has no default");
    }

    #[test]
    fn a_problem_is_written_as_rfc_9457_has_it() {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "1 fault")
            .with_faults([Fault::at("/hp", "type-mismatch", "expected u32")]);
        assert_eq!(
            String::from_utf8(problem.to_json("/tables/a/records")).unwrap(),
            r#"{"type":"urn:tickbase:problem:invalid-field","title":"Invalid field","status":422,"code":"invalid-field","detail":"1 fault","instance":"/tables/a/records","errors":[{"pointer":"/hp","code":"type-mismatch","detail":"expected u32"}]}"#
        );
    }
}
