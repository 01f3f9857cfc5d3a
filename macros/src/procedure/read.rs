//! From tokens to the model.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, FnArg, ItemFn, Lit, Pat, PatType, ReturnType, Safety, Signature, Type};

use super::model::{Call, Parameter, Procedure};
use crate::{
    attributes::{Usage, carried, documentation, literal, name_value, named},
    errors::Errors,
    names::Name,
    tokens::find_word,
};

const USAGE: Usage = Usage {
    attribute: "procedure",
    keys: &["every", "name"],
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
    let mut every = None;
    for (key, value) in USAGE.read(arguments, errors) {
        if key == "name" {
            name = name_value(&value, errors).unwrap_or(name);
        } else {
            every = read_every(&value, errors);
        }
    }
    if let Some(receiver @ FnArg::Receiver(_)) = signature.inputs.first() {
        let message = "a procedure is a function of its own: move it out of the `impl`";
        errors.at(receiver, message);
        return None;
    }
    let plain = read_qualifiers(signature, errors);
    let call = read_call(signature, errors);
    Some(Procedure {
        ident: signature.ident.clone(),
        visibility: item.vis.clone(),
        carried: carried(&item.attrs),
        name,
        documentation: documentation(&item.attrs),
        every,
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
            "`every` counts ticks: write a number from 1, like `every = 60`",
        );
    }
    every
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
            "`async` procedures are not supported yet in this version: remove `async`",
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

fn read_call(signature: &Signature, errors: &mut Errors) -> Option<Call> {
    let mut inputs = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    let transaction = read_transaction(signature, inputs.next(), errors);
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
    errors: &mut Errors,
) -> Option<Type> {
    let Some(first) = first else {
        let message = "a procedure reaches the database through its transaction: write \
                       `tx: &mut TransactionHandle` as its first parameter";
        errors.at(&signature.ident, message);
        return None;
    };
    match ungrouped(&first.ty) {
        Type::Reference(reference)
            if reference.mutability.is_some()
                && matches!(ungrouped(&reference.elem), Type::Path(_)) =>
        {
            Some((*first.ty).clone())
        }
        _ => {
            let message = "the first parameter of a procedure is its transaction: write \
                           `tx: &mut TransactionHandle`";
            errors.at(first, message);
            None
        }
    }
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
                ty: (*input.ty).clone(),
                borrows: matches!(ungrouped(&input.ty), Type::Reference(_)),
            })
        }
        pattern => {
            errors.at(pattern, "arguments are given by name: write `name: Type`");
            None
        }
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
