//! `GET /tables/{table}/records`: the records of a table, page by page in the order of their ids.

use axum::{
    extract::{OriginalUri, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    ServerLimits,
    json::{JSON, RecordJson},
    payload::busy,
    problem::{Fault, Problem},
    rest::{Rest, require_table, table_name},
};
use crate::{schema::did_you_mean, storage::TableView};

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    limit: usize,
    after: u64,
}

/// `GET /tables/{table}/records?limit=&after=`
pub(super) async fn list(
    State(rest): State<Rest>,
    Path(table): Path<String>,
    Query(parameters): Query<Vec<(String, String)>>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let table = table_name(&table)?;
    let page = Page::parse(&parameters, rest.limits())?;
    Ok(rest.read(|snapshot| {
        let view = require_table(snapshot, &table)?;
        let (body, next) = write_page(&view, page, rest.limits().list_bytes_max)?;
        let body = rest.budget().hold(body).ok_or_else(busy)?;
        let mut response = ([(header::CONTENT_TYPE, JSON)], body).into_response();
        if let Some(after) = next {
            let path = uri.path();
            let link = format!("<{path}?limit={}&after={after}>; rel=\"next\"", page.limit);
            if let Ok(link) = HeaderValue::try_from(link) {
                response.headers_mut().insert(header::LINK, link);
            }
        }
        Ok(response)
    }))
}

impl Page {
    fn parse(parameters: &[(String, String)], limits: &ServerLimits) -> Result<Self, Problem> {
        let mut page = Self {
            limit: limits.list_records_default,
            after: 0,
        };
        let mut faults = Vec::new();
        for (index, (name, value)) in parameters.iter().enumerate() {
            if parameters[..index]
                .iter()
                .any(|(earlier, _)| earlier == name)
            {
                faults.push(Fault::parameter(name, "repeated", "it stands twice"));
                continue;
            }
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            match (name.as_str(), value.parse::<u64>().ok().filter(|_| digits)) {
                ("after", Some(after)) => page.after = after,
                ("after", None) => {
                    let detail = "expected the id of a record, or 0";
                    faults.push(Fault::parameter(name, "invalid-value", detail));
                }
                ("limit", limit) => match limit.and_then(|limit| usize::try_from(limit).ok()) {
                    Some(limit) if (1..=limits.list_records_max).contains(&limit) => {
                        page.limit = limit;
                    }
                    _ => {
                        let detail = format!("expected 1 to {}", limits.list_records_max);
                        faults.push(Fault::parameter(name, "out-of-range", detail));
                    }
                },
                _ => {
                    let hint = did_you_mean(name, ["limit", "after"]);
                    let detail = format!("there is no such parameter{hint}");
                    faults.push(Fault::parameter(name, "unknown-parameter", detail));
                }
            }
        }
        if faults.is_empty() {
            return Ok(page);
        }
        let detail = "the query is not understood; a list takes `limit` and `after`";
        Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-query", detail).with_faults(faults))
    }
}

/// The page as a JSON array, and the id behind which the next one begins, where there is one.
fn write_page(
    view: &TableView<'_>,
    page: Page,
    bytes_max: usize,
) -> Result<(Vec<u8>, Option<u64>), Problem> {
    let schema = view.schema();
    let mut body = vec![b'['];
    let mut last = page.after;
    let mut records = view.records_after(page.after);
    for (id, record) in records.by_ref().take(page.limit) {
        if body.len() > 1 {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, &RecordJson { id, schema, record }).map_err(|error| {
            tracing::error!(%error, "a record could not be written as JSON");
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
        })?;
        last = id.get();
        if body.len() >= bytes_max {
            break;
        }
    }
    body.push(b']');
    let next = records.next().map(|_| last);
    Ok((body, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &[(&str, &str)]) -> Result<Page, Problem> {
        let owned: Vec<_> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Page::parse(&owned, &ServerLimits::default())
    }

    #[test]
    fn a_page_is_asked_for_with_limit_and_after() {
        let page = |limit, after| Page { limit, after };
        assert_eq!(parse(&[]).unwrap(), page(100, 0));
        assert_eq!(
            parse(&[("limit", "10000"), ("after", "18446744073709551615")]).unwrap(),
            page(10_000, u64::MAX)
        );
    }

    #[test]
    fn whatever_else_stands_in_the_query_is_refused() {
        for bad in [
            [("limit", "0")],
            [("limit", "10001")],
            [("limit", "4294967296")],
            [("limit", "-1")],
            [("limit", "+1")],
            [("limit", "")],
            [("after", "x")],
            [("after", "18446744073709551616")],
            [("offset", "1")],
        ] {
            let problem = parse(&bad).unwrap_err();
            assert_eq!(problem.status_and_code(), (400, "invalid-query"), "{bad:?}");
        }
        let problem = parse(&[("limt", "1"), ("after", "1"), ("after", "2")]).unwrap_err();
        let faults = serde_json::to_string(problem.faults()).unwrap();
        assert_eq!(
            faults,
            r#"[{"parameter":"limt","code":"unknown-parameter","detail":"there is no such parameter, did you mean `limit`?"},{"parameter":"after","code":"repeated","detail":"it stands twice"}]"#
        );
    }
}
