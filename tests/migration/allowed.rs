//! Changes of a struct that lose nothing.

use tickbase::{Id, Text, table};

use crate::{migrated, open, written};

#[test]
fn a_new_field_has_its_default_or_none_in_the_records_that_are_there() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub level: u8,
        }
    }
    mod after {
        use tickbase::{FieldType, Id, Text, table};

        #[derive(Clone, Copy, FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Closed = 3,
            Open = 9,
        }

        #[table]
        pub(super) struct Gate {
            #[field(default = State::Open)]
            pub state: State,
            pub level: u8,
            #[field(default = -2.5)]
            pub height: f32,
            #[field(default = "B7")]
            pub label: Text<5>,
            #[field(default = [1, 2])]
            pub doors: [u16; 2],
            pub twin: Option<Id<Gate>>,
        }

        impl Gate {
            pub(super) const OTHER: State = State::Closed;
        }
    }
    let folder = written(&[before::Gate { level: 1 }, before::Gate { level: 2 }]);
    let (steps, records) = migrated::<after::Gate>(folder.path());
    assert_eq!(
        steps,
        [
            "table `gate`: `state` is new, with \"Open\"; `height` is new, with -2.5; `label` is new, \
          with \"B7\"; `doors` is new, with a list of 2; `twin` is new, with null"
        ]
    );
    let record = |id: u8| {
        format!(
            "{id} {{\"state\":\"Open\",\"level\":{id},\"height\":-2.5,\"label\":\"B7\",\
             \"doors\":[1,2],\"twin\":null}}"
        )
    };
    assert_eq!(records, [record(1), record(2)]);
    assert_eq!(after::Gate::OTHER as u8, 3);
}

#[test]
fn a_new_field_of_a_table_without_records_needs_no_default() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub level: u8,
        }
    }
    #[table]
    struct Gate {
        level: u8,
        number: u32,
    }
    let folder = written::<before::Gate>(&[]);
    let (steps, records) = migrated::<Gate>(folder.path());
    assert_eq!(steps, ["table `gate`: `number` is new"]);
    assert!(records.is_empty());
}

#[test]
fn numbers_texts_and_ids_grow_into_types_that_hold_all_that_they_held() {
    mod before {
        use tickbase::{Id, Text, table};

        #[table]
        #[derive(Debug)]
        pub(super) struct Gate {
            pub a: u8,
            pub b: u16,
            pub c: u32,
            pub d: i8,
            pub e: i32,
            pub f: u8,
            pub g: u64,
            pub h: f32,
            pub i: Text<3>,
            pub j: Id<Gate>,
            pub k: [u8; 3],
        }
    }
    mod after {
        use tickbase::{Id, Text, table};

        #[table]
        pub(super) struct Gate {
            pub a: u16,
            pub b: u32,
            pub c: u64,
            pub d: i16,
            pub e: i64,
            pub f: i16,
            pub g: i128,
            pub h: f64,
            pub i: Text<4>,
            pub j: Option<Id<Gate>>,
            pub k: [i32; 3],
        }
    }
    let first = Id::from_u64(1).unwrap();
    let most = before::Gate {
        a: u8::MAX,
        b: u16::MAX,
        c: u32::MAX,
        d: i8::MIN,
        e: i32::MIN,
        f: u8::MAX,
        g: u64::MAX,
        h: 0.1,
        i: Text::literal("äb"),
        j: first,
        k: [0, 1, 255],
    };
    let least = before::Gate {
        a: 0,
        b: 0,
        c: 0,
        d: 127,
        e: -1,
        f: 0,
        g: 0,
        h: f32::NAN,
        i: Text::EMPTY,
        j: first,
        k: [7; 3],
    };
    let folder = written(&[most, least]);
    let (steps, records) = migrated::<after::Gate>(folder.path());
    let types = [
        "`a` was u8 and is now u16",
        "`b` was u16 and is now u32",
        "`c` was u32 and is now u64",
        "`d` was i8 and is now i16",
        "`e` was i32 and is now i64",
        "`f` was u8 and is now i16",
        "`g` was u64 and is now i128",
        "`h` was f32 and is now f64",
        "`i` was text<3> and is now text<4>",
        "`j` was id<gate> and is now option<id<gate>>",
        "`k` was [u8; 3] and is now [i32; 3]",
    ];
    assert_eq!(steps, [format!("table `gate`: {}", types.join("; "))]);
    assert_eq!(
        records,
        [
            "1 {\"a\":255,\"b\":65535,\"c\":4294967295,\"d\":-128,\"e\":-2147483648,\"f\":255,\
             \"g\":\"18446744073709551615\",\"h\":0.10000000149011612,\"i\":\"äb\",\"j\":1,\
             \"k\":[0,1,255]}",
            "2 {\"a\":0,\"b\":0,\"c\":0,\"d\":127,\"e\":-1,\"f\":0,\"g\":\"0\",\"h\":\"NaN\",\
             \"i\":\"\",\"j\":1,\"k\":[7,7,7]}",
        ]
    );
}

