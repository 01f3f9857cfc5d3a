//! From tokens to the model; and the struct without the attributes that only the macro knows.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Fields, Meta, Type, parse_quote, spanned::Spanned};

use super::{
    history::{FieldHistory, TableHistory},
    model::{Field, Table},
};
use crate::{
    attributes::{Usage, carried, documentation, listed, name_value, named},
    errors::Errors,
    names::{Name, nearest},
    tokens::{find_word, without_self},
};

const USAGE: Usage = Usage {
    attribute: "table",
    keys: &["name", "renamed_from", "drops"],
    flags: &[],
    example: "#[table(name = \"flight\")]",
};

/// The attributes of fields that the macro knows.
const HELPERS: [&str; 4] = ["key", "unique", "references", "field"];

/// Reads the struct and takes the macro's own attributes off it.
///
/// None where it is no struct of which a table could be made.
pub(super) fn read(
    arguments: TokenStream,
    item: &mut DeriveInput,
    errors: &mut Errors,
) -> Option<Table> {
    let mut name = Name::snake_case(&item.ident);
    let mut history = TableHistory::default();
    let arguments = history.read(arguments, errors);
    for (_, value) in USAGE.read(arguments, errors) {
        name = name_value(&value, errors).unwrap_or(name);
    }
    read_repr(&item.attrs, errors);
    let generics = &item.generics;
    let is_generic = !generics.params.is_empty() || generics.where_clause.is_some();
    if !generics.params.is_empty() {
        let message = "a table has one layout, so its struct takes no parameters: remove these";
        errors.at(generics, message);
    } else if let Some(clause) = &generics.where_clause {
        errors.at(
            clause,
            "a table's struct takes no parameters: remove this clause",
        );
    }
    let fields = match &mut item.data {
        Data::Struct(data) => match &mut data.fields {
            Fields::Named(fields) => &mut fields.named,
            Fields::Unnamed(fields) => {
                errors.at(
                    fields,
                    "a table's fields have names: write `{ field: Type, … }`",
                );
                return None;
            }
            Fields::Unit => {
                errors.at(
                    &item.ident,
                    "a table has fields: write `{ field: Type, … }`",
                );
                return None;
            }
        },
        Data::Enum(data) => {
            let message = "`#[table]` stands on a struct; for an enum that is to be the type of a \
                           field write `#[derive(Clone, Copy, FieldType)] #[repr(u8)]`";
            errors.at(data.enum_token, message);
            return None;
        }
        Data::Union(data) => {
            errors.at(
                data.union_token,
                "`#[table]` stands on a struct with named fields",
            );
            return None;
        }
    };
    let fields = fields
        .iter_mut()
        .filter_map(|field| {
            let read = read_field(field, &item.ident, errors);
            field.attrs.retain(|attribute| !is_helper(attribute));
            read
        })
        .collect();
    (!is_generic).then(|| Table {
        ident: item.ident.clone(),
        visibility: item.vis.clone(),
        carried: carried(&item.attrs),
        name,
        documentation: documentation(&item.attrs),
        history,
        fields,
    })
}

fn read_repr(attributes: &[Attribute], errors: &mut Errors) {
    for repr in listed(attributes, "repr") {
        if !repr.path().is_ident("C") {
            let message =
                "a record has the layout of `repr(C)`, which `#[table]` adds: remove this";
            errors.at(repr, message);
        }
    }
    for attribute in named(attributes, "cfg_attr") {
        if let Some(word) = find_word(attribute, "repr") {
            let message = "a record has the layout of `repr(C)` in every build: remove this";
            errors.at(word, message);
        }
    }
}

