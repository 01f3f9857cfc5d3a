//! From the model to code where the struct is a value: what reads and sets each field of what is
//! stored, and what makes the struct a record.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Type, ext::IdentExt};

use super::{
    expand::{assertions, define_type, definition, field_documentation, handles, references},
    model::{Shape, Table},
};
use crate::tokens::{generated, generated_at, generated_ident, linked, support};

pub(super) fn expand(table: &Table) -> TokenStream {
    let carried = &table.carried;
    let support = support();
    let record = generated_ident(&table.ident);
    let handles = handles(
        table,
        |index, _| quote!(<#record as #support::Record>::OFFSETS[#index]),
    );
    let reader = reader(table);
    let editor = editor(table);
    let assertions = assertions(table);
    let contract = contract(table);
    quote! {
        #handles
        #reader
        #editor
        #(#carried)*
        const _: () = {
            #assertions
            #contract
        };
    }
}

/// The name of a struct beside the user's.
fn beside(table: &Table, ending: &str) -> Ident {
    let span = generated_at(table.ident.span());
    format_ident!("{}{ending}", table.ident.unraw(), span = span)
}

/// A record as a snapshot gives it.
fn reader(table: &Table) -> TokenStream {
    let carried = &table.carried;
    let support = support();
    let record = generated_ident(&table.ident);
    let visibility = generated(&table.visibility);
    let reader = beside(table, "Ref");
    let name = record.unraw().to_string();
    let documentation = format!(
        "A record of [`{name}`] as a snapshot gives it: a function for each field, none of which \
         copies a text or bytes."
    );
    let functions = table.fields.iter().enumerate().map(|(index, field)| {
        let documentation = field_documentation(field);
        let visibility = generated(&field.visibility);
        let ident = generated_ident(&field.ident);
        let read = read_type(&field.ty, &quote!('s));
        quote! {
            #[doc = #documentation]
            #[inline]
            #visibility fn #ident(self) -> #read {
                self.record.get::<#index>()
            }
        }
    });
    quote! {
        #(#carried)*
        #[doc = #documentation]
        #[derive(::core::clone::Clone, ::core::marker::Copy)]
        #visibility struct #reader<'s> {
            record: #support::ValueRef<'s, #record>,
        }

        #(#carried)*
        impl<'s> #reader<'s> {
            #(#functions)*

            /// A copy of all fields as their struct.
            #visibility fn to_value(self) -> #record {
                self.record.to_value()
            }

            /// The record as JSON, fields by name.
            #visibility fn to_json(self) -> ::std::string::String {
                self.record.to_json()
            }
        }

        #(#carried)*
        impl ::core::fmt::Debug for #reader<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                self.record.write_debug(#name, f)
            }
        }
    }
}

/// A record in a pass that may change it.
fn editor(table: &Table) -> TokenStream {
    let carried = &table.carried;
    let support = support();
    let record = generated_ident(&table.ident);
    let visibility = generated(&table.visibility);
    let editor = beside(table, "Mut");
    let name = record.unraw().to_string();
    let documentation = format!(
        "A record of [`{name}`] in a pass that may change it: for each field a function that reads \
         it and one that sets it."
    );
    let functions = table.fields.iter().enumerate().map(|(index, field)| {
        let documentation = field_documentation(field);
        let sets = format!("Sets `{}`.", field.name.text);
        let visibility = generated(&field.visibility);
        let ident = generated_ident(&field.ident);
        let set = format_ident!("set_{}", field.ident.unraw(), span = ident.span());
        let (read, value) = (
            read_type(&field.ty, &quote!('_)),
            read_type(&field.ty, &quote!('_)),
        );
        quote! {
            #[doc = #documentation]
            #visibility fn #ident(&self) -> #read {
                self.record.as_ref().get::<#index>()
            }

            #[doc = #sets]
            #visibility fn #set(&mut self, value: #value) {
                self.record.set::<#index>(value);
            }
        }
    });
    quote! {
        #(#carried)*
        #[doc = #documentation]
        #visibility struct #editor<'r> {
            record: #support::ValueEdit<'r, #record>,
        }

        #(#carried)*
        impl #editor<'_> {
            #(#functions)*

            /// A copy of all fields as their struct.
            #visibility fn to_value(&self) -> #record {
                self.record.as_ref().to_value()
            }

            /// The record as JSON, fields by name.
            #visibility fn to_json(&self) -> ::std::string::String {
                self.record.as_ref().to_json()
            }
        }

        #(#carried)*
        impl ::core::fmt::Debug for #editor<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                self.record.as_ref().write_debug(#name, f)
            }
        }
    }
}

