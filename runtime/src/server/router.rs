//! Which function answers which request, and the layers that every request passes.

use std::any::Any;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use tokio::time::Instant;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};

use super::{
    fields, guard::guard, health, json, metrics, payload::too_large, problem::Problem, record_list,
    records, relations, rest::Rest, rpc, stamp::Stamp, tables, types,
};

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// All routes, at `/` and again at `/v1`, behind the layers.
pub(super) fn router(rest: Rest) -> Router {
    let routes = Router::new()
        .route("/", get(index))
        .route("/tables", get(tables::list))
        .route(
            "/tables/{table}",
            get(tables::get)
                .post(tables::create)
                .patch(tables::patch)
                .delete(tables::drop),
        )
        .route(
            "/tables/{table}/fields",
            get(fields::list).post(fields::add),
        )
        .route(
            "/tables/{table}/fields/{field}",
            get(fields::get).delete(fields::remove),
        )
        .route(
            "/tables/{table}/records",
            get(record_list::list).post(records::create),
        )
        .route(
            "/tables/{table}/records/{id}",
            get(records::get)
                .put(records::replace)
                .patch(records::patch)
                .delete(records::delete),
        )
        .route("/relations", get(relations::list).post(relations::create))
        .route(
            "/relations/{relation}",
            get(relations::get).delete(relations::drop),
        )
        .route("/types", get(types::list))
        .route("/types/{type}", get(types::get))
        .route("/rpc", get(rpc::list))
        .route("/rpc/{procedure}", get(rpc::get).merge(post(rpc::call)))
        .route("/metrics", get(metrics::get))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version));
    let limits = rest.limits();
    let status = StatusCode::GATEWAY_TIMEOUT;
    Router::new()
        .merge(routes.clone())
        .nest("/v1", routes)
        // Read from the inside out: the last layer is the first that a request meets.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(limits.body_bytes_max))
        .layer(from_fn_with_state(rest.clone(), guard))
        .layer(TimeoutLayer::with_status_code(
            status,
            limits.request_timeout(),
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(rest.clone(), finish))
        .with_state(rest)
}

/// `GET /`: the routes, for people who look around.
async fn index() -> Response {
    #[derive(Serialize)]
    struct Route {
        path: &'static str,
        methods: &'static str,
        about: &'static str,
    }
    let routes = ROUTES.map(|(path, methods, about)| Route {
        path,
        methods,
        about,
    });
    json::respond(StatusCode::OK, &routes)
}

const ROUTES: [(&str, &str, &str); 16] = [
    ("/tables", "GET", "all tables"),
    (
        "/tables/{table}",
        "GET, POST, PATCH, DELETE",
        "one table: its layout; make it; change its memory limit; drop it",
    ),
    (
        "/tables/{table}/fields",
        "GET, POST",
        "its fields; add some",
    ),
    (
        "/tables/{table}/fields/{field}",
        "GET, DELETE",
        "one field; remove it",
    ),
    (
        "/tables/{table}/records",
        "GET, POST",
        "its records, ?limit= and ?after=; add one",
    ),
    (
        "/tables/{table}/records/{id}",
        "GET, PUT, PATCH, DELETE",
        "one record: bytes, or JSON with Accept: application/json",
    ),
    (
        "/relations",
        "GET, POST",
        "which field refers to which table; add a relation",
    ),
    (
        "/relations/{relation}",
        "GET, DELETE",
        "one relation, by name or id; drop it",
    ),
    ("/types", "GET", "the types that fields can have"),
    ("/types/{type}", "GET", "one type"),
    ("/rpc", "GET", "the procedures and what they take"),
    (
        "/rpc/{procedure}",
        "GET, POST",
        "one procedure; call it with a JSON object",
    ),
    ("/metrics", "GET", "counters, as Prometheus reads them"),
    ("/livez", "GET", "whether the process answers"),
    ("/readyz", "GET", "whether the database takes changes"),
    ("/version", "GET", "which version this is"),
];

/// The outermost layer: every answer has its tick and version, every refusal is a problem, and
/// every request is counted.
async fn finish(State(rest): State<Rest>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        describe(&rest, &mut response, &path);
    }
    if !Stamp::is_on(&response) {
        let (_, stamp) = rest.stamped_snapshot();
        stamp.put_on(&mut response);
    }
    // The same route under its two prefixes is counted as one.
    let route = route.as_ref().map(|route| {
        let route = route.as_str();
        route
            .strip_prefix("/v1")
            .filter(|rest| !rest.is_empty())
            .unwrap_or(route)
    });
    rest.metrics()
        .observe(&method, route, status, began.elapsed());
    response
}

