//! Records of typed and dynamic tables, as structs, values and bytes.

use harness::{Account, Airport, Gate, State, airport, table_definition};
use tickbase::{
    Database, Error, FieldDefinition, Id, Name, RecordCodec, RecordId, SchemaError, Text,
    TransactionError, Value,
};

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

#[test]
fn a_struct_and_a_table_made_at_run_time_have_the_same_bytes() {
    let db = Database::builder()
        .table::<Airport>()
        .table::<Gate>()
        .in_memory()
        .unwrap();
    let twin = table_definition(
        "twin",
        &[
            ("airport", "id<airport>"),
            ("state", "state"),
            ("passengers", "u32"),
            ("label", "text<5>"),
        ],
    );
    db.create_table(&twin).unwrap();
    let gate = db
        .transact(|tx| {
            let airport = tx.insert(airport("ATL"))?;
            let label = Text::new("B7").unwrap();
            Ok(tx.insert(Gate {
                airport,
                state: State::Open,
                passengers: 9,
                label,
            })?)
        })
        .unwrap();
    let twin = db.table("twin").unwrap();
    let fields = Value::object([
        ("airport", Value::from(1_u64)),
        ("state", "Open".into()),
        ("passengers", 9_u32.into()),
        ("label", "B7".into()),
    ]);
    let twin_id = twin.create_record(&fields).unwrap();
    let stored = db
        .table_of::<Gate>()
        .unwrap()
        .read_record(gate.record_id())
        .unwrap();
    assert_eq!(twin.read_record(twin_id).unwrap(), stored);
    assert_eq!(twin.read_value(twin_id).unwrap(), fields);
    #[rustfmt::skip]
    let by_hand = [
        1, 0, 0, 0, 0, 0, 0, 0,         // airport
        1, 0, 0, 0,                     // state, then padding
        9, 0, 0, 0,                     // passengers
        2, 0, b'B', b'7', 0, 0, 0, 0,   // label, then padding
    ];
    assert_eq!(stored, by_hand);
    assert_eq!(Gate::fields().label.offset, 16);
    assert_eq!(twin.field_offset("label").unwrap(), 16);
    assert!(twin.validate_record_size().unwrap());
}

#[test]
fn a_struct_reads_back_the_json_that_it_wrote() {
    let label = Text::new("B\"7").unwrap();
    let airport = Id::from_u64(3).unwrap();
    let gate = Gate {
        airport,
        state: State::Closed,
        passengers: 0,
        label,
    };
    let json = gate.to_json();
    assert_eq!(
        json,
        r#"{"airport":3,"state":"Closed","passengers":0,"label":"B\"7"}"#
    );
    assert_eq!(Gate::from_json(&json).unwrap(), gate);
    assert_eq!(Gate::from_bytes(&gate.to_bytes()).unwrap(), gate);
    let mut bytes = gate.to_bytes();
    bytes[8] = 9;
    let fault = Gate::from_bytes(&bytes).unwrap_err();
    assert_eq!(
        fault[0].to_string(),
        "`state`: the bytes are no state: no variant has the number 9"
    );
    assert!(Gate::from_bytes(&bytes[1..]).is_err());
}

#[test]
fn a_write_through_a_reference_leaves_the_padding_zero() {
    let db = Database::builder()
        .table::<Airport>()
        .table::<Gate>()
        .in_memory()
        .unwrap();
    let label = Text::new("x").unwrap();
    let gate = db
        .transact(|tx| {
            let airport = tx.insert(airport("ATL"))?;
            let gate = Gate {
                airport,
                state: State::Open,
                passengers: 1,
                label,
            };
            let id = tx.insert(gate)?;
            tx.update(id, |slot| {
                *slot = Gate {
                    passengers: 2,
                    ..gate
                }
            })?;
            tx.table_mut::<Gate>().par_for_each_mut(|_, slot| {
                *slot = Gate {
                    passengers: 3,
                    ..gate
                }
            })?;
            Ok(id)
        })
        .unwrap();
    let bytes = db
        .table_of::<Gate>()
        .unwrap()
        .read_record(gate.record_id())
        .unwrap();
    assert_eq!(bytes[9..12], [0; 3]);
    assert_eq!(bytes[23], 0);
    assert_eq!(
        db.snapshot().table::<Gate>().get(gate).unwrap().passengers,
        3
    );
}

