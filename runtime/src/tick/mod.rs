//! The tick: the clock that everything else runs by, and what happens in each of its slots.
//!
//! A tick has three phases with a budget each: requests, procedures, persistence. This layer says
//! when things run. What they do is known below: transactions change data, procedures are called,
//! persistence writes files. It answers requests by calling back; who asked, it does not know.
//!
//! Invariants:
//! - Slot n is due at start + n × period. A late tick is followed by the next slot that is still
//!   to come; those in between are skipped and counted, never made up by a burst.
//! - The tick thread waits for nothing but the clock and short locks: not for a disk, not for a
//!   client.
//! - Every request that was taken gets exactly one reply.

mod builder;
#[cfg(test)]
mod builder_tests;
mod calls;
mod procedures;
mod queue;
mod request;
mod requests;
mod runtime;
mod timeline;

pub use queue::QueueError;
pub use request::{Answer, RecordInput, Reply, Request};
pub use runtime::{Runtime, RuntimeHandle};
pub use timeline::{Phase, PhaseUse, TickRecord};
