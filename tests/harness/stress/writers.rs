//! Threads that change everything as fast as they can.

use std::sync::atomic::Ordering;

use tickbase::{Database, FieldDefinition, Id, Name, Value};

use super::{ACCOUNTS, EndsAll, Stage};
use crate::{Account, Random};

/// Notes up to which the table grows.
const NOTES_MAX: u64 = 2_000;

/// Moves money, in small commits and large ones. Accounts come and go, and are as many as before.
pub(super) fn write_accounts(stage: &Stage, mut random: Random) {
    let _ends_all = EndsAll(stage);
    while stage.goes_on() {
        match random.below(40) {
            0 => pass(&stage.db),
            1..=10 => replace_account(&stage.db, &mut random),
            _ => transfer(&stage.db, &mut random),
        }
    }
}

/// An account that is there: the one that place `drawn` among all ids leads to, or the next.
fn account(db: &Database, random: &mut Random) -> Id<Account> {
    let snapshot = db.snapshot();
    let accounts = snapshot.table::<Account>().as_bytes();
    let drawn = random.below(accounts.last_id());
    let found = accounts.records_after(drawn).next();
    let found = found.or_else(|| accounts.records().next());
    Id::new(found.expect("there always are accounts").0)
}

/// Moves money between two accounts, where both are still there.
pub(super) fn transfer(db: &Database, random: &mut Random) {
    let (from, to) = (account(db, random), account(db, random));
    let cents = i64::try_from(random.below(50)).expect("it is small");
    db.transact(|tx| {
        if tx.get(from).is_some() && tx.get(to).is_some() {
            tx.update(from, |from| from.balance -= cents)?;
            tx.update(to, |to| to.balance += cents)?;
        }
        Ok(())
    })
    .expect("a transfer");
}

/// Deletes an account and gives what it held to a new one.
fn replace_account(db: &Database, random: &mut Random) {
    let gone = account(db, random);
    db.transact(|tx| {
        let account = *tx.require(gone)?;
        tx.delete(gone)?;
        Ok(tx.insert(account)?)
    })
    .expect("only this thread deletes");
}

/// Gives one to every account and takes all of it from the first.
pub(super) fn pass(db: &Database) {
    db.transact(|tx| {
        let mut accounts = tx.table_mut::<Account>();
        accounts.par_for_each_mut(|_, account| account.balance += 1)?;
        let first = accounts.view().iter().next().expect("there are some").0;
        let given = i64::try_from(ACCOUNTS).expect("it is small");
        accounts
            .update(first, |first| first.balance -= given)
            .map_err(Into::into)
    })
    .expect("a pass");
}

/// Writes and deletes notes, gives them other fields, and builds tables anew.
pub(super) fn change_notes(stage: &Stage, mut random: Random) {
    let _ends_all = EndsAll(stage);
    let notes = stage.db.table("note").expect("it is there");
    while stage.goes_on() {
        let length_end = random.pick(&[8, 30, 30, 3_000]);
        let text = "ä".repeat(random.place(length_end));
        let number = i64::try_from(random.below(99)).expect("it is small");
        let value = Value::object([("number", Value::from(number)), ("text", text.into())]);
        let view = notes.buffer().load().expect("a table");
        let last = view.view().last_id();
        let some = view.view().records_after(random.below(last + 1)).next();
        let some = some.map(|(id, _)| id);
        let many = view.view().len() > NOTES_MAX;
        drop(view);
        match (random.below(100), some) {
            (0..=1, _) => change_schema(stage, &mut random),
            (2..=30, Some(id)) => notes.partial_update(id, &value).expect("it is there"),
            (31..=50, Some(id)) => notes.delete_record(id).expect("it is there"),
            _ if many => {}
            _ => drop(notes.create_record(&value).expect("a note")),
        }
    }
}

fn change_schema(stage: &Stage, random: &mut Random) {
    let Stage { db, .. } = stage;
    let name = random.pick(&["a", "b", "c", "d"]);
    let snapshot = db.snapshot();
    let notes = snapshot.table_by_name("note").expect("it is there");
    let known = notes.schema().layout.field(name).is_some();
    match random.below(5) {
        0 => db.compact_table("account").expect("a compaction"),
        1 => db.compact_table("note").expect("a compaction"),
        _ if known => drop(db.remove_field("note", name).expect("it is there")),
        _ => {
            let type_id = random.pick(&["u8", "u32", "i64", "u128"]);
            let mut field = FieldDefinition::new(Name::new(name).expect("a name"), type_id);
            field.default = Some(Value::from(7));
            db.add_fields("note", &[field]).expect("it is not there");
        }
    }
    stage.schema_changes.fetch_add(1, Ordering::Relaxed);
}
