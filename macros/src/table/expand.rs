//! From the model to code: the field handles beside the struct, and what makes it a record.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::{
    history,
    model::{Field, Table},
};
use crate::tokens::{generated, generated_at, generated_ident, linked, place, support, type_text};

/// Bytes of the largest record, and the largest alignment, as in the runtime.
const RECORD_SIZE_MAX: usize = 64 * 1024;
const ALIGN_MAX: usize = 64;

pub(super) fn expand(table: &Table) -> TokenStream {
    let carried = &table.carried;
    let handles = handles(table);
    let assertions = assertions(table);
    let record = record(table);
    quote! {
        #handles
        #(#carried)*
        const _: () = {
            #assertions
            #record
        };
    }
}

/// The struct with a handle for each field, and the function that gives it.
fn handles(table: &Table) -> TokenStream {
    let Table {
        carried, fields, ..
    } = table;
    let support = support();
    let record = generated_ident(&table.ident);
    let visibility = generated(&table.visibility);
    let span = generated_at(table.ident.span());
    let handles = format_ident!("{}Fields", table.ident, span = span);
    let handles_documentation = format!(
        "The fields of [`{}`]: of each its name, place and type.",
        table.ident
    );
    let declared = fields.iter().map(|field| {
        let Field { ty, .. } = field;
        let documentation = handle_documentation(field);
        let visibility = generated(&field.visibility);
        let ident = generated_ident(&field.ident);
        quote!(#[doc = #documentation] #visibility #ident: #support::FieldHandle<#record, #ty>)
    });
    let made = fields.iter().enumerate().map(|(index, field)| {
        let name = &field.name.text;
        let ident = generated_ident(&field.ident);
        quote! {
            #ident: #support::FieldHandle {
                name: #name,
                index: #index,
                offset: ::core::mem::offset_of!(#record, #ident),
                get: |record| &record.#ident,
                get_mut: |record| &mut record.#ident,
            }
        }
    });
    quote! {
        #(#carried)*
        #[doc = #handles_documentation]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #visibility struct #handles {
            #(#declared,)*
        }

        #(#carried)*
        impl #record {
            /// The table's fields, each with its name, place and type.
            #visibility const fn fields() -> #handles {
                #handles {
                    #(#made,)*
                }
            }
        }
    }
}

fn handle_documentation(field: &Field) -> String {
    let ty = type_text(&field.ty);
    let text = if field.documentation.is_empty() {
        format!("The field `{}`.", field.name.text)
    } else {
        field.documentation.clone()
    };
    format!("{text}\n\nIts type is `{ty}`.")
}

/// What must hold on the machine that the program is built for.
fn assertions(table: &Table) -> TokenStream {
    let name = &table.name.text;
    let record = generated_ident(&table.ident);
    let size = format!("a record of table `{name}` is larger than {RECORD_SIZE_MAX} bytes");
    let align = format!("the alignment of table `{name}` is larger than {ALIGN_MAX}");
    quote_spanned! {generated_at(table.ident.span())=>
        #[cfg(not(target_endian = "little"))]
        ::core::compile_error!("records are little-endian, as the machine must be");
        ::core::assert!(::core::mem::size_of::<#record>() <= #RECORD_SIZE_MAX, #size);
        ::core::assert!(::core::mem::align_of::<#record>() <= #ALIGN_MAX, #align);
    }
}

/// The implementation of the contract.
fn record(table: &Table) -> TokenStream {
    let Table {
        name,
        documentation,
        fields,
        ..
    } = table;
    let name = &name.text;
    let support = support();
    let record = generated_ident(&table.ident);
    let idents: Vec<Ident> = fields
        .iter()
        .map(|field| generated_ident(&field.ident))
        .collect();
    let indices = 0..fields.len();
    let defined = fields.iter().enumerate().map(|(index, field)| {
        let (name, unique) = (&field.name.text, field.is_unique());
        let documentation = &field.documentation;
        let definition =
            quote!((__TICKBASE_FIELDS[#index].1)(types, #name, #unique, #documentation)?);
        history::defined(&definition, field)
    });
    let relations = fields.iter().filter_map(|field| {
        let target = field.references.as_ref()?;
        let field_name = &field.name.text;
        Some(quote!(#support::relation::<#target>(#name, #field_name)))
    });
    let told = history::told(&table.history, fields);
    let field_table = field_table(fields);
    let references = references(fields);
    let (place, linked) = (place(), linked("LinkedTable", &record));
    quote! {
        #references

        #field_table

        #linked

        unsafe impl #support::Record for #record {
            const NAME: &'static ::core::primitive::str = #name;
            const OFFSETS: &'static [::core::primitive::usize] =
                &[#(::core::mem::offset_of!(#record, #idents)),*];
            const HAS_PADDING: ::core::primitive::bool =
                0 #(+ __TICKBASE_FIELDS[#indices].0)* != ::core::mem::size_of::<Self>();
            const PLACE: #support::Place = #place;

            fn define(
                types: &mut #support::TypeRegistry,
            ) -> ::core::result::Result<#support::TableDefinition, #support::SchemaError> {
                #support::table(
                    #name,
                    ::std::vec![#(#defined),*],
                    ::std::vec![#(#relations),*],
                    #documentation,
                )
                #told
            }

            fn layout() -> &'static #support::RecordLayout {
                static LAYOUT: ::std::sync::OnceLock<#support::RecordLayout> =
                    ::std::sync::OnceLock::new();
                LAYOUT.get_or_init(<Self as #support::Record>::compute_layout)
            }
        }
    }
}

/// Value bytes and definition of each field.
///
/// Each field's type is named in one place, so that one that is no field gives one error, there.
fn field_table(fields: &[Field]) -> TokenStream {
    let support = support();
    let types = fields.iter().map(|field| &field.ty);
    let count = fields.len();
    let entry = quote! {(
        ::core::primitive::usize,
        fn(
            &mut #support::TypeRegistry,
            &::core::primitive::str,
            ::core::primitive::bool,
            &::core::primitive::str,
        ) -> ::core::result::Result<#support::FieldDefinition, #support::SchemaError>,
    )};
    quote! {
        const fn table_field<F: #support::FieldType>() -> #entry {
            (<F as #support::FieldType>::VALUE_BYTES, #support::field::<F>)
        }

        const __TICKBASE_FIELDS: [#entry; #count] = [#(table_field::<#types>()),*];
    }
}

/// Checks that a field which refers to a table holds ids of its records.
fn references(fields: &[Field]) -> TokenStream {
    let support = support();
    let checks: Vec<TokenStream> = fields
        .iter()
        .filter_map(|field| {
            let (ty, target) = (&field.ty, field.references.as_ref()?);
            Some(quote!(table_reference::<#ty, #target>();))
        })
        .collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    let checks = checks.iter().map(ToTokens::to_token_stream);
    quote! {
        const fn table_reference<F: #support::RefersTo<T>, T>() {}
        #(#checks)*
    }
}