#[test]
fn fields_may_stand_in_another_order() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub level: u8,
            pub number: u32,
            pub open: bool,
        }
    }
    #[table]
    struct Gate {
        open: bool,
        level: u8,
        number: u32,
    }
    let folder = written(&[before::Gate {
        level: 3,
        number: 70_000,
        open: true,
    }]);
    let (steps, records) = migrated::<Gate>(folder.path());
    assert_eq!(steps, ["table `gate`: the fields stand in another order"]);
    assert_eq!(records, ["1 {\"open\":true,\"level\":3,\"number\":70000}"]);
}

#[test]
fn a_field_goes_with_its_values_where_the_struct_says_that_it_may() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub level: u8,
            #[unique]
            pub number: u32,
            pub open: bool,
        }
    }
    #[table(drops("number", "never_was_there"))]
    struct Gate {
        level: u8,
        open: bool,
    }
    let folder = written(&[before::Gate {
        level: 3,
        number: 70_000,
        open: true,
    }]);
    let (steps, records) = migrated::<Gate>(folder.path());
    assert_eq!(steps, ["table `gate`: `number` was dropped"]);
    assert_eq!(records, ["1 {\"level\":3,\"open\":true}"]);
}

#[test]
fn an_enum_may_get_variants_and_its_variants_other_numbers_also_within_a_composite() {
    mod before {
        use tickbase::{FieldType, table};

        #[derive(Clone, Copy, FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Closed,
            Open,
        }

        #[derive(Clone, Copy, FieldType)]
        #[repr(C)]
        pub(super) struct Door {
            pub width: u16,
            pub state: State,
        }

        #[table]
        pub(super) struct Gate {
            pub state: State,
            pub door: Door,
        }
    }
    mod after {
        use tickbase::{FieldType, table};

        #[derive(Clone, Copy, FieldType)]
        #[repr(u8)]
        pub(super) enum State {
            Broken,
            Closed,
            Open,
        }

        #[derive(Clone, Copy, FieldType)]
        #[repr(C)]
        pub(super) struct Door {
            pub state: State,
            pub width: u32,
        }

        #[table]
        pub(super) struct Gate {
            pub state: State,
            pub door: Door,
        }

        impl Gate {
            pub(super) const BROKEN: State = State::Broken;
        }
    }
    use before::State;
    let gate = |state, width| before::Gate {
        state,
        door: before::Door { width, state },
    };
    let folder = written(&[gate(State::Closed, 1), gate(State::Open, 2)]);
    let (steps, records) = migrated::<after::Gate>(folder.path());
    assert_eq!(
        steps,
        [
            "table `gate`: `state` can be Broken too; the type of `door`, door, is another one; `door` \
          can be Broken too"
        ]
    );
    assert_eq!(
        records,
        [
            "1 {\"state\":\"Closed\",\"door\":{\"state\":\"Closed\",\"width\":1}}",
            "2 {\"state\":\"Open\",\"door\":{\"state\":\"Open\",\"width\":2}}",
        ]
    );
    let _ = (
        after::Gate::BROKEN,
        after::State::Closed,
        after::State::Open,
    );
}

