//! From the model to code: the type that stands for the function.

use std::fmt::Write;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Call, Procedure};
use crate::tokens::{find_word, generated, generated_at, generated_ident, linked, place, support};

/// The type and its implementation; where `call` is none, one that no program gets to run.
pub(super) fn expand(procedure: &Procedure, call: Option<&Call>) -> TokenStream {
    let Procedure {
        carried,
        name,
        documentation,
        ..
    } = procedure;
    let name = &name.text;
    let support = support();
    // A type named like a function: no lint on names, since the identifier is the macro's own.
    let ident = generated_ident(&procedure.ident);
    let visibility = generated(&procedure.visibility);
    let type_documentation = format!("The procedure `{name}`, as a type to register it by.");
    let every = match procedure.every {
        Some(every) => quote!(::core::option::Option::Some(#every)),
        None => quote!(::core::option::Option::None),
    };
    let isolation = format_ident!(
        "{}",
        procedure
            .isolation
            .as_ref()
            .map_or("Serializable", |isolation| isolation.variant)
    );
    let read_only = procedure.read_only.is_some();
    let parameters = call.map(parameter_table);
    let names = call
        .into_iter()
        .flat_map(|call| &call.parameters)
        .enumerate()
        .map(|(index, parameter)| {
            let (name, entry) = (&parameter.name.text, entry(index));
            let documentation = &parameter.documentation;
            quote!((#entry.0)(types, #name, #documentation)?)
        });
    let (returns, run) = match call {
        Some(call) => (returns(call), run(procedure, call)),
        None => (
            quote!(::core::unreachable!()),
            quote!(::core::unreachable!()),
        ),
    };
    let typed_call = call.map(|call| typed_call(procedure, call));
    let (place, linked) = (place(), linked("LinkedProcedure", &ident));
    quote! {
        #(#carried)*
        #[doc = #type_documentation]
        #visibility enum #ident {}

        #(#carried)*
        const _: () = {
            #parameters

            #typed_call

            #linked

            impl #support::Procedure for #ident {
                const NAME: &'static ::core::primitive::str = #name;
                const EVERY: ::core::option::Option<::core::primitive::u32> = #every;
                const DOCUMENTATION: &'static ::core::primitive::str = #documentation;
                const ISOLATION: #support::Isolation = #support::Isolation::#isolation;
                const READ_ONLY: ::core::primitive::bool = #read_only;
                const PLACE: #support::Place = #place;

                fn parameters(
                    types: &mut #support::TypeRegistry,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<#support::Parameter>,
                    #support::SchemaError,
                > {
                    ::core::result::Result::Ok(::std::vec![#(#names),*])
                }

                fn returns(
                    types: &mut #support::TypeRegistry,
                ) -> ::core::result::Result<
                    ::core::option::Option<#support::ParameterType>,
                    #support::SchemaError,
                > {
                    #returns
                }

                fn call(
                    tx: &mut #support::TransactionHandle,
                    params: #support::Params,
                ) -> ::core::result::Result<#support::Outcome, #support::ProcedureError> {
                    #run
                }
            }
        };
    }
}

/// How each parameter is described and its argument read.
///
/// Each type is named in one place, so that one that is no argument gives one error, there.
fn parameter_table(call: &Call) -> TokenStream {
    if call.parameters.is_empty() {
        return TokenStream::new();
    }
    let support = support();
    let entry_type = |ty: TokenStream| {
        quote! {(
            fn(
                &mut #support::TypeRegistry,
                &::core::primitive::str,
                &::core::primitive::str,
            ) -> ::core::result::Result<#support::Parameter, #support::SchemaError>,
            fn(
                &#support::Params,
                ::core::primitive::usize,
            ) -> ::core::result::Result<#ty, #support::ProcedureError>,
        )}
    };
    let entries = call
        .parameters
        .iter()
        .enumerate()
        .map(|(index, parameter)| {
            let (ty, entry) = (&parameter.ty, entry(index));
            let entry_type = entry_type(generated(ty));
            quote!(const #entry: #entry_type = procedure_parameter::<#ty>();)
        });
    let entry_type = entry_type(quote!(A));
    quote! {
        const fn procedure_parameter<A: #support::ProcedureArgument>() -> #entry_type {
            (#support::parameter::<A>, #support::argument::<A>)
        }

        #(#entries)*
    }
}

fn entry(index: usize) -> syn::Ident {
    format_ident!("__TICKBASE_PARAMETER_{index}")
}

/// Whether the type of what it gives has a name, which `impl Trait` has not.
fn is_named(output: &syn::Type) -> bool {
    find_word(output, "impl").is_none()
}

/// The item of this name in the trait by which it is read what the function returns.
///
/// All of it stands at the type that the user wrote wherever it is used, so that the compiler says
/// once, and there, what is wrong with it.
fn returned(call: &Call, item: &str) -> TokenStream {
    let (support, output) = (support(), generated(&call.output));
    let span = generated_at(call.output.span());
    let output = match is_named(&call.output) {
        true => output,
        false => quote!(_),
    };
    let item = syn::Ident::new(item, span);
    quote_spanned!(span=> <#output as #support::ProcedureReturn>::#item)
}

/// Says what it gives.
fn returns(call: &Call) -> TokenStream {
    let support = support();
    let output = &call.output;
    if !is_named(output) {
        return quote! {
            let _ = types;
            ::core::result::Result::Ok(::core::option::Option::Some(#support::ParameterType::Any))
        };
    }
    let value = returned(call, "Value");
    quote_spanned! {generated_at(call.output.span())=>
        use #support::{GivesArgument as _, GivesNothing as _, GivesSerialized as _, GivesUnknown as _};
        (&&&&#support::Giver::<#value>::NEW).describe(types)
    }
}

/// Calls the function and makes an outcome of what it returns.
fn run(procedure: &Procedure, call: &Call) -> TokenStream {
    let support = support();
    let function = generated_ident(&procedure.ident);
    let transaction = quote_spanned!(generated_at(call.transaction.span())=> tx);
    let arguments = (0..call.parameters.len()).map(|index| {
        let entry = entry(index);
        quote!((#entry.1)(&params, #index)?)
    });
    let into_result = returned(call, "into_result");
    // A type that has no name can be looked at only here.
    let check = (!is_named(&call.output)).then(|| {
        quote_spanned! {generated_at(call.output.span())=>
            let _ = |types: &mut #support::TypeRegistry| {
                (&&&&#support::Giver::of(&given)).describe(types)
            };
        }
    });
    quote! {
        use #support::{GivesArgument as _, GivesNothing as _, GivesSerialized as _, GivesUnknown as _};
        let given = #into_result(#function(#transaction, #(#arguments),*))?;
        #check
        (&&&&#support::Giver::of(&given)).write(given, &params)
    }
}

/// The function that takes the arguments in Rust, so that the compiler checks them.
fn typed_call(procedure: &Procedure, call: &Call) -> Option<TokenStream> {
    if !is_named(&call.output) {
        return None;
    }
    let support = support();
    let ident = generated_ident(&procedure.ident);
    let visibility = generated(&procedure.visibility);
    let (value, into_result) = (returned(call, "Value"), returned(call, "into_result"));
    let mut documentation = format!(
        "A call of `{}` with these arguments, to be handed to `call` of the database or of its \
         runtime.\n",
        procedure.name.text
    );
    for parameter in &call.parameters {
        // Rust keeps no comments of parameters, so they stand here.
        if !parameter.documentation.is_empty() {
            let indented = parameter.documentation.replace('\n', "\n  ");
            let _ = write!(documentation, "\n- `{}`: {indented}", parameter.name.text);
        }
    }
    // No parameter of the function can be meant by it.
    let transaction = syn::Ident::new("tx", Span::mixed_site());
    let names: Vec<_> = call
        .parameters
        .iter()
        .map(|parameter| generated_ident(&parameter.ident))
        .collect();
    let types = call
        .parameters
        .iter()
        .map(|parameter| generated(&parameter.ty));
    let given = quote_spanned! {generated_at(call.output.span())=>
        #support::Call<#ident, #value>
    };
    Some(quote! {
        impl #ident {
            #[doc = #documentation]
            #visibility fn with(
                #(#names: #types),*
            ) -> #given {
                #support::Call::new(move |#transaction| {
                    #into_result(
                        #ident(#transaction, #(::core::clone::Clone::clone(&#names)),*)
                    )
                })
            }
        }
    })
}
