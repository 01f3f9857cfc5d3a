//! Tables and fields that have another name now, and the relations between them.

use tickbase::{Database, table};

use crate::{json, migrated, open, refused, told, written};

mod before {
    use tickbase::{Id, table};

    #[table]
    pub(super) struct Airport {
        #[key]
        pub code: u32,
    }

    #[table]
    pub(super) struct Gate {
        #[references(Airport)]
        pub airport: Id<Airport>,
        pub twin: Option<Id<Gate>>,
    }
}

mod after {
    use tickbase::{Id, table};

    #[table(renamed_from = "airport")]
    pub(super) struct Port {
        #[key]
        #[field(renamed_from = "code")]
        pub number: u64,
    }

    #[table(renamed_from = "gate")]
    pub(super) struct Door {
        pub twin: Option<Id<Door>>,
        #[references(Port)]
        #[field(renamed_from = "airport")]
        pub port: Option<Id<Port>>,
    }
}

fn airports_and_gates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder()
        .table::<before::Airport>()
        .table::<before::Gate>()
        .open(&folder)
        .unwrap();
    db.transact(|tx| {
        let airport = tx.insert(before::Airport { code: 7 })?;
        let gate = before::Gate {
            airport,
            twin: None,
        };
        let twin = Some(tx.insert(gate)?);
        tx.insert(before::Gate { airport, twin })?;
        Ok(())
    })
    .unwrap();
    let visits = harness::table_definition("visit", &[("airport", "option<id<airport>>")]);
    db.create_table(&visits).unwrap();
    db.create_relation(&tickbase::RelationDefinition {
        name: None,
        from_table: "visit".to_owned(),
        from_field: "airport".to_owned(),
        to_table: "airport".to_owned(),
        to_field: "id".to_owned(),
        on_delete: tickbase::OnDelete::Restrict,
    })
    .unwrap();
    let visit = tickbase::Value::object([("airport", 1_u64)]);
    db.table("visit").unwrap().create_record(&visit).unwrap();
    db.flush().unwrap();
    folder
}

fn open_after(folder: &std::path::Path) -> tickbase::Result<Database> {
    Database::builder()
        .table::<after::Door>()
        .table::<after::Port>()
        .open(folder)
}

#[test]
fn renamed_tables_keep_their_records_and_those_who_refer_to_them_go_on_doing_so() {
    let folder = airports_and_gates();
    let db = open_after(folder.path()).unwrap();
    assert_eq!(
        told(&db),
        [
            "table `port`: the table was called `airport`; `number` was called `code`; `number` was \
             u32 and is now u64",
            "table `door`: the table was called `gate`; `port` was called `airport`; `port` was \
             id<port> and is now option<id<port>>; the fields stand in another order",
        ]
    );
    drop(db);
    let db = open_after(folder.path()).unwrap();
    assert_eq!(told(&db), [""; 0]);
    let snapshot = db.snapshot();
    assert_eq!(json::<after::Port>(&snapshot), ["1 {\"number\":7}"]);
    assert_eq!(
        json::<after::Door>(&snapshot),
        ["1 {\"twin\":null,\"port\":1}", "2 {\"twin\":1,\"port\":1}"]
    );
    let visit = snapshot.catalog().table("visit").unwrap();
    assert_eq!(
        visit.layout.fields()[0].type_id(),
        "option<id<port>>",
        "a table without a struct refers to it under its new name"
    );
    let relations: Vec<String> = snapshot
        .catalog()
        .relations()
        .map(|r| {
            format!(
                "{} {} {}.{} {}",
                r.id, r.name, r.from_table, r.from_field, r.to_table
            )
        })
        .collect();
    assert_eq!(
        relations,
        [
            "1 door_port door.port port",
            "2 visit_airport visit.airport port"
        ]
    );
    let port = snapshot.table::<after::Port>().iter().next().unwrap().0;
    let error = db.transact(|tx| Ok(tx.delete(port)?)).unwrap_err();
    assert!(error.to_string().contains("door_port"), "{error}");
    let files = crate::contents(folder.path());
    assert!(
        files
            .keys()
            .all(|name| !name.contains("gate") && !name.contains("airport")),
        "the files of the former names are gone: {:?}",
        files.keys()
    );
}

