//! The headers that say at which tick and version an answer applies.

use axum::{
    http::{HeaderName, HeaderValue},
    response::Response,
};

use crate::{database::Persisted, storage::Snapshot, tick::Reply};

const TICK: HeaderName = HeaderName::from_static("tickbase-tick");
const VERSION: HeaderName = HeaderName::from_static("tickbase-version");
const DURABILITY: HeaderName = HeaderName::from_static("tickbase-durability");

/// The moment of the database that an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    tick: u64,
    version: u64,
    durability: Option<Persisted>,
}

impl Stamp {
    /// The stamp of a snapshot that was loaded when `tick` was over: what it shows is the state
    /// as of that tick, even where no later one changed anything.
    pub(super) fn of(snapshot: &Snapshot, tick: u64) -> Self {
        Self {
            tick: snapshot.tick().max(tick),
            version: snapshot.version(),
            durability: None,
        }
    }

    pub(super) fn put_on(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(TICK, HeaderValue::from(self.tick));
        headers.insert(VERSION, HeaderValue::from(self.version));
        if let Some(durability) = self.durability {
            let value = match durability {
                Persisted::Memory => "memory",
                Persisted::Disk => "disk",
            };
            headers.insert(DURABILITY, HeaderValue::from_static(value));
        }
    }

    /// Whether an answer has one already.
    pub(super) fn is_on(response: &Response) -> bool {
        response.headers().contains_key(TICK)
    }
}

impl From<&Reply> for Stamp {
    fn from(reply: &Reply) -> Self {
        Self {
            tick: reply.tick,
            version: reply.version,
            durability: Some(reply.durability),
        }
    }
}
