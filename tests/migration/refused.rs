//! Changes of a struct that would lose something, and what is said of each.

use tickbase::{Database, Id, Text, table};

use crate::{refused, written};

#[test]
fn what_would_be_lost_is_told_field_by_field_with_what_would_allow_it() {
    mod before {
        use tickbase::{FieldType, Id, Text, table};

        #[derive(Clone, Copy, FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Closed,
            Open,
            Broken,
        }

        #[derive(Clone, Copy, FieldType)]
        #[repr(C)]
        pub(super) struct Place {
            pub x: f32,
            pub y: f32,
        }

        #[table]
        pub(super) struct Other {
            pub a: u8,
        }

        #[table]
        pub(super) struct Gate {
            pub narrowed: u32,
            pub signed: i8,
            pub large: u64,
            pub float: f64,
            pub text: Text<8>,
            pub list: [u8; 3],
            pub optional: Option<Id<Gate>>,
            pub target: Id<Gate>,
            pub state: State,
            pub place: Place,
            pub kind: u8,
            pub gone: u16,
            pub levle: bool,
        }
    }
    mod after {
        use tickbase::{FieldType, Id, Text, table};

        #[derive(Clone, Copy, FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Closed,
            Opened,
        }

        #[derive(Clone, Copy, FieldType)]
        #[repr(C)]
        pub(super) struct Place {
            pub x: f32,
            pub z: f32,
        }

        #[table]
        pub(super) struct Other {
            pub a: u8,
        }

        #[table]
        pub(super) struct Gate {
            pub narrowed: u8,
            pub signed: u8,
            pub large: i64,
            pub float: f32,
            pub text: Text<7>,
            pub list: [u8; 4],
            pub optional: Id<Gate>,
            pub target: Id<Other>,
            pub state: State,
            pub place: Place,
            pub kind: bool,
            pub level: bool,
            pub owner: Id<Other>,
        }

        impl Gate {
            pub(super) const STATES: [State; 2] = [State::Closed, State::Opened];
        }
    }
    let first = Id::from_u64(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .table::<before::Gate>()
        .table::<before::Other>()
        .open(&folder)
        .unwrap();
    let gate = before::Gate {
        narrowed: 1,
        signed: 1,
        large: 1,
        float: 1.0,
        text: Text::EMPTY,
        list: [1; 3],
        optional: None,
        target: first,
        state: before::State::Closed,
        place: before::Place { x: 1.0, y: 1.0 },
        kind: 1,
        gone: 1,
        levle: true,
    };
    crate::insert(&db, &[gate, gate]);
    drop(db);
    let program = Database::builder()
        .table::<after::Gate>()
        .table::<after::Other>();
    let retyped = |field: &str, difference: &str| {
        format!(
            "`gate.{field}` {difference}: take back the change of the type; or let a new field with \
             a default have the new type, copy what is to be kept, and then drop this one by \
             `#[table(drops(\"{field}\"))]`"
        )
    };
    let expected = [
        retyped("narrowed", "was u32 and is now u8, which cannot hold all of its values"),
        retyped("signed", "was i8 and is now u8, which cannot hold all of its values"),
        retyped("large", "was u64 and is now i64, which cannot hold all of its values"),
        retyped("float", "was f64 and is now f32, which cannot hold all of its values"),
        retyped("text", "was text<8> and is now text<7>, which is shorter"),
        retyped("list", "was [u8; 3] and is now [u8; 4], which has another number of elements"),
        retyped("optional", "was option<id<gate>> and is now id<gate>, which cannot be none"),
        retyped("target", "was id<gate> and is now id<other>, which refers to another table"),
        retyped("state", "is of type state as before, which lacks `Open`, `Broken` now"),
        retyped("place", "is of type place as before, which has a part `z` that nothing is known of now"),
        retyped("kind", "was u8 and is now bool, which is another kind of value"),
        "`gate.level` is new, and nothing says what the 2 records that are there have in it: write \
         `#[field(default = …)]` on it, or `#[field(renamed_from = \"…\")]` where it had another name"
            .to_owned(),
        "`gate.owner` is new, and nothing says what the 2 records that are there have in it: let it \
         be an `Option` of that id, so that they have none"
            .to_owned(),
        "`gate.gone` is not in the struct any more, and its values would be lost: write \
         `#[table(drops(\"gone\"))]` on the struct to let them go, or \
         `#[field(renamed_from = \"gone\")]` on the field that it is now"
            .to_owned(),
        "`gate.levle` is not in the struct any more, and its values would be lost: write \
         `#[table(drops(\"levle\"))]` on the struct to let them go, or \
         `#[field(renamed_from = \"levle\")]` on `level`, if that is what it is called now"
            .to_owned(),
    ];
    assert_eq!(refused(folder.path(), program), expected);
    let _ = (
        after::Gate::STATES,
        before::State::Open,
        before::State::Broken,
    );
}

#[test]
fn a_field_does_not_become_unique_where_two_records_share_a_value() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub number: u32,
        }
    }
    #[table]
    struct Gate {
        #[key]
        number: u64,
    }
    let gates = [7, 8, 7].map(|number| before::Gate { number });
    let folder = written(&gates);
    assert_eq!(
        refused(folder.path(), Database::builder().table::<Gate>()),
        [
            "`gate.number` is unique now, and the value of record 1 is that of record 3 too: take \
          `#[unique]` or `#[key]` away, or let the records differ with the former program"
        ]
    );
}

#[test]
fn a_field_does_not_begin_to_refer_where_an_id_leads_nowhere() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub twin: tickbase::Id<Gate>,
        }
    }
    #[table]
    struct Gate {
        #[references(Gate)]
        twin: Id<Gate>,
    }
    let twin = Id::from_u64(9).unwrap();
    let folder = written(&[before::Gate { twin }]);
    assert_eq!(
        refused(folder.path(), Database::builder().table::<Gate>()),
        [
            "`gate.twin` refers to `gate` now, and a record has the id 9, which is none there: take \
          `#[references(…)]` away, or correct the records with the former program"
        ]
    );
}

#[test]
fn all_tables_are_told_of_at_once() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub number: u32,
        }

        #[tickbase::table]
        pub(super) struct Door {
            pub number: u32,
        }
    }
    #[table]
    struct Gate {
        number: u16,
    }
    #[table]
    struct Door {
        number: i32,
    }
    let folder = written(&[before::Gate { number: 1 }]);
    let db = Database::builder()
        .table::<before::Gate>()
        .table::<before::Door>()
        .open(&folder)
        .unwrap();
    drop(db);
    let program = Database::builder().table::<Gate>().table::<Door>();
    let told = refused(folder.path(), program);
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("`gate.number` was u32"), "{told:?}");
    assert!(told[1].starts_with("`door.number` was u32"), "{told:?}");
}

#[test]
fn what_a_crash_left_in_a_folder_is_still_there_after_a_refusal() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub number: u32,
        }
    }
    #[table]
    struct Gate {
        number: u16,
    }
    let folder = written(&[before::Gate { number: 1 }]);
    for name in ["schema.json.tmp", "data/gate.9.bin", "data/gate.bin.tmp"] {
        std::fs::write(folder.path().join(name), "left behind").unwrap();
    }
    let told = refused(folder.path(), Database::builder().table::<Gate>());
    assert_eq!(told.len(), 1);
    crate::open::<before::Gate>(folder.path()).unwrap();
    assert!(!folder.path().join("schema.json.tmp").exists());
}
