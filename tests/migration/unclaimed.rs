//! Stored tables that no struct of the program declares, and types that only the folder knows.

use tickbase::{Database, FieldType, Value, table};

use crate::{json, open, refused, told, written};

#[derive(Clone, Copy, FieldType)]
#[repr(u8)]
enum State {
    Closed,
    Open,
}

#[table]
struct Gate {
    #[unique]
    number: u32,
    state: State,
}

#[table]
struct Other {
    number: u32,
}

fn gates() -> tempfile::TempDir {
    written(&[State::Closed, State::Open].map(|state| Gate {
        number: 5 + state as u32,
        state,
    }))
}

#[test]
fn a_table_whose_struct_is_gone_is_kept_by_its_name_and_is_the_structs_again_later() {
    let folder = gates();
    let db = open::<Other>(folder.path()).unwrap();
    assert_eq!(
        told(&db),
        [
            "table `gate`: no struct of the program declares it any more; it is kept, and can be \
          reached and changed by its name"
        ]
    );
    let gates = db.table("gate").unwrap();
    let gate = Value::object([("number", Value::from(9)), ("state", "Open".into())]);
    assert_eq!(gates.create_record(&gate).unwrap().get(), 3);
    db.flush().unwrap();
    drop((gates, db));
    let db = open::<Other>(folder.path()).unwrap();
    assert_eq!(told(&db), [""; 0], "it is told once");
    drop(db);
    let db = open::<Gate>(folder.path()).unwrap();
    assert_eq!(
        json::<Gate>(&db.snapshot()),
        [
            "1 {\"number\":5,\"state\":\"Closed\"}",
            "2 {\"number\":6,\"state\":\"Open\"}",
            "3 {\"number\":9,\"state\":\"Open\"}",
        ]
    );
}

#[test]
fn a_table_without_a_struct_takes_part_in_the_change_of_a_type_that_it_uses() {
    mod grown {
        #[derive(Clone, Copy, tickbase::FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Broken,
            Closed,
            Open,
        }

        #[tickbase::table]
        pub(super) struct Door {
            pub state: State,
        }
    }
    mod shrunk {
        #[derive(Clone, Copy, tickbase::FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Closed,
        }

        #[tickbase::table]
        pub(super) struct Door {
            pub state: State,
        }
    }
    let folder = gates();
    let db = open::<Other>(folder.path()).unwrap();
    let fields = [
        ("text", "string"),
        ("state", "state"),
        ("more", "option<string>"),
    ];
    let definition = harness::table_definition("note", &fields);
    db.create_table(&definition).unwrap();
    let long = |text: &str| Value::from(format!("{text} that does not fit into its slot"));
    let note = [
        ("text", long("this")),
        ("state", "Open".into()),
        ("more", long("more")),
    ];
    let note = Value::object(note);
    db.table("note").unwrap().create_record(&note).unwrap();
    db.flush().unwrap();
    drop(db);
    let told_of = refused(folder.path(), Database::builder().table::<shrunk::Door>());
    assert_eq!(told_of.len(), 2);
    assert!(
        told_of[0].starts_with("`gate.state` is of type state as before, which lacks `Open` now"),
        "{told_of:?}"
    );
    let db = open::<grown::Door>(folder.path()).unwrap();
    let gates = db.table("gate").unwrap();
    let states: Vec<String> = [1, 2]
        .map(|id| gates.read_value(id.try_into().unwrap()))
        .iter()
        .map(|record| format!("{record:?}"))
        .collect();
    assert!(
        states[0].contains("Closed") && states[1].contains("Open"),
        "{states:?}"
    );
    let _ = (
        grown::State::Broken,
        grown::State::Closed,
        grown::State::Open,
    );
    let _ = shrunk::State::Closed;
}

#[test]
fn a_dynamic_table_may_become_that_of_a_struct() {
    let folder = tempfile::tempdir().unwrap();
    let db = open::<Other>(folder.path()).unwrap();
    let fields = [("number", "u16"), ("note", "string"), ("label", "text<2>")];
    let definition = harness::table_definition("gate", &fields);
    db.create_table(&definition).unwrap();
    let record = Value::object([
        ("number", Value::from(5)),
        ("note", "a text that is longer than its slot".into()),
        ("label", "B7".into()),
    ]);
    db.table("gate").unwrap().create_record(&record).unwrap();
    db.flush().unwrap();
    drop(db);
    let told_of = refused(folder.path(), Database::builder().table::<Gate>());
    assert_eq!(told_of.len(), 3, "{told_of:?}");

    mod typed {
        use tickbase::{Text, table};

        #[table(drops("note"))]
        pub(super) struct Gate {
            #[key]
            pub number: u32,
            pub label: Text<3>,
        }
    }
    let db = open::<typed::Gate>(folder.path()).unwrap();
    assert_eq!(
        json::<typed::Gate>(&db.snapshot()),
        ["1 {\"number\":5,\"label\":\"B7\"}"]
    );
}
