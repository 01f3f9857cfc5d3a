//! `#[procedure]`: from a function to a procedure.
//!
//! The function stays as it is. Beside it comes a type of the same name that implements the
//! runtime's contract, also where the function has faults, so that the line which registers the
//! procedure does not look wrong as well.

mod check;
mod expand;
mod model;
mod read;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

use crate::errors::Errors;

/// What stands in the place of the function.
pub(crate) fn procedure(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = translate(arguments, &item, &mut errors);
    let item = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(mut function) => {
            read::without_parameter_documentation(&mut function);
            quote!(#function)
        }
        Err(_) => item,
    };
    quote!(#item #code #errors)
}

fn translate(arguments: TokenStream, item: &TokenStream, errors: &mut Errors) -> TokenStream {
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        errors.at(
            item.clone().into_iter().next(),
            "`#[procedure]` stands on a function",
        );
        return TokenStream::new();
    };
    let Some(procedure) = read::read(arguments, &function, errors) else {
        return TokenStream::new();
    };
    let callable = check::check(&procedure, errors);
    expand::expand(&procedure, procedure.call.as_ref().filter(|_| callable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::testing::{assert_faults, assert_is_self_contained, tokens};

    fn translated(arguments: &str, item: &str) -> (String, TokenStream, Errors) {
        let mut errors = Errors::default();
        let code = translate(tokens(arguments), &tokens(item), &mut errors);
        (code.to_string(), code, errors)
    }

    #[test]
    fn a_type_of_the_same_name_and_visibility_describes_and_calls_the_function() {
        let item = "/// Sends it elsewhere.
            pub(crate) fn divert(tx: &mut TransactionHandle, mut to: Id<Airport>, r#in: u8)
                -> Result<u8, String> { todo(tx, to) }";
        let (text, code, errors) = translated("", item);
        assert_faults(&errors, &[]);
        assert_is_self_contained(&code);
        for part in [
            "pub (crate) enum divert { }",
            "NAME : & 'static :: core :: primitive :: str = \"divert\"",
            "= \"Sends it elsewhere.\"",
            "= procedure_parameter :: < Id < Airport > > ()",
            "(__TICKBASE_PARAMETER_1 . 0) (types , \"in\" , \"\")",
            "< Result < u8 , String > as :: tickbase :: macro_support :: ProcedureReturn >",
            "pub (crate) fn with (to : Id < Airport > , r#in : u8)",
            "const READ_ONLY : :: core :: primitive :: bool = false ;",
            "Isolation = :: tickbase :: macro_support :: Isolation :: Serializable ;",
            "divert (tx , (__TICKBASE_PARAMETER_0 . 1) (& params , 0usize) ? ,",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_procedure_may_run_by_itself_and_have_another_name() {
        let item = "fn advance_all(_: &mut TransactionHandle) -> Result<(), String> { Ok(()) }";
        let (text, _, errors) = translated("every = 60, name = \"advance\"", item);
        assert_faults(&errors, &[]);
        assert!(
            text.contains("Some (60u32)") && text.contains("= \"advance\""),
            "{text}"
        );
    }

    #[test]
    fn a_procedure_may_say_how_far_it_is_kept_apart_or_that_it_only_reads() {
        let (text, _, errors) =
            translated("isolation = read_committed", "fn a(tx: &mut Tx) -> R {}");
        assert_faults(&errors, &[]);
        assert!(text.contains("Isolation :: ReadCommitted"), "{text}");
        let (text, _, errors) = translated("read_only", "fn a(tx: &Tx, id: u8) -> R {}");
        assert_faults(&errors, &[]);
        assert!(
            text.contains("const READ_ONLY : :: core :: primitive :: bool = true"),
            "{text}"
        );
    }

    #[test]
    fn comments_of_parameters_are_kept_for_the_signature_and_taken_off_the_function() {
        let item = "fn a(tx: &mut Tx, /// Where to.
            to: u8) -> R {}";
        let (text, _, errors) = translated("", item);
        assert_faults(&errors, &[]);
        assert!(text.contains("(types , \"to\" , \"Where to.\")"), "{text}");
        let whole = procedure(TokenStream::new(), tokens(item)).to_string();
        assert!(whole.contains("fn a (tx : & mut Tx , to : u8)"), "{whole}");
    }

    #[test]
    fn what_a_procedure_cannot_be_is_told_at_each_token_and_the_type_is_made_all_the_same() {
        let item =
            "const async unsafe extern \"C\" fn a<T>(tx: &mut Tx, x: T) -> R where T: Copy {}";
        let (text, code, errors) = translated("", item);
        let faults = [
            ("const", "remove `const`"),
            ("async", "come in a later version"),
            ("unsafe", "remove `unsafe`"),
            ("extern \"C\"", "a Rust function"),
            ("<T>", "no parameters"),
            ("where T: Copy", "remove this clause"),
        ];
        assert_faults(&errors, &faults);
        assert_is_self_contained(&code);
        assert!(
            text.contains("enum a { }") && text.contains("Procedure for a"),
            "{text}"
        );
    }

    #[test]
    fn every_fault_of_the_signature_is_told_at_its_token() {
        for (arguments, item, faults) in [
            (
                "",
                "fn a() -> R {}",
                &[("a", "`tx: &mut TransactionHandle`")][..],
            ),
            (
                "",
                "fn a(tx: &Tx) -> R {}",
                &[("tx: &Tx", "`#[procedure(read_only)]`")],
            ),
            (
                "read_only",
                "fn a(tx: &mut Tx) -> R {}",
                &[("tx: &mut Tx", "or remove `read_only`")],
            ),
            (
                "read_only",
                "fn a() -> R {}",
                &[("a", "`tx: &TransactionHandle`")],
            ),
            (
                "read_only, every = 2, isolation = serializable",
                "fn a(tx: &Tx) -> R {}",
                &[
                    ("read_only", "does nothing"),
                    ("isolation", "nothing to be kept apart"),
                ],
            ),
            (
                "isolation = serialisable",
                "fn a(tx: &mut Tx) -> R {}",
                &[("serialisable", "did you mean `serializable`?")],
            ),
            (
                "isolation = \"none\"",
                "fn a(tx: &mut Tx) -> R {}",
                &[(
                    "\"none\"",
                    "`isolation = read_committed`, `isolation = serializable`",
                )],
            ),
            (
                "every = 5000000000",
                "fn a(tx: &mut Tx) -> R {}",
                &[("5000000000", "a number from 1")],
            ),
            (
                "",
                "fn a(x: u8, tx: &mut Tx) -> R {}",
                &[("x: u8", "first parameter")],
            ),
            (
                "",
                "fn a(&mut self) -> R {}",
                &[("&mut self", "out of the `impl`")],
            ),
            ("", "fn a(tx: &mut Tx) {}", &[("a", "tickbase::Result<()>")]),
            (
                "",
                "fn a(tx: &mut Tx, (x, y): P) -> R {}",
                &[("(x, y)", "`name: Type`")],
            ),
            (
                "",
                "fn a(tx: &mut Tx, x: &str) -> R {}",
                &[("&str", "owns its arguments")],
            ),
            (
                "",
                "fn a(tx: &mut Tx, x: Vec<impl B>) -> R {}",
                &[("impl", "name the type")],
            ),
            (
                "",
                "fn a(tx: &mut Tx, _x: u8) -> R {}",
                &[("_x", "name of a parameter")],
            ),
            (
                "",
                "fn A(tx: &mut Tx) -> R {}",
                &[("A", "name of a procedure")],
            ),
            ("", "struct A;", &[("struct", "stands on a function")]),
            (
                "every = 2",
                "fn a(tx: &mut Tx, x: u8) -> R {}",
                &[("u8", "runs by itself")],
            ),
            (
                "every = 0",
                "fn a(tx: &mut Tx) -> R {}",
                &[("0", "a number from 1")],
            ),
            (
                "every = 1.5",
                "fn a(tx: &mut Tx) -> R {}",
                &[("1.5", "a number from 1")],
            ),
            (
                "evry = 1",
                "fn a(tx: &mut Tx) -> R {}",
                &[("evry", "did you mean `every`?")],
            ),
            (
                "1",
                "fn a(tx: &mut Tx) -> R {}",
                &[("1", "is written like")],
            ),
        ] {
            let (_, code, errors) = translated(arguments, item);
            assert_faults(&errors, faults);
            assert_is_self_contained(&code);
        }
    }
}