#[test]
fn a_record_that_does_not_fit_is_refused_and_leaves_the_table_as_it_was() {
    let db = Database::builder().in_memory().unwrap();
    db.create_table(&table_definition(
        "gate",
        &[("open", "bool"), ("number", "u32")],
    ))
    .unwrap();
    let gates = db.table("gate").unwrap();
    let good = Value::object([("open", Value::Bool(true)), ("number", 7_u32.into())]);
    let first = gates.create_record(&good).unwrap();
    let before = gates.read_record(first).unwrap();

    let wrong_type = Value::object([("open", Value::Bool(true)), ("number", "seven".into())]);
    let missing = Value::object([("open", Value::Bool(true))]);
    for bad in [wrong_type, missing, Value::Null] {
        let error = gates.create_record(&bad).unwrap_err();
        let refused = TransactionError::InvalidRecord {
            table: gates.name().clone(),
            faults: vec![],
        };
        let Error::Transaction(error) = error else {
            panic!("{error}")
        };
        assert_eq!(
            std::mem::discriminant(&error),
            std::mem::discriminant(&refused)
        );
    }
    let too_long = gates.update_record(first, &[0; 9]).unwrap_err();
    assert!(
        too_long.to_string().contains("8 bytes, these are 9"),
        "{too_long}"
    );
    let no_bool = gates
        .update_record(first, &[7, 0, 0, 0, 0, 0, 0, 0])
        .unwrap_err();
    assert!(
        no_bool
            .to_string()
            .contains("a bool is 0 or 1, this byte is 7"),
        "{no_bool}"
    );
    let unknown = gates
        .partial_update(first, &Value::object([("nmber", 1)]))
        .unwrap_err();
    assert!(
        unknown.to_string().contains("did you mean `number`?"),
        "{unknown}"
    );
    assert_eq!(gates.read_record(first).unwrap(), before);

    gates
        .partial_update(first, &Value::object([("number", 8_u32)]))
        .unwrap();
    assert_eq!(gates.read_record(first).unwrap(), [1, 0, 0, 0, 8, 0, 0, 0]);
}

#[test]
fn deleted_records_are_skipped_and_their_ids_are_not_used_again() {
    let db = Database::builder().table::<Account>().in_memory().unwrap();
    let ids: Vec<Id<Account>> = db
        .transact(|tx| {
            (0..500)
                .map(|balance| Ok(tx.insert(Account { balance })?))
                .collect()
        })
        .unwrap();
    db.transact(|tx| Ok(ids.iter().step_by(2).try_for_each(|id| tx.delete(*id))?))
        .unwrap();
    let accounts = db.table_of::<Account>().unwrap();
    let left = |db: &Database| -> Vec<u64> {
        db.snapshot()
            .table::<Account>()
            .iter()
            .map(|(id, _)| id.get())
            .collect()
    };
    let odd: Vec<u64> = (1..=500).filter(|id| id % 2 == 0).collect();
    assert_eq!(left(&db), odd);
    assert_eq!(db.snapshot().table::<Account>().len(), 250);

    accounts.compact_table().unwrap();
    assert_eq!(left(&db), odd, "compacting moves no id");
    let next = db
        .transact(|tx| Ok(tx.insert(Account { balance: 0 })?))
        .unwrap();
    assert_eq!(next.get(), 501);
    for gone in [ids[0], Id::from_u64(9_999).unwrap()] {
        let error = accounts
            .delete_record(gone.record_id())
            .unwrap_err()
            .to_string();
        assert!(error.contains("has no record"), "{error}");
        assert!(accounts.read_record(gone.record_id()).is_err());
    }
}

