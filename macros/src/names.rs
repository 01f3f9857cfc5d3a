//! Names of tables, fields, types and procedures: where they come from and what they may be.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;

use crate::errors::Errors;

/// The most bytes in a name.
const LENGTH_MAX: usize = 63;

/// A name, not yet checked, and the token that gives it.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl Name {
    /// The name that Rust code uses, `type` for `r#type`.
    pub(crate) fn of(ident: &Ident) -> Self {
        Self {
            text: ident.unraw().to_string(),
            span: ident.span(),
        }
    }

    /// The name of a type in snake case: `boarding_pass` for `BoardingPass`.
    pub(crate) fn snake_case(ident: &Ident) -> Self {
        Self {
            text: snake_case(&ident.unraw().to_string()),
            span: ident.span(),
        }
    }

    /// Notes a fault where the name breaks the rule that the runtime checks too.
    ///
    /// `what` says what has the name; `remedy` how to give it another one.
    pub(crate) fn check(&self, what: &str, remedy: &str, errors: &mut Errors) {
        if let Some(reason) = fault(&self.text) {
            let text = &self.text;
            errors.at_span(
                self.span,
                format!("`{text}` cannot be the name of {what}: {reason}; {remedy}"),
            );
        }
    }
}

/// What is wrong with a name, if anything.
fn fault(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > LENGTH_MAX {
        Some("it has more than 63 bytes")
    } else if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        Some("it must start with a lower-case letter, a to z")
    } else if !name.chars().all(allowed) {
        Some("only a to z, 0 to 9 and _ may stand in it")
    } else {
        None
    }
}

/// `HTTPServer2` becomes `http_server2`: a word starts at a capital that follows a small letter
/// or a digit, and at the last capital of several before a small letter.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                let small_next = letters
                    .get(index + 1)
                    .is_some_and(|next| next.is_lowercase());
                before != '_' && (!before.is_uppercase() || small_next)
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The known word that was probably meant, if one is near.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(found, word), *word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_type_is_split_where_a_reader_would_split_it() {
        for (rust, name) in [
            ("Flight", "flight"),
            ("BoardingPass", "boarding_pass"),
            ("HTTPServer2", "http_server2"),
            ("Leg2Go", "leg2_go"),
            ("X", "x"),
            ("ABC", "abc"),
            ("Already_Split", "already_split"),
        ] {
            assert_eq!(snake_case(rust), name);
        }
    }

    #[test]
    fn names_follow_the_rule_of_the_runtime() {
        let long = "a".repeat(64);
        for bad in ["", "_a", "1a", "A", "aB", "a-b", "é", "a b", &long] {
            assert!(fault(bad).is_some(), "{bad:?} was accepted");
        }
        for good in ["a", "flight", "a_1", &long[1..]] {
            assert_eq!(fault(good), None);
        }
    }

    #[test]
    fn only_a_near_word_is_offered() {
        assert_eq!(nearest("nmae", &["name", "every"]), Some("name"));
        assert_eq!(nearest("evry", &["name", "every"]), Some("every"));
        assert_eq!(nearest("colour", &["name", "every"]), None);
    }
}
