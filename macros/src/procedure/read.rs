//! From tokens to the model.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Expr, FnArg, ItemFn, Lit, Pat, PatType, Receiver, ReturnType, Safety, Signature, Type};

use super::model::{Call, Isolation, Parameter, Procedure};
use crate::{
    attributes::{Usage, carried, documentation, literal, name_value, named, word_value},
    errors::Errors,
    names::Name,
    tokens::find_word,
};

const USAGE: Usage = Usage {
    attribute: "procedure",
    keys: &["every", "isolation", "name"],
    flags: &["read_only"],
    example: "#[procedure(every = 1)]",
};

/// Reads the function. None where it is a method, beside which no type could stand.
pub(super) fn read(
    arguments: TokenStream,
    item: &ItemFn,
    errors: &mut Errors,
) -> Option<Procedure> {
    let signature = &item.sig;
    let mut name = Name::of(&signature.ident);
    let (mut every, mut read_only, mut isolation) = (None, None, None);
    for (key, value) in USAGE.read(arguments, errors) {
        match key.to_string().as_str() {
            "name" => name = name_value(&value, errors).unwrap_or(name),
            "every" => every = read_every(&value, errors),
            "read_only" => read_only = Some(key.span()),
            _ => isolation = read_isolation(&key, &value, errors),
        }
    }
    if let Some(receiver @ FnArg::Receiver(_)) = signature.inputs.first() {
        let message = "a procedure is a function of its own: move it out of the `impl`";
        errors.at(receiver, message);
        return None;
    }
    let plain = read_qualifiers(signature, errors);
    let call = read_call(signature, read_only.is_some(), errors);
    Some(Procedure {
        ident: signature.ident.clone(),
        visibility: item.vis.clone(),
        carried: carried(&item.attrs),
        name,
        documentation: documentation(&item.attrs),
        every,
        read_only,
        isolation,
        call: call.filter(|_| plain),
    })
}

fn read_every(value: &Expr, errors: &mut Errors) -> Option<u32> {
    let every = match literal(value) {
        Some(Lit::Int(number)) => number.base10_parse().ok().filter(|every| *every > 0),
        _ => None,
    };
    if every.is_none() {
        errors.at(
            value,
            "`every` counts ticks: write a number from 1 to 4294967295, like `every = 60`",
        );
    }
    every
}

fn read_isolation(key: &Ident, value: &Expr, errors: &mut Errors) -> Option<Isolation> {
    let known = ["read_committed", "serializable"];
    let word = word_value("isolation", value, &known, errors)?;
    Some(Isolation {
        variant: match word {
            "read_committed" => "ReadCommitted",
            _ => "Serializable",
        },
        span: key.span(),
    })
}

/// Notes what a procedure cannot be. True where there is no such thing.
fn read_qualifiers(signature: &Signature, errors: &mut Errors) -> bool {
    let mut plain = true;
    let mut refuse = |tokens: &dyn ToTokens, message: &str| {
        errors.at(tokens, message);
        plain = false;
    };
    let Signature { generics, .. } = signature;
    if let Some(word) = &signature.constness {
        refuse(
            word,
            "a procedure runs in a tick, never at compile time: remove `const`",
        );
    }
    if let Some(word) = &signature.asyncness {
        refuse(
            word,
            "`async` procedures, which may take longer than a tick, come in a later version: remove \
             `async`",
        );
    }
    if let Safety::Unsafe(word) = &signature.safety {
        refuse(
            word,
            "a procedure is called by name from outside: remove `unsafe`",
        );
    }
    if let Some(abi) = &signature.abi {
        refuse(abi, "a procedure is a Rust function: remove this");
    }
    if !generics.params.is_empty() {
        refuse(
            generics,
            "a procedure has one signature, so it takes no parameters: remove these",
        );
    }
    if let Some(clause) = &generics.where_clause {
        refuse(clause, "a procedure has one signature: remove this clause");
    }
    if let Some(variadic) = &signature.variadic {
        refuse(
            variadic,
            "a procedure has a fixed number of parameters: remove this",
        );
    }
    plain
}

fn read_call(signature: &Signature, read_only: bool, errors: &mut Errors) -> Option<Call> {
    let mut inputs = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    let transaction = read_transaction(signature, inputs.next(), read_only, errors);
    let parameters: Vec<_> = inputs.map(|input| read_parameter(input, errors)).collect();
    let output = match &signature.output {
        ReturnType::Type(_, output) => Some((**output).clone()),
        ReturnType::Default => {
            let message = "a procedure returns a `Result`: write `-> tickbase::Result<()>`";
            errors.at(&signature.ident, message);
            None
        }
    };
    Some(Call {
        transaction: transaction?,
        parameters: parameters.into_iter().collect::<Option<_>>()?,
        output: output?,
    })
}

fn read_transaction(
    signature: &Signature,
    first: Option<&PatType>,
    read_only: bool,
    errors: &mut Errors,
) -> Option<Type> {
    let written = match read_only {
        true => "tx: &TransactionHandle",
        false => "tx: &mut TransactionHandle",
    };
    let Some(first) = first else {
        let message = format!(
            "a procedure reaches the database through its transaction: write `{written}` as its \
             first parameter"
        );
        errors.at(&signature.ident, message);
        return None;
    };
    let message = match ungrouped(&first.ty) {
        Type::Reference(reference) if matches!(ungrouped(&reference.elem), Type::Path(_)) => {
            match (reference.mutability, read_only) {
                (Some(_), false) | (None, true) => return Some((*first.ty).clone()),
                (Some(_), true) => {
                    "a procedure that only reads cannot change anything: write \
                     `tx: &TransactionHandle`, or remove `read_only`"
                }
                (None, false) => {
                    "a procedure changes data: write `tx: &mut TransactionHandle`; one that only \
                     reads says so by `#[procedure(read_only)]`"
                }
            }
        }
        _ => {
            let message =
                format!("the first parameter of a procedure is its transaction: write `{written}`");
            errors.at(first, message);
            return None;
        }
    };
    errors.at(first, message);
    None
}

fn read_parameter(input: &PatType, errors: &mut Errors) -> Option<Parameter> {
    for name in ["cfg", "cfg_attr"] {
        for attribute in named(&input.attrs, name) {
            let message = "a procedure takes the same in every build: remove this";
            errors.at(attribute, message);
        }
    }
    if let Some(word) = find_word(&input.ty, "impl") {
        errors.at(word, "a procedure has one signature: name the type");
        return None;
    }
    match &*input.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Some(Parameter {
                name: Name::of(&pattern.ident),
                ident: pattern.ident.clone(),
                ty: (*input.ty).clone(),
                documentation: documentation(&input.attrs),
                borrows: matches!(ungrouped(&input.ty), Type::Reference(_)),
            })
        }
        pattern => {
            errors.at(pattern, "arguments are given by name: write `name: Type`");
            None
        }
    }
}

/// Takes the documentation off the parameters, where the language allows none.
pub(super) fn without_parameter_documentation(item: &mut ItemFn) {
    for input in &mut item.sig.inputs {
        let (FnArg::Typed(PatType { attrs, .. }) | FnArg::Receiver(Receiver { attrs, .. })) = input;
        attrs.retain(|attribute| !attribute.path().is_ident("doc"));
    }
}

/// The type without the parentheses and invisible groups around it.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}
