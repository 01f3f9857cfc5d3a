//! A source file as the rules look at it: without comments, without what stands in literals, and
//! without what is compiled for tests alone.

use std::iter;

/// Where the library stands.
pub(crate) const LIBRARY: &str = "runtime/src/";

/// A source file, in the forms that the rules look at.
pub(crate) struct Source {
    /// From the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments, and with nothing in its literals.
    pub(crate) code: String,
    /// The code without what is compiled for tests alone.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_literals(text);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            product: without_test_modules(&code),
            code,
        }
    }

    /// The path inside the library, where it is part of it.
    pub(crate) fn in_library(&self) -> Option<&str> {
        self.path.strip_prefix(LIBRARY)
    }

    /// The name of the layer: the folder or file right under `src`.
    pub(crate) fn layer(&self) -> Option<&str> {
        let first = self.in_library()?.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// Names between this module and the root of the crate.
    pub(crate) fn depth(&self) -> usize {
        let path = self.in_library().unwrap_or(&self.path);
        let path = path.trim_end_matches("mod.rs").trim_end_matches('/');
        path.split('/').count()
    }

    pub(crate) fn is_root(&self) -> bool {
        self.in_library() == Some("lib.rs")
    }
}

pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

pub(crate) fn first_word(code: &str) -> &str {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .unwrap_or_default()
}

/// Takes out `#[cfg(test)] mod … { … }`, and keeps the line breaks of all else.
fn without_test_modules(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(place) = rest.find("#[cfg(test)]") {
        let (before, marked) = rest.split_at(place);
        kept.push_str(before);
        let item = marked["#[cfg(test)]".len()..].trim_start();
        let body = item
            .find('{')
            .filter(|open| item.starts_with("mod ") && !item[..*open].contains(';'));
        let Some(open) = body else {
            kept.push_str("#[cfg(test)]");
            rest = &marked["#[cfg(test)]".len()..];
            continue;
        };
        let mut depth = 0;
        let end = item[open..].find(|letter| {
            depth += match letter {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        });
        rest = end.map_or("", |end| &item[open + end + 1..]);
    }
    kept.push_str(rest);
    kept
}

/// Puts blanks for comments, and `~` for what stands in strings and characters.
fn without_comments_and_literals(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut place = 0;
    while place < letters.len() {
        let rest = &letters[place..];
        let (length, filler) = match rest {
            ['/', '/', ..] => (line_end(rest), ' '),
            ['/', '*', ..] => (comment_end(rest), ' '),
            ['"', ..] => (string_end(rest), '~'),
            ['r', '"' | '#', ..] if !follows_word(&code) => (raw_string_end(rest), '~'),
            ['\'', '\\', _, ..] => (2 + character_end(&rest[2..]), '~'),
            ['\'', _, '\'', ..] => (3, '~'),
            _ => (0, ' '),
        };
        let blank = |letter: &char| if *letter == '\n' { '\n' } else { filler };
        code.extend(rest[..length].iter().map(blank));
        if length == 0 {
            code.push(rest[0]);
        }
        place += length.max(1);
    }
    code
}

fn follows_word(code: &str) -> bool {
    code.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

fn line_end(rest: &[char]) -> usize {
    let end = rest.iter().position(|letter| *letter == '\n');
    end.unwrap_or(rest.len())
}

fn comment_end(rest: &[char]) -> usize {
    let end = rest[2..].windows(2).position(|pair| pair == ['*', '/']);
    end.map_or(rest.len(), |end| end + 4)
}

fn string_end(rest: &[char]) -> usize {
    let mut escaped = false;
    let end = rest[1..].iter().position(|letter| {
        let ends = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// The length of a raw string, 0 where it is a raw identifier.
fn raw_string_end(rest: &[char]) -> usize {
    let hashes = rest[1..]
        .iter()
        .take_while(|letter| **letter == '#')
        .count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let closing: Vec<char> = iter::once('"').chain(iter::repeat_n('#', hashes)).collect();
    let body = &rest[hashes + 2..];
    let end = body.windows(closing.len()).position(|part| part == closing);
    end.map_or(rest.len(), |end| hashes + 2 + end + closing.len())
}

fn character_end(rest: &[char]) -> usize {
    let end = rest[1..].iter().position(|letter| *letter == '\'');
    end.map_or(rest.len(), |end| end + 2)
}