#[test]
fn fields_are_added_and_removed_while_records_keep_their_ids_and_values() {
    let db = Database::builder().in_memory().unwrap();
    db.create_table(&table_definition(
        "gate",
        &[("level", "u8"), ("number", "u32")],
    ))
    .unwrap();
    let gates = db.table("gate").unwrap();
    for number in 1..=100_u32 {
        let fields = Value::object([("level", Value::from(3_u8)), ("number", number.into())]);
        gates.create_record(&fields).unwrap();
    }
    gates.delete_record(id(50)).unwrap();
    let old = db.snapshot();
    let mut width = FieldDefinition::new(Name::new("width").unwrap(), "f32");
    let refused = db
        .add_fields("gate", std::slice::from_ref(&width))
        .unwrap_err();
    assert!(
        matches!(refused, Error::Schema(SchemaError::DefaultRequired { .. })),
        "{refused}"
    );
    width.default = Some(2.5.into());
    db.add_fields("gate", std::slice::from_ref(&width)).unwrap();
    assert!(matches!(
        db.add_fields("gate", &[width]).unwrap_err(),
        Error::Schema(SchemaError::FieldExists { .. })
    ));
    db.remove_field("gate", "level").unwrap();
    assert_eq!(gates.field_offset("number").unwrap(), 0);
    assert_eq!(gates.record_size().unwrap(), 8);
    let expected = Value::object([("number", Value::from(51_u32)), ("width", 2.5_f32.into())]);
    assert_eq!(gates.read_value(id(51)).unwrap(), expected);
    assert!(gates.read_record(id(50)).is_err());
    let before = old.table_by_name("gate").unwrap();
    assert_eq!(before.schema().record_size(), 8);
    assert_eq!(
        before.read_record(id(51)).unwrap(),
        [3, 0, 0, 0, 51, 0, 0, 0]
    );
    let next = gates
        .create_record(&Value::object([("number", 1_u32)]))
        .unwrap();
    assert_eq!(next.get(), 101);
}

#[test]
fn a_record_starts_where_its_page_and_offset_say_and_capacity_doubles() {
    let db = Database::builder().table::<Account>().in_memory().unwrap();
    db.transact(|tx| {
        (0..200).try_for_each(|balance| tx.insert(Account { balance }).map(|_| ()))?;
        Ok(())
    })
    .unwrap();
    let buffer = db.table_of::<Account>().unwrap().buffer();
    assert_eq!(buffer.record_offset(id(1)).unwrap(), Some((0, 0)));
    assert_eq!(buffer.record_offset(id(66)).unwrap(), Some((1, 8)));
    assert_eq!(buffer.record_offset(id(9_999)).unwrap(), None);
    let capacity = buffer.capacity().unwrap();
    let held = buffer.load().unwrap();
    buffer.grow().unwrap();
    assert!(buffer.capacity().unwrap() >= 2 * capacity);
    assert_eq!(held.view().records().count(), 200);
    assert_eq!(buffer.load().unwrap().view().records().count(), 200);
}

#[test]
fn storing_an_older_view_swaps_one_table_back_and_leaves_the_others() {
    let db = Database::builder()
        .table::<Airport>()
        .table::<Account>()
        .in_memory()
        .unwrap();
    let first = db
        .transact(|tx| Ok(tx.insert(Account { balance: 5 })?))
        .unwrap();
    let buffer = db.table_of::<Account>().unwrap().buffer();
    let old = buffer.load().unwrap();
    let (second, _) = db
        .transact(|tx| {
            tx.update(first, |account| account.balance = 6)?;
            Ok((
                tx.insert(Account { balance: 7 })?,
                tx.insert(airport("ATL"))?,
            ))
        })
        .unwrap();
    let held = db.snapshot();
    buffer.store(&old).unwrap();
    let snapshot = db.snapshot();
    assert_eq!(snapshot.table::<Account>().get(first).unwrap().balance, 5);
    assert!(snapshot.table::<Account>().get(second).is_none());
    assert_eq!(snapshot.table::<Airport>().len(), 1);
    assert_eq!(held.table::<Account>().get(first).unwrap().balance, 6);
    let third = db
        .transact(|tx| Ok(tx.insert(Account { balance: 8 })?))
        .unwrap();
    assert_eq!(third.get(), 3, "an id is never used again");
}

#[test]
fn an_id_that_an_older_transaction_draws_is_not_given_out_again_by_the_table_built_anew() {
    let db = Database::builder().in_memory().unwrap();
    db.create_table(&table_definition("gate", &[("number", "u32")]))
        .unwrap();
    let gates = db.table("gate").unwrap();
    let fields = Value::object([("number", 1_u32)]);
    gates.create_record(&fields).unwrap();
    let mut width = FieldDefinition::new(Name::new("width").unwrap(), "f32");
    width.default = Some(2.5.into());
    let view = gates.buffer().load().unwrap();
    let anew: [&dyn Fn(); 4] = [
        &|| gates.buffer().store(&view).unwrap(),
        &|| gates.compact_table().unwrap(),
        &|| drop(db.add_fields("gate", std::slice::from_ref(&width)).unwrap()),
        &|| drop(db.remove_field("gate", "width").unwrap()),
    ];
    for build in anew {
        let mut older = db.begin();
        build();
        let drawn = older.create_record("gate", &fields).unwrap();
        older.abort();
        assert!(gates.create_record(&fields).unwrap() > drawn);
    }
}