/// Gives a refusal its body. Layers and extractors that are not ours say no more than a status.
fn describe(rest: &Rest, response: &mut Response, path: &str) {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if status == StatusCode::PAYLOAD_TOO_LARGE => too_large(rest.limits().body_bytes_max),
        None => Problem::of_status(status),
    };
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    *response.body_mut() = Body::from(problem.to_json(path));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, PROBLEM);
}

/// Answers a request whose handler panicked; what it was about stays in the log.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(message, "a request handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::HeaderMap};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        Database, Runtime,
        server::{ServerLimits, guard::Hosts},
    };

    /// Answers each request from an empty database whose tick stands still.
    fn answers(requests: Vec<Request>) -> Vec<(StatusCode, HeaderMap, String)> {
        let runtime = Runtime::new(Database::builder().in_memory().unwrap());
        let limits = ServerLimits {
            body_bytes_max: 10,
            ..ServerLimits::default()
        };
        let hosts = Hosts::new("127.0.0.1:7400".parse().unwrap(), &limits);
        let router = router(Rest::new(runtime.handle(), hosts, limits));
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let answer = |request| {
            threads.block_on(async {
                let response = router.clone().oneshot(request).await.unwrap();
                let (head, body) = response.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let body = String::from_utf8(body.to_vec()).unwrap();
                (head.status, head.headers, body)
            })
        };
        requests.into_iter().map(answer).collect()
    }

    fn request(method: &str, path: &str, body: &'static str) -> Request {
        let request = Request::builder().method(method).uri(path);
        let json = HeaderValue::from_static("application/json");
        request
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, json)
            .header(header::CONTENT_LENGTH, body.len())
            .body(Body::from(body))
            .unwrap()
    }

    #[test]
    fn every_route_that_is_listed_is_there_under_both_prefixes() {
        let path = |route: &str| route.replace(['{', '}'], "");
        let both = ROUTES.iter().flat_map(|(route, methods, _)| {
            let gets = methods.split(", ").filter(|method| *method == "GET");
            let paths = move |_| [path(route), format!("/v1{}", path(route))];
            gets.flat_map(paths)
        });
        let requests: Vec<Request> = both.map(|path| request("GET", &path, "")).collect();
        assert_eq!(requests.len(), 2 * ROUTES.len());
        for (status, _, body) in answers(requests) {
            assert!(
                status.is_success() || !body.contains("route-not-found"),
                "{body}"
            );
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{body}");
        }
    }

    #[test]
    fn whatever_is_refused_is_a_problem_with_tick_and_version() {
        let mut hostless = request("GET", "/tables", "");
        hostless.headers_mut().remove(header::HOST);
        let mut typeless = request("POST", "/tables/gate", "{}");
        typeless.headers_mut().remove(header::CONTENT_TYPE);
        let (requests, expected): (Vec<Request>, Vec<(u16, &str)>) = [
            (request("GET", "/nope", ""), (404, "route-not-found")),
            (request("PUT", "/tables", ""), (405, "method-not-allowed")),
            (
                request("BREW", "/v1/types", ""),
                (405, "method-not-allowed"),
            ),
            (request("GET", "/tables/gate", ""), (404, "table-not-found")),
            (request("GET", "/tables/..%2fx", ""), (400, "invalid-name")),
            (request("GET", "/tables/%ff", ""), (400, "bad-request")),
            (
                request("GET", "/tables/gate/records/0", ""),
                (400, "invalid-id"),
            ),
            (
                request("GET", "/tables/gate/records?x=1", ""),
                (400, "invalid-query"),
            ),
            (request("POST", "/tables/gate", "{"), (400, "invalid-json")),
            (
                request("POST", "/tables/gate", "[]"),
                (422, "invalid-schema"),
            ),
            (
                request("POST", "/tables/gate", "\"longer than ten\""),
                (413, "body-too-large"),
            ),
            (
                request("POST", "/rpc/divert", "{}"),
                (404, "procedure-not-found"),
            ),
            (request("GET", "/readyz", ""), (503, "not-ready")),
            (hostless, (400, "invalid-host")),
            (typeless, (415, "unsupported-media-type")),
        ]
        .into_iter()
        .unzip();
        for ((status, headers, body), (expected, code)) in answers(requests).iter().zip(expected) {
            assert_eq!(status.as_u16(), expected, "{body}");
            assert!(body.contains(&format!("\"code\":\"{code}\"")), "{body}");
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
            assert!(headers.contains_key("tickbase-tick"), "{body}");
            assert!(headers.contains_key("tickbase-version"), "{body}");
            assert_eq!(
                headers.contains_key(header::ALLOW),
                expected == 405,
                "{body}"
            );
        }
    }

    #[test]
    fn what_a_panic_says_is_not_sent() {
        let response = panicked(Box::new("secret"));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(Problem::of_status(response.status()).code() == "internal");
    }
}
