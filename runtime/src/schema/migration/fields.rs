//! The fields of one stored table, compared with those that its struct has now.

use super::{
    Difference, MigrationStep,
    fit::{Fit, fit},
    names::Names,
};
use crate::schema::{
    Field, FieldDefinition, RecordLayout, TableHistory, TypeShape, Value, did_you_mean,
    layout_change::Former,
};

/// A table as it was and as it is to be.
pub(super) struct Compared<'a> {
    /// The table's name now.
    pub(super) table: &'a str,
    pub(super) old: &'a RecordLayout,
    pub(super) new: &'a RecordLayout,
    pub(super) history: &'a TableHistory,
    /// Records that it has.
    pub(super) records: u64,
    pub(super) names: &'a Names,
}

/// What became of the fields of a table.
#[derive(Default)]
pub(super) struct FieldsPlan {
    /// What each field was, in the order of the new layout.
    pub(super) former: Vec<Option<Former>>,
    pub(super) steps: Vec<MigrationStep>,
}

impl FieldsPlan {
    /// The place that a former field has now.
    pub(super) fn place_of(&self, former: &str) -> Option<usize> {
        let is_it = |field: &Option<Former>| {
            let field = field.as_ref();
            field.is_some_and(|of| of.field.name == *former)
        };
        self.former.iter().position(is_it)
    }
}