fn read_field(field: &syn::Field, table: &syn::Ident, errors: &mut Errors) -> Option<Field> {
    let ident = field.ident.clone()?;
    for name in ["cfg", "cfg_attr"] {
        for attribute in named(&field.attrs, name) {
            let message = "a table has the same fields in every build: remove this";
            errors.at(attribute, message);
        }
    }
    if let Some((equals, value)) = &field.default {
        let mut tokens = equals.to_token_stream();
        value.to_tokens(&mut tokens);
        errors.at(
            tokens,
            "write the default as `#[field(default = …)]` above the field",
        );
    }
    for attribute in &field.attrs {
        refuse_misspelt(attribute, errors);
    }
    let ty = without_self(&field.ty, table);
    Some(Field {
        name: Name::of(&ident),
        ident,
        visibility: field.vis.clone(),
        documentation: documentation(&field.attrs),
        ty: syn::parse2(ty).unwrap_or_else(|_| field.ty.clone()),
        key: read_flag(&field.attrs, "key", errors),
        unique: read_flag(&field.attrs, "unique", errors),
        references: read_references(&field.attrs, table, errors),
        history: FieldHistory::read(&field.attrs, errors),
    })
}

/// An attribute of ours that has no arguments.
fn read_flag(attributes: &[Attribute], name: &str, errors: &mut Errors) -> Option<Span> {
    let mut found = None;
    for attribute in named(attributes, name) {
        if !matches!(attribute.meta, Meta::Path(_)) {
            errors.at(
                attribute,
                format!("it takes no arguments: write `#[{name}]`"),
            );
        }
        if found.is_some() {
            errors.at(attribute, format!("`#[{name}]` stands twice: remove one"));
        }
        found = found.or(Some(attribute.path().span()));
    }
    found
}

fn read_references(
    attributes: &[Attribute],
    table: &syn::Ident,
    errors: &mut Errors,
) -> Option<Type> {
    let mut found: Option<Type> = None;
    for attribute in named(attributes, "references") {
        let target = attribute
            .parse_args::<Type>()
            .and_then(|target| syn::parse2(without_self(target, table)));
        match target {
            Ok(_) if found.is_some() => {
                errors.at(
                    attribute,
                    "a field refers to one table: remove one `#[references(…)]`",
                );
            }
            Ok(target) => found = Some(target),
            Err(_) => {
                let message = "say which table the field refers to, like `#[references(Airport)]`";
                errors.at(attribute, message);
            }
        }
    }
    found
}

fn is_helper(attribute: &Attribute) -> bool {
    HELPERS
        .iter()
        .any(|helper| attribute.path().is_ident(helper))
        || misspelt(attribute).is_some()
}

/// What an attribute that is none of ours, but nearly, was probably meant to be.
fn misspelt(attribute: &Attribute) -> Option<(&'static str, String)> {
    let found = attribute.path().get_ident()?.to_string();
    let helper = nearest(&found, &HELPERS)?;
    (found != helper && found.len() > 2).then_some((helper, found))
}

fn refuse_misspelt(attribute: &Attribute, errors: &mut Errors) {
    if let Some((helper, found)) = misspelt(attribute) {
        let message = format!("no attribute of a field is `{found}`, did you mean `{helper}`?");
        errors.at(attribute.path(), message);
    }
}

/// Adds what a record needs: `repr(C)`, and `Clone` and `Copy` where the user has not derived them.
pub(super) fn complete(item: &mut DeriveInput) {
    let derived = listed(&item.attrs, "derive");
    let has = |name: &str| {
        let is_it = |meta: &Meta| {
            meta.path()
                .segments
                .last()
                .is_some_and(|last| last.ident == name)
        };
        derived.iter().any(is_it)
    };
    let mut added: Vec<Attribute> = Vec::new();
    match (has("Clone"), has("Copy")) {
        (true, true) => {}
        (true, false) => added.push(parse_quote!(#[derive(::core::marker::Copy)])),
        (false, true) => added.push(parse_quote!(#[derive(::core::clone::Clone)])),
        (false, false) => {
            added.push(parse_quote!(#[derive(::core::clone::Clone, ::core::marker::Copy)]));
        }
    }
    // Instead of the user's own, which is this or has been refused.
    added.push(parse_quote!(#[repr(C)]));
    item.attrs
        .retain(|attribute| !attribute.path().is_ident("repr"));
    added.append(&mut item.attrs);
    item.attrs = added;
}
