//! Reads attributes: documentation, `cfg`, `repr`, `derive`, and the macros' own `key = value`.

use proc_macro2::{Ident, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, Lit, Meta, Path, Token, parse::Parser, parse_quote,
    punctuated::Punctuated,
};

use crate::{
    errors::Errors,
    names::{Name, nearest},
};

/// An attribute of ours: what may stand in its parentheses.
pub(crate) struct Usage {
    /// Its name.
    pub(crate) attribute: &'static str,
    /// The keys it knows that have a value.
    pub(crate) keys: &'static [&'static str],
    /// The words it knows that stand alone.
    pub(crate) flags: &'static [&'static str],
    /// How it is written, as a whole.
    pub(crate) example: &'static str,
}

impl Usage {
    /// Reads `key = value, word, …`, every known one at most once; the value of a word is `true`.
    pub(crate) fn read(&self, tokens: TokenStream, errors: &mut Errors) -> Vec<(Ident, Expr)> {
        let Self {
            attribute,
            flags,
            example,
            ..
        } = self;
        let list = Punctuated::<Meta, Token![,]>::parse_terminated;
        let list = match list.parse2(tokens) {
            Ok(list) => list,
            Err(error) => {
                let message = format!("`#[{attribute}]` is written like `{example}`");
                errors.at_span(error.span(), message);
                return Vec::new();
            }
        };
        let mut found: Vec<(Ident, Expr)> = Vec::new();
        for meta in list {
            let Some(key) = meta
                .path()
                .get_ident()
                .filter(|key| self.known().iter().any(|known| *key == known))
            else {
                errors.at(meta.path(), self.unknown(meta.path()));
                let meant = self.meant(meta.path());
                let meant = meant.filter(|(word, _)| found.iter().all(|(other, _)| other != word));
                found.extend(meant);
                continue;
            };
            if found.iter().any(|(earlier, _)| earlier == key) {
                errors.at(key, format!("`{key}` stands twice: remove one"));
                continue;
            }
            let is_flag = flags.iter().any(|flag| key == flag);
            match &meta {
                Meta::Path(_) if is_flag => found.push((key.clone(), parse_quote!(true))),
                _ if is_flag => {
                    let message = format!(
                        "`{key}` has no value: write `#[{attribute}({key})]`, or remove it"
                    );
                    errors.at(&meta, message);
                    found.push((key.clone(), parse_quote!(true)));
                }
                Meta::NameValue(pair) => found.push((key.clone(), pair.value.clone())),
                _ => errors.at(&meta, format!("`{key}` needs a value, like `{example}`")),
            }
        }
        found
    }

    fn known(&self) -> Vec<&'static str> {
        [self.keys, self.flags].concat()
    }

    /// The word that was probably meant, so that what follows from it is no fault as well.
    fn meant(&self, path: &Path) -> Option<(Ident, Expr)> {
        let found = path.get_ident()?;
        let word = nearest(&found.to_string(), &self.known())?;
        let is_flag = self.flags.contains(&word);
        is_flag.then(|| (Ident::new(word, found.span()), parse_quote!(true)))
    }

    fn unknown(&self, path: &Path) -> String {
        let (attribute, known) = (self.attribute, self.known());
        let found = path.get_ident().map(Ident::to_string).unwrap_or_default();
        match nearest(&found, &known) {
            Some(key) => {
                format!("`#[{attribute}]` does not know `{found}`, did you mean `{key}`?")
            }
            None => format!(
                "`#[{attribute}]` does not know this; it knows `{}`",
                known.join("`, `")
            ),
        }
    }
}

/// The value of a key that takes a name.
pub(crate) fn name_value(value: &Expr, errors: &mut Errors) -> Option<Name> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(Name {
            text: text.value(),
            span: text.span(),
        }),
        _ => {
            errors.at(value, "a name is a text in quotes, like `\"flight\"`");
            None
        }
    }
}

/// The value of a key that takes one of a few words.
pub(crate) fn word_value(
    key: &str,
    value: &Expr,
    known: &[&'static str],
    errors: &mut Errors,
) -> Option<&'static str> {
    let found = match value {
        Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
        Expr::Group(group) => return word_value(key, &group.expr, known, errors),
        _ => None,
    };
    let found = found.unwrap_or_default();
    let word = known.iter().find(|known| **known == found);
    if word.is_none() {
        let message = match nearest(&found, known) {
            Some(word) => format!("`{key}` does not know `{found}`, did you mean `{word}`?"),
            None => format!(
                "write one of `{key} = {}`",
                known.join(&format!("`, `{key} = "))
            ),
        };
        errors.at(value, message);
    }
    word.copied()
}

/// The literal that an expression is.
pub(crate) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The text of the doc comments.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
    {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Some(Lit::Str(text)) = literal(&pair.value)
        {
            for line in text.value().split('\n') {
                lines.push(line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned());
            }
        }
    }
    lines.join("\n").trim().to_owned()
}

/// The attributes of this name.
pub(crate) fn named<'a>(
    attributes: &'a [Attribute],
    name: &'a str,
) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(move |attribute| attribute.path().is_ident(name))
}

/// Attributes of an item that also go on whatever is made beside it: under `cfg` it must be there
/// or not as the item is, and what the user allows there is allowed where it is named.
pub(crate) fn carried(attributes: &[Attribute]) -> Vec<Attribute> {
    ["cfg", "allow"]
        .into_iter()
        .flat_map(|name| named(attributes, name))
        .cloned()
        .collect()
}

/// Everything that stands in the lists of all attributes of this name, as in `repr` and `derive`.
pub(crate) fn listed(attributes: &[Attribute], name: &str) -> Vec<Meta> {
    named(attributes, name)
        .filter_map(|attribute| {
            attribute
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .ok()
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::testing::{assert_faults, tokens};

    const USAGE: Usage = Usage {
        attribute: "procedure",
        keys: &["every", "name"],
        flags: &["read_only"],
        example: "#[procedure(every = 1)]",
    };

    #[test]
    fn every_fault_of_an_attribute_is_told_at_its_token() {
        let mut errors = Errors::default();
        let found = USAGE.read(
            tokens(
                "nmae = \"a\", every, name = \"b\", name = \"c\", a::b, read_only = true, \
                 raed_only, name(2), read_only",
            ),
            &mut errors,
        );
        // The name, and the word that was meant.
        assert_eq!(found.len(), 2);
        assert_faults(
            &errors,
            &[
                ("nmae", "did you mean `name`?"),
                ("every", "needs a value"),
                ("name", "stands twice"),
                ("a::b", "it knows `every`, `name`, `read_only`"),
                ("read_only = true", "write `#[procedure(read_only)]`"),
                ("raed_only", "did you mean `read_only`?"),
                ("name", "stands twice"),
                ("read_only", "stands twice"),
            ],
        );
    }

    #[test]
    fn an_attribute_that_cannot_be_read_is_answered_with_how_it_is_written() {
        let mut errors = Errors::default();
        USAGE.read(tokens("\"flight\""), &mut errors);
        assert_faults(
            &errors,
            &[("\"flight\"", "is written like `#[procedure(every = 1)]`")],
        );
    }

    #[test]
    fn doc_comments_become_one_text() {
        let item: syn::ItemStruct = syn::parse_str(
            "/// A flight.\n///\n///   - indented\n#[doc(hidden)]\n#[doc = \"End.\"]\nstruct A;",
        )
        .unwrap();
        assert_eq!(
            documentation(&item.attrs),
            "A flight.\n\n  - indented\nEnd."
        );
    }
}
