//! Relations and unique fields.

use harness::{Airport, Gate, State, airport};
use tickbase::{
    Database, Error, FieldDefinition, Id, Name, OnDelete, RelationDefinition, SchemaError,
    TableDefinition, Text, TransactionError, Value,
};

fn gates() -> (Database, Id<Airport>, Id<Gate>) {
    let db = Database::builder()
        .table::<Gate>()
        .table::<Airport>()
        .in_memory()
        .unwrap();
    let ids = db.transact(|tx| {
        let airport = tx.insert(airport("ATL"))?;
        Ok((airport, tx.insert(gate(airport))?))
    });
    let (airport, gate) = ids.unwrap();
    (db, airport, gate)
}

fn gate(airport: Id<Airport>) -> Gate {
    Gate {
        airport,
        state: State::Open,
        passengers: 0,
        label: Text::EMPTY,
    }
}

#[test]
fn deleting_a_referenced_record_is_refused() {
    let (db, airport, gate) = gates();
    let error = db.transact(|tx| Ok(tx.delete(airport)?)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "record 1 of table `airport` cannot be deleted: 1 records of `gate` refer to it \
         (relation `gate_airport`)"
    );
    assert!(db.snapshot().table::<Airport>().get(airport).is_some());
    db.transact(|tx| {
        // The state in between breaks the relation, the result does not.
        tx.delete(airport)?;
        Ok(tx.delete(gate)?)
    })
    .unwrap();
    assert!(db.snapshot().table::<Airport>().is_empty());
}

#[test]
fn a_record_that_refers_to_nothing_is_refused() {
    let (db, _, id) = gates();
    let nowhere = Id::from_u64(77).unwrap();
    for result in [
        db.transact(|tx| tx.insert(gate(nowhere)).map(|_| ()).map_err(Error::from)),
        db.transact(|tx| Ok(tx.set(id, Gate::fields().airport, nowhere)?)),
        db.transact(|tx| {
            let mut gates = tx.table_mut::<Gate>();
            Ok(gates.par_for_each_mut(|_, gate| gate.airport = nowhere)?)
        }),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Transaction(TransactionError::RelationMissing { .. })
            ),
            "{error}"
        );
    }
    assert_eq!(
        db.snapshot().table::<Gate>().get(id).unwrap().airport.get(),
        1
    );
}

#[test]
fn two_records_with_one_key_are_refused_however_they_come_to_be() {
    let (db, atl, _) = gates();
    let error = db
        .transact(|tx| Ok(tx.insert(airport("ATL"))?))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "record 1 of table `airport` has the same `code`, \"ATL\", and that field is unique"
    );
    let sea = db.transact(|tx| Ok(tx.insert(airport("SEA"))?)).unwrap();
    let code = Airport::fields().code;
    assert!(
        db.transact(|tx| Ok(tx.set(sea, code, Text::new("ATL").unwrap())?))
            .is_err()
    );
    // Changing places is fine, since the result keeps the rule.
    db.transact(|tx| {
        tx.set(sea, code, Text::new("ATL").unwrap())?;
        Ok(tx.set(atl, code, Text::new("SEA").unwrap())?)
    })
    .unwrap();
    let snapshot = db.snapshot();
    let found = snapshot
        .table::<Airport>()
        .find(code, Text::new("SEA").unwrap());
    assert_eq!(found.unwrap().0, atl);
    let gone = db.transact(|tx| {
        tx.set(sea, code, Text::new("LAX").unwrap())?;
        assert!(
            tx.find(code, Text::new("ATL").unwrap()).is_none(),
            "reads see own changes"
        );
        Ok(tx.find(code, Text::new("LAX").unwrap()).unwrap().0)
    });
    assert_eq!(gone.unwrap(), sea);
}

#[test]
fn a_record_that_a_pass_touches_again_is_in_the_indexes_once() {
    let (db, atl, id) = gates();
    let code = Airport::fields().code;
    db.transact(|tx| {
        tx.insert(gate(atl))?;
        tx.table_mut::<Gate>()
            .par_for_each_mut(|_, gate| gate.passengers += 1)?;
        tx.set(atl, code, Text::new("SEA").unwrap())?;
        tx.table_mut::<Airport>()
            .par_for_each_mut(|_, airport| airport.latitude += 1.0)?;
        Ok(())
    })
    .unwrap();
    db.transact(|tx| {
        tx.delete(id)?;
        tx.delete(Id::<Gate>::from_u64(2).unwrap())?;
        Ok(tx.delete(atl)?)
    })
    .unwrap();
}

#[test]
fn a_new_table_brings_no_relation_of_another_table() {
    let db = Database::builder().in_memory().unwrap();
    let table = |name: &str, fields: &[(&str, &str)]| {
        TableDefinition::new(
            Name::new(name).unwrap(),
            fields
                .iter()
                .map(|(name, type_id)| FieldDefinition::new(Name::new(name).unwrap(), *type_id))
                .collect(),
        )
    };
    db.create_table(&table("gate", &[("airport", "id<airport>")]))
        .unwrap();
    let nowhere = Value::object([("airport", 7_u64)]);
    db.table("gate").unwrap().create_record(&nowhere).unwrap();
    let mut airport = table("airport", &[("latitude", "f64")]);
    airport.relations.push(RelationDefinition {
        name: None,
        from_table: "gate".to_owned(),
        from_field: "airport".to_owned(),
        to_table: "airport".to_owned(),
        to_field: "id".to_owned(),
        on_delete: OnDelete::Restrict,
    });
    let error = db.create_table(&airport).unwrap_err();
    assert!(
        matches!(error, Error::Schema(SchemaError::InvalidRelation { .. })),
        "{error}"
    );
    assert!(db.table("airport").is_err());
}
