//! A database that is served over REST: with its ticks running, or one step at a time.

use std::{net::Ipv4Addr, time::Duration};

use tickbase::{Database, DatabaseBuilder, Runtime, RuntimeHandle, Server, ServerLimits};

use crate::client::Client;

/// Ticks per second of tests that wait for ticks: as many as there can be.
pub const TICK_RATE_HZ: u32 = 120;

/// A database, its runtime and its server; dropping it stops them.
#[derive(Debug)]
pub struct Served {
    // Dropped in this order: the server first, so that nothing is asked of a stopped runtime.
    server: Option<Server>,
    /// The runtime, to step it where it was not started.
    pub runtime: Runtime,
    /// A client of the server.
    pub client: Client,
}

impl Served {
    /// Serves a database in memory whose ticks run.
    pub fn start(builder: DatabaseBuilder) -> Self {
        let database = builder.tick_rate_hz(TICK_RATE_HZ).in_memory();
        Self::run(database.expect("it fits together"))
    }

    /// Serves a database whose ticks run.
    pub fn run(database: Database) -> Self {
        let mut served = Self::still(database, ServerLimits::default());
        served.runtime.start().expect("a thread starts");
        served
    }

    /// Serves a database whose ticks stand still.
    pub fn still(database: Database, limits: ServerLimits) -> Self {
        let runtime = Runtime::new(database);
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let server = Server::bind(runtime.handle(), address, limits).expect("a port is free");
        Self {
            client: Client::new(server.local_addr()),
            server: Some(server),
            runtime,
        }
    }

    /// The way to the runtime.
    pub fn handle(&self) -> RuntimeHandle {
        self.runtime.handle()
    }

    /// Ends it as a program does that is told to: the server first, then the ticks.
    pub fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop(Duration::from_secs(2));
        }
        self.runtime.stop().expect("the last flush is written");
    }
}
