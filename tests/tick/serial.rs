//! Batches of conflicting calls give, on any number of threads, what one after another would give.

use harness::{Account, Airport, Gate, Random, State, for_each_seed};
use tickbase::{Config, Id, Request, Result, Text, TransactionHandle, Value, procedure};

use crate::world::{Entry, World, call, words};

/// Moves money, or refuses after it has changed something.
#[procedure]
fn transfer(
    tx: &mut TransactionHandle,
    from: Id<Account>,
    to: Id<Account>,
    amount: i64,
) -> Result<i64, String> {
    let words = |error: tickbase::TransactionError| error.to_string();
    tx.update(to, |to| to.balance += amount).map_err(words)?;
    let left = tx.update(from, |from| {
        from.balance -= amount;
        from.balance
    });
    match left.map_err(words)? {
        left if left < 0 => Err(format!("{} lacks {}", from, -left)),
        left => Ok(left),
    }
}

/// Opens an account, and an entry that has its id.
#[procedure]
fn open(tx: &mut TransactionHandle, balance: i64) -> Result<(u64, u64)> {
    let account = tx.insert(Account { balance })?;
    let entry = tx.insert(Entry {
        tick: 0,
        what: account.get(),
    })?;
    Ok((account.get(), entry.get()))
}

/// Opens one account for each that there is, up to three, and closes the first of them again.
#[procedure]
fn open_as_many(tx: &mut TransactionHandle) -> Result<u64> {
    let count = tx.table::<Account>().len();
    let mut first = None;
    for balance in 0..count.min(3) {
        let id = tx.insert(Account {
            balance: balance as i64,
        })?;
        first.get_or_insert(id);
    }
    first.map_or(Ok(()), |id| tx.delete(id))?;
    Ok(count)
}

#[procedure]
fn shut(tx: &mut TransactionHandle, account: Id<Account>) -> Result<()> {
    Ok(tx.delete(account)?)
}

/// Writes without reading.
#[procedure]
fn overwrite(tx: &mut TransactionHandle, account: Id<Account>, balance: i64) -> Result<bool> {
    Ok(tx.set(account, Account::fields().balance, balance).is_ok())
}

#[procedure]
fn interest(tx: &mut TransactionHandle, percent: i64) -> Result<()> {
    tx.table_mut::<Account>().par_for_each_mut(|_, account| {
        account.balance += account.balance * percent / 100;
    })?;
    Ok(())
}

/// Levels what is above a limit; panics where nothing is.
#[procedure]
fn level(tx: &mut TransactionHandle, limit: i64) -> Result<()> {
    tx.table_mut::<Account>().par_replace_each(|_, account| {
        (account.balance > limit).then_some(Account { balance: limit })
    })?;
    let highest = tx.table::<Account>().iter().map(|(_, a)| a.balance).max();
    assert_eq!(highest, Some(limit), "nothing is above {limit}");
    Ok(())
}

/// Adds an airport, or a gate to the one that is there.
#[procedure]
fn build(tx: &mut TransactionHandle, code: Text<4>) -> Result<u64> {
    let found = tx.find(Airport::fields().code, code).map(|(id, _)| id);
    let airport = match found {
        Some(airport) => airport,
        None => tx.insert(Airport {
            code,
            latitude: 1.0,
        })?,
    };
    let gate = tx.insert(Gate {
        airport,
        state: State::Open,
        passengers: 0,
        label: Text::EMPTY,
    })?;
    let gates = tx.table::<Gate>().iter();
    let number = gates.filter(|(_, gate)| gate.airport == airport).count();
    tx.set(gate, Gate::fields().passengers, number as u32)?;
    Ok(gate.get())
}

/// Adds an airport without a look; the second with its code is refused.
#[procedure]
fn found(tx: &mut TransactionHandle, code: Text<4>) -> Result<u64> {
    let id = tx.insert(Airport {
        code,
        latitude: 2.0,
    })?;
    Ok(id.get())
}

/// Closes an airport; one with gates is kept.
#[procedure]
fn ruin(tx: &mut TransactionHandle, airport: Id<Airport>) -> Result<()> {
    Ok(tx.delete(airport)?)
}

