//! Which stored table each struct is, and what its new name does to type ids.

use std::collections::BTreeMap;

use super::{Difference, StoredFacts};
use crate::schema::{Catalog, TableDefinition, TableId, TableSchema};

/// The stored tables, each with the struct that it belongs to now.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The place of the struct among those of the program, by the stored table's name.
    declared: BTreeMap<String, usize>,
    /// Stored tables that were never used and whose name goes to a renamed one.
    replaced: Vec<String>,
    /// The new name by the former one, where the two differ.
    renamed: BTreeMap<String, String>,
}

impl Names {
    /// Finds the stored table of each struct. A struct whose own name is not stored takes the table
    /// under a former name of its, also where another struct, which then is new, has that name now.
    pub(super) fn find(
        stored: &Catalog,
        definitions: &[TableDefinition],
        facts: &dyn Fn(TableId) -> StoredFacts,
        differences: &mut Vec<Difference>,
    ) -> Self {
        let mut names = Self::default();
        for (place, definition) in definitions.iter().enumerate() {
            names.find_renamed(place, definition, stored, definitions, facts, differences);
        }
        for (place, definition) in definitions.iter().enumerate() {
            let name = definition.name.as_str();
            let free = !names.declared.contains_key(name) && !names.is_replaced(name);
            if free && stored.table(name).is_some() && names.source(place).is_none() {
                names.declared.insert(name.to_owned(), place);
            }
        }
        names
    }

    fn find_renamed(
        &mut self,
        place: usize,
        definition: &TableDefinition,
        stored: &Catalog,
        definitions: &[TableDefinition],
        facts: &dyn Fn(TableId) -> StoredFacts,
        differences: &mut Vec<Difference>,
    ) {
        let name = definition.name.as_str();
        let own = stored.table(name);
        let is_declared = |former: &str| definitions.iter().any(|other| other.name == *former);
        let mut former: Vec<&TableSchema> = Vec::new();
        for candidate in &definition.history.renamed_from {
            // Where both are there, a former name that another struct has now is that struct's.
            let usable = candidate != name && (own.is_none() || !is_declared(candidate));
            if let Some(table) = stored.table(candidate).filter(|_| usable) {
                former.push(table);
            }
        }
        let mut refuse = |difference: String, remedy: &str| {
            differences.push(Difference::of_table(name, difference, remedy.to_owned()));
        };
        let Some(from) = former.first().map(|table| table.name.as_str()) else {
            return;
        };
        if let Some(second) = former.get(1) {
            let both = format!(
                "was called `{from}` and `{}`, and both are there",
                second.name
            );
            refuse(both, "name only one of them in `renamed_from`");
        } else if self.declared.contains_key(from) {
            let both = format!("was called `{from}`, as another struct says of its table");
            refuse(both, "name it in one `renamed_from` only");
        } else if own.is_some_and(|own| facts(own.id).last_id > 0) {
            let both = format!("was called `{from}`, and both are there with records of their own");
            refuse(
                both,
                "take `renamed_from` away, or drop one of them with a program that does not declare \
                 it",
            );
        } else {
            self.declared.insert(from.to_owned(), place);
            self.renamed.insert(from.to_owned(), name.to_owned());
            self.replaced.extend(own.map(|own| own.name.to_string()));
        }
    }

    /// The place of the struct that declares a stored table.
    pub(super) fn struct_of(&self, stored: &str) -> Option<usize> {
        self.declared.get(stored).copied()
    }

    /// The stored table of the struct at this place.
    pub(super) fn source(&self, place: usize) -> Option<&str> {
        let mut sources = self.declared.iter();
        let source = sources.find(|(_, of)| **of == place)?;
        Some(source.0)
    }

    /// Whether a stored table gives way to a renamed one.
    pub(super) fn is_replaced(&self, stored: &str) -> bool {
        self.replaced.iter().any(|replaced| replaced == stored)
    }

    /// What a stored table is called now.
    pub(super) fn now<'a>(&'a self, stored: &'a str) -> &'a str {
        self.renamed.get(stored).map_or(stored, String::as_str)
    }

    /// A type id with the new names of the tables that it refers to.
    pub(super) fn type_id(&self, stored: &str) -> String {
        let mut renamed = String::with_capacity(stored.len());
        let mut rest = stored;
        while let Some(start) = rest.find("id<") {
            let (before, from) = rest.split_at(start + "id<".len());
            let end = from.find('>').unwrap_or(from.len());
            let (table, behind) = from.split_at(end);
            // Another type's name may end in the same letters, but none of them has parameters.
            renamed += before;
            renamed += self.now(table.trim());
            rest = behind;
        }
        renamed + rest
    }
}
