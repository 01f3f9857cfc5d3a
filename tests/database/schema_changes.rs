//! Fields that come and go while others read and write.

use harness::{
    Account, for_each_seed,
    purses::{COINS, PURSES, change_fields_under_load, field, purses},
};
use tickbase::{Error, RecordId, SchemaError, TransactionError, Value};

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

#[test]
fn readers_and_writers_go_on_while_the_fields_of_a_large_table_come_and_go() {
    for_each_seed(7..9, |seed| {
        assert_eq!(change_fields_under_load(seed, 20), 20);
    });
}

#[test]
fn a_transaction_that_read_a_record_of_other_fields_runs_again() {
    let db = purses(3);
    let mut tx = db.begin();
    let read = tx.read_record("purse", id(1)).unwrap().unwrap().to_vec();
    tx.insert(Account { balance: 1 }).unwrap();
    // Fields come and go until the bytes are as they were, and say something else.
    db.remove_field("purse", "owner").unwrap();
    db.remove_field("purse", "coins").unwrap_err();
    db.add_fields("purse", &[field("owner", "option<u8>", Value::Null)])
        .unwrap();
    db.remove_field("purse", "coins").unwrap();
    db.add_fields("purse", &[field("money", "u64", COINS)])
        .unwrap();
    let now = db.table("purse").unwrap().read_record(id(1)).unwrap();
    assert_eq!(now, read, "the bytes are the same");
    let error = tx.commit().unwrap_err();
    assert!(
        matches!(error, TransactionError::Conflict { .. }),
        "{error}"
    );
    assert!(db.snapshot().table::<Account>().is_empty());
}

#[test]
fn a_table_can_be_dropped_while_its_fields_change() {
    let db = purses(PURSES);
    let ended = std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let mut changes = 0;
            loop {
                let added = db.add_fields("purse", &[field("label", "text<20>", "x")]);
                let error = match added.and_then(|_| db.remove_field("purse", "label")) {
                    Ok(_) => {
                        changes += 1;
                        continue;
                    }
                    Err(error) => error,
                };
                let Error::Schema(
                    SchemaError::TableDropped { .. } | SchemaError::TableNotFound { .. },
                ) = error
                else {
                    panic!("{error}");
                };
                return changes;
            }
        });
        while db
            .snapshot()
            .table_by_name("purse")
            .unwrap()
            .schema()
            .schema_version
            < 3
        {
            std::thread::yield_now();
        }
        db.drop_table("purse").unwrap();
        changing.join().unwrap()
    });
    assert!(ended >= 1);
    assert!(db.snapshot().table_by_name("purse").is_none());
    let accounts = db.memory_bytes();
    assert_eq!(accounts, 0, "nothing of the table, old or new, is kept");
}

#[test]
fn a_change_of_fields_inside_a_transaction_is_refused() {
    let db = purses(1);
    let refused = db.transact(|_| {
        db.add_fields("purse", &[field("label", "text<20>", "x")])?;
        Ok(())
    });
    assert!(matches!(
        refused,
        Err(Error::Transaction(TransactionError::Nested))
    ));
}