/// Passes over the gates of the airports that are there, and closes one of them.
#[procedure]
fn board(tx: &mut TransactionHandle, gate: Id<Gate>) -> Result<()> {
    let (mut gates, airports) = tx.split::<Gate, Airport>();
    gates.par_for_each_mut(|_, gate| {
        let latitude = airports.get(gate.airport).map_or(0.0, |a| a.latitude);
        gate.passengers = gate.passengers * 3 % 1_000 + latitude as u32;
    })?;
    Ok(gates.delete(gate)?)
}

fn a_call(random: &mut Random) -> Request {
    let id = |random: &mut Random| Value::from(random.below(12) + 1);
    let code = |random: &mut Random| Value::from(random.pick(&["ATL", "SEA", "JFK", "OAK"]));
    let amount = Value::from(i64::try_from(random.below(100)).unwrap());
    match random.below(13) {
        0 | 1 => {
            let (from, to) = (id(random), id(random));
            call(
                "transfer",
                &[("from", from), ("to", to), ("amount", amount)],
            )
        }
        2 | 3 => call("open", &[("balance", amount)]),
        4 => call("open_as_many", &[]),
        5 => call("shut", &[("account", id(random))]),
        6 => call("overwrite", &[("account", id(random)), ("balance", amount)]),
        7 => call("interest", &[("percent", amount)]),
        8 => call("level", &[("limit", amount)]),
        9 => call("build", &[("code", code(random))]),
        10 => call("found", &[("code", code(random))]),
        11 => call("ruin", &[("airport", id(random))]),
        _ => call("board", &[("gate", id(random))]),
    }
}

/// What was told to whom, and all records of all tables with their ids.
type Outcomes = (Vec<String>, Vec<(String, u64, Vec<(u64, Vec<u8>)>)>);

/// Runs the calls, so many in one tick, on so many threads.
fn run(batches: &[Vec<Request>], threads: usize, one_by_one: bool) -> Outcomes {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().unwrap();
    let mut world = World::with(
        |builder| {
            builder
                .procedure::<transfer>()
                .procedure::<open>()
                .procedure::<open_as_many>()
                .procedure::<shut>()
                .procedure::<overwrite>()
                .procedure::<interest>()
                .procedure::<level>()
                .procedure::<build>()
                .procedure::<found>()
                .procedure::<ruin>()
                .procedure::<board>()
        },
        Config::default(),
    );
    for batch in batches {
        for request in batch {
            world.submit(request.clone()).unwrap();
            if one_by_one {
                pool.install(|| world.runtime.step());
            }
        }
        pool.install(|| world.runtime.step());
    }
    let mut replies = world.replies();
    replies.sort_by_key(|(number, _)| *number);
    let told = replies.iter().map(|(_, reply)| words(reply)).collect();
    let snapshot = world.db().snapshot();
    let tables = snapshot.tables().map(|table| {
        let records = table
            .records()
            .map(|(id, record)| (id.get(), record.to_bytes().into_owned()));
        let name = table.schema().name.to_string();
        (name, table.last_id(), records.collect())
    });
    (told, tables.collect())
}

#[test]
fn random_batches_give_what_one_call_after_another_gives_on_any_number_of_threads() {
    for_each_seed(0..40, |seed| {
        let mut random = Random::new(seed);
        let ticks = 2 + random.below(4);
        let batches: Vec<Vec<Request>> = (0..ticks)
            .map(|_| (0..random.below(24)).map(|_| a_call(&mut random)).collect())
            .collect();
        let expected = run(&batches, 1, true);
        for threads in [1, 2, 4] {
            let found = run(&batches, threads, false);
            let calls: Vec<_> = batches.iter().flatten().collect();
            for (number, call) in calls.iter().enumerate() {
                assert_eq!(
                    found.0[number], expected.0[number],
                    "seed {seed}, {threads} threads, call {number}: {call:?}"
                );
            }
            assert_eq!(found.1, expected.1, "seed {seed}, {threads} threads");
        }
    });
}
