//! Small work on tokens that all macros share.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// The one path that generated code names, besides those of the standard library.
pub(crate) fn support() -> TokenStream {
    quote!(::tickbase::macro_support)
}

/// Where the item stands: file and line are those of the attribute.
pub(crate) fn place() -> TokenStream {
    let support = support();
    quote! {
        #support::Place {
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
        }
    }
}

/// Adds what is declared to the list of its kind that the runtime finds at its start.
pub(crate) fn linked(list: &str, ident: &Ident) -> Option<TokenStream> {
    let support = support();
    let list = Ident::new(list, Span::call_site());
    cfg!(feature = "auto-register")
        .then(|| quote!(#support::inventory::submit! { #support::#list::of::<#ident>() }))
}

/// A span at the same place as `span` that belongs to the macro.
///
/// Lints look at who a span belongs to: what the user did not write is not held against them, so
/// generated code works under `forbid(unsafe_code)` and has names in any case.
pub(crate) fn generated_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The identifier, at the same place, as one that the macro wrote.
pub(crate) fn generated_ident(ident: &Ident) -> Ident {
    let mut generated = ident.clone();
    generated.set_span(generated_at(ident.span()));
    generated
}

/// The tokens, at the same places, as ones that the macro wrote.
pub(crate) fn generated(tokens: impl ToTokens) -> TokenStream {
    map(tokens.into_token_stream(), &|mut tree| {
        tree.set_span(generated_at(tree.span()));
        tree
    })
}

/// The tokens with `Self` replaced by the name that it stands for.
pub(crate) fn without_self(tokens: impl ToTokens, name: &Ident) -> TokenStream {
    map(tokens.into_token_stream(), &|tree| match &tree {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut named = name.clone();
            named.set_span(ident.span());
            TokenTree::Ident(named)
        }
        _ => tree,
    })
}

fn map(tokens: TokenStream, change: &dyn Fn(TokenTree) -> TokenTree) -> TokenStream {
    let changed = |tree| match tree {
        TokenTree::Group(group) => {
            let mut inside = Group::new(group.delimiter(), map(group.stream(), change));
            inside.set_span(group.span());
            change(TokenTree::Group(inside))
        }
        other => change(other),
    };
    tokens.into_iter().map(changed).collect()
}

/// The first token, however deep, that is this word.
pub(crate) fn find_word(tokens: impl ToTokens, word: &str) -> Option<Ident> {
    tokens
        .into_token_stream()
        .into_iter()
        .find_map(|tree| match tree {
            TokenTree::Ident(ident) if ident == word => Some(ident),
            TokenTree::Group(group) => find_word(group.stream(), word),
            _ => None,
        })
}

/// The tokens of a type as one would write it: `Option<Id<Airport>>`, `[f32; 3]`.
pub(crate) fn type_text(ty: impl ToTokens) -> String {
    let mut text = String::new();
    write_text(ty.into_token_stream(), &mut text);
    text
}

fn write_text(tokens: TokenStream, text: &mut String) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_text(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => {
                text.push(punct.as_char());
                if matches!(punct.as_char(), ',' | ';') && punct.spacing() == Spacing::Alone {
                    text.push(' ');
                }
            }
            word => {
                if text.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_as_one_would_write_it() {
        for text in [
            "Option<Id<Airport>>",
            "[f32; 3]",
            "::a::B<C, 4>",
            "&'static mut dyn T",
            "(u8, u8)",
        ] {
            assert_eq!(type_text(text.parse::<TokenStream>().unwrap()), text);
        }
    }

    #[test]
    fn self_is_replaced_however_deep_it_stands() {
        let ty: TokenStream = "[Option<Id<Self>>; 2]".parse().unwrap();
        let name = Ident::new("Flight", Span::call_site());
        assert_eq!(
            type_text(without_self(ty, &name)),
            "[Option<Id<Flight>>; 2]"
        );
    }
}
