//! A database with a manual clock, the procedures that the tests call, and who listens to replies.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use harness::{Account, Airport, Gate};
use tickbase::{
    Answer, Config, Database, DatabaseBuilder, Id, ManualClock, QueueError, RecordInput, Reply,
    Request, Result, Runtime, RuntimeHandle, TransactionHandle, Value, procedure, table,
};

/// 50 ticks a second, so that a period is 20 ms and the shares are 6, 10 and 4 ms.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// What procedures did, in the order in which it counts.
#[table]
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) tick: u64,
    pub(crate) what: u64,
}

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) handle: RuntimeHandle,
    pub(crate) clock: Arc<ManualClock>,
    sender: Sender<(usize, Reply)>,
    replies: Receiver<(usize, Reply)>,
    submitted: usize,
}

pub(crate) fn world() -> World {
    World::with(|builder| builder, Config::default())
}

impl World {
    pub(crate) fn with(
        describe: impl FnOnce(DatabaseBuilder) -> DatabaseBuilder,
        config: Config,
    ) -> Self {
        let clock = Arc::new(ManualClock::new());
        let builder = Database::builder()
            .table::<Account>()
            .table::<Airport>()
            .table::<Gate>()
            .table::<Entry>()
            .procedure::<note>()
            .procedure::<add>()
            .procedure::<fail>()
            .procedure::<burst>()
            .config(config)
            .tick_rate_hz(50)
            .clock(clock.clone());
        let runtime = Runtime::new(describe(builder).in_memory().unwrap());
        let (sender, replies) = channel();
        Self {
            handle: runtime.handle(),
            runtime,
            clock,
            sender,
            replies,
            submitted: 0,
        }
    }

    pub(crate) fn db(&self) -> &Database {
        self.handle.database()
    }

    /// Queues a request; its reply will have the number of the submits before it.
    pub(crate) fn submit(&mut self, request: Request) -> Result<usize, QueueError> {
        let (sender, number) = (self.sender.clone(), self.submitted);
        self.handle
            .submit(request, move |reply| sender.send((number, reply)).unwrap())?;
        self.submitted += 1;
        Ok(number)
    }

    pub(crate) fn call(&mut self, procedure: &str, arguments: &[(&str, Value)]) -> usize {
        self.submit(call(procedure, arguments)).unwrap()
    }

    /// The replies since the last look, in the order in which they came.
    pub(crate) fn replies(&self) -> Vec<(usize, Reply)> {
        self.replies.try_iter().collect()
    }

    /// The only reply since the last look.
    pub(crate) fn reply(&self) -> Reply {
        let mut replies = self.replies();
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0).1
    }

    pub(crate) fn account(&self, balance: i64) -> Id<Account> {
        self.db()
            .transact(|tx| Ok(tx.insert(Account { balance })?))
            .unwrap()
    }

    pub(crate) fn balance(&self, id: Id<Account>) -> Option<i64> {
        let snapshot = self.db().snapshot();
        snapshot.table::<Account>().get(id).map(|a| a.balance)
    }

    /// What was noted so far: in which tick, what.
    pub(crate) fn entries(&self) -> Vec<(u64, u64)> {
        let snapshot = self.db().snapshot();
        let entries = snapshot.table::<Entry>();
        entries.iter().map(|(_, e)| (e.tick, e.what)).collect()
    }
}

pub(crate) fn call(procedure: &str, arguments: &[(&str, Value)]) -> Request {
    Request::Call {
        procedure: procedure.to_owned(),
        arguments: Value::object(arguments.iter().map(|(name, value)| (*name, value.clone()))),
    }
}

pub(crate) fn create_account(balance: i64) -> Request {
    Request::CreateRecord {
        table: "account".to_owned(),
        record: RecordInput::Fields(Value::object([("balance", balance)])),
    }
}

/// The result in words, so that two can be compared.
pub(crate) fn words(reply: &Reply) -> String {
    match &reply.result {
        Ok(Answer::Returned(outcome)) => outcome.as_json().unwrap_or("null").to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error: {error}"),
    }
}

/// Notes something, and gives the id of the note.
#[procedure]
pub(crate) fn note(tx: &mut TransactionHandle, what: u64) -> Result<u64> {
    let tick = tx.tick();
    Ok(tx.insert(Entry { tick, what })?.get())
}

/// Adds to an account, and gives what is on it then.
#[procedure]
pub(crate) fn add(tx: &mut TransactionHandle, account: Id<Account>, amount: i64) -> Result<i64> {
    Ok(tx.update(account, |account| {
        account.balance += amount;
        account.balance
    })?)
}

/// Changes much, then refuses.
#[procedure]
pub(crate) fn fail(tx: &mut TransactionHandle, account: Id<Account>) -> Result<(), String> {
    let changed = tx.update(account, |account| account.balance = -1);
    changed.map_err(|error| error.to_string())?;
    let tick = tx.tick();
    tx.insert(Entry { tick, what: 666 })
        .map_err(|error| error.to_string())?;
    Err("no such luck".to_owned())
}

/// Changes every account, on all cores, and panics at one of them.
#[procedure]
pub(crate) fn burst(tx: &mut TransactionHandle, at: u64) -> Result<()> {
    tx.table_mut::<Account>().par_for_each_mut(|id, account| {
        account.balance = -1;
        assert_ne!(id.get(), at, "account {at} bursts");
    })?;
    Ok(())
}