#[test]
fn a_field_becomes_unique_where_the_records_allow_it_and_stops_being_so_anywhere() {
    mod plain {
        #[tickbase::table]
        pub(super) struct Gate {
            pub number: u32,
        }
    }
    mod unique {
        #[tickbase::table]
        pub(super) struct Gate {
            #[unique]
            pub number: u32,
        }
    }
    let folder = written(&[plain::Gate { number: 1 }, plain::Gate { number: 2 }]);
    let (steps, _) = migrated::<unique::Gate>(folder.path());
    assert_eq!(steps, ["table `gate`: `number` is unique now"]);
    let db = open::<unique::Gate>(folder.path()).unwrap();
    let twin = db.transact(|tx| Ok(tx.insert(unique::Gate { number: 2 })?));
    assert!(twin.unwrap_err().to_string().contains("number"));
    let snapshot = db.snapshot();
    let found = snapshot.table::<unique::Gate>();
    let found = found.find(unique::Gate::fields().number, 2).unwrap();
    assert_eq!(found.0.get(), 2);
    drop((snapshot, db));
    let (steps, records) = migrated::<plain::Gate>(folder.path());
    assert_eq!(steps, ["table `gate`: `number` is not unique any more"]);
    assert_eq!(records.len(), 2);
}

#[test]
fn ids_and_their_sequence_stay_as_they_were() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub number: u32,
        }
    }
    #[table]
    struct Gate {
        #[field(default = 9)]
        level: u8,
        #[unique]
        number: u64,
    }
    let folder = written::<before::Gate>(&[]);
    let db = open::<before::Gate>(folder.path()).unwrap();
    let ids: Vec<_> = (0..1_000)
        .map(|number| db.transact(|tx| Ok(tx.insert(before::Gate { number })?)))
        .collect::<Result<_, _>>()
        .unwrap();
    db.transact(|tx| {
        for id in ids.iter().filter(|id| id.get() % 3 == 0 || id.get() > 990) {
            tx.delete(*id)?;
        }
        Ok(())
    })
    .unwrap();
    db.flush().unwrap();
    drop(db);
    let (_, records) = migrated::<Gate>(folder.path());
    let expected = (1..=990).filter(|id| id % 3 != 0).map(|id| {
        let number = id - 1;
        format!("{id} {{\"level\":9,\"number\":{number}}}")
    });
    assert!(records.into_iter().eq(expected));
    let db = open::<Gate>(folder.path()).unwrap();
    let next = db.transact(|tx| {
        Ok(tx.insert(Gate {
            level: 0,
            number: 5_000,
        })?)
    });
    assert_eq!(next.unwrap().get(), 1_001);
}

#[test]
fn a_folder_may_be_several_structs_behind() {
    mod first {
        #[tickbase::table]
        pub(super) struct Gate {
            pub no: u8,
        }
    }
    mod third {
        use tickbase::{Text, table};

        #[table(name = "door", renamed_from("gate", "portal"), drops("height"))]
        pub(super) struct Door {
            #[field(renamed_from("nr", "no"))]
            pub number: u32,
            #[field(default = "")]
            pub label: Text<8>,
        }
    }
    let folder = written(&[first::Gate { no: 7 }]);
    let (steps, records) = migrated::<third::Door>(folder.path());
    assert_eq!(
        steps,
        [
            "table `door`: the table was called `gate`; `number` was called `no`; `number` was u8 and \
          is now u32; `label` is new, with \"\""
        ]
    );
    assert_eq!(records, ["1 {\"number\":7,\"label\":\"\"}"]);
}

#[test]
fn nothing_is_told_or_written_where_the_struct_is_the_same() {
    #[table]
    struct Gate {
        label: Text<4>,
        #[field(default = 1)]
        level: u8,
    }
    let label = Text::literal("B7");
    let folder = written(&[Gate { label, level: 2 }]);
    let before = crate::contents(folder.path());
    let (steps, records) = migrated::<Gate>(folder.path());
    assert_eq!(steps, [""; 0]);
    assert_eq!(records, ["1 {\"label\":\"B7\",\"level\":2}"]);
    assert!(crate::contents(folder.path()) == before);
}
