//! Every limit of the server, with its unit in its name.

use std::time::Duration;

use super::ServerError;

/// What the server allows. The defaults suit a program that serves one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Whether it may listen on an address that other machines reach. There is no authentication:
    /// whoever reaches the port may change everything.
    pub allow_remote: bool,
    /// Names that a request's `Host` may have beside those of the listen address. Only an IP
    /// address needs no entry; a name does, or any web page could be pointed at the server.
    pub hosts: Vec<String>,
    /// Threads that serve connections.
    pub worker_threads: usize,
    /// Procedures that only read and run at one time, each on a thread of its own; others wait.
    pub reader_threads: usize,
    /// Connections at one time; one more is answered 503 and closed.
    pub connections_max: usize,
    /// Bytes of a request's line and headers together, and of a connection's read buffer; at
    /// least 8 KiB.
    pub head_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Time from the first byte of a request, or from accepting the connection, until the
    /// headers are complete; then the connection is closed.
    pub head_timeout_ms: u64,
    /// Time that a connection may stay open between two requests.
    pub idle_timeout_ms: u64,
    /// Bytes of a request's body; a larger one is answered 413 and not read.
    pub body_bytes_max: usize,
    /// Time for a body to arrive; then the answer is 408.
    pub body_timeout_ms: u64,
    /// Time from complete headers to the answer; then the answer is 504, and a change that was
    /// asked for may or may not be made.
    pub request_timeout_ms: u64,
    /// Time in which a client that is sent something takes none of it; then it is dropped.
    pub write_timeout_ms: u64,
    /// Time for which the rest of a refused body is read and thrown away, so that its sender sees
    /// the answer before the connection closes.
    pub linger_timeout_ms: u64,
    /// Pause after a connection could not be accepted, as when file handles run out.
    pub accept_pause_ms: u64,
    /// Records of a list that does not say how many it wants.
    pub list_records_default: usize,
    /// The most records that a list can ask for.
    pub list_records_max: usize,
    /// Bytes after which a list ends early; what remains is behind its `Link`.
    pub list_bytes_max: usize,
    /// Bytes of large bodies and large answers, of all connections together; beyond it the answer
    /// is 503.
    pub buffered_bytes_max: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            allow_remote: false,
            hosts: Vec::new(),
            worker_threads: 2,
            reader_threads: 4,
            connections_max: 10_000,
            head_bytes_max: 16 * 1024,
            headers_max: 100,
            head_timeout_ms: 5_000,
            idle_timeout_ms: 60_000,
            body_bytes_max: 1024 * 1024,
            body_timeout_ms: 10_000,
            request_timeout_ms: 15_000,
            write_timeout_ms: 10_000,
            linger_timeout_ms: 2_000,
            accept_pause_ms: 50,
            list_records_default: 100,
            list_records_max: 10_000,
            list_bytes_max: 8 * 1024 * 1024,
            buffered_bytes_max: 256 * 1024 * 1024,
        }
    }
}

impl ServerLimits {
    /// Refuses values with which the server could not answer anything.
    pub fn validate(&self) -> Result<(), ServerError> {
        let least = [
            ("worker_threads", self.worker_threads as u64, 1),
            ("reader_threads", self.reader_threads as u64, 1),
            ("connections_max", self.connections_max as u64, 1),
            ("head_bytes_max", self.head_bytes_max as u64, 8 * 1024),
            ("headers_max", self.headers_max as u64, 1),
            ("head_timeout_ms", self.head_timeout_ms, 1),
            ("idle_timeout_ms", self.idle_timeout_ms, 1),
            ("body_timeout_ms", self.body_timeout_ms, 1),
            ("request_timeout_ms", self.request_timeout_ms, 1),
            ("write_timeout_ms", self.write_timeout_ms, 1),
            ("list_records_default", self.list_records_default as u64, 1),
            (
                "list_records_max",
                self.list_records_max as u64,
                self.list_records_default as u64,
            ),
            ("list_bytes_max", self.list_bytes_max as u64, 1),
            (
                "buffered_bytes_max",
                self.buffered_bytes_max as u64,
                self.body_bytes_max.max(self.list_bytes_max) as u64,
            ),
        ];
        match least.into_iter().find(|(_, value, least)| value < least) {
            Some((name, value, least)) => Err(ServerError::InvalidLimit { name, value, least }),
            None => Ok(()),
        }
    }

    pub(super) fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(super) fn linger_timeout(&self) -> Duration {
        Duration::from_millis(self.linger_timeout_ms)
    }

    pub(super) fn accept_pause(&self) -> Duration {
        Duration::from_millis(self.accept_pause_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_would_refuse_everything_is_refused_by_name() {
        ServerLimits::default().validate().unwrap();
        let limits = ServerLimits {
            head_bytes_max: 100,
            ..ServerLimits::default()
        };
        let error = limits.validate().unwrap_err().to_string();
        assert!(error.contains("head_bytes_max"), "{error}");
    }
}
