//! REST over HTTP/1.1: routes, JSON, problems, and the listener that they are served from.
//!
//! The server reads snapshots and submits requests to the tick. It never changes data itself, it
//! knows nothing of pages, locks or files, and it never blocks one of its threads: a change is a
//! message to the tick and a wait for its reply.
//!
//! Invariants:
//! - A snapshot is never held across an `.await`: a slow client must not keep old pages alive.
//! - Every answer says at which tick and version it applies, and every one of 400 and above that
//!   a route or layer gives is a problem of RFC 9457. What hyper itself cannot read it answers
//!   with a bare status, and closes.
//! - Whatever a client sends or leaves out, memory and time are bounded by [`ServerLimits`].

mod budget;
mod fields;
mod framing;
mod guard;
mod health;
mod json;
mod limits;
mod listener;
mod metrics;
mod negotiation;
mod payload;
mod problem;
mod record_list;
mod records;
mod refusal;
mod relations;
mod rest;
mod router;
mod rpc;
mod stamp;
mod tables;
mod types;
mod wire;

use std::{convert::Infallible, io, net::SocketAddr, sync::mpsc, time::Duration};

pub use limits::ServerLimits;
use tokio::{runtime, sync::watch};

use crate::tick::RuntimeHandle;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached by other machines.
    #[error(
        "{address} can be reached from other machines, and whoever reaches it may change \
         everything: listen on 127.0.0.1, or set `allow_remote` where the network keeps others out"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// A limit with which nothing could be answered.
    #[error("limit `{name}` is {value}, it must be at least {least}")]
    InvalidLimit {
        /// The limit's name.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The least value that it can have.
        least: u64,
    },
    /// The address is not to be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The threads did not start.
    #[error("the server's threads cannot start: {source}")]
    Threads {
        /// What the system says.
        source: io::Error,
    },
}

/// A server that runs on its own threads until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    /// Never receives; disconnects when the last connection has ended.
    open: mpsc::Receiver<Infallible>,
    threads: Option<runtime::Runtime>,
}

impl Server {
    /// Listens on `address` and serves the database behind `runtime`. Port 0 takes a free port.
    ///
    /// # Errors
    /// Where the address is not a loopback one and `limits` does not allow that, where a limit
    /// makes no sense, or where the system refuses the address or the threads.
    pub fn bind(
        runtime: RuntimeHandle,
        address: SocketAddr,
        limits: ServerLimits,
    ) -> Result<Self, ServerError> {
        limits.validate()?;
        if !address.ip().is_loopback() && !limits.allow_remote {
            return Err(ServerError::NotLoopback { address });
        }
        let threads = runtime::Builder::new_multi_thread()
            .worker_threads(limits.worker_threads)
            .thread_name("tickbase-http")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|source| ServerError::Threads { source })?;
        let bind_error = |source| ServerError::Bind { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(bind_error)?;
        listener.set_nonblocking(true).map_err(bind_error)?;
        let local_addr = listener.local_addr().map_err(bind_error)?;
        let listener = {
            let _threads = threads.enter();
            tokio::net::TcpListener::from_std(listener).map_err(bind_error)?
        };
        let hosts = guard::Hosts::new(local_addr, &limits);
        let rest = rest::Rest::new(runtime, hosts, limits);
        let router = router::router(rest.clone());
        let (stop, stopped) = watch::channel(false);
        let (opened, open) = mpsc::channel();
        threads.spawn(listener::accept(listener, rest, router, stopped, opened));
        Ok(Self {
            local_addr,
            stop,
            open,
            threads: Some(threads),
        })
    }

    /// The address that it listens on, with the port that it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes no more connections, lets running requests finish for at most `grace`, then closes
    /// what is left. Waits until that is done.
    pub fn stop(mut self, grace: Duration) {
        self.stop.send_replace(true);
        // Disconnected or out of time: either way it is over.
        let _ = self.open.recv_timeout(grace);
        self.close();
    }

    fn close(&mut self) {
        if let Some(threads) = self.threads.take() {
            // Unlike dropping it, this may be done on any thread, those of another tokio too.
            threads.shutdown_background();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}
