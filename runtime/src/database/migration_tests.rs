//! Migrations that are cut short at every moment: the folder is as it was, or all of it is migrated.

use std::sync::Arc;

use super::{Database, DatabaseBuilder};
use crate::{
    FieldDefinition, Name, RecordCodec, Snapshot, TableDefinition, Value,
    persistence::fake_disk::{FakeDisk, Fault},
};

mod before {
    use crate::{Id, table};

    #[table]
    pub(super) struct Airport {
        #[key]
        pub(super) code: u32,
    }

    #[table]
    pub(super) struct Gate {
        #[references(Airport)]
        pub(super) airport: Id<Airport>,
        pub(super) number: u8,
        pub(super) gone: u16,
    }
}

mod after {
    use crate::{Id, Text, table};

    #[table(renamed_from = "airport")]
    pub(super) struct Port {
        #[key]
        pub(super) code: u64,
    }

    #[table(drops("gone"))]
    pub(super) struct Gate {
        #[unique]
        pub(super) number: u16,
        #[references(Port)]
        #[field(renamed_from = "airport")]
        pub(super) port: Id<Port>,
        #[field(default = "new")]
        pub(super) label: Text<3>,
    }
}

const RECORDS: u8 = 5;

fn old_program() -> DatabaseBuilder {
    Database::builder()
        .table::<before::Airport>()
        .table::<before::Gate>()
}

fn new_program() -> DatabaseBuilder {
    Database::builder()
        .table::<after::Port>()
        .table::<after::Gate>()
}

fn open(program: DatabaseBuilder, disk: &FakeDisk) -> crate::Result<Database> {
    program.open_on(Arc::new(disk.clone()))
}

/// A disk that the old program has written: typed tables, and one of texts that is not migrated.
fn written() -> FakeDisk {
    let disk = FakeDisk::default();
    let db = open(old_program(), &disk).unwrap();
    db.transact(|tx| {
        let airport = tx.insert(before::Airport { code: 7 })?;
        for number in 0..RECORDS {
            tx.insert(before::Gate {
                airport,
                number,
                gone: 1,
            })?;
        }
        Ok(())
    })
    .unwrap();
    let name = |name| Name::new(name).unwrap();
    let fields = vec![
        FieldDefinition::new(name("airport"), "option<id<airport>>"),
        FieldDefinition::new(name("text"), "string"),
    ];
    db.create_table(&TableDefinition::new(name("note"), fields))
        .unwrap();
    let note = Value::object([
        ("airport", Value::from(1)),
        ("text", "a text that does not fit into its slot".into()),
    ]);
    db.table("note").unwrap().create_record(&note).unwrap();
    db.flush().unwrap();
    drop(db);
    disk.after_kill()
}

fn numbers(snapshot: &Snapshot) -> Vec<u8> {
    let gates = snapshot.table::<before::Gate>();
    gates.iter().map(|(_, gate)| gate.number).collect()
}

/// What the new program sees, once the folder is migrated.
fn assert_migrated(db: &Database) {
    let snapshot = db.snapshot();
    let gates = snapshot.table::<after::Gate>();
    let gates: Vec<String> = gates.iter().map(|(_, gate)| gate.to_json()).collect();
    let expected =
        (0..RECORDS).map(|number| format!("{{\"number\":{number},\"port\":1,\"label\":\"new\"}}"));
    assert!(gates.iter().cloned().eq(expected), "{gates:?}");
    let port = snapshot.table::<after::Port>();
    let (port, _) = port.find(after::Port::fields().code, 7).unwrap();
    let note = db.table("note").unwrap().read_value(port.record_id());
    let note = format!("{:?}", note.unwrap());
    assert!(note.contains("does not fit into its slot"), "{note}");
    let relation = snapshot.catalog().relation("gate_port").unwrap();
    assert_eq!((relation.id, relation.to_table.as_str()), (1, "port"));
}

/// Opens with the new program what a crash left, once as often as it may be done.
fn assert_opens(disk: &FakeDisk, was_told_durable: bool, context: &str) {
    let old = open(old_program(), &disk.after_kill());
    match &old {
        Ok(db) => {
            assert!(!was_told_durable, "{context}: it was told to be migrated");
            assert!(db.migrations().is_empty(), "{context}: half of it");
            assert!(numbers(&db.snapshot()).into_iter().eq(0..RECORDS));
        }
        Err(error) => assert!(
            error.to_string().contains("`gate.number` was u16"),
            "{error}"
        ),
    }
    let new = open(new_program(), disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let expected = if old.is_ok() { 2 } else { 0 };
    assert_eq!(new.migrations().len(), expected, "{context}");
    assert_migrated(&new);
    drop(new);
    let again = open(new_program(), &disk.after_power_cut()).unwrap();
    assert!(again.migrations().is_empty(), "{context}");
    assert_migrated(&again);
}

#[test]
fn a_migration_that_fails_anywhere_leaves_the_old_folder_or_the_new_one() {
    let written = written();
    let kinds: [fn(u64) -> Fault; 3] = [Fault::Once, Fault::OnceDone, Fault::From];
    for kind in kinds {
        let (mut old, mut new) = (0, 0);
        for number in 0.. {
            let disk = written.after_kill();
            disk.set_fault(kind(number));
            let opened = open(new_program(), &disk);
            let operations = disk.operations();
            let done = opened.is_ok();
            drop(opened);
            disk.set_fault(Fault::None);
            let context = format!("{:?}", kind(number));
            for disk in [disk.after_kill(), disk.after_power_cut()] {
                assert_opens(&disk, done, &context);
            }
            match done {
                true => new += 1,
                false => old += 1,
            }
            if number >= operations {
                assert!(done, "{context}");
                break;
            }
        }
        assert!(old > 10 && new > 0, "{old} failed, {new} did not");
    }
}

#[test]
fn a_migration_that_is_refused_writes_nothing() {
    #[crate::table]
    struct Gate {
        number: u8,
    }
    let disk = written();
    let (files, bytes) = (disk.files(), disk.bytes("schema.json"));
    disk.set_fault(Fault::None);
    let refused = open(Database::builder().table::<Gate>(), &disk).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("`gate.gone` is not in the struct")
    );
    assert_eq!((disk.files(), disk.bytes("schema.json")), (files, bytes));
}
