//! Every limit and period of a database, checked once.

use std::time::Duration;

use crate::{Error, Result};

/// The least bytes that a table can be limited to: with less it could hold next to nothing.
pub(crate) const TABLE_MEMORY_LIMIT_BYTES_MIN: u64 = 64 * 1024;

/// What survives the end of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// All tables are written every `flush_interval_ticks` ticks, as of one moment. A crash loses
    /// what came after the last of these moments.
    #[default]
    Flush,
    /// Nothing: the database lives in memory.
    None,
}

/// The settings of a database. Every field can be changed before the database is opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// Ticks per second, 15 to 120.
    pub tick_rate_hz: u32,
    /// Share of a tick for requests, in percent.
    pub request_budget_percent: u32,
    /// Share of a tick for procedures, in percent.
    pub procedure_budget_percent: u32,
    /// Share of a tick for handing work to persistence, in percent.
    pub persistence_budget_percent: u32,
    /// Requests that one tick takes from the queue; none: as many as the queue holds.
    pub max_api_requests_per_tick: Option<usize>,
    /// A request that waits longer in the queue is answered and not executed.
    pub request_deadline_ms: u64,
    /// Ticks between two flushes.
    pub flush_interval_ticks: u64,
    /// Bytes that all tables together may use.
    pub memory_limit_bytes: u64,
    /// Bytes that a table may use that has no limit of its own; none: as many as the database.
    pub table_memory_limit_bytes: Option<u64>,
    /// What survives the end of the process.
    pub durability: Durability,
    /// Ticks whose timeline is kept.
    pub timeline_ticks: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tick_rate_hz: 60,
            request_budget_percent: 30,
            procedure_budget_percent: 50,
            persistence_budget_percent: 20,
            max_api_requests_per_tick: None,
            request_deadline_ms: 5_000,
            flush_interval_ticks: 10,
            memory_limit_bytes: 64 << 30,
            table_memory_limit_bytes: None,
            durability: Durability::default(),
            timeline_ticks: 3_600,
        }
    }
}

impl Config {
    /// Checks every setting.
    pub fn check(&self) -> Result<()> {
        let refuse = |setting, reason: String| Err(Error::Config { setting, reason });
        if !(15..=120).contains(&self.tick_rate_hz) {
            let found = self.tick_rate_hz;
            return refuse(
                "tick_rate_hz",
                format!("{found} Hz is not between 15 and 120"),
            );
        }
        let shares = [
            self.request_budget_percent,
            self.procedure_budget_percent,
            self.persistence_budget_percent,
        ];
        let sum: u64 = shares.iter().copied().map(u64::from).sum();
        if sum > 100 || shares.contains(&0) {
            return refuse(
                "request_budget_percent, procedure_budget_percent, persistence_budget_percent",
                format!("the shares are {shares:?}: each is at least 1, together at most 100"),
            );
        }
        if self.max_api_requests_per_tick == Some(0) {
            return refuse("max_api_requests_per_tick", "it is at least 1".to_owned());
        }
        if self.flush_interval_ticks == 0 {
            return refuse("flush_interval_ticks", "it is at least 1".to_owned());
        }
        let least = TABLE_MEMORY_LIMIT_BYTES_MIN;
        if self
            .table_memory_limit_bytes
            .is_some_and(|limit_bytes| limit_bytes < least)
        {
            let reason = format!("it is at least {least} bytes");
            return refuse("table_memory_limit_bytes", reason);
        }
        Ok(())
    }

    /// The time from one tick to the next.
    pub fn period(&self) -> Duration {
        Duration::from_secs(1) / self.tick_rate_hz
    }

    /// Requests that wait at most: those of 100 ticks at one request per tick and hertz.
    pub fn queue_capacity(&self) -> usize {
        self.tick_rate_hz as usize * 100
    }

    /// A share of the period.
    pub(crate) fn share(&self, percent: u32) -> Duration {
        self.period() * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_rate_outside_15_to_120_hz_is_refused() {
        let at = |tick_rate_hz| {
            Config {
                tick_rate_hz,
                ..Config::default()
            }
            .check()
        };
        for refused in [0, 14, 121] {
            let error = at(refused).unwrap_err().to_string();
            assert!(error.contains("between 15 and 120"), "{error}");
        }
        for taken in [15, 60, 120] {
            at(taken).unwrap();
        }
    }

    #[test]
    fn a_limit_of_tables_that_lets_them_hold_nothing_is_refused() {
        let with = |table_memory_limit_bytes| {
            Config {
                table_memory_limit_bytes,
                ..Config::default()
            }
            .check()
        };
        let error = with(Some(65_535)).unwrap_err().to_string();
        assert!(error.contains("at least 65536 bytes"), "{error}");
        with(Some(65_536)).unwrap();
        with(None).unwrap();
    }

    #[test]
    fn shares_of_a_tick_that_are_more_than_the_tick_are_refused() {
        let config = Config {
            request_budget_percent: 31,
            ..Config::default()
        };
        assert!(config.check().is_err());
    }
}
