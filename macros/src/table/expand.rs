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
    let handles = handles(table, |_, ident| {
        let record = generated_ident(&table.ident);
        quote!(::core::mem::offset_of!(#record, #ident))
    });
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
///
/// `offset` writes the place of the field of this index and identifier.
pub(super) fn handles(table: &Table, offset: impl Fn(usize, &Ident) -> TokenStream) -> TokenStream {
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
        let offset = offset(index, &ident);
        quote! {
            #ident: #support::FieldHandle {
                name: #name,
                index: #index,
                offset: #offset,
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
    format!("{}\n\nIts type is `{ty}`.", field_documentation(field))
}

/// What the field means, or its name.
pub(super) fn field_documentation(field: &Field) -> String {
    if field.documentation.is_empty() {
        format!("The field `{}`.", field.name.text)
    } else {
        field.documentation.clone()
    }
}

/// What must hold on the machine that the program is built for.
pub(super) fn assertions(table: &Table) -> TokenStream {
    let name = &table.name.text;
    let record = generated_ident(&table.ident);
    let size = format!("a record of table `{name}` is larger than {RECORD_SIZE_MAX} bytes");
    let align = format!("the alignment of table `{name}` is larger than {ALIGN_MAX}");
    let support = support();
    quote_spanned! {generated_at(table.ident.span())=>
        #[cfg(not(target_endian = "little"))]
        ::core::compile_error!("records are little-endian, as the machine must be");
        ::core::assert!(<#record as #support::Record>::SIZE <= #RECORD_SIZE_MAX, #size);
        ::core::assert!(<#record as #support::Record>::ALIGN <= #ALIGN_MAX, #align);
    }
}

/// The implementation of the contract.
fn record(table: &Table) -> TokenStream {
    let fields = &table.fields;
    let support = support();
    let record = generated_ident(&table.ident);
    let idents = fields.iter().map(|field| generated_ident(&field.ident));
    let indices = 0..fields.len();
    let field_table = field_table(fields);
    let references = references(fields);
    let (definition, linked) = (definition(table), linked("LinkedTable", &record));
    quote! {
        #references

        #field_table

        #linked

        unsafe impl #support::Record for #record {
            const SIZE: ::core::primitive::usize = ::core::mem::size_of::<Self>();
            const ALIGN: ::core::primitive::usize = ::core::mem::align_of::<Self>();
            const OFFSETS: &'static [::core::primitive::usize] =
                &[#(::core::mem::offset_of!(#record, #idents)),*];

            #definition
        }

        unsafe impl #support::PlainRecord for #record {
            const HAS_PADDING: ::core::primitive::bool =
                0 #(+ __TICKBASE_FIELDS[#indices].0)* != ::core::mem::size_of::<Self>();
        }

        impl #support::Readable for #record {
            type Read<'s> = &'s Self;
            type View<'s> = #support::TypedView<'s, Self>;

            fn to_record(
                &self,
            ) -> ::core::result::Result<#support::RecordBuf, #support::FieldFault> {
                ::core::result::Result::Ok(#support::plain_to_record(self))
            }

            fn from_record(
                record: #support::RecordRef<'_>,
            ) -> ::core::result::Result<Self, ::std::vec::Vec<#support::FieldFault>> {
                #support::plain_from_record(record)
            }
        }

        impl #support::Writable for #record {
            type TableMut<'t> = #support::TableMut<'t, Self>;
        }
    }
}

/// What the contract says of name and fields, which are in `__TICKBASE_FIELDS`.
pub(super) fn definition(table: &Table) -> TokenStream {
    let Table {
        name,
        documentation,
        fields,
        ..
    } = table;
    let name = &name.text;
    let support = support();
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
    let place = place();
    quote! {
        const NAME: &'static ::core::primitive::str = #name;
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

/// Value bytes and definition of each field.
///
/// Each field's type is named in one place, so that one that is no field gives one error, there.
fn field_table(fields: &[Field]) -> TokenStream {
    let support = support();
    let types = fields.iter().map(|field| &field.ty);
    let count = fields.len();
    let define = define_type();
    let entry = quote!((::core::primitive::usize, #define));
    quote! {
        const fn table_field<F: #support::FieldType>() -> #entry {
            (<F as #support::FieldType>::VALUE_BYTES, #support::field::<F>)
        }

        const __TICKBASE_FIELDS: [#entry; #count] = [#(table_field::<#types>()),*];
    }
}

/// The type of the function that defines a field.
pub(super) fn define_type() -> TokenStream {
    let support = support();
    quote! {
        fn(
            &mut #support::TypeRegistry,
            &::core::primitive::str,
            ::core::primitive::bool,
            &::core::primitive::str,
        ) -> ::core::result::Result<#support::FieldDefinition, #support::SchemaError>
    }
}

/// Checks that a field which refers to a table holds ids of its records.
pub(super) fn references(fields: &[Field]) -> TokenStream {
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
