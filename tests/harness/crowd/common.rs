//! Records that all threads of a crowd change, and what must hold of them whoever did what.

use tickbase::{Database, Error, Id, Result, Snapshot, Table, TransactionError, Value};

use super::share::record_id;
use crate::{Account, Random, table_definition};

/// Accounts, and purses, which are the same in a table made at run time.
const ACCOUNTS: u64 = 48;
/// What all of them hold together.
const TOTAL: i64 = 2 * 100 * ACCOUNTS as i64;
/// Records whose two halves are equal.
const TWINS: u64 = 16;

/// Fills the tables, which the database has.
pub(super) fn fill(db: &Database) -> Result<()> {
    db.create_table(&table_definition("purse", &[("balance", "i64")]))?;
    db.create_table(&table_definition(
        "twin",
        &[("left", "i64"), ("right", "i64")],
    ))?;
    db.transact(|tx| {
        for _ in 0..ACCOUNTS {
            tx.insert(Account { balance: 100 })?;
            tx.create_record("purse", &Value::object([("balance", 100)]))?;
        }
        for _ in 0..TWINS {
            tx.create_record("twin", &Value::object([("left", 0), ("right", 0)]))?;
        }
        Ok(())
    })
}

fn account(random: &mut Random) -> Id<Account> {
    Id::from_u64(1 + random.below(ACCOUNTS)).expect("it is above 0")
}

fn integer(bytes: &[u8]) -> i64 {
    i64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

/// What must hold of every snapshot.
pub(super) fn check(snapshot: &Snapshot) {
    let accounts = snapshot.table::<Account>();
    let one_by_one: i64 = accounts.iter().map(|(_, a)| a.balance).sum();
    let purses = snapshot.table_by_name("purse").expect("it is there");
    let in_purses: i64 = purses
        .records()
        .map(|(_, purse)| integer(purse.fixed))
        .sum();
    assert_eq!(one_by_one + in_purses, TOTAL, "money comes and goes");
    let twins = snapshot.table_by_name("twin").expect("it is there");
    for (id, twin) in twins.records() {
        let (left, right) = twin.fixed.split_at(8);
        assert_eq!(integer(left), integer(right), "twin {id}");
    }
    assert_eq!(
        (accounts.len(), purses.len(), twins.len()),
        (ACCOUNTS, ACCOUNTS, TWINS)
    );
}

/// Moves money from an account to another, or to or from a purse.
pub(super) fn transfer(db: &Database, random: &mut Random) -> Result<()> {
    let (from, to) = (account(random), account(random));
    let purse = record_id(1 + random.below(ACCOUNTS));
    let cents = i64::try_from(random.below(100)).expect("it is small");
    let with_purse = random.one_in(3);
    db.transact(|tx| {
        tx.update(from, |from| from.balance -= cents)?;
        if !with_purse {
            return Ok(tx.update(to, |to| to.balance += cents)?);
        }
        let balance = integer(tx.read_record("purse", purse)?.expect("none is deleted"));
        let balance = Value::object([("balance", balance + cents)]);
        Ok(tx.partial_update("purse", purse, &balance)?)
    })
}

/// Gives one to every account, and takes as much from one of them. Nobody else may come between,
/// or the sum is another.
pub(super) fn pass(db: &Database, random: &mut Random) -> Result<()> {
    let payer = account(random);
    db.transact(|tx| {
        let mut accounts = tx.table_mut::<Account>();
        let count = i64::try_from(accounts.view().len()).expect("it is small");
        accounts.par_for_each_mut(|_, account| account.balance += 1)?;
        Ok(accounts.update(payer, |payer| payer.balance -= count)?)
    })
}

/// Gives both halves of a twin one number, at once or in a transaction that reads them.
pub(super) fn change_twin(db: &Database, twins: &Table, random: &mut Random) -> Result<()> {
    let id = record_id(1 + random.below(TWINS));
    let halves = |number: i64| Value::object([("left", number), ("right", number)]);
    let number = i64::try_from(random.below(1_000)).expect("it is small");
    match random.below(3) {
        0 => twins.partial_update(id, &halves(number)),
        1 => {
            let bytes = [number.to_le_bytes(), number.to_le_bytes()].concat();
            twins.update_record(id, &bytes)
        }
        _ => db.transact(|tx| {
            let bytes = tx.read_record("twin", id)?.expect("none is deleted");
            let (left, right) = (integer(&bytes[..8]), integer(&bytes[8..]));
            assert_eq!(left, right);
            Ok(tx.partial_update("twin", id, &halves(left + 1))?)
        }),
    }
}

/// A change that writes money and then refuses leaves nothing.
pub(super) fn refuse(db: &Database, random: &mut Random) {
    let (from, cents) = (account(random), 1 + random.below(9));
    let refused: Result<()> = db.transact(|tx| {
        tx.update(from, |from| from.balance -= cents as i64)?;
        Err(Error::Transaction(TransactionError::Nested))
    });
    assert!(matches!(
        refused,
        Err(Error::Transaction(TransactionError::Nested))
    ));
}
