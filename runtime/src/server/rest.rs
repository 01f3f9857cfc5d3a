//! What every route has at hand: snapshots to read, the queue to write, and the limits.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, oneshot};

use super::{
    ServerLimits, budget::Budget, guard::Hosts, metrics::HttpMetrics, problem::Problem,
    stamp::Stamp,
};
use crate::{
    schema::{Name, SchemaError, Value, did_you_mean},
    storage::{Snapshot, TableView},
    tick::{Answer, QueueError, Reply, Request, RuntimeHandle},
};

/// The server's side of the database; clones are the same one.
#[derive(Clone)]
pub(super) struct Rest(Arc<Parts>);

struct Parts {
    runtime: RuntimeHandle,
    limits: ServerLimits,
    hosts: Hosts,
    budget: Budget,
    metrics: HttpMetrics,
    /// Procedures that only read and run at one time: each takes a thread for as long as it likes.
    readers: Arc<Semaphore>,
}

impl Rest {
    pub(super) fn new(runtime: RuntimeHandle, hosts: Hosts, limits: ServerLimits) -> Self {
        Self(Arc::new(Parts {
            metrics: HttpMetrics::new(runtime.clone()),
            budget: Budget::new(limits.buffered_bytes_max),
            readers: Arc::new(Semaphore::new(limits.reader_threads)),
            runtime,
            limits,
            hosts,
        }))
    }

    pub(super) fn runtime(&self) -> &RuntimeHandle {
        &self.0.runtime
    }

    pub(super) fn limits(&self) -> &ServerLimits {
        &self.0.limits
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    pub(super) fn metrics(&self) -> &HttpMetrics {
        &self.0.metrics
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.0.runtime.database().snapshot()
    }

    /// The current snapshot and the stamp of answers from it.
    pub(super) fn stamped_snapshot(&self) -> (Snapshot, Stamp) {
        // In this order: the snapshot then has all that the tick did.
        let tick = self.0.runtime.tick();
        let snapshot = self.snapshot();
        let stamp = Stamp::of(&snapshot, tick);
        (snapshot, stamp)
    }

    /// Answers from one snapshot, which is gone before anything is awaited: held while a slow
    /// client is waited for, it would keep old pages alive.
    pub(super) fn read(
        &self,
        work: impl FnOnce(&Snapshot) -> Result<Response, Problem>,
    ) -> Response {
        let (snapshot, stamp) = self.stamped_snapshot();
        match work(&snapshot) {
            Ok(mut response) => {
                stamp.put_on(&mut response);
                response
            }
            Err(problem) => problem.stamped(stamp).into_response(),
        }
    }

    /// Queues a change for the next tick and waits for its outcome.
    pub(super) async fn write(&self, request: Request) -> Result<Written, Problem> {
        let (sender, receiver) = oneshot::channel();
        self.0.runtime.submit(request, move |reply| {
            // Nobody listens where the client has gone; the change stands all the same.
            let _ = sender.send(reply);
        })?;
        let reply = receiver
            .await
            .map_err(|_| Problem::from(QueueError::Stopped))?;
        Self::written(reply)
    }

    /// Calls a procedure that only reads, beside the ticks and the threads that serve connections.
    pub(super) async fn call_reader(
        &self,
        procedure: String,
        arguments: Value,
    ) -> Result<Written, Problem> {
        let runtime = self.0.runtime.clone();
        let stopped = || Problem::from(QueueError::Stopped);
        let permit = Arc::clone(&self.0.readers).acquire_owned().await;
        let permit = permit.map_err(|_| stopped())?;
        let read = move || {
            // Also where the client has gone meanwhile, its place is taken until the end.
            let _permit = permit;
            runtime.read(&procedure, &arguments)
        };
        let reply = tokio::task::spawn_blocking(read).await;
        Self::written(reply.map_err(|_| stopped())?)
    }

    fn written(reply: Reply) -> Result<Written, Problem> {
        let stamp = Stamp::from(&reply);
        match reply.result {
            Ok(answer) => Ok(Written { answer, stamp }),
            Err(error) => Err(Problem::from(error).stamped(stamp)),
        }
    }
}

/// A change that was made.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) answer: Answer,
    pub(super) stamp: Stamp,
}

impl Written {
    /// The answer to the client, with the tick and version at which the change was made.
    pub(super) fn respond(&self, response: impl IntoResponse) -> Response {
        let mut response = response.into_response();
        self.stamp.put_on(&mut response);
        response
    }
}

/// Checks a table's name as it stands in a path.
pub(super) fn table_name(name: &str) -> Result<Name, Problem> {
    Ok(Name::new(name)?)
}

/// The table, or the refusal that names the nearest one.
pub(super) fn require_table<'s>(
    snapshot: &'s Snapshot,
    name: &Name,
) -> Result<TableView<'s>, Problem> {
    snapshot.table_by_name(name.as_str()).ok_or_else(|| {
        let error = SchemaError::TableNotFound {
            table: name.to_string(),
        };
        let known = snapshot.catalog().tables().map(|table| table.name.as_str());
        let detail = format!("{error}{}", did_you_mean(name.as_str(), known));
        Problem::from(error).with_detail(detail)
    })
}
