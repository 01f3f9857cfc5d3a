//! Value tables: structs with texts, bytes and options go in and out, and are read in place.

use harness::table_definition;
use tickbase::{
    Database, Error, Id, Isolation, RecordCodec, Timestamp, TransactionError, Value, table,
};

const LONG: &str = "a text that is too long for its field";

/// Somebody who has an account.
#[table]
#[derive(Clone, Debug, PartialEq)]
struct User {
    active: bool,
    #[key]
    name: String,
    age: Option<u32>,
    nick: Option<String>,
    picture: Vec<u8>,
    seen: Option<Timestamp>,
    #[references(User)]
    friend: Option<Id<User>>,
    score: i64,
}

fn user(name: &str) -> User {
    User {
        active: true,
        name: name.to_owned(),
        age: None,
        nick: None,
        picture: Vec::new(),
        seen: None,
        friend: None,
        score: 7,
    }
}

fn full(name: &str, friend: Id<User>) -> User {
    User {
        age: Some(36),
        nick: Some(LONG.to_owned()),
        picture: vec![5; 50],
        seen: Some(Timestamp::from_micros(1_000_000)),
        friend: Some(friend),
        ..user(name)
    }
}

fn database() -> Database {
    Database::builder().table::<User>().in_memory().unwrap()
}

const DEFINITION: [(&str, &str); 8] = [
    ("active", "bool"),
    ("name", "string"),
    ("age", "option<u32>"),
    ("nick", "option<string>"),
    ("picture", "bytes"),
    ("seen", "option<timestamp>"),
    ("friend", "option<id<user>>"),
    ("score", "i64"),
];

#[test]
fn a_struct_and_a_definition_of_the_same_fields_have_the_same_layout_and_the_same_bytes() {
    let typed = database();
    let dynamic = Database::builder().in_memory().unwrap();
    dynamic
        .create_table(&table_definition("user", &DEFINITION))
        .unwrap();
    let (typed_table, dynamic_table) =
        (typed.table("user").unwrap(), dynamic.table("user").unwrap());
    let fields = |db: &Database| {
        let snapshot = db.snapshot();
        let table = snapshot.table_by_name("user").unwrap();
        let layout = &table.schema().layout;
        let places = layout.fields().iter();
        let places =
            places.map(|field| (field.name.to_string(), field.offset, field.layout.clone()));
        (
            places.collect::<Vec<_>>(),
            layout.record_size(),
            layout.align(),
        )
    };
    assert_eq!(fields(&typed), fields(&dynamic));
    assert_eq!(typed_table.record_size().unwrap(), 96);

    let first = typed.transact(|tx| Ok(tx.insert(user("Ada"))?)).unwrap();
    for record in [user("Bob"), full("Eve", first), full(LONG, first)] {
        let id = typed
            .transact(|tx| Ok(tx.insert(record.clone())?))
            .unwrap()
            .record_id();
        let bytes = typed_table.read_record(id).unwrap();
        assert_eq!(bytes, record.to_bytes());
        let value = typed_table.read_value(id).unwrap();
        assert_eq!(value, RecordCodec::to_value(&record));

        let copy = dynamic_table.create_record(&value).unwrap();
        assert_eq!(dynamic_table.read_record(copy).unwrap(), bytes);
        assert_eq!(User::from_bytes(&bytes).unwrap(), record);
        assert_eq!(User::from_json(&record.to_json()).unwrap(), record);
    }
}

