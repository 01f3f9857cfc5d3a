//! From the model to code: the type that stands for the function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::{Call, Procedure};
use crate::tokens::{find_word, generated, generated_at, generated_ident, support};

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
    let parameters = call.map(parameter_table);
    let names = call
        .into_iter()
        .flat_map(|call| &call.parameters)
        .enumerate()
        .map(|(index, parameter)| {
            let (name, entry) = (&parameter.name.text, entry(index));
            quote!((#entry.0)(types, #name)?)
        });
    let run = match call {
        Some(call) => run(procedure, call),
        None => quote!(::core::unreachable!()),
    };
    quote! {
        #(#carried)*
        #[doc = #type_documentation]
        #visibility enum #ident {}

        #(#carried)*
        const _: () = {
            #parameters

            impl #support::Procedure for #ident {
                const NAME: &'static ::core::primitive::str = #name;
                const EVERY: ::core::option::Option<::core::primitive::u32> = #every;
                const DOCUMENTATION: &'static ::core::primitive::str = #documentation;

                fn parameters(
                    types: &mut #support::TypeRegistry,
                ) -> ::core::result::Result<
                    ::std::vec::Vec<#support::Parameter>,
                    #support::SchemaError,
                > {
                    ::core::result::Result::Ok(::std::vec![#(#names),*])
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

/// Calls the function and makes an outcome of what it returns.
fn run(procedure: &Procedure, call: &Call) -> TokenStream {
    let support = support();
    let function = generated_ident(&procedure.ident);
    let transaction = quote_spanned!(generated_at(call.transaction.span())=> tx);
    let arguments = (0..call.parameters.len()).map(|index| {
        let entry = entry(index);
        quote!((#entry.1)(&params, #index)?)
    });
    let output = &call.output;
    // `impl Trait` cannot be named here, and is inferred instead.
    let output = if find_word(output, "impl").is_some() {
        quote!(_)
    } else {
        quote!(#output)
    };
    quote! {
        <#output as #support::ProcedureReturn>::into_outcome(
            #function(#transaction, #(#arguments),*)
        )
    }
}
