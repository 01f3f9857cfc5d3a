//! Tables and procedures that no builder names: from two modules, and from another crate.

#![forbid(unsafe_code)]

mod air;
mod ground;

use harness::{Account, Airport};
use tickbase::{Database, DatabaseBuilder, Error, Id, Request, Runtime, Signature, Text, Value};

fn names(db: &Database) -> (Vec<String>, Vec<String>) {
    let snapshot = db.snapshot();
    let tables = snapshot.catalog().tables();
    let procedures = db.procedures().signatures();
    (
        tables.map(|table| table.name.to_string()).collect(),
        procedures.map(|known| known.name.clone()).collect(),
    )
}

fn linked(describe: impl FnOnce(DatabaseBuilder) -> DatabaseBuilder) -> Database {
    describe(Database::builder().linked()).in_memory().unwrap()
}

#[test]
fn all_of_the_program_are_there_in_the_order_of_their_names() {
    let db = linked(|builder| builder);
    let (tables, procedures) = names(&db);
    // Those of the other crate that this program uses, beside its own.
    for table in ["account", "airport", "flight", "gate", "stand"] {
        assert!(tables.iter().any(|known| known == table), "{tables:?}");
    }
    for procedure in ["land", "stands"] {
        let is_there = procedures.iter().any(|known| known == procedure);
        assert!(is_there, "{procedures:?}");
    }
    assert!(tables.is_sorted() && procedures.is_sorted());
}

#[test]
fn what_is_named_as_well_is_there_once_whatever_comes_first() {
    let all = names(&linked(|builder| builder));
    let named = |builder: DatabaseBuilder| {
        builder
            .table::<air::Flight>()
            .table::<Account>()
            .procedure::<ground::stands>()
    };
    assert_eq!(names(&linked(named)), all);
    let before = named(Database::builder()).linked().in_memory().unwrap();
    assert_eq!(names(&before), all);
}

#[test]
fn without_asking_for_them_none_is_there() {
    let db = Database::builder().table::<Airport>().in_memory().unwrap();
    assert_eq!(names(&db), (vec!["airport".to_owned()], Vec::new()));
}

#[test]
fn tables_of_modules_and_crates_are_used_together() {
    let db = linked(|builder| builder);
    let (flight, stand) = db
        .transact(|tx| {
            let airport = tx.insert(harness::airport("KATL"))?;
            let stand = tx.insert(ground::Stand {
                airport,
                free: true,
            })?;
            let flight = tx.insert(air::Flight {
                callsign: Text::new("OCA12").unwrap(),
                destination: airport,
                stand: None,
            })?;
            Ok((flight, stand))
        })
        .unwrap();
    let mut runtime = Runtime::new(db.clone());
    let arguments = Value::object([("flight", flight.get()), ("stand", stand.get())]);
    let procedure = "land".to_owned();
    let (sender, receiver) = std::sync::mpsc::channel();
    let told = move |reply: tickbase::Reply| sender.send(reply).unwrap();
    let request = Request::Call {
        procedure,
        arguments,
    };
    runtime.handle().submit(request, told).unwrap();
    runtime.step();
    receiver.recv().unwrap().result.unwrap();
    let snapshot = db.snapshot();
    let landed = snapshot.table::<air::Flight>().get(flight).unwrap().stand;
    assert_eq!(landed, Some(stand));
    let free: Vec<Id<ground::Stand>> = db.call(ground::stands::with()).unwrap();
    assert!(free.is_empty());
}

#[test]
fn a_procedure_added_by_hand_under_a_name_that_is_taken_is_refused() {
    let refuse = |_: &mut tickbase::TransactionHandle, _| Err("never".into());
    let builder = Database::builder().linked();
    let error = builder
        .procedure_fn(Signature::new("land"), refuse)
        .in_memory()
        .unwrap_err();
    assert!(matches!(error, Error::Schema(_)), "{error}");
    let told = error.to_string();
    let place = <air::land as tickbase::Procedure>::PLACE;
    assert!(
        told.contains("`land`") && told.contains("added by hand"),
        "{told}"
    );
    assert!(told.contains(&format!("air.rs:{}", place.line)), "{told}");
}
