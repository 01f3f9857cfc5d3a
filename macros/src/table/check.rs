//! The rules of a table that the model can break.

use syn::{GenericArgument, PathArguments, Type};

use super::{
    history,
    model::{Field, Shape, Table},
};
use crate::errors::Errors;

/// The most fields that a table can have, as in the runtime.
const FIELDS_MAX: usize = 256;

/// Notes every fault. False where the fields' types are such that no record can be made of them.
pub(super) fn check(table: &Table, errors: &mut Errors) -> bool {
    let remedy = "write another one with `#[table(name = \"…\")]`";
    table.name.check("a table", remedy, errors);
    if table.fields.is_empty() {
        errors.at(&table.ident, "a table has at least one field");
    }
    if let Some(first) = table.fields.get(FIELDS_MAX) {
        errors.at(
            &first.ident,
            format!("a table has at most {FIELDS_MAX} fields"),
        );
    }
    for key in table.fields.iter().filter_map(|field| field.key).skip(1) {
        let message = "a table has at most one `#[key]`, of one field: write `#[unique]` here";
        errors.at_span(key, message);
    }
    history::check(&table.name, &table.history, &table.fields, errors);
    let mut fit = true;
    for field in &table.fields {
        check_name(field, errors);
        if let (Some(_), Some(unique)) = (field.key, field.unique) {
            errors.at_span(unique, "a `#[key]` is unique already: remove `#[unique]`");
        }
        fit &= check_type(&field.ty, errors);
    }
    if table.is_of_values() {
        fit &= check_accessors(table, errors);
    }
    fit && !table.fields.is_empty()
}

fn check_name(field: &Field, errors: &mut Errors) {
    if field.name.text == "id" {
        let message = "every record has its `id` already: remove this field, or rename it if it \
                       is a number of your own";
        errors.at(&field.ident, message);
    } else {
        field.name.check("a field", "rename it", errors);
    }
}

/// Names that the functions of a record have, beside those for its fields.
const FUNCTIONS: [&str; 2] = ["to_value", "to_json"];

/// In a value table each field has a function of its name, and one that sets it.
fn check_accessors(table: &Table, errors: &mut Errors) -> bool {
    let mut fit = true;
    for field in &table.fields {
        let name = &field.name.text;
        let sets = |other: &Field| name.strip_prefix("set_") == Some(other.name.text.as_str());
        if FUNCTIONS.contains(&name.as_str()) {
            let message = format!("`{name}` is a function of every record: rename this field");
            errors.at(&field.ident, message);
            fit = false;
        } else if let Some(other) = table.fields.iter().find(|other| sets(other)) {
            let message = format!(
                "`{name}` is the function that sets `{}`: rename this field",
                other.name.text
            );
            errors.at(&field.ident, message);
            fit = false;
        }
    }
    fit
}

/// Types that no field can have, which are better refused here than one trait at a time.
fn check_type(ty: &Type, errors: &mut Errors) -> bool {
    match Shape::of(ty) {
        Shape::Text | Shape::Bytes => true,
        Shape::Optional(inner) => check_type(inner, errors),
        Shape::Plain => check_plain_type(ty, errors),
    }
}

/// Types that reach outside the record.
fn check_plain_type(ty: &Type, errors: &mut Errors) -> bool {
    match ty {
        Type::Reference(_) => {
            let message = "a field cannot borrow, its value stands in the record itself; for a \
                           text write `String` or `Text<N>`, for another record `Id<T>`";
            errors.at(ty, message);
            false
        }
        Type::Array(array) => check_plain_type(&array.elem, errors),
        Type::Group(group) => check_plain_type(&group.elem, errors),
        Type::Paren(paren) => check_plain_type(&paren.elem, errors),
        Type::Path(path) => path.path.segments.last().is_none_or(|last| {
            let arguments = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => None,
            };
            if let Some(remedy) = growing(&last.ident.to_string(), arguments.is_some()) {
                errors.at(ty, format!("no field can hold this: {remedy}"));
                return false;
            }
            arguments
                .into_iter()
                .flatten()
                .all(|argument| match argument {
                    GenericArgument::Type(inner) => check_plain_type(inner, errors),
                    _ => true,
                })
        }),
        _ => true,
    }
}

/// What to write instead of a type of the standard library that grows.
fn growing(name: &str, has_arguments: bool) -> Option<&'static str> {
    match (name, has_arguments) {
        ("String", false) => Some("here write `Text<N>`, which holds up to N bytes of text"),
        ("Vec" | "VecDeque", true) => Some(
            "write `[T; N]`, `Vec<u8>` for bytes, or make the elements records of their own table",
        ),
        ("Box" | "Rc" | "Arc" | "Cow", true) => Some("write the type that is inside"),
        ("HashMap" | "BTreeMap" | "HashSet" | "BTreeSet", true) => {
            Some("make the elements records of their own table")
        }
        _ => None,
    }
}
