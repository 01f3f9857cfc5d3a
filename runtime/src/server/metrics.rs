//! `/metrics`: the counters of the runtime and of the server, as Prometheus reads them.

use std::{fmt, time::Duration};

use axum::{
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};

use super::{problem::Problem, rest::Rest};
use crate::tick::RuntimeHandle;

/// Upper bounds of the buckets that request durations are counted in, in seconds: the advice of
/// OpenTelemetry's HTTP conventions, and three below it, since a read takes microseconds.
const BUCKETS: [f64; 17] = [
    0.0001, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
];

/// What the server counts, and the registry that the runtime's counters are read through.
#[derive(Debug)]
pub(super) struct HttpMetrics {
    registry: Registry,
    durations: Family<RequestLabels, Histogram>,
    pub(super) connections_refused: Counter,
    pub(super) accept_failures: Counter,
}

/// The labels of OpenTelemetry's HTTP conventions. The route is a pattern, never a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: String,
    http_route: String,
    http_response_status_code: u32,
}

impl HttpMetrics {
    pub(super) fn new(runtime: RuntimeHandle) -> Self {
        let mut registry = Registry::default();
        let durations =
            Family::<RequestLabels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from complete headers to the answer",
            Unit::Seconds,
            durations.clone(),
        );
        let connections_refused = Counter::default();
        registry.register(
            "tickbase_connections_refused",
            "Connections beyond the limit",
            connections_refused.clone(),
        );
        let accept_failures = Counter::default();
        registry.register(
            "tickbase_accept_failures",
            "Connections that the system could not hand over",
            accept_failures.clone(),
        );
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("tickbase_build", "The running version", Info::new(version));
        registry.register_collector(Box::new(RuntimeMetrics(runtime)));
        Self {
            registry,
            durations,
            connections_refused,
            accept_failures,
        }
    }

    /// Counts one request. Methods and routes that are none of ours share one label each, so
    /// that nobody can make labels without end.
    pub(super) fn observe(
        &self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
        duration: Duration,
    ) {
        let known = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        let method = if known.contains(method) {
            method.as_str()
        } else {
            "_OTHER"
        };
        let labels = RequestLabels {
            http_request_method: method.to_owned(),
            http_route: route.unwrap_or("_OTHER").to_owned(),
            http_response_status_code: u32::from(status.as_u16()),
        };
        self.durations
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
    }
}

/// Reads the runtime's counters whenever somebody asks: nothing is counted twice.
struct RuntimeMetrics(RuntimeHandle);

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuntimeMetrics")
    }
}

impl Collector for RuntimeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let reading = self.0.metrics();
        let counters = [
            ("tickbase_ticks", "Ticks that ran", reading.ticks),
            (
                "tickbase_tick_overruns",
                "Ticks that took longer than their period",
                reading.tick_overruns,
            ),
            (
                "tickbase_skipped_slots",
                "Slots of the clock that no tick ran in",
                reading.skipped_slots,
            ),
            (
                "tickbase_dropped_requests",
                "Requests that were not taken, since the queue was full",
                reading.dropped_requests,
            ),
            (
                "tickbase_expired_requests",
                "Requests that waited too long and were not executed",
                reading.expired_requests,
            ),
            (
                "tickbase_calls_run_again",
                "Calls that ran again, since one before them changed what they had read",
                reading.calls_run_again,
            ),
            (
                "tickbase_procedure_panics",
                "Calls that panicked",
                reading.procedure_panics,
            ),
            ("tickbase_flushes", "Flushes to disk", reading.flushes),
            (
                "tickbase_flushes_skipped",
                "Flushes that were due while one ran",
                reading.flushes_skipped,
            ),
            (
                "tickbase_flush_failures",
                "Flushes that failed",
                reading.flush_failures,
            ),
            (
                "tickbase_schema_change_records",
                "Records that changes of fields copied beside the ticks",
                reading.schema_change_records,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let gauges = [
            (
                "tickbase_queue_size",
                "Requests that wait for a tick",
                reading.queue_size,
            ),
            (
                "tickbase_live_snapshots",
                "Snapshots that somebody holds",
                reading.live_snapshots,
            ),
            (
                "tickbase_schema_changes",
                "Changes of fields that are under way",
                reading.schema_changes,
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "Requests that ticks executed";
        let mut family =
            encoder.encode_descriptor("tickbase_requests", help, None, MetricType::Counter)?;
        for (kind, outcome, count) in reading.requests {
            let labels = [("kind", kind), ("outcome", outcome)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        self.encode_tables(&mut encoder)
    }
}

impl RuntimeMetrics {
    fn encode_tables(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.database().snapshot();
        let tables: Vec<(&str, u64, u64)> = snapshot
            .tables()
            .map(|table| {
                (
                    table.schema().name.as_str(),
                    table.len(),
                    table.memory_bytes(),
                )
            })
            .collect();
        let mut records = encoder.encode_descriptor(
            "tickbase_table_records",
            "Records that are alive",
            None,
            MetricType::Gauge,
        )?;
        for (name, count, _) in &tables {
            ConstGauge::new(*count).encode(records.encode_family(&[("table", *name)])?)?;
        }
        let mut memory = encoder.encode_descriptor(
            "tickbase_table_memory",
            "Memory of a table's records",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for (name, _, bytes) in &tables {
            ConstGauge::new(*bytes).encode(memory.encode_family(&[("table", *name)])?)?;
        }
        Ok(())
    }
}

/// `GET /metrics`
pub(super) async fn get(State(rest): State<Rest>) -> Result<Response, Problem> {
    let mut body = String::new();
    text::encode(&mut body, &rest.metrics().registry)
        .map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}
