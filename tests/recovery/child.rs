//! A process of its own that serves a folder, to be killed: this test program, started again.

use std::{
    env,
    io::{BufRead, BufReader, Write, stdin, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use harness::{client::Client, served::Served};
use tickbase::{Config, Database, Id, TransactionHandle, Value, procedure, table};

/// Says which folder to serve; whoever runs the tests does not set it.
const FOLDER: &str = "TICKBASE_TEST_SERVES_FOLDER";
const LISTENING: &str = "listening on ";

/// One half of a pair that always changes together.
#[table]
struct Left {
    count: u64,
}

/// The other half.
#[table]
struct Right {
    count: u64,
}

/// Counts on in both halves, and adds a note that has the new count.
#[procedure]
fn advance(tx: &mut TransactionHandle) -> tickbase::Result<u64> {
    let left: Id<Left> = Id::from_u64(1).expect("ids start at 1");
    let right: Id<Right> = Id::from_u64(1).expect("ids start at 1");
    if tx.get::<Left>(left).is_none() {
        tx.insert(Left { count: 0 })?;
        tx.insert(Right { count: 0 })?;
    }
    let count = tx.update(left, |left| {
        left.count += 1;
        left.count
    })?;
    tx.update(right, |right| right.count += 1)?;
    let note = Value::object([("count", Value::from(count)), ("left", 1_u64.into())]);
    tx.create_record("note", &note)?;
    Ok(count)
}

/// The process that serves a folder.
pub(crate) struct Process {
    child: Child,
    pub(crate) client: Client,
}

impl Process {
    /// Starts a process that serves the folder, and waits until it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut child = command(folder).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once(LISTENING)?.1.to_owned()));
        let Some(address) = line else {
            panic!("the child did not start: {:?}", child.wait());
        };
        // Nobody reads what it says from now on, but it must not break on that.
        thread::spawn(move || lines.for_each(drop));
        let client = Client::new(address.parse().unwrap());
        Self { child, client }
    }

    /// Ends it by SIGKILL: at once, without a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("child::a_child_serves_a_folder_until_it_is_killed")
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

#[test]
fn a_child_serves_a_folder_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let config = Config {
        tick_rate_hz: harness::served::TICK_RATE_HZ,
        flush_interval_ticks: 2,
        ..Config::default()
    };
    let database = Database::builder()
        .config(config)
        .table::<Left>()
        .table::<Right>()
        .procedure::<advance>()
        .open(folder)
        .unwrap();
    let served = Served::run(database);
    writeln!(stdout(), "\n{LISTENING}{}", served.client.address()).unwrap();
    // Ends where nobody is left to kill it.
    let mut said = String::new();
    stdin().read_line(&mut said).unwrap();
}
