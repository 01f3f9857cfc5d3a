//! What a struct says of its table's past: `renamed_from`, `drops`, and the defaults of new fields.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Expr, Lit, LitStr, Meta, Token, Type, parse::Parser, punctuated::Punctuated};

use super::model::Field;
use crate::{
    attributes::{Usage, literal, name_value, named},
    errors::Errors,
    names::Name,
    tokens::{generated_at, support},
};

const FIELD: Usage = Usage {
    attribute: "field",
    keys: &["default", "renamed_from"],
    flags: &[],
    example: "#[field(default = 0, renamed_from = \"height\")]",
};

/// The former names of a table, and the fields that it may lose.
#[derive(Default)]
pub(super) struct TableHistory {
    pub(super) renamed_from: Vec<Name>,
    pub(super) drops: Vec<Name>,
}

/// The former names of a field, and what it has in records that are older than it.
#[derive(Default)]
pub(super) struct FieldHistory {
    pub(super) renamed_from: Vec<Name>,
    pub(super) default: Option<Expr>,
}

impl TableHistory {
    /// Takes what is said of the past out of the arguments of `#[table]`, and gives the others.
    pub(super) fn read(&mut self, arguments: TokenStream, errors: &mut Errors) -> TokenStream {
        let lists = [
            ("renamed_from", &mut self.renamed_from),
            ("drops", &mut self.drops),
        ];
        take_names(arguments, lists, errors)
    }
}

impl FieldHistory {
    /// Reads every `#[field(…)]`.
    pub(super) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut history = Self::default();
        for attribute in named(attributes, "field") {
            let Meta::List(list) = &attribute.meta else {
                let message = format!("`#[field]` is written like `{}`", FIELD.example);
                errors.at(attribute, message);
                continue;
            };
            let names = [("renamed_from", &mut history.renamed_from)];
            let others = take_names(list.tokens.clone(), names, errors);
            for (key, value) in FIELD.read(others, errors) {
                if history.default.is_some() {
                    errors.at(key, "`default` stands twice: remove one");
                } else {
                    history.default = Some(value);
                }
            }
        }
        history
    }
}

/// Reads `key = "name"` and `key("name", …)` of these keys, as often as they stand, and gives what
/// else there is.
fn take_names<const N: usize>(
    tokens: TokenStream,
    mut lists: [(&str, &mut Vec<Name>); N],
    errors: &mut Errors,
) -> TokenStream {
    let Ok(all) = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens.clone()) else {
        // Whoever reads the others says what is wrong with them.
        return tokens;
    };
    let mut others = Punctuated::<Meta, Token![,]>::new();
    for meta in all {
        let list = lists.iter_mut().find(|(key, _)| meta.path().is_ident(key));
        let Some((key, names)) = list else {
            others.push(meta);
            continue;
        };
        match &meta {
            Meta::NameValue(pair) => names.extend(name_value(&pair.value, errors)),
            Meta::List(list) => {
                let texts = Punctuated::<LitStr, Token![,]>::parse_terminated;
                match texts.parse2(list.tokens.clone()) {
                    Ok(texts) if !texts.is_empty() => {
                        names.extend(texts.iter().map(|text| Name {
                            text: text.value(),
                            span: text.span(),
                        }));
                    }
                    _ => errors.at(&meta, how_to_name(key)),
                }
            }
            Meta::Path(_) => errors.at(&meta, how_to_name(key)),
        }
    }
    others.into_token_stream()
}

fn how_to_name(key: &str) -> String {
    format!("say which, by names in quotes: `{key}(\"height\", \"weight\")`")
}

/// Notes what cannot be meant.
pub(super) fn check(table: &Name, history: &TableHistory, fields: &[Field], errors: &mut Errors) {
    let own = |name: &str| fields.iter().find(|field| field.name.text == name);
    check_former(&history.renamed_from, &table.text, "table", errors);
    for field in fields {
        check_former(
            &field.history.renamed_from,
            &field.name.text,
            "field",
            errors,
        );
        for former in &field.history.renamed_from {
            if history.drops.iter().any(|drop| drop.text == former.text) {
                let message = format!(
                    "`{}` cannot go and be the former name of `{}`: remove it here or in `drops`",
                    former.text, field.name.text
                );
                errors.at_span(former.span, message);
            }
        }
    }
    for (place, drop) in history.drops.iter().enumerate() {
        drop.check("a field", "name a field that the struct had", errors);
        let text = &drop.text;
        if own(text).is_some() {
            let message =
                format!("the struct has a field `{text}`, so it cannot go: remove one of the two");
            errors.at_span(drop.span, message);
        }
        refuse_twice(&history.drops[..place], drop, errors);
    }
}

fn check_former(former: &[Name], now: &str, what: &str, errors: &mut Errors) {
    for (place, name) in former.iter().enumerate() {
        name.check(&format!("a {what}"), "name one that it had", errors);
        if name.text == now {
            let message = format!("`{now}` is what the {what} is called now: name one that it had");
            errors.at_span(name.span, message);
        }
        refuse_twice(&former[..place], name, errors);
    }
}

fn refuse_twice(earlier: &[Name], name: &Name, errors: &mut Errors) {
    if earlier.iter().any(|earlier| earlier.text == name.text) {
        errors.at_span(
            name.span,
            format!("`{}` stands twice: remove one", name.text),
        );
    }
}

/// The definition of a field, with its default.
pub(super) fn defined(definition: &TokenStream, field: &Field) -> TokenStream {
    let Some(default) = &field.history.default else {
        return definition.clone();
    };
    let (support, ty) = (support(), &field.ty);
    let value = value_of(default, ty);
    // A constant, so that a default is the same at every start, and refused by the compiler where it
    // is of another type.
    quote! {
        #support::with_default::<#ty>(#definition, types, {
            const DEFAULT: #ty = #value;
            DEFAULT
        })?
    }
}

/// The default as a value of the field's type. A text in quotes becomes a `Text<N>` while the
/// program is compiled, so that one that does not fit is refused then.
fn value_of(default: &Expr, ty: &Type) -> TokenStream {
    let is_text = match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Text"),
        _ => false,
    };
    match literal(default) {
        Some(Lit::Str(text)) if is_text => {
            let span = generated_at(text.span());
            quote_spanned!(span=> <#ty>::literal(#text))
        }
        _ => default.to_token_stream(),
    }
}

/// What the definition of the table is told of its past.
pub(super) fn told(history: &TableHistory, fields: &[Field]) -> TokenStream {
    let texts = |names: &[Name]| {
        names
            .iter()
            .map(|name| name.text.clone())
            .collect::<Vec<_>>()
    };
    let (tables, drops) = (texts(&history.renamed_from), texts(&history.drops));
    let pairs: Vec<TokenStream> = fields
        .iter()
        .flat_map(|field| {
            let now = &field.name.text;
            let former = texts(&field.history.renamed_from).into_iter();
            former.map(move |former| quote!((#now, #former)))
        })
        .collect();
    if tables.is_empty() && drops.is_empty() && pairs.is_empty() {
        return TokenStream::new();
    }
    let support = support();
    quote!(.map(|table| #support::with_history(table, &[#(#tables),*], &[#(#pairs),*], &[#(#drops),*])))
}
