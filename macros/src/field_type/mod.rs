//! `#[derive(FieldType)]`: from an enum or a struct to a type that fields can have.

mod check;
mod expand;
mod model;
mod read;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::errors::Errors;

/// What stands beside the item.
pub(crate) fn field_type(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = translate(item, &mut errors);
    quote!(#code #errors)
}

fn translate(item: TokenStream, errors: &mut Errors) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let Some((field_type, representation)) = read::read(&item, errors) else {
        return TokenStream::new();
    };
    check::check(&field_type, &representation, errors);
    expand::expand(&field_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::testing::{assert_faults, assert_is_self_contained, tokens};

    fn translated(item: &str) -> (String, TokenStream, Errors) {
        let mut errors = Errors::default();
        let code = translate(tokens(item), &mut errors);
        (code.to_string(), code, errors)
    }

    #[test]
    fn an_enum_registers_its_variants_as_written_with_their_numbers() {
        let (text, code, errors) = translated("#[repr(u8)] enum FlightPhase { Parked, r#In = 7 }");
        assert_faults(&errors, &[]);
        assert_is_self_contained(&code);
        let variants = "(types , \"flight_phase\" , & [\
                        (\"Parked\" , Self :: Parked as :: core :: primitive :: u8) , \
                        (\"In\" , Self :: r#In as :: core :: primitive :: u8)])";
        assert!(text.contains(variants), "{text}");
    }

    #[test]
    fn a_composite_registers_its_parts_in_order() {
        let item =
            "#[repr(C)] #[field_type(name = \"place\")] struct Position { x: f64, r#in: u8 }";
        let (text, code, errors) = translated(item);
        assert_faults(&errors, &[]);
        assert_is_self_contained(&code);
        for part in [
            "[composite_part :: < f64 > () , composite_part :: < u8 > ()]",
            "(\"x\" , (__TICKBASE_PARTS [0usize] . 1) (types) ?)",
            "(\"in\" , (__TICKBASE_PARTS [1usize] . 1) (types) ?)",
            "composite (types , \"place\" , parts)",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn every_fault_is_told_at_its_token() {
        for (item, faults) in [
            ("enum A { X }", &[("A", "write `#[repr(u8)]`")][..]),
            (
                "#[repr(i8, C)] enum A { X }",
                &[("i8", "`#[repr(u8)]`"), ("C", "`#[repr(u8)]`")],
            ),
            ("struct A { x: u8 }", &[("A", "write `#[repr(C)]`")]),
            (
                "#[repr(C, align(8))] struct A { x: u8 }",
                &[("align(8)", "nothing else")],
            ),
            (
                "#[repr(u8)] enum A { X(u8), Y { y: u8 } }",
                &[("(u8)", "alone"), ("{ y: u8 }", "")],
            ),
            (
                "#[repr(u8)] enum A { X = -1, Y = 0x100 }",
                &[("-1", "255"), ("0x100", "255")],
            ),
            ("#[repr(u8)] enum A { X = 255, Y = B + 1 }", &[]),
            ("#[repr(u8)] enum A {}", &[("A", "at least one variant")]),
            ("#[repr(C)] struct A {}", &[("A", "at least one part")]),
            ("#[repr(C)] struct A(u8);", &[("(u8)", "have names")]),
            (
                "#[repr(C)] struct A<'a> { x: &'a u8 }",
                &[("<'a>", "takes no parameters")],
            ),
            (
                "#[repr(C)] union A { x: u8 }",
                &[("union", "a struct or an enum")],
            ),
            (
                "#[repr(C)] struct A { Xy: u8 }",
                &[("Xy", "name of a part")],
            ),
            ("#[repr(C)] struct Uuid { x: u8 }", &[("Uuid", "built-in")]),
            (
                "#[repr(C)] #[field_type(name = \"B\", nam = 1)] struct A { x: u8 }",
                &[("nam", "did you mean `name`?"), ("\"B\"", "name of a type")],
            ),
        ] {
            let (_, code, errors) = translated(item);
            assert_faults(&errors, faults);
            assert_is_self_contained(&code);
        }
    }
}
