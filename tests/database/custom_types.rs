//! A type of the program's own, with a serializer of its own, in a table by name.

use std::{cmp::Ordering, sync::Arc};

use tickbase::{
    Database, FieldDefinition, Name, RecordId, TableDefinition, TypeDefinition, TypeSerializer,
    Value, ValueFault,
};

/// A share from 0 to 100, kept as a byte and written as text, such as `75 %`.
struct Percent;

impl TypeSerializer for Percent {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let refuse = || ValueFault::TypeMismatch {
            expected: "a share such as \"75 %\"".to_owned(),
            found: value.describe(),
        };
        let Value::Text(text) = value else {
            return Err(refuse());
        };
        let number = text
            .strip_suffix(" %")
            .and_then(|number| number.parse().ok());
        let share = number.filter(|share| *share <= 100).ok_or_else(refuse)?;
        out[0] = share;
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        format!("{} %", bytes[0]).into()
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        match bytes[0] {
            0..=100 => Ok(()),
            other => Err(ValueFault::InvalidBytes {
                type_id: "percent".to_owned(),
                reason: format!("{other} is more than 100"),
            }),
        }
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        left[0].partial_cmp(&right[0])
    }
}

fn database() -> Database {
    let percent = TypeDefinition::Opaque {
        size: 1,
        align: 1,
        serializer: Arc::new(Percent),
    };
    let db = Database::builder()
        .register_type("percent", percent)
        .in_memory()
        .unwrap();
    let field = |name, type_id| FieldDefinition::new(Name::new(name).unwrap(), type_id);
    let fields = vec![field("charge", "percent"), field("cells", "[percent; 2]")];
    let definition = TableDefinition::new(Name::new("battery").unwrap(), fields);
    db.create_table(&definition).unwrap();
    db
}

#[test]
fn values_go_in_and_out_through_the_serializer_of_their_type_also_inside_arrays() {
    let db = database();
    let table = db.table("battery").unwrap();
    let cells = Value::List(vec!["1 %".into(), "100 %".into()]);
    let battery = Value::object([("charge", "75 %".into()), ("cells", cells)]);
    let id = db
        .transact(|tx| Ok(tx.create_record("battery", &battery)?))
        .unwrap();
    assert_eq!(table.read_value(id).unwrap(), battery);
    let snapshot = db.snapshot();
    let stored = snapshot.table_by_name("battery").unwrap();
    assert_eq!(stored.read_record(id).unwrap(), [75, 1, 100]);
    let layout = snapshot.catalog().types().get("percent").unwrap();
    assert_eq!((layout.size, layout.align), (1, 1));
}

#[test]
fn what_the_serializer_refuses_is_refused_with_its_words_and_leaves_nothing() {
    let db = database();
    let refused = |value: Value| {
        let battery = Value::object([("charge", value), ("cells", Value::List(vec![]))]);
        let error = db.transact(|tx| Ok(tx.create_record("battery", &battery)?));
        error.unwrap_err().to_string()
    };
    assert!(refused("101 %".into()).contains("a share such as"));
    assert!(refused(75.into()).contains("a share such as"));
    let bytes = db.transact(|tx| Ok(tx.create_record_bytes("battery", &[75, 1, 101])?));
    let told = bytes.unwrap_err().to_string();
    assert!(told.contains("101 is more than 100"), "{told}");
    let snapshot = db.snapshot();
    assert!(snapshot.table_by_name("battery").unwrap().is_empty());
    let none = RecordId::MIN;
    assert!(db.table("battery").unwrap().read_value(none).is_err());
}