#[test]
fn a_name_that_goes_from_one_table_and_field_to_another_goes_with_its_records() {
    mod after {
        use tickbase::table;

        #[table(name = "port", renamed_from = "airport")]
        pub(super) struct Port {
            #[field(renamed_from = "code")]
            #[key]
            pub number: u32,
            #[field(default = 1)]
            pub code: u32,
        }

        #[table]
        pub(super) struct Airport {
            pub height: u8,
        }
    }
    let folder = written(&[before::Airport { code: 7 }]);
    let program = || {
        Database::builder()
            .table::<after::Airport>()
            .table::<after::Port>()
            .open(&folder)
            .unwrap()
    };
    for _ in 0..2 {
        let snapshot = program().snapshot();
        assert!(snapshot.table::<after::Airport>().is_empty());
        assert_eq!(
            json::<after::Port>(&snapshot),
            ["1 {\"number\":7,\"code\":1}"]
        );
    }
}

#[test]
fn a_forgotten_former_name_can_be_added_later_since_nothing_was_put_under_the_new_one() {
    mod forgotten {
        #[tickbase::table]
        pub(super) struct Port {
            #[key]
            pub code: u32,
        }
    }
    #[table(renamed_from = "airport")]
    struct Port {
        #[key]
        code: u32,
    }
    let folder = written(&[before::Airport { code: 7 }]);
    let db = open::<forgotten::Port>(folder.path()).unwrap();
    assert!(told(&db)[0].starts_with("table `airport`: no struct of the program declares it"));
    drop(db);
    let (steps, records) = migrated::<Port>(folder.path());
    assert_eq!(steps, ["table `port`: the table was called `airport`"]);
    assert_eq!(records, ["1 {\"code\":7}"]);
}

#[test]
fn a_former_name_beside_records_under_the_new_one_is_refused() {
    mod forgotten {
        #[tickbase::table]
        pub(super) struct Port {
            #[key]
            pub code: u32,
        }
    }
    #[table(renamed_from("airport", "gate"))]
    struct Port {
        #[key]
        code: u32,
    }
    let folder = written(&[before::Airport { code: 7 }]);
    let db = open::<forgotten::Port>(folder.path()).unwrap();
    crate::insert(&db, &[forgotten::Port { code: 8 }]);
    drop(db);
    assert_eq!(
        refused(folder.path(), Database::builder().table::<Port>()),
        [
            "table `port` was called `airport`, and both are there with records of their own: take \
          `renamed_from` away, or drop one of them with a program that does not declare it"
        ]
    );
    let folder = airports_and_gates();
    assert_eq!(
        refused(folder.path(), Database::builder().table::<Port>()),
        [
            "table `port` was called `airport` and `gate`, and both are there: name only one of them in \
          `renamed_from`"
        ]
    );
}

#[test]
fn two_that_want_to_be_the_same_former_one_are_refused() {
    #[table(renamed_from = "airport")]
    struct Port {
        #[key]
        #[field(renamed_from = "code")]
        code1: u32,
        #[field(renamed_from = "code")]
        code2: u32,
    }
    #[table(renamed_from = "airport")]
    struct Harbour {
        #[key]
        code: u32,
    }
    let folder = written(&[before::Airport { code: 7 }]);
    let both = Database::builder().table::<Harbour>().table::<Port>();
    assert_eq!(
        refused(folder.path(), both),
        [
            "table `port` was called `airport`, as another struct says of its table: name it in one \
          `renamed_from` only"
        ]
    );
    assert_eq!(
        refused(folder.path(), Database::builder().table::<Port>()),
        [
            "`port.code2` was called `code`, as another field of the struct says of itself: name it in \
          one `renamed_from` only"
        ]
    );
}

#[test]
fn two_former_names_of_a_field_that_are_both_there_are_refused() {
    mod before {
        #[tickbase::table]
        pub(super) struct Gate {
            pub a: u8,
            pub b: u8,
        }
    }
    #[table(drops("b"))]
    struct Gate {
        #[field(renamed_from("a", "c"))]
        number: u8,
    }
    mod both {
        #[tickbase::table]
        pub(super) struct Gate {
            #[field(renamed_from("a", "b"))]
            pub number: u8,
        }
    }
    let folder = written(&[before::Gate { a: 1, b: 2 }]);
    let told = refused(folder.path(), Database::builder().table::<both::Gate>());
    assert_eq!(
        told[0],
        "`gate.number` was called `a` and `b`, and both are there: name only one of them in \
         `renamed_from`"
    );
    let (_, records) = migrated::<Gate>(folder.path());
    assert_eq!(records, ["1 {\"number\":1}"]);
}
