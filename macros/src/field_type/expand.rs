//! From the model to code: what makes the item the type of a field.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::{FieldType, Part, Shape, Variant};
use crate::tokens::{generated_ident, support};

pub(super) fn expand(field_type: &FieldType) -> TokenStream {
    let support = support();
    // With the user's own span: where the item is not `Copy`, the error points at its name.
    let ident = &field_type.ident;
    let name = &field_type.name.text;
    let (parts, value_bytes, register) = match &field_type.shape {
        Shape::Enum(variants) => {
            let variants = variants.iter().map(variant);
            let register = quote!(#support::enumeration(types, #name, &[#(#variants),*]));
            (
                TokenStream::new(),
                quote!(::core::mem::size_of::<Self>()),
                register,
            )
        }
        Shape::Composite(parts) => {
            let indices = 0..parts.len();
            let registered = parts.iter().enumerate().map(|(index, part)| {
                let name = &part.name.text;
                quote!((#name, (__TICKBASE_PARTS[#index].1)(types)?))
            });
            let register = quote! {
                let parts = ::std::vec![#(#registered),*];
                #support::composite(types, #name, parts)
            };
            (
                part_table(parts),
                quote!(0 #(+ __TICKBASE_PARTS[#indices].0)*),
                register,
            )
        }
        Shape::Faulty => (
            TokenStream::new(),
            quote!(0),
            quote!(::core::unreachable!("{:p}", types)),
        ),
    };
    quote! {
        const _: () = {
            #parts

            impl #support::FieldArgument for #ident {}

            unsafe impl #support::FieldType for #ident {
                const VALUE_BYTES: ::core::primitive::usize = #value_bytes;

                fn register(
                    types: &mut #support::TypeRegistry,
                ) -> ::core::result::Result<
                    ::std::sync::Arc<#support::TypeLayout>,
                    #support::SchemaError,
                > {
                    #register
                }
            }

            impl #support::OptionalValue for #ident {}
        };
    }
}

fn variant(variant: &Variant) -> TokenStream {
    let name = &variant.name;
    let ident = generated_ident(&variant.ident);
    quote!((#name, Self::#ident as ::core::primitive::u8))
}

/// Size and registration of each part.
///
/// Each part's type is named in one place, so that one that is no field gives one error, there.
fn part_table(parts: &[Part]) -> TokenStream {
    let support = support();
    let types = parts.iter().map(|part| &part.ty);
    let count = parts.len();
    let entry = quote! {(
        ::core::primitive::usize,
        fn(
            &mut #support::TypeRegistry,
        ) -> ::core::result::Result<
            ::std::sync::Arc<#support::TypeLayout>,
            #support::SchemaError,
        >,
    )};
    quote! {
        const fn composite_part<F: #support::FieldType>() -> #entry {
            (
                <F as #support::FieldType>::VALUE_BYTES,
                <F as #support::FieldType>::register,
            )
        }

        const __TICKBASE_PARTS: [#entry; #count] = [#(composite_part::<#types>()),*];
    }
}
