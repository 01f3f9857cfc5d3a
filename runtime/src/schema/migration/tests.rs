//! Which types fit which, held against what can be written.

use super::{fit::fit, names::Names, plan_migration};
use crate::schema::{
    Catalog, FieldDefinition, Name, SchemaError, TableDefinition, TableHistory, TypeLayout,
    TypeRegistry,
    migration::{MigrationStep, StoredFacts},
};

const INTEGERS: [&str; 10] = [
    "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128",
];

fn fits(old: &TypeLayout, new: &TypeLayout) -> bool {
    fit(old, new, &Names::default()).is_ok()
}

#[test]
fn an_integer_fits_another_type_where_its_least_and_its_greatest_value_can_be_written() {
    let types = TypeRegistry::default();
    let mut allowed = 0;
    for old_id in INTEGERS {
        let old = types.resolve(old_id).unwrap();
        let extremes = match old_id.starts_with('u') {
            true => [vec![0; old.size], vec![0xFF; old.size]],
            false => {
                let mut least = vec![0; old.size];
                let mut greatest = vec![0xFF; old.size];
                least[old.size - 1] = 0x80;
                greatest[old.size - 1] = 0x7F;
                [least, greatest]
            }
        };
        for new_id in INTEGERS {
            let new = types.resolve(new_id).unwrap();
            let writes = |bytes: &Vec<u8>| {
                let mut written = vec![0; new.size];
                let value = old.serializer.read(bytes);
                new.serializer.write(&value, &mut written).is_ok()
            };
            let both = extremes.iter().all(writes);
            assert_eq!(fits(&old, &new), both, "{old_id} to {new_id}");
            allowed += usize::from(both);
        }
    }
    // Of each sign a type fits itself and all wider ones, and unsigned ones wider signed ones too.
    assert_eq!(allowed, 15 + 15 + 10);
}

#[test]
fn other_types_fit_only_what_holds_all_of_their_values() {
    let types = TypeRegistry::default();
    let allowed = [
        ("f32", "f64"),
        ("text<3>", "text<4>"),
        ("text<3>", "string"),
        ("string", "option<string>"),
        ("u8", "option<u8>"),
        ("u8", "option<i32>"),
        ("option<u8>", "option<u32>"),
        ("[u8; 2]", "[u16; 2]"),
        ("[option<u8>; 2]", "option<[option<i64>; 2]>"),
        ("id<gate>", "option<id<gate>>"),
    ];
    let refused = [
        ("u32", "f64"),
        ("u8", "bool"),
        ("bool", "u8"),
        ("text<4>", "text<3>"),
        ("string", "text<9>"),
        ("string", "bytes"),
        ("option<u8>", "u8"),
        ("option<u16>", "option<u8>"),
        ("[u8; 2]", "[u8; 3]"),
        ("id<gate>", "id<door>"),
        ("option<id<gate>>", "id<gate>"),
        ("u64", "id<gate>"),
        ("id<gate>", "u64"),
        ("timestamp", "i64"),
        ("uuid", "u128"),
        ("f64", "f32"),
    ];
    let layout = |type_id: &str| types.resolve(type_id).unwrap();
    for (old, new) in allowed {
        assert!(fits(&layout(old), &layout(new)), "{old} to {new}");
        assert!(fits(&layout(old), &layout(old)), "{old} to itself");
        assert!(!fits(&layout(new), &layout(old)), "{new} to {old}");
    }
    for (old, new) in refused {
        assert!(!fits(&layout(old), &layout(new)), "{old} to {new}");
    }
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn table(name_of: &str, fields: &[(&str, &str)]) -> TableDefinition {
    let field = |(name_of, type_id): &(&str, &str)| FieldDefinition::new(name(name_of), *type_id);
    TableDefinition::new(name(name_of), fields.iter().map(field).collect())
}

#[test]
fn a_new_name_of_a_table_reaches_every_type_that_names_it() {
    let mut stored = Catalog::default();
    stored.create_table(&table("gate", &[("a", "u8")])).unwrap();
    let parts = vec![("gates".to_owned(), "[id<gate>; 2]".to_owned())];
    let pair = crate::schema::TypeDefinition::Composite { parts };
    stored.register_type("pair", pair).unwrap();
    let fields = [
        ("pair", "pair"),
        ("more", "[option<id<gate>>; 3]"),
        ("other", "id<gateway>"),
    ];
    stored.create_table(&table("visit", &fields)).unwrap();
    let door = TableDefinition {
        history: Box::new(TableHistory {
            renamed_from: vec!["gate".to_owned()],
            ..TableHistory::default()
        }),
        ..table("door", &[("a", "u8")])
    };
    let facts = |_| StoredFacts {
        compiled: false,
        records: 3,
        last_id: 3,
    };
    let plan = plan_migration(&stored, TypeRegistry::default(), &[door], &facts).unwrap();
    let visit = plan.catalog.table("visit").unwrap();
    let of_fields: Vec<&str> = visit.layout.fields().iter().map(|f| f.type_id()).collect();
    assert_eq!(of_fields, ["pair", "[option<id<door>>; 3]", "id<gateway>"]);
    let pair = plan.catalog.types().get("pair").unwrap();
    assert!(format!("{:?}", pair.shape).contains("[id<door>; 2]"));
    assert_eq!(plan.migrations.len(), 1);
    assert_eq!(
        plan.migrations[0].steps,
        [MigrationStep::TableRenamed { from: name("gate") }]
    );
    let [id, last] = [
        plan.catalog.table("door").unwrap().id.0,
        plan.catalog.last_ids().0,
    ];
    assert_eq!((id, last), (1, 2), "ids stay, and none is given out twice");
}

#[test]
fn a_type_of_the_program_that_no_stored_field_has_may_be_any() {
    let mut stored = Catalog::default();
    let variants = |names: &[&str]| crate::schema::TypeDefinition::Enum {
        variants: names
            .iter()
            .zip(0..)
            .map(|(name, number)| crate::schema::EnumVariant {
                name: (*name).to_owned(),
                number,
            })
            .collect(),
    };
    let two = variants(&["Closed", "Open"]);
    stored.register_type("state", two).unwrap();
    let one = || {
        let mut types = TypeRegistry::default();
        types.register_type("state", variants(&["Closed"])).unwrap();
        types
    };
    let facts = |_| StoredFacts::default();
    plan_migration(&stored, one(), &[], &facts).unwrap();
    stored
        .create_table(&table("gate", &[("state", "option<state>")]))
        .unwrap();
    let refused = plan_migration(&stored, one(), &[], &facts).unwrap_err();
    let SchemaError::NotMigrated { differences } = refused else {
        panic!("{refused}");
    };
    assert_eq!(differences.len(), 1);
    assert!(differences[0].difference.contains("lacks `Open`"));
}
