//! What the examples share: their options, how they start to serve, and how they stop.

use std::{
    error::Error,
    fmt,
    io::IsTerminal,
    net::SocketAddr,
    path::PathBuf,
    process::exit,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use tickbase::{Database, DatabaseBuilder, Runtime, RuntimeHandle, Server, ServerLimits};

/// What ends a program early: an error of the database, of the system, or of the data.
pub struct Failure(Box<dyn Error>);

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What `main` shows: the error's own words, not its parts.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How long requests that run may take to end when the program stops.
const GRACE: Duration = Duration::from_secs(2);

/// Signals within this time are one.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// The options of every example.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to serve REST on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:7400", value_parser = address)]
    pub listen: SocketAddr,
    /// Folder that keeps the data from one start to the next; without it all is in memory
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Ticks per second, 15 to 120
    #[arg(long, default_value_t = 60)]
    pub tick_rate: u32,
}

impl Options {
    /// Opens the database in the folder, or in memory.
    pub fn open(&self, builder: DatabaseBuilder) -> Result<Database, Failure> {
        let builder = builder.tick_rate_hz(self.tick_rate);
        Ok(match &self.data {
            Some(folder) => builder.open(folder)?,
            None => builder.in_memory()?,
        })
    }

    /// Serves the database until SIGTERM or SIGINT; a second signal ends the program at once.
    /// Calls `each_second` once a second meanwhile.
    pub fn serve(
        &self,
        database: Database,
        mut each_second: impl FnMut(&RuntimeHandle),
    ) -> Result<(), Failure> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let (stop, stopped) = sync_channel(1);
        thread::spawn(move || {
            let mut first = None;
            for _ in signals.forever() {
                // A terminal and a parent may both pass on one key press.
                if first.get_or_insert_with(Instant::now).elapsed() > SAME_SIGNAL {
                    exit(130);
                }
                // The other side may be gone: then the program is ending already.
                let _ending = stop.try_send(());
            }
        });
        let mut runtime = Runtime::new(database);
        runtime.start()?;
        let server = Server::bind(runtime.handle(), self.listen, ServerLimits::default())?;
        say(&format!("listening on http://{}", server.local_addr()));
        while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            each_second(&runtime.handle());
        }
        server.stop(GRACE);
        runtime.stop()?;
        Ok(())
    }
}

/// Reads an address, and says how one looks where it is none.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, like 127.0.0.1:7400")
}

/// Prints the one line that scripts wait for.
#[expect(clippy::print_stdout, reason = "this is what the program has to say")]
fn say(line: &str) {
    println!("{line}");
}

/// Shows the log on stderr: warnings and errors, or what `RUST_LOG` asks for.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
