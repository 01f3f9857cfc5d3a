//! Procedures by name: the registry, and arguments that are checked against the parameters.

use harness::Account;
use tickbase::{
    Database, Id, Outcome, Params, Procedure, ProcedureRegistry, Result, SchemaError, Signature,
    Text, TransactionHandle, TypeRegistry, Value, procedure,
};

use crate::world::{words, world};

/// Takes one of each kind.
#[procedure]
fn assemble(
    _tx: &mut TransactionHandle,
    account: Id<Account>,
    level: u8,
    label: Text<4>,
    numbers: Vec<u32>,
    friend: Option<Id<Account>>,
) -> Result<String> {
    Ok(format!("{account} {level} {label} {numbers:?} {friend:?}"))
}

fn signature() -> Signature {
    let mut types = TypeRegistry::default();
    let mut registry = ProcedureRegistry::default();
    registry.register::<assemble>(&mut types).unwrap();
    Signature::clone(registry.signature("assemble").unwrap())
}

fn faults(arguments: &Value) -> Vec<String> {
    let faults = Params::from_object(&signature(), arguments).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn arguments_are_matched_by_name_and_missing_options_are_none() {
    let arguments = Value::object([
        ("numbers", Value::from(vec![1_u32, 2])),
        ("label", "B7".into()),
        ("level", 3_u8.into()),
        ("account", 9_u64.into()),
    ]);
    let params = Params::from_object(&signature(), &arguments).unwrap();
    let names: Vec<_> = params.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["account", "level", "label", "numbers", "friend"]);
    let db = Database::builder().table::<Account>().in_memory().unwrap();
    let outcome = assemble::call(&mut db.begin(), params).unwrap();
    assert_eq!(outcome.as_json(), Some("\"9 3 B7 [1, 2] None\""));
}

#[test]
fn every_fault_of_the_arguments_is_told_at_once() {
    let arguments = Value::object([
        ("account", Value::from("nine")),
        ("level", 256_u32.into()),
        ("lable", "B7".into()),
        ("numbers", Value::from(vec![1_i32, -2])),
    ]);
    assert_eq!(
        faults(&arguments),
        [
            "`lable`: the procedure takes no such argument, did you mean `label`?",
            "`account`: expected id<account>, found \"nine\"",
            "`level`: 256 does not fit in u8",
            "`label`: the argument is missing",
            "`numbers`: in `1`: -2 does not fit in u32"
        ]
    );
    let no_object = &faults(&Value::from(3_u32))[0];
    assert!(
        no_object.contains("an object with the arguments by name"),
        "{no_object}"
    );
}

#[test]
fn a_call_that_does_not_fit_is_refused_and_never_runs() {
    let mut world = world();
    world.call("nota", &[]);
    world.call("note", &[]);
    world.call("note", &[("what", (-1_i32).into())]);
    world.runtime.step();
    let told: Vec<_> = world.replies().iter().map(|(_, r)| words(r)).collect();
    assert_eq!(
        told,
        [
            "error: there is no procedure `nota`, did you mean `note`?",
            "error: the arguments of `note` do not fit: `what`: the argument is missing",
            "error: the arguments of `note` do not fit: `what`: -1 does not fit in u64"
        ]
    );
    assert!(world.entries().is_empty());
}

#[test]
fn a_registry_keeps_procedures_by_name_and_refuses_a_name_twice() {
    fn answer(_: &mut TransactionHandle, _: Params) -> Result<Outcome, tickbase::ProcedureError> {
        Err("42".into())
    }
    let named = |name: &str, every| Signature {
        every,
        ..Signature::new(name)
    };
    let mut registry = ProcedureRegistry::default();
    registry
        .register_procedure(named("b", None), answer)
        .unwrap();
    registry
        .register_procedure(named("a", Some(7)), answer)
        .unwrap();
    for refused in [named("b", None), named("c", Some(0))] {
        let error = registry.register_procedure(refused, answer).unwrap_err();
        assert!(
            matches!(error, SchemaError::InvalidProcedure { .. }),
            "{error}"
        );
    }
    let error = registry.register_procedure(named("no name", None), answer);
    assert!(matches!(error, Err(SchemaError::InvalidName { .. })));
    let names: Vec<_> = registry.signatures().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(registry.signature("a").unwrap().every, Some(7));
    assert!(registry.signature("c").is_none());
}
