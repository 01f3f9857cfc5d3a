//! From tokens to the model.

use syn::{Data, DeriveInput, Fields, spanned::Spanned};

use super::model::{FieldType, Part, Representation, Shape, Variant};
use crate::{
    attributes::{Usage, listed, name_value, named},
    errors::Errors,
    names::Name,
};

const USAGE: Usage = Usage {
    attribute: "field_type",
    keys: &["name"],
    flags: &[],
    example: "#[field_type(name = \"phase\")]",
};

/// Reads the item and its representation. None where it is nothing that a field could hold.
pub(super) fn read(item: &DeriveInput, errors: &mut Errors) -> Option<(FieldType, Representation)> {
    let generics = &item.generics;
    if !generics.params.is_empty() {
        let message = "the type of a field has one layout, so it takes no parameters: remove these";
        errors.at(generics, message);
        return None;
    }
    if let Some(clause) = &generics.where_clause {
        errors.at(
            clause,
            "the type of a field takes no parameters: remove this clause",
        );
        return None;
    }
    let (shape, right) = match &item.data {
        Data::Enum(data) => (read_variants(data, errors), "u8"),
        Data::Struct(data) => (read_parts(&item.ident, &data.fields, errors), "C"),
        Data::Union(data) => {
            let message = "a union does not say which of its fields it holds: write a struct or an \
                           enum";
            errors.at(data.union_token, message);
            return None;
        }
    };
    let field_type = FieldType {
        ident: item.ident.clone(),
        name: read_name(item, errors),
        shape,
    };
    Some((field_type, read_representation(item, right)))
}

fn read_name(item: &DeriveInput, errors: &mut Errors) -> Name {
    let mut name = None;
    for attribute in named(&item.attrs, "field_type") {
        let Ok(list) = attribute.meta.require_list() else {
            errors.at(attribute, format!("it is written like `{}`", USAGE.example));
            continue;
        };
        for (key, value) in USAGE.read(list.tokens.clone(), errors) {
            if name.is_some() {
                errors.at(key, "`name` stands twice: remove one");
            } else {
                name = name_value(&value, errors);
            }
        }
    }
    name.unwrap_or_else(|| Name::snake_case(&item.ident))
}

fn read_representation(item: &DeriveInput, right: &str) -> Representation {
    let (right, wrong): (Vec<_>, Vec<_>) = listed(&item.attrs, "repr")
        .into_iter()
        .partition(|repr| repr.path().is_ident(right));
    Representation {
        right: right.first().map(Spanned::span),
        wrong,
    }
}

fn read_variants(data: &syn::DataEnum, errors: &mut Errors) -> Shape {
    let mut faulty = false;
    let mut variants = Vec::with_capacity(data.variants.len());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let message = "a variant of a field's type is a name alone: remove this, and keep what \
                           it holds in fields of the table";
            errors.at(&variant.fields, message);
            faulty = true;
        }
        variants.push(Variant {
            name: Name::of(&variant.ident).text,
            ident: variant.ident.clone(),
            discriminant: variant
                .discriminant
                .as_ref()
                .map(|(_, value)| value.clone()),
        });
    }
    if faulty {
        Shape::Faulty
    } else {
        Shape::Enum(variants)
    }
}

fn read_parts(ident: &syn::Ident, fields: &Fields, errors: &mut Errors) -> Shape {
    let message = "the parts of a composite have names: write `{ part: Type, … }`";
    match fields {
        Fields::Named(fields) => {
            let part = |field: &syn::Field| {
                let name = Name::of(field.ident.as_ref()?);
                Some(Part {
                    name,
                    ty: field.ty.clone(),
                })
            };
            Shape::Composite(fields.named.iter().filter_map(part).collect())
        }
        Fields::Unnamed(fields) => {
            errors.at(fields, message);
            Shape::Faulty
        }
        Fields::Unit => {
            errors.at(ident, message);
            Shape::Faulty
        }
    }
}