#[test]
fn a_record_is_read_in_place_field_by_field_and_as_a_whole() {
    let db = database();
    let (ada, eve) = db
        .transact(|tx| {
            let ada = tx.insert(user("Ada"))?;
            Ok((ada, tx.insert(full(LONG, ada))?))
        })
        .unwrap();
    let snapshot = db.snapshot();
    let users = snapshot.table::<User>();
    let read = users.get(eve).unwrap();
    assert_eq!(
        (read.active(), read.name(), read.age()),
        (true, LONG, Some(36))
    );
    assert_eq!((read.nick(), read.picture()), (Some(LONG), &[5; 50][..]));
    assert_eq!(read.seen(), Some(Timestamp::from_micros(1_000_000)));
    assert_eq!((read.friend(), read.score()), (Some(ada), 7));
    assert_eq!(read.to_value(), full(LONG, ada));
    let other = users.get(ada).unwrap();
    assert_eq!(
        (other.age(), other.nick(), other.friend()),
        (None, None, None)
    );
    assert_eq!(
        other.name().as_ptr(),
        users.get(ada).unwrap().name().as_ptr()
    );
    assert_eq!(
        format!("{other:?}"),
        "User { active: true, name: \"Ada\", age: null, nick: null, picture: \"\", seen: null, \
         friend: null, score: 7 }"
    );
    assert_eq!(
        other.to_json(),
        "{\"active\":true,\"name\":\"Ada\",\"age\":null,\"nick\":null,\"picture\":\"\",\
         \"seen\":null,\"friend\":null,\"score\":7}"
    );
    assert_eq!(
        users.get(Id::from_u64(9).unwrap()).map(|user| user.score()),
        None
    );
}

#[test]
fn records_are_updated_replaced_set_and_deleted_and_the_key_is_the_text() {
    let db = database();
    let fields = User::fields();
    db.transact(|tx| {
        let ada = tx.insert(user("Ada"))?;
        let bob = tx.insert(user(LONG))?;
        tx.update(ada, |user| user.name.push_str(" Lovelace"))?;
        tx.set(ada, fields.nick, Some("the first"))?;
        tx.set(ada, fields.picture, &[1; 30])?;
        tx.set(bob, fields.name, "Bob")?;
        assert_eq!(tx.find(fields.name, "Bob").map(|(id, _)| id), Some(bob));
        assert_eq!(tx.find(fields.name, LONG).map(|(id, _)| id), None);
        assert_eq!(
            tx.find(fields.nick, Some("the first")).map(|(id, _)| id),
            Some(ada)
        );
        Ok(())
    })
    .unwrap();
    let snapshot = db.snapshot();
    let users = snapshot.table::<User>();
    let (ada, read) = users.find(fields.name, "Ada Lovelace").unwrap();
    assert_eq!(
        (read.nick(), read.picture()),
        (Some("the first"), &[1; 30][..])
    );
    let (bob, _) = users.find(fields.name, "Bob").unwrap();

    let twice = db.transact(|tx| Ok(tx.insert(user("Bob"))?));
    let Err(Error::Transaction(TransactionError::DuplicateKey {
        field, existing, ..
    })) = twice
    else {
        panic!("{twice:?}");
    };
    assert_eq!((field.as_str(), existing), ("name", bob.record_id()));

    db.transact(|tx| {
        tx.replace(bob, user("Eve"))?;
        tx.delete(ada)?;
        tx.set(bob, fields.age, Some(1))?;
        Ok(())
    })
    .unwrap();
    let now = db.snapshot();
    let users = now.table::<User>();
    assert_eq!(users.len(), 1);
    assert_eq!(
        users.get(bob).unwrap().to_value(),
        User {
            age: Some(1),
            ..user("Eve")
        }
    );
    assert!(users.get(ada).is_none() && users.find(fields.name, "Bob").is_none());
    let missing = db.transact(|tx| Ok(tx.set(ada, fields.name, "x")?));
    assert!(missing.is_err(), "a deleted record was set");
    let astray = db.transact(|tx| Ok(tx.set(bob, fields.friend, Some(ada))?));
    assert!(matches!(
        astray,
        Err(Error::Transaction(TransactionError::RelationMissing { .. }))
    ));
}

#[test]
fn two_transactions_that_set_two_texts_of_one_record_both_count() {
    let db = database();
    let ada = db.transact(|tx| Ok(tx.insert(user("Ada"))?)).unwrap();
    let mut outer = db.begin_with(Isolation::ReadCommitted);
    outer.set(ada, User::fields().name, LONG).unwrap();
    let inner = db.clone();
    std::thread::spawn(move || {
        let set = |tx: &mut tickbase::TransactionHandle| {
            Ok(tx.set(ada, User::fields().nick, Some("another text that is long"))?)
        };
        inner.transact(set).unwrap();
    })
    .join()
    .unwrap();
    outer.commit().unwrap();
    let snapshot = db.snapshot();
    let read = snapshot.table::<User>().get(ada).unwrap();
    assert_eq!(
        (read.name(), read.nick()),
        (LONG, Some("another text that is long"))
    );
}

