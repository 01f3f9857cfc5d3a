//! Every attribute of a table and of its fields.

#![forbid(unsafe_code)]
#![deny(warnings)]

use tickbase::{Database, Id, OnDelete, Record, Text, TypeRegistry, table};

/// Where flights end.
#[table(name = "airports")]
struct Airport {
    /// What people call it.
    #[key]
    code: Text<4>,
    #[unique]
    number: u32,
    #[references(Airport)]
    alternate: Option<Id<Airport>>,
    #[references(Self)]
    #[unique]
    twin: Option<Id<Self>>,
}

fn main() -> tickbase::Result<()> {
    let definition = Airport::define(&mut TypeRegistry::default())?;
    assert_eq!(definition.name.as_str(), "airports");
    assert_eq!(definition.documentation, "Where flights end.");
    let unique: Vec<bool> = definition.fields.iter().map(|field| field.unique).collect();
    assert_eq!(unique, [true, true, false, true]);
    assert_eq!(definition.fields[0].documentation, "What people call it.");
    let to: Vec<_> = definition.relations.iter().map(|r| (r.from_field.as_str(), r.on_delete)).collect();
    assert_eq!(to, [("alternate", OnDelete::Restrict), ("twin", OnDelete::Restrict)]);
    Database::builder().table::<Airport>().in_memory()?;
    Ok(())
}