/// What a field is read and set as: without a copy of what is long.
fn read_type(ty: &Type, lifetime: &TokenStream) -> TokenStream {
    match Shape::of(ty) {
        Shape::Plain => quote!(#ty),
        Shape::Text => quote!(&#lifetime ::core::primitive::str),
        Shape::Bytes => quote!(&#lifetime [::core::primitive::u8]),
        Shape::Optional(inner) => {
            let inner = read_type(inner, lifetime);
            quote!(::core::option::Option<#inner>)
        }
    }
}

/// The implementation of the contract.
fn contract(table: &Table) -> TokenStream {
    let fields = &table.fields;
    let support = support();
    let record = generated_ident(&table.ident);
    let (reader, editor) = (beside(table, "Ref"), beside(table, "Mut"));
    let references = references(fields);
    let (definition, linked) = (definition(table), linked("LinkedTable", &record));
    let define = define_type();
    let (count, indices) = (fields.len(), 0..fields.len());
    let idents: Vec<Ident> = fields
        .iter()
        .map(|field| generated_ident(&field.ident))
        .collect();
    let (defined, places, written) = (0..count, 0..count, 0..count);
    let known = fields.iter().enumerate().map(|(index, field)| {
        let ty = &field.ty;
        let read = read_type(ty, &quote!('r));
        quote! {
            #[doc(hidden)]
            unsafe impl #support::ValueField<#index> for #record {
                type Read<'r> = #read;
                type Type = #ty;
            }
        }
    });
    quote! {
        #references

        #linked

        const __TICKBASE_FIELDS: [
            ((::core::primitive::usize, ::core::primitive::usize), #define);
            #count
        ] = [#((
            #support::place::<#record, #defined>(),
            #support::value_field::<#record, #defined>,
        )),*];

        const __TICKBASE_PLACES: [(::core::primitive::usize, ::core::primitive::usize); #count] =
            [#(__TICKBASE_FIELDS[#places].0),*];

        #(#known)*

        unsafe impl #support::Record for #record {
            const SIZE: ::core::primitive::usize = #support::extent(__TICKBASE_PLACES).0;
            const ALIGN: ::core::primitive::usize = #support::extent(__TICKBASE_PLACES).1;
            const OFFSETS: &'static [::core::primitive::usize] =
                &#support::offsets(__TICKBASE_PLACES);

            #definition
        }

        unsafe impl #support::ValueRecord for #record {
            type Ref<'r> = #reader<'r>;
            type Edit<'r> = #editor<'r>;

            fn make_ref(record: #support::ValueRef<'_, Self>) -> #reader<'_> {
                #reader { record }
            }

            fn make_edit(record: #support::ValueEdit<'_, Self>) -> #editor<'_> {
                #editor { record }
            }

            fn take_edit(edit: Self::Edit<'_>) -> #support::ValueEdit<'_, Self> {
                edit.record
            }

            fn write(
                &self,
                record: &mut #support::ValueWriter<'_>,
            ) -> ::core::result::Result<(), #support::FieldFault> {
                #(record.put::<Self, #written>(&self.#idents)?;)*
                ::core::result::Result::Ok(())
            }

            fn read(record: #support::ValueRef<'_, Self>) -> Self {
                Self {
                    #(#idents: record.copy::<#indices>(),)*
                }
            }
        }

        impl #support::Readable for #record {
            type Read<'s> = #reader<'s>;
            type View<'s> = #support::ValueView<'s, Self>;

            fn to_record(
                &self,
            ) -> ::core::result::Result<#support::RecordBuf, #support::FieldFault> {
                #support::ValueRecord::encode(self)
            }

            fn from_record(
                record: #support::RecordRef<'_>,
            ) -> ::core::result::Result<Self, ::std::vec::Vec<#support::FieldFault>> {
                #support::value_from_record(record)
            }
        }

        impl #support::Writable for #record {
            type TableMut<'t> = #support::ValueTableMut<'t, Self>;
        }
    }
}
