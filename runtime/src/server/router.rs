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
            get(tables::get).post(tables::create).delete(tables::drop),
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
        "GET, POST, DELETE",
        "one table: its layout; make it; drop it",
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
        Stamp::from(&rest.snapshot()).put_on(&mut response);
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
