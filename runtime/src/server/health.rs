//! `/livez`, `/readyz` and `/version`: for those who watch over the process.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{json, problem::Problem, rest::Rest};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> Response {
    json::respond(StatusCode::OK, &Health { status: "live" })
}

/// `GET /readyz`: the database takes changes.
pub(super) async fn ready(State(rest): State<Rest>) -> Response {
    if rest.runtime().is_ready() {
        return json::respond(StatusCode::OK, &Health { status: "ready" });
    }
    let detail = "the database is starting or stopping and takes no changes";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)
        .retry_after_ms(1000)
        .into_response()
}

/// `GET /version`
pub(super) async fn version() -> Response {
    #[derive(Serialize)]
    struct Version {
        name: &'static str,
        version: &'static str,
    }
    let version = Version {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
    };
    json::respond(StatusCode::OK, &version)
}
