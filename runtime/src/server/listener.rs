//! Accepts connections and serves each with hyper, within the limits.

use std::{convert::Infallible, sync::Arc, sync::mpsc};

use axum::{
    Router,
    http::{HeaderValue, Version, header},
    response::Response,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tower::Service;

use super::{
    guard::AmbiguousLength,
    rest::Rest,
    wire::{self, Conversation, Wire},
};

/// Accepts until `stop` is true. `open` is dropped when the last connection has ended.
pub(super) async fn accept(
    listener: TcpListener,
    rest: Rest,
    router: Router,
    mut stop: watch::Receiver<bool>,
    open: mpsc::Sender<Infallible>,
) {
    let places = Arc::new(Semaphore::new(connections_max(&rest)));
    let http = http(&rest);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, most likely: trying at once would only burn the processor.
                rest.metrics().accept_failures.inc();
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(rest.limits().accept_pause()).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            rest.metrics().connections_refused.inc();
            wire::refuse(stream);
            continue;
        };
        let served = serve(&http, stream, &rest, router.clone(), stop.clone());
        let open = open.clone();
        tokio::spawn(async move {
            served.await;
            drop((place, open));
        });
    }
}

/// The limit, or less where the process may not open that many files: a connection is one, and
/// the database needs some for its own.
fn connections_max(rest: &Rest) -> usize {
    let wanted = rest.limits().connections_max;
    let Some(files_max) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let files_max = usize::try_from(files_max).unwrap_or(usize::MAX);
    let possible = files_max.saturating_sub(1000).max(files_max / 2);
    if possible < wanted {
        tracing::info!(
            files_max,
            "at most {possible} connections: raise `ulimit -n` for more"
        );
    }
    wanted.min(possible)
}

/// Waits until the server shall stop, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn http(rest: &Rest) -> http1::Builder {
    let limits = rest.limits();
    let mut http = http1::Builder::new();
    // The wire has the deadlines: hyper's one for headers would also end idle connections.
    http.timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max)
        .max_header_size(limits.head_bytes_max)
        .max_headers(limits.headers_max);
    http
}

/// Serves one connection to its end.
fn serve(
    http: &http1::Builder,
    stream: TcpStream,
    rest: &Rest,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let conversation = Conversation::new();
    let wire = Wire::new(stream, Arc::clone(&conversation), rest.limits());
    let service = service_fn(move |request| answer(request, router.clone(), &conversation));
    let connection = http.serve_connection(TokioIo::new(wire), service);
    async move {
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}

/// Answers one request. The connection ends behind a chunked one, since nobody looks at what
/// follows its chunks for a second length.
fn answer(
    mut request: Request<Incoming>,
    mut router: Router,
    conversation: &Arc<Conversation>,
) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
    let conversation = Arc::clone(conversation);
    if conversation.begin() {
        request.extensions_mut().insert(AmbiguousLength);
    }
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let closes = is_chunked && request.version() == Version::HTTP_11;
    let answered = router.call(request);
    async move {
        let mut response = answered.await?;
        if closes {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        conversation.end();
        Ok(response)
    }
}
