//! The tick, step by step under a clock that the tests move.

mod arguments;
mod budgets;
mod calls;
mod procedures;
mod requests;
mod schedule;
mod serial;
mod world;