#[test]
fn passes_read_every_record_and_set_fields_of_both_kinds() {
    let db = database();
    let count = 300_u64;
    db.transact(|tx| {
        for number in 0..count {
            tx.insert(user(&format!("user {number}")))?;
        }
        tx.table_mut::<User>().par_for_each_mut(|id, user| {
            if id.get() % 2 == 0 {
                let name = format!("{} of the even ones", user.name());
                user.set_name(&name);
                assert_eq!(user.name(), name);
                user.set_age(Some(u32::try_from(id.get()).unwrap()));
                user.set_nick(Some(LONG));
            }
            user.set_score(user.score() + 1);
        })?;
        Ok(())
    })
    .unwrap();
    let snapshot = db.snapshot();
    let users = snapshot.table::<User>();
    let mut seen = 0;
    users.for_each(|id, user| {
        seen += 1;
        let even = id.get() % 2 == 0;
        assert_eq!(user.score(), 8);
        assert_eq!(user.name().ends_with(" of the even ones"), even);
        assert_eq!((user.age().is_some(), user.nick().is_some()), (even, even));
    });
    assert_eq!(seen, count);
    let sum = users.par_fold(
        || 0,
        |sum, _, user| sum + u64::from(user.age().unwrap_or(0)),
        |left, right| left + right,
    );
    assert_eq!(sum, (1..=count / 2).map(|half| half * 2).sum::<u64>());
    let seen = std::sync::atomic::AtomicU64::new(0);
    users.par_for_each(|_, user| {
        seen.fetch_add(
            user.nick().map_or(0, str::len) as u64,
            std::sync::atomic::Ordering::Relaxed,
        );
    });
    assert_eq!(seen.into_inner(), count / 2 * LONG.len() as u64);
    let found = users
        .find(User::fields().name, "user 1 of the even ones")
        .unwrap();
    assert_eq!(found.0.get(), 2);
}

#[test]
fn a_pass_that_makes_one_record_too_long_changes_none() {
    let db = database();
    db.transact(|tx| {
        tx.insert(user("Ada"))?;
        tx.insert(user("Bob"))?;
        Ok(())
    })
    .unwrap();
    let huge = "x".repeat(17 * 1024 * 1024);
    let passed = db.transact(|tx| {
        Ok(tx.table_mut::<User>().par_for_each_mut(|id, user| {
            user.set_score(0);
            if id.get() == 2 {
                user.set_nick(Some(&huge));
            }
        })?)
    });
    let Err(Error::Transaction(TransactionError::InvalidRecord { faults, .. })) = passed else {
        panic!("{passed:?}");
    };
    assert_eq!(faults[0].field, "nick");
    let inserted = db.transact(|tx| {
        let nick = Some(huge.clone());
        Ok(tx.insert(User {
            nick,
            ..user("Eve")
        })?)
    });
    assert!(inserted.is_err(), "a text of 17 MiB was taken");
    let snapshot = db.snapshot();
    assert!(
        snapshot
            .table::<User>()
            .iter()
            .all(|(_, user)| user.score() == 7)
    );
}

#[test]
fn what_comes_by_name_is_read_by_the_struct_and_the_other_way_round() {
    let db = database();
    let table = db.table("user").unwrap();
    let value = Value::object([
        ("active", Value::Bool(false)),
        ("name", LONG.into()),
        ("picture", Value::Bytes(vec![3; 13])),
        ("score", 5.into()),
    ]);
    let id = Id::<User>::new(table.create_record(&value).unwrap());
    let snapshot = db.snapshot();
    let read = snapshot.table::<User>().get(id).unwrap();
    assert_eq!(
        (read.name(), read.picture(), read.age()),
        (LONG, &[3; 13][..], None)
    );
    db.transact(|tx| Ok(tx.set(id, User::fields().name, "short")?))
        .unwrap();
    let value = table.read_value(id.record_id()).unwrap();
    assert_eq!(value.get("name"), Some(&Value::from("short")));
    assert_eq!(value.get("picture"), Some(&Value::Bytes(vec![3; 13])));
    assert_eq!(read.name(), LONG, "a snapshot changed");
}