impl Compared<'_> {
    /// The plan, or at least one difference that stands in its way.
    pub(super) fn plan(&self, differences: &mut Vec<Difference>) -> FieldsPlan {
        let sources = self.sources(differences);
        let mut plan = FieldsPlan::default();
        for (field, source) in self.new.fields().iter().zip(&sources) {
            let former = match source {
                Some(source) => self.compare(field, source, &mut plan.steps, differences),
                None => {
                    self.add(field, &mut plan.steps, differences);
                    None
                }
            };
            plan.former.push(former);
        }
        let kept = |field: &Field| sources.iter().flatten().any(|s| s.name == field.name);
        for gone in self.old.fields().iter().filter(|field| !kept(field)) {
            if self.history.drops.iter().any(|drop| gone.name == **drop) {
                let field = gone.name.clone();
                plan.steps.push(MigrationStep::FieldDropped { field });
            } else {
                differences.push(self.gone(gone, &sources));
            }
        }
        let places = sources.iter().flatten().map(|source| source.offset);
        if !places.is_sorted() {
            plan.steps.push(MigrationStep::FieldsReordered);
        }
        plan
    }

    /// What each field of the new layout was. One whose own name is not stored takes the field
    /// under a former name of its, also where another field, which then is new, has that name now.
    fn sources(&self, differences: &mut Vec<Difference>) -> Vec<Option<&Field>> {
        let mut sources: Vec<Option<&Field>> = Vec::new();
        for field in self.new.fields() {
            let mut former = Vec::new();
            if self.old.field(field.name.as_str()).is_none() {
                for (now, before) in &self.history.fields_renamed_from {
                    if field.name == **now {
                        former.extend(self.old.field(before).map(|(_, field)| field));
                    }
                }
            }
            let mut refuse = |difference: String, remedy: &str| {
                let remedy = remedy.to_owned();
                let name = field.name.as_str();
                differences.push(Difference::of_field(self.table, name, difference, remedy));
            };
            if let [first, second, ..] = &former[..] {
                let both = format!(
                    "was called `{}` and `{}`, and both are there",
                    first.name, second.name
                );
                refuse(both, "name only one of them in `renamed_from`");
            }
            let source = former.first().copied();
            let taken = source.filter(|source| {
                let mut others = sources.iter().flatten();
                others.any(|other| other.name == source.name)
            });
            if let Some(taken) = taken {
                let both = format!(
                    "was called `{}`, as another field of the struct says of itself",
                    taken.name
                );
                refuse(both, "name it in one `renamed_from` only");
            }
            sources.push(source);
        }
        for (place, field) in self.new.fields().iter().enumerate() {
            let own = self.old.field(field.name.as_str()).map(|(_, own)| own);
            let free = |own: &&Field| !sources.iter().flatten().any(|s| s.name == own.name);
            if let Some(own) = own.filter(free) {
                sources[place] = Some(own);
            }
        }
        sources
    }

    fn compare(
        &self,
        field: &Field,
        source: &Field,
        steps: &mut Vec<MigrationStep>,
        differences: &mut Vec<Difference>,
    ) -> Option<Former> {
        let name = || field.name.clone();
        if source.name != field.name {
            let from = source.name.clone();
            steps.push(MigrationStep::FieldRenamed {
                field: name(),
                from,
            });
        }
        let (from, to) = (self.names.type_id(source.type_id()), field.type_id());
        let fit = match fit(&source.layout, &field.layout, self.names) {
            Ok(fit) => fit,
            Err(misfit) => {
                // Of a type that kept its name only what it is made of can be told.
                let difference = match from == to {
                    true => format!("is of type {to} as before, {misfit} now"),
                    false => format!("was {from} and is now {to}, {misfit}"),
                };
                let remedy = format!(
                    "take back the change of the type; or let a new field with a default have the \
                     new type, copy what is to be kept, and then drop this one by \
                     `#[table(drops(\"{}\"))]`",
                    source.name
                );
                let field = field.name.as_str();
                differences.push(Difference::of_field(self.table, field, difference, remedy));
                return None;
            }
        };
        if fit.wider || from != to {
            let to = to.to_owned();
            steps.push(MigrationStep::FieldWidened {
                field: name(),
                from,
                to,
            });
        }
        let Fit { bytes_stay, .. } = fit;
        if fit.renumbered || !fit.added.is_empty() {
            steps.push(MigrationStep::VariantsChanged {
                field: name(),
                type_id: field.type_id().to_owned(),
                added: fit.added.into_iter().collect(),
            });
        }
        match (source.unique, field.unique) {
            (false, true) => steps.push(MigrationStep::UniqueAdded { field: name() }),
            (true, false) => steps.push(MigrationStep::UniqueRemoved { field: name() }),
            _ => {}
        }
        Some(Former {
            field: source.clone(),
            bytes_stay,
        })
    }

    fn add(
        &self,
        field: &Field,
        steps: &mut Vec<MigrationStep>,
        differences: &mut Vec<Difference>,
    ) {
        let value = field.default.clone().or_else(|| none_of(field));
        if self.records > 0 && value.is_none() {
            let difference = format!(
                "is new, and nothing says what {} in it",
                records_have(self.records)
            );
            let remedy = match field.layout.shape {
                TypeShape::Reference { .. } => {
                    "let it be an `Option` of that id, so that they have none"
                }
                _ => {
                    "write `#[field(default = …)]` on it, or `#[field(renamed_from = \"…\")]` where \
                     it had another name"
                }
            };
            let name = field.name.as_str();
            differences.push(Difference::of_field(
                self.table,
                name,
                difference,
                remedy.to_owned(),
            ));
        }
        let field = field.name.clone();
        let value = value.filter(|_| self.records > 0);
        steps.push(MigrationStep::FieldAdded { field, value });
    }

    fn gone(&self, gone: &Field, sources: &[Option<&Field>]) -> Difference {
        let name = gone.name.as_str();
        let new = self.new.fields().iter().zip(sources);
        let new = new.filter(|(_, source)| source.is_none());
        let could_be = |field: &&Field| fit(&gone.layout, &field.layout, self.names).is_ok();
        let candidates: Vec<&Field> = new.map(|(field, _)| field).filter(could_be).collect();
        let renamed = match &candidates[..] {
            [one] => format!("`{}`, if that is what it is called now", one.name),
            several => {
                let names = several.iter().map(|field| field.name.as_str());
                format!("the field that it is now{}", did_you_mean(name, names))
            }
        };
        let difference = "is not in the struct any more, and its values would be lost".to_owned();
        let remedy = format!(
            "write `#[table(drops(\"{name}\"))]` on the struct to let them go, or \
             `#[field(renamed_from = \"{name}\")]` on {renamed}"
        );
        Difference::of_field(self.table, name, difference, remedy)
    }
}

/// None, where a field can be that.
fn none_of(field: &Field) -> Option<Value> {
    match field.layout.shape {
        TypeShape::Optional { .. } | TypeShape::Reference { optional: true, .. } => {
            Some(Value::Null)
        }
        _ => None,
    }
}

/// So many records, as the subject of a sentence.
fn records_have(number: u64) -> String {
    match number {
        1 => "the record that is there has".to_owned(),
        number => format!("the {number} records that are there have"),
    }
}

/// The definitions of fields that nobody declares any more, with the new names of tables.
pub(super) fn renamed(old: &RecordLayout, names: &Names) -> Vec<FieldDefinition> {
    let mut definitions = old.definitions();
    for definition in &mut definitions {
        definition.type_id = names.type_id(&definition.type_id);
    }
    definitions
}
