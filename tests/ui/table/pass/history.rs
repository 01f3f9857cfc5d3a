//! What a struct can say of its table's past, in the ways in which it can be written.

use tickbase::{Database, FieldType, Id, RecordCodec, Text, Timestamp, Value, table};

#[derive(Clone, Copy, Debug, PartialEq, FieldType)]
#[repr(u8)]
enum State {
    Shut,
    Open,
}

const LEVEL: u8 = 3;
type Label = Text<4>;

#[table(name = "door", renamed_from = "gate", renamed_from("portal", "entry"), drops("a", "b"))]
#[derive(Debug, PartialEq)]
struct Door {
    #[field(default = LEVEL + 1)]
    level: u8,
    #[field(default = "B7", renamed_from = "name")]
    label: Text<4>,
    #[field(default = Label::literal("C8"), renamed_from("alias", "also"), renamed_from = "too")]
    other: Label,
    #[field(default = State::Open)]
    #[unique]
    state: State,
    #[field(default = [0.5; 2])]
    place: [f64; 2],
    #[field(default = Timestamp::from_micros(0))]
    since: Timestamp,
    #[field(default = None)]
    twin: Option<Id<Door>>,
}

fn main() {
    let db = Database::builder().table::<Door>().in_memory().unwrap();
    let doors = db.table("door").unwrap();
    let id = doors.create_record(&Value::object([("level", 9)])).unwrap();
    let snapshot = db.snapshot();
    let door = snapshot.table::<Door>().get(Id::new(id)).unwrap();
    assert_eq!((door.level, door.label.as_str(), door.other.as_str()), (9, "B7", "C8"));
    assert_eq!((door.state, door.place, door.twin), (State::Open, [0.5; 2], None));
    assert_ne!(door.state, State::Shut);
    assert_eq!(Door::from_json("{}").unwrap().level, 4);
    assert!(db.migrations().is_empty());
}
