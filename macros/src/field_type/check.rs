//! The rules of a field's type that the model can break.

use syn::{Expr, Lit};

use super::model::{FieldType, Representation, Shape, Variant};
use crate::{attributes::literal, errors::Errors};

/// Names that type ids use already, as in the runtime.
const TAKEN: [&str; 20] = [
    "bool",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "f32",
    "f64",
    "text",
    "timestamp",
    "uuid",
    "id",
    "option",
    "string",
    "bytes",
];

/// Notes every fault.
pub(super) fn check(field_type: &FieldType, representation: &Representation, errors: &mut Errors) {
    let remedy = "write another one with `#[field_type(name = \"…\")]`";
    let name = &field_type.name;
    name.check("a type", remedy, errors);
    if TAKEN.contains(&name.text.as_str()) {
        let text = &name.text;
        errors.at_span(
            name.span,
            format!("`{text}` is the name of a built-in type: {remedy}"),
        );
    }
    match &field_type.shape {
        Shape::Enum(variants) => {
            check_representation(field_type, representation, "u8", "an enum", errors);
            if variants.is_empty() {
                errors.at(&field_type.ident, "an enum has at least one variant");
            }
            variants
                .iter()
                .for_each(|variant| check_discriminant(variant, errors));
        }
        Shape::Composite(parts) => {
            check_representation(field_type, representation, "C", "a composite", errors);
            if parts.is_empty() {
                errors.at(&field_type.ident, "a composite has at least one part");
            }
            for part in parts {
                part.name.check("a part", "rename it", errors);
            }
        }
        Shape::Faulty => {}
    }
}

fn check_representation(
    field_type: &FieldType,
    representation: &Representation,
    right: &str,
    what: &str,
    errors: &mut Errors,
) {
    for wrong in &representation.wrong {
        let message = format!("{what} that is a field is `#[repr({right})]` and nothing else");
        errors.at(wrong, message);
    }
    if representation.right.is_none() && representation.wrong.is_empty() {
        let ident = &field_type.ident;
        let message =
            format!("the layout of `{ident}` must be fixed: write `#[repr({right})]` on it");
        errors.at(ident, message);
    }
}

/// A number that is written out stands in a byte; any other expression is for the compiler.
fn check_discriminant(variant: &Variant, errors: &mut Errors) {
    let message = "a variant's number is 0 to 255, since it is stored as one byte";
    match &variant.discriminant {
        Some(Expr::Unary(negative)) if literal(&negative.expr).is_some() => {
            errors.at(negative, message);
        }
        Some(value) => {
            if let Some(Lit::Int(number)) = literal(value)
                && number
                    .base10_parse::<u128>()
                    .is_ok_and(|number| number > 255)
            {
                errors.at(number, message);
            }
        }
        None => {}
    }
}
