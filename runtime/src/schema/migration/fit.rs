//! Whether every value of one type is a value of another.

use std::collections::BTreeSet;

use super::names::Names;
use crate::schema::{CompositePart, EnumVariant, TypeLayout, TypeShape, VariableKind};

/// How every value of a former type is one of the type that it became.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Whether it has the same bytes there.
    pub(super) bytes_stay: bool,
    /// Whether the type holds values that the former one did not, new variants apart.
    pub(super) wider: bool,
    /// Whether variants have other numbers.
    pub(super) renumbered: bool,
    /// Variants that the former type did not have.
    pub(super) added: BTreeSet<String>,
}

/// Why a value of the former type may be none of the new one, as the end of a sentence about it.
pub(super) type Misfit = String;

impl Fit {
    const SAME: Self = Self {
        bytes_stay: true,
        wider: false,
        renumbered: false,
        added: BTreeSet::new(),
    };

    const WIDER: Self = Self {
        bytes_stay: false,
        wider: true,
        renumbered: false,
        added: BTreeSet::new(),
    };

    fn and(mut self, other: Self) -> Self {
        self.bytes_stay &= other.bytes_stay;
        self.wider |= other.wider;
        self.renumbered |= other.renumbered;
        self.added.extend(other.added);
        self
    }
}

/// Compares a type with the one that it became.
pub(super) fn fit(old: &TypeLayout, new: &TypeLayout, names: &Names) -> Result<Fit, Misfit> {
    use TypeShape as S;
    match (&old.shape, &new.shape) {
        (
            S::Reference { table, optional },
            S::Reference {
                table: now,
                optional: now_optional,
            },
        ) => {
            if names.now(table) != now {
                return Err("which refers to another table".to_owned());
            }
            match (optional, now_optional) {
                (true, false) => Err("which cannot be none".to_owned()),
                // None is 0, which no id is.
                (optional, now) => Ok(Fit {
                    wider: optional != now,
                    ..Fit::SAME
                }),
            }
        }
        (
            S::Array { element, length },
            S::Array {
                element: now,
                length: now_length,
            },
        ) => {
            if length != now_length {
                return Err("which has another number of elements".to_owned());
            }
            fit(element, now, names)
        }
        (S::Optional { inner }, S::Optional { inner: now }) => fit(inner, now, names),
        (_, S::Optional { inner }) => Ok(fit(old, inner, names)?.and(Fit::WIDER)),
        (S::Optional { .. }, _) => Err("which cannot be none".to_owned()),
        (S::Enum { variants }, S::Enum { variants: now }) => fit_variants(variants, now),
        (S::Composite { parts }, S::Composite { parts: now }) => fit_parts(parts, now, names),
        (S::Variable { kind }, S::Variable { kind: now }) if kind == now => Ok(Fit::SAME),
        (S::Opaque, S::Variable { kind }) => match (*kind, text_bytes(&old.type_id)) {
            (VariableKind::Text, Some(_)) => Ok(Fit::WIDER),
            _ => Err(another()),
        },
        (S::Opaque, S::Opaque) => fit_named(&old.type_id, &new.type_id),
        _ => Err(another()),
    }
}

fn another() -> Misfit {
    "which is another kind of value".to_owned()
}

/// Variants are the same where their names are: the number is only how one is stored.
fn fit_variants(old: &[EnumVariant], new: &[EnumVariant]) -> Result<Fit, Misfit> {
    let gone: Vec<String> = old
        .iter()
        .filter(|variant| new.iter().all(|now| now.name != variant.name))
        .map(|variant| format!("`{}`", variant.name))
        .collect();
    if !gone.is_empty() {
        return Err(format!("which lacks {}", gone.join(", ")));
    }
    let bytes_stay = old.iter().all(|variant| new.contains(variant));
    let is_new = |now: &&EnumVariant| old.iter().all(|variant| variant.name != now.name);
    Ok(Fit {
        bytes_stay,
        wider: false,
        renumbered: !bytes_stay,
        added: new.iter().filter(is_new).map(|v| v.name.clone()).collect(),
    })
}

fn fit_parts(old: &[CompositePart], new: &[CompositePart], names: &Names) -> Result<Fit, Misfit> {
    if let Some(part) = new
        .iter()
        .find(|now| old.iter().all(|p| p.name != now.name))
    {
        return Err(format!(
            "which has a part `{}` that nothing is known of",
            part.name
        ));
    }
    let mut all = Fit::SAME;
    for part in old {
        let Some(now) = new.iter().find(|now| now.name == part.name) else {
            return Err(format!("which lacks the part `{}`", part.name));
        };
        let of_part = fit(&part.layout, &now.layout, names)
            .map_err(|misfit| format!("in whose part `{}` stands a type {misfit}", part.name))?;
        all = all.and(of_part);
        let moved = part.offset != now.offset || part.layout.size != now.layout.size;
        all.bytes_stay &= !moved;
        all.wider |= moved;
    }
    Ok(all)
}

/// Types that are known by their id alone.
fn fit_named(old: &str, new: &str) -> Result<Fit, Misfit> {
    if old == new {
        return Ok(Fit::SAME);
    }
    if let (Some(old), Some(new)) = (text_bytes(old), text_bytes(new)) {
        return match old <= new {
            true => Ok(Fit::WIDER),
            false => Err("which is shorter".to_owned()),
        };
    }
    match (number(old), number(new)) {
        (Some(old), Some(new)) => match old.is_within(&new) {
            true => Ok(Fit::WIDER),
            false => Err("which cannot hold all of its values".to_owned()),
        },
        _ => Err(another()),
    }
}

/// N of `text<N>`.
fn text_bytes(type_id: &str) -> Option<usize> {
    type_id
        .strip_prefix("text<")?
        .strip_suffix('>')?
        .parse()
        .ok()
}

/// What a number's type id says.
struct Number {
    kind: char,
    bits: u32,
}

fn number(type_id: &str) -> Option<Number> {
    let kind = type_id
        .chars()
        .next()
        .filter(|kind| matches!(kind, 'u' | 'i' | 'f'))?;
    let bits = type_id[1..].parse().ok()?;
    Some(Number { kind, bits })
}

impl Number {
    fn is_within(&self, wider: &Self) -> bool {
        match (self.kind, wider.kind) {
            ('u', 'u' | 'i') | ('i', 'i') | ('f', 'f') => self.bits < wider.bits,
            _ => false,
        }
    }
}
