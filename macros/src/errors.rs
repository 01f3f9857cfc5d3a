//! Gathers every fault of an item, each with the tokens it is about.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The faults found so far; all of them reach the user in one go.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Notes a fault of these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a fault of the one token that has this span.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.as_ref().map(syn::Error::to_compile_error));
    }
}

/// What the tests of all macros look at.
#[cfg(test)]
pub(crate) mod testing {
    use proc_macro2::{TokenStream, TokenTree};

    use super::Errors;

    /// Each fault as the source text that it points at and its message.
    pub(crate) fn faults(errors: &Errors) -> Vec<(String, String)> {
        let fault = |error: syn::Error| {
            let text = error.span().source_text().unwrap_or_default();
            (text, error.to_string())
        };
        errors.0.clone().into_iter().flatten().map(fault).collect()
    }

    /// Asserts that the faults are these: each the text pointed at and a part of the message.
    pub(crate) fn assert_faults(errors: &Errors, expected: &[(&str, &str)]) {
        let found = faults(errors);
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(found, expected)| found.0 == expected.0 && found.1.contains(expected.1));
        assert!(same, "expected {expected:#?}\nfound {found:#?}");
    }

    /// The tokens of this source, which know where in it they stand.
    pub(crate) fn tokens(source: &str) -> TokenStream {
        source.parse().unwrap()
    }

    /// Asserts that the code is a list of items in which no path starts with `tickbase` other
    /// than `::tickbase::macro_support`, and which lifts no lint.
    pub(crate) fn assert_is_self_contained(code: &TokenStream) {
        syn::parse2::<syn::File>(code.clone()).unwrap();
        let text = code.to_string();
        let paths = text.matches("tickbase").count();
        let supported = text.matches(":: tickbase :: macro_support").count();
        assert_eq!(paths, supported, "{text}");
        assert!(
            !has_ident(code, "allow") && !has_ident(code, "expect"),
            "{text}"
        );
    }

    fn has_ident(code: &TokenStream, name: &str) -> bool {
        code.clone().into_iter().any(|tree| match tree {
            TokenTree::Ident(ident) => ident == name,
            TokenTree::Group(group) => has_ident(&group.stream(), name),
            _ => false,
        })
    }
}
