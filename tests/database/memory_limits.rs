//! Limits of memory: refused writes leave no trace, reads go on, and room can be made.

use harness::{Account, Airport, table_definition};
use tickbase::{
    Config, Database, Error, FieldDefinition, Id, Name, RecordId, SchemaError, StorageError,
    TableDefinition, TransactionError, Value,
};

const LIMIT: u64 = 1 << 20;

/// Adds so many accounts in one transaction.
fn add(db: &Database, count: i64) -> tickbase::Result<()> {
    db.transact(|tx| {
        (0..count).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
        Ok(())
    })
}

/// Adds accounts until the table takes no more, and gives the refusal.
fn fill(db: &Database) -> Error {
    loop {
        if let Err(error) = add(db, 1_000) {
            while add(db, 1).is_ok() {}
            return error;
        }
    }
}

fn limited() -> Database {
    let builder = Database::builder().table::<Account>().table::<Airport>();
    builder
        .table_memory_limit::<Account>(LIMIT)
        .in_memory()
        .unwrap()
}

fn len(db: &Database) -> u64 {
    db.snapshot().table::<Account>().len()
}

fn memory_of_accounts(db: &Database) -> (u64, Option<u64>) {
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("account").unwrap();
    (table.memory_bytes(), table.memory_limit_bytes())
}

fn is_full(error: &Error) -> bool {
    let (Error::Storage(error) | Error::Transaction(TransactionError::Storage(error))) = error
    else {
        return false;
    };
    matches!(
        error,
        StorageError::TableMemoryLimit { table, used_bytes, limit_bytes: LIMIT }
            if *table == *"account" && *used_bytes <= LIMIT + LIMIT / 8
    )
}

