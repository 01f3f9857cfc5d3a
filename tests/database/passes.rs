//! Passes over tables, typed and by name, and many reads at once: each beside a plain loop.

use std::sync::Mutex;

use harness::{Account, Random};
use tickbase::{Database, FieldDefinition, Id, Name, RecordId, TableDefinition, Value};

/// Accounts with balances 0, 1, 2 and so on; every seventh and a long run are deleted, and the table
/// is compacted.
fn accounts(count: i64) -> Database {
    let db = Database::builder().table::<Account>().in_memory().unwrap();
    db.transact(|tx| {
        for balance in 0..count {
            tx.insert(Account { balance })?;
        }
        Ok(())
    })
    .unwrap();
    db.transact(|tx| {
        for number in
            (1..=count.cast_unsigned()).filter(|n| n % 7 == 0 || (1_000..1_900).contains(n))
        {
            tx.delete(Id::<Account>::from_u64(number).unwrap())?;
        }
        Ok(())
    })
    .unwrap();
    db.compact_table("account").unwrap();
    db
}

#[test]
fn many_reads_at_once_find_what_single_reads_find() {
    let db = accounts(5_000);
    let mut random = Random::new(11);
    let snapshot = db.snapshot();
    let table = snapshot.table::<Account>();
    for count in [0_usize, 1, 31, 32, 33, 1_000] {
        let ids: Vec<_> = (0..count)
            .map(|_| Id::<Account>::from_u64(1 + random.below(6_000)).unwrap())
            .collect();
        let found = table.get_many(ids.iter().copied());
        assert_eq!(found.size_hint(), (count, Some(count)));
        let found: Vec<_> = found.map(|a| a.map(|a| a.balance)).collect();
        let expected: Vec<_> = ids
            .iter()
            .map(|id| table.get(*id).map(|a| a.balance))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn filters_and_reductions_agree_with_a_plain_loop_and_with_each_other() {
    let db = accounts(20_000);
    let snapshot = db.snapshot();
    let table = snapshot.table::<Account>();
    let odd = table.filter(|account| account.balance % 2 == 1);
    let expected: Vec<_> = table
        .iter()
        .filter(|(_, account)| account.balance % 2 == 1)
        .map(|(id, account)| (id.get(), account.balance))
        .collect();
    assert!(expected.len() > 5_000, "there is something to look at");
    let iterated: Vec<_> = odd.iter().map(|(id, a)| (id.get(), a.balance)).collect();
    assert_eq!(iterated, expected);
    let mut visited = Vec::new();
    odd.for_each(|id, a| visited.push((id.get(), a.balance)));
    assert_eq!(visited, expected);
    let side_by_side = Mutex::new(Vec::new());
    odd.par_for_each(|id, a| side_by_side.lock().unwrap().push((id.get(), a.balance)));
    let mut side_by_side = side_by_side.into_inner().unwrap();
    side_by_side.sort_unstable();
    assert_eq!(side_by_side, expected);
    assert_eq!(odd.count(), expected.len() as u64);
    let sum: i64 = expected.iter().map(|(_, balance)| balance).sum();
    assert_eq!(
        odd.par_fold(|| 0, |sum, _, a| sum + a.balance, |l, r| l + r),
        sum
    );
    // Joined in the order of the records, or the text would be another.
    let text =
        |pairs: &[(u64, i64)]| -> String { pairs.iter().map(|(id, _)| format!("{id},")).collect() };
    let joined = odd.par_reduce(
        |id, _| format!("{},", id.get()),
        |left, right| left + &right,
    );
    assert_eq!(joined.unwrap(), text(&expected));
    let most = table.par_reduce(|_, a| a.balance, i64::max);
    assert_eq!(most, table.iter().map(|(_, a)| a.balance).max());
    let none = table.filter(|account| account.balance < 0);
    assert_eq!(none.par_reduce(|_, a| a.balance, i64::max), None);
}

#[test]
fn a_pass_with_a_condition_changes_those_that_satisfy_it_and_no_others() {
    let db = accounts(5_000);
    let before = db.snapshot();
    db.transact(|tx| {
        Ok(tx.table_mut::<Account>().par_for_each_mut_where(
            |id, account| id.get() > 50 && account.balance % 3 == 0,
            |_, account| account.balance = -account.balance - 1,
        )?)
    })
    .unwrap();
    let after = db.snapshot();
    assert_eq!(
        after.table::<Account>().len(),
        before.table::<Account>().len()
    );
    let mut changed = 0;
    for (id, account) in before.table::<Account>().iter() {
        let now = after.table::<Account>().get(id).unwrap().balance;
        if id.get() > 50 && account.balance % 3 == 0 {
            assert_eq!(now, -account.balance - 1);
            changed += 1;
        } else {
            assert_eq!(now, account.balance);
        }
    }
    assert!(changed > 500);
}

/// A table by name with a number and a text, which are the same, for numbers from 0.
fn notes(count: i64) -> Database {
    let db = Database::builder().in_memory().unwrap();
    let field = |name, type_id| FieldDefinition::new(Name::new(name).unwrap(), type_id);
    let fields = vec![field("number", "i64"), field("text", "string")];
    let definition = TableDefinition::new(Name::new("note").unwrap(), fields);
    db.create_table(&definition).unwrap();
    db.transact(|tx| {
        for number in 0..count {
            let text = format!("the note with the number {number}");
            let note = Value::object([("number", Value::from(number)), ("text", text.into())]);
            tx.create_record("note", &note)?;
        }
        Ok(())
    })
    .unwrap();
    db
}

#[test]
fn passes_by_name_see_every_record_with_its_text_once_and_fold_in_order() {
    let db = notes(3_000);
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("note").unwrap();
    let (_, text) = table.schema().layout.field("text").unwrap();
    let expected: Vec<_> = table
        .records()
        .map(|(id, note)| (id, text.value(note)))
        .collect();
    assert_eq!(expected.len(), 3_000);
    assert_eq!(
        expected[2_999].1,
        Value::from("the note with the number 2999")
    );
    let mut visited = Vec::new();
    table.for_each(|id, note| visited.push((id, text.value(note))));
    assert_eq!(visited, expected);
    let folded = table.par_fold(
        Vec::new,
        |mut all, id, note| {
            all.push((id, text.value(note)));
            all
        },
        |mut left, right| {
            left.extend(right);
            left
        },
    );
    assert_eq!(folded, expected);
    let seen = Mutex::new(Vec::new());
    table.par_for_each(|id, _| seen.lock().unwrap().push(id));
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
}

#[test]
fn a_mutating_pass_by_name_writes_texts_of_any_length_or_nothing_at_all() {
    let db = notes(2_000);
    let value = |id: u64, field: &str| {
        let snapshot = db.snapshot();
        let table = snapshot.table_by_name("note").unwrap();
        let (_, field) = table.schema().layout.field(field).unwrap();
        field.value(table.record(RecordId::new(id).unwrap()).unwrap())
    };
    db.transact(|tx| {
        Ok(tx.par_for_each_mut("note", |id, note| {
            if id.get() % 2 == 0 {
                let Value::Text(text) = note.get("text")? else {
                    panic!("a text");
                };
                note.set("text", text.repeat(5))?;
                note.set("number", -1)?;
            }
            Ok(())
        })?)
    })
    .unwrap();
    assert_eq!(value(9, "text"), Value::from("the note with the number 8"));
    assert_eq!(
        value(10, "text"),
        Value::from("the note with the number 9".repeat(5))
    );
    assert_eq!(
        (value(9, "number"), value(10, "number")),
        (8.into(), (-1).into())
    );
    // The first record that cannot be changed is told, whichever core comes to it first.
    let before = db.snapshot().version();
    let refused = db.transact(|tx| {
        Ok(tx.par_for_each_mut("note", |id, note| match id.get() {
            700..1_500 => note.set("number", format!("no number, in record {id}")),
            _ => note.set("number", 0),
        })?)
    });
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("in record 700"), "{told}");
    assert_eq!(db.snapshot().version(), before);
    assert_eq!(value(1, "number"), 0.into());
    assert_eq!(value(9, "number"), 8.into());
    let unknown =
        db.transact(|tx| Ok(tx.par_for_each_mut("note", |_, note| note.set("nubmer", 1))?));
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("did you mean `number`")
    );
}
