//! Turns away what no route should see: requests for other hosts, from other sites, with two
//! lengths, or compressed.

use std::{net::IpAddr, net::SocketAddr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{ServerLimits, problem::Problem, rest::Rest};

/// Marks a request that stated its length in two ways; put on it by the listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct AmbiguousLength;

/// The hosts that a request may name.
///
/// A page of another site can make a browser reach a loopback port under that site's own name
/// (DNS rebinding), so names are taken from a list. An address cannot be pointed elsewhere.
#[derive(Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    address: IpAddr,
}

impl Hosts {
    pub(super) fn new(address: SocketAddr, limits: &ServerLimits) -> Self {
        let mut names = limits.hosts.clone();
        names.push("localhost".to_owned());
        Self {
            names,
            address: address.ip(),
        }
    }

    fn allows(&self, host: &str) -> bool {
        let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        match literal.unwrap_or(host).parse::<IpAddr>() {
            // Beyond loopback the address that clients use may be that of a router before us.
            Ok(_) if !self.address.is_loopback() => true,
            Ok(address) => address == self.address || is_usual_loopback(address),
            Err(_) => self
                .names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(host)),
        }
    }
}

fn is_usual_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address == std::net::Ipv6Addr::LOCALHOST,
    }
}

/// The layer: lets the request through or answers it.
pub(super) async fn guard(State(rest): State<Rest>, request: Request, next: Next) -> Response {
    match check(rest.hosts(), &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check<B>(hosts: &Hosts, request: &Request<B>) -> Result<(), Problem> {
    if request.extensions().get::<AmbiguousLength>().is_some() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "ambiguous-length",
            "a request has `Content-Length` or `Transfer-Encoding`, not both",
        )
        .closing());
    }
    let host = host(request.headers())?;
    let target = request.uri().authority();
    if !hosts.allows(host.host()) || target.is_some_and(|target| !hosts.allows(target.host())) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            "the request's `Host` is none that this server answers to: use localhost or the \
             address that it listens on, or have its program allow the name",
        ));
    }
    if !is_safe(request.method()) && !is_same_site(request.headers(), &host) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "a web page of another site may not change anything here",
        ));
    }
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "encoded-body",
            "bodies are taken as they are, without `Content-Encoding`",
        ));
    }
    Ok(())
}

fn host(headers: &HeaderMap) -> Result<Authority, Problem> {
    let refuse = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "invalid-host", detail);
    let mut hosts = headers.get_all(header::HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(refuse("a request needs one `Host` header"));
    };
    let authority = Authority::try_from(host.as_bytes()).ok();
    authority
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or_else(|| refuse("the `Host` header is no host name with an optional port"))
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Browsers say where a page that changes something comes from; other clients do not.
fn is_same_site(headers: &HeaderMap, host: &Authority) -> bool {
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin
            .split_once("://")
            .is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(address: &str, method: &str, headers: &[(&str, &str)]) -> Option<(u16, &'static str)> {
        let limits = ServerLimits {
            hosts: vec!["db.example".to_owned()],
            ..ServerLimits::default()
        };
        let hosts = Hosts::new(address.parse().unwrap(), &limits);
        let mut request = Request::builder().method(method).uri("/tables");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let problem = check(&hosts, &request.body(()).unwrap()).err()?;
        Some(problem.status_and_code())
    }

    #[test]
    fn only_the_hosts_of_the_list_are_served() {
        let get = |host| code("127.0.0.1:7400", "GET", &[("host", host)]);
        for host in [
            "localhost",
            "LocalHost:80",
            "127.0.0.1:7400",
            "[::1]:1",
            "db.example:9",
        ] {
            assert_eq!(get(host), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "127.0.0.2",
        ] {
            assert_eq!(get(host), Some((421, "wrong-host")), "{host}");
        }
        for host in ["", "a b", "me@localhost"] {
            assert_eq!(get(host), Some((400, "invalid-host")), "{host}");
        }
        assert_eq!(code("127.0.0.1:1", "GET", &[]), Some((400, "invalid-host")));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(
            code("127.0.0.1:1", "GET", &twice),
            Some((400, "invalid-host"))
        );
        assert_eq!(code("0.0.0.0:1", "GET", &[("host", "10.1.2.3:1")]), None);
        assert_eq!(
            code("0.0.0.0:1", "GET", &[("host", "evil.example")]),
            Some((421, "wrong-host"))
        );
    }

    #[test]
    fn a_page_of_another_site_can_read_nothing_into_a_change() {
        let from = |method, origin| {
            let headers = [("host", "localhost:7400"), ("origin", origin)];
            code("127.0.0.1:7400", method, &headers)
        };
        assert_eq!(from("POST", "http://localhost:7400"), None);
        assert_eq!(from("GET", "http://evil.example"), None);
        for origin in ["http://evil.example", "null", "http://localhost:81", ""] {
            assert_eq!(
                from("DELETE", origin),
                Some((403, "cross-site")),
                "{origin}"
            );
        }
    }

    #[test]
    fn compressed_bodies_are_refused() {
        let headers = [("host", "localhost"), ("content-encoding", "gzip")];
        assert_eq!(
            code("127.0.0.1:1", "POST", &headers),
            Some((415, "encoded-body"))
        );
    }
}