#[test]
fn a_table_at_its_limit_refuses_writes_and_says_what_to_do() {
    let db = limited();
    let error = fill(&db);
    assert!(is_full(&error), "{error}");
    let text = error.to_string();
    for part in [
        "table `account` uses",
        "of 1048576 bytes",
        "compact it, or raise its",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // Most of what it may take holds records.
    let kept = len(&db);
    assert!(
        kept * 8 > LIMIT * 9 / 10,
        "{kept} records of 8 bytes in 1 MiB"
    );
    let (used, limit) = memory_of_accounts(&db);
    assert!(
        used <= LIMIT + LIMIT / 8 && limit == Some(LIMIT),
        "{used} of {limit:?}"
    );
    assert_eq!(db.snapshot().table::<Account>().iter().count() as u64, kept);
    // Others are not concerned.
    let airports = |tx: &mut tickbase::TransactionHandle| {
        (0..5_000).try_for_each(|n| tx.insert(harness::airport(&format!("{n:x}"))).map(|_| ()))?;
        Ok(())
    };
    db.transact(airports).unwrap();
}

#[test]
fn refused_writes_leave_no_trace_however_many() {
    let db = limited();
    add(&db, 1_000).unwrap();
    let before = (memory_of_accounts(&db), db.memory_bytes(), len(&db));
    for _ in 0..20 {
        let error = add(&db, 1_000_000).unwrap_err();
        assert!(is_full(&error), "{error}");
        assert_eq!(
            (memory_of_accounts(&db), db.memory_bytes(), len(&db)),
            before
        );
    }
    fill(&db);
    let before = (memory_of_accounts(&db), db.memory_bytes(), len(&db));
    for _ in 0..1_000 {
        let error = add(&db, 1).unwrap_err();
        assert!(is_full(&error), "{error}");
    }
    assert_eq!(
        (memory_of_accounts(&db), db.memory_bytes(), len(&db)),
        before
    );
    // What is there can still be changed, one by one.
    let first = Id::<Account>::from_u64(1).unwrap();
    for balance in 0..1_000 {
        db.transact(|tx| Ok(tx.update(first, |account| account.balance = balance)?))
            .unwrap();
    }
    assert_eq!(
        db.snapshot().table::<Account>().get(first).unwrap().balance,
        999
    );
}

#[test]
fn deleting_and_compacting_makes_room_at_either_limit() {
    let databases = [
        limited(),
        Database::builder()
            .table::<Account>()
            .config(Config {
                memory_limit_bytes: LIMIT,
                ..Config::default()
            })
            .in_memory()
            .unwrap(),
    ];
    for db in databases {
        fill(&db);
        let kept = len(&db);
        // All at once, which takes the most nodes.
        db.transact(|tx| {
            let ids: Vec<Id<Account>> = tx.table::<Account>().iter().map(|(id, _)| id).collect();
            ids[100..].iter().try_for_each(|id| tx.delete(*id))?;
            Ok(())
        })
        .unwrap();
        add(&db, 1_000).unwrap_err();
        db.compact_table("account").unwrap();
        assert!(db.memory_bytes() < LIMIT / 4, "{}", db.memory_bytes());
        assert_eq!(len(&db), 100);
        add(&db, 1_000).unwrap();
        fill(&db);
        assert!(len(&db) > kept * 9 / 10);
    }
}

#[test]
fn a_table_that_does_not_say_has_the_limit_of_the_settings() {
    let config = Config {
        table_memory_limit_bytes: Some(1 << 17),
        ..Config::default()
    };
    let builder = Database::builder()
        .table::<Account>()
        .table::<Airport>()
        .table_memory_limit::<Account>(LIMIT)
        .config(config);
    let db = builder.in_memory().unwrap();
    let note = table_definition("note", &[("stars", "u64")]);
    db.create_table(&note).unwrap();
    let wide = TableDefinition {
        memory_limit_bytes: Some(1 << 22),
        ..table_definition("wide", &[("stars", "u64")])
    };
    db.create_table(&wide).unwrap();
    let limit_of = |name: &str| {
        let snapshot = db.snapshot();
        snapshot.table_by_name(name).unwrap().memory_limit_bytes()
    };
    assert_eq!(limit_of("account"), Some(LIMIT));
    assert_eq!(limit_of("airport"), Some(1 << 17));
    assert_eq!(limit_of("note"), Some(1 << 17));
    assert_eq!(limit_of("wide"), Some(1 << 22));
    let notes = |table: &str, count: u64| {
        let note = Value::object([("stars", 1_u64)]);
        db.transact(|tx| {
            (0..count).try_for_each(|_| tx.create_record(table, &note).map(|_| ()))?;
            Ok(())
        })
    };
    let error = notes("note", 20_000).unwrap_err();
    assert!(error.to_string().contains("of 131072 bytes"), "{error}");
    notes("wide", 20_000).unwrap();

    // Raised while it runs, then taken back: what is above it stays.
    db.set_table_memory_limit("note", Some(1 << 20)).unwrap();
    notes("note", 20_000).unwrap();
    db.set_table_memory_limit("note", None).unwrap();
    assert_eq!(limit_of("note"), Some(1 << 17));
    notes("note", 20_000).unwrap_err();
    let snapshot = db.snapshot();
    let table = snapshot.table_by_name("note").unwrap();
    assert_eq!((table.len(), table.records().count()), (20_000, 20_000));
    let compiled = db.set_table_memory_limit("account", None).unwrap_err();
    assert!(matches!(
        compiled,
        Error::Schema(SchemaError::TableIsCompiled { .. })
    ));
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let limited_to = |limit| {
        let builder = Database::builder().table::<Account>();
        builder.table_memory_limit::<Account>(limit).in_memory()
    };
    let error = limited_to(65_535).unwrap_err().to_string();
    let expected = "table `account` is refused: its memory limit is 65535 bytes, it has to be at \
                    least 65536";
    assert_eq!(error, expected);
    let smallest = limited_to(65_536).unwrap();
    add(&smallest, 1_000).unwrap();
    assert!(add(&smallest, 10_000).is_err());

    let builder = Database::builder().table::<Account>();
    let undeclared = builder.table_memory_limit::<Airport>(LIMIT).in_memory();
    let error = undeclared.unwrap_err().to_string();
    assert!(
        error.contains("no struct of the program declares table `airport`"),
        "{error}"
    );
    let tiny = TableDefinition {
        memory_limit_bytes: Some(1),
        ..table_definition("note", &[("stars", "u8")])
    };
    assert!(smallest.create_table(&tiny).is_err());
    assert!(smallest.table("note").is_err());
}

#[test]
fn fields_that_do_not_fit_are_refused_and_fewer_fields_make_room() {
    let db = Database::builder().in_memory().unwrap();
    let definition = TableDefinition {
        memory_limit_bytes: Some(LIMIT),
        ..table_definition("note", &[("stars", "u64"), ("label", "option<text<20>>")])
    };
    db.create_table(&definition).unwrap();
    let notes = |count: u64| {
        let note = Value::object([("stars", 1_u64)]);
        db.transact(|tx| {
            (0..count).try_for_each(|_| tx.create_record("note", &note).map(|_| ()))?;
            Ok(())
        })
    };
    notes(20_000).unwrap();
    let before = db.memory_bytes();
    let more = FieldDefinition {
        default: Some("y".into()),
        ..FieldDefinition::new(Name::new("more").unwrap(), "text<30>")
    };
    let more = [more];
    for _ in 0..3 {
        let error = db.add_fields("note", &more).unwrap_err().to_string();
        assert!(error.contains("table `note` uses"), "{error}");
        assert_eq!(db.memory_bytes(), before);
    }
    // Above its limit, as after a start with a lower one, it still can lose a field.
    db.set_table_memory_limit("note", Some(1 << 17)).unwrap();
    notes(1_000).unwrap_err();
    db.remove_field("note", "label").unwrap();
    assert!(db.memory_bytes() < before / 2);
    notes(1_000).unwrap_err();
    db.set_table_memory_limit("note", Some(LIMIT)).unwrap();
    notes(1_000).unwrap();
    let table = db.table("note").unwrap();
    assert_eq!(
        table.read_record(RecordId::new(20_000).unwrap()).unwrap(),
        1_u64.to_le_bytes()
    );
}
