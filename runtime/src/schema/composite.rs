//! Types of several parts, and values that may be none: both laid out as `repr(C)` does.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use super::{
    CompositePart, Name, SchemaError, TypeLayout, TypeSerializer, TypeShape, Value, ValueFault,
    fault::did_you_mean, type_layout::zero_padding,
};

/// Where the parts of something stand, and what that makes of the whole.
pub(super) struct Placed {
    /// Each part's first byte, in order.
    pub(super) offsets: Vec<usize>,
    pub(super) size: usize,
    pub(super) align: usize,
    /// Bytes that belong to no part, or are padding of one.
    pub(super) padding: Vec<Range<usize>>,
}

/// Places parts one behind the other, each at the next multiple of its alignment; none where the
/// whole is larger than memory. This is the rule of `repr(C)` (The Rust Reference, "Type layout"),
/// and the only place that computes it.
pub(super) fn place<'a>(parts: impl IntoIterator<Item = &'a TypeLayout>) -> Option<Placed> {
    let (mut offsets, mut padding) = (Vec::new(), Vec::new());
    let (mut end, mut align) = (0_usize, 1);
    for part in parts {
        let offset = end.checked_next_multiple_of(part.align)?;
        if offset > end {
            padding.push(end..offset);
        }
        padding.extend(
            part.padding
                .iter()
                .map(|gap| gap.start + offset..gap.end + offset),
        );
        offsets.push(offset);
        end = offset.checked_add(part.size)?;
        align = align.max(part.align);
    }
    let size = end.checked_next_multiple_of(align)?;
    if size > end {
        padding.push(end..size);
    }
    Some(Placed {
        offsets,
        size,
        align,
        padding,
    })
}

/// The layout of a composite with these parts, or what is wrong with them.
pub(super) fn layout(
    type_id: &str,
    parts: Vec<(String, Arc<TypeLayout>)>,
) -> Result<TypeLayout, SchemaError> {
    let refuse = |reason: String| SchemaError::InvalidType {
        type_id: type_id.to_owned(),
        reason,
    };
    if parts.is_empty() {
        return Err(refuse("a composite needs at least one part".to_owned()));
    }
    for (index, (name, part)) in parts.iter().enumerate() {
        Name::new(name)?;
        if parts[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(refuse(format!("part `{name}` stands twice")));
        }
        if !part.pod {
            return Err(refuse(format!(
                "part `{name}` is not plain data, and a composite is made of plain data only"
            )));
        }
    }
    let Placed {
        offsets,
        size,
        align,
        padding,
    } = place(parts.iter().map(|(_, part)| &**part))
        .ok_or_else(|| refuse("it is larger than memory".to_owned()))?;
    let ordered = parts.iter().all(|(_, part)| part.ordered);
    let parts: Vec<CompositePart> = parts
        .into_iter()
        .zip(offsets)
        .map(|((name, layout), offset)| CompositePart {
            name,
            offset,
            layout,
        })
        .collect();
    let shape = TypeShape::Composite {
        parts: parts.clone(),
    };
    let serializer = CompositeSerializer {
        type_id: type_id.to_owned(),
        parts,
    };
    Ok(TypeLayout {
        type_id: type_id.to_owned(),
        size,
        align,
        pod: true,
        ordered,
        padding,
        shape,
        serializer: Arc::new(serializer),
    })
}

struct CompositeSerializer {
    type_id: String,
    parts: Vec<CompositePart>,
}

fn bytes_of_part<'a>(part: &CompositePart, bytes: &'a [u8]) -> &'a [u8] {
    &bytes[part.offset..part.offset + part.layout.size]
}

impl TypeSerializer for CompositeSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        let Value::Object(values) = value else {
            return Err(ValueFault::TypeMismatch {
                expected: format!("an object of {}", self.type_id),
                found: value.describe(),
            });
        };
        for (name, _) in values {
            if !self.parts.iter().any(|part| part.name == *name) {
                let hint = did_you_mean(name, self.parts.iter().map(|part| part.name.as_str()));
                return Err(ValueFault::Unknown { hint }.in_part(name));
            }
        }
        for part in &self.parts {
            let bytes = &mut out[part.offset..part.offset + part.layout.size];
            match value.get(&part.name) {
                Some(value) => part.layout.serializer.write(value, bytes),
                None => Err(ValueFault::Missing),
            }
            .map_err(|fault| fault.in_part(&part.name))?;
        }
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        Value::object(self.parts.iter().map(|part| {
            (
                part.name.as_str(),
                part.layout.serializer.read(bytes_of_part(part, bytes)),
            )
        }))
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        for part in &self.parts {
            part.layout
                .check(bytes_of_part(part, bytes))
                .map_err(|fault| fault.in_part(&part.name))?;
        }
        Ok(())
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        for part in &self.parts {
            let (left, right) = (bytes_of_part(part, left), bytes_of_part(part, right));
            match part.layout.serializer.compare(left, right)? {
                Ordering::Equal => {}
                unequal => return Some(unequal),
            }
        }
        Some(Ordering::Equal)
    }
}

/// `option<inner>`: the value, all 0 where there is none, then a byte that says whether it is there.
pub(super) fn optional(inner: Arc<TypeLayout>) -> TypeLayout {
    let used = inner.size + 1;
    let size = used.next_multiple_of(inner.align);
    let mut padding = inner.padding.clone();
    if size > used {
        padding.push(used..size);
    }
    TypeLayout {
        type_id: format!("option<{}>", inner.type_id),
        size,
        align: inner.align,
        pod: inner.pod,
        ordered: inner.ordered,
        padding,
        shape: TypeShape::Optional {
            inner: Arc::clone(&inner),
        },
        serializer: Arc::new(OptionalSerializer { inner }),
    }
}

struct OptionalSerializer {
    inner: Arc<TypeLayout>,
}

impl OptionalSerializer {
    fn inner<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        (bytes[self.inner.size] == 1).then(|| &bytes[..self.inner.size])
    }
}

impl TypeSerializer for OptionalSerializer {
    fn write(&self, value: &Value, out: &mut [u8]) -> Result<(), ValueFault> {
        if *value == Value::Null {
            return Ok(());
        }
        self.inner
            .serializer
            .write(value, &mut out[..self.inner.size])?;
        out[self.inner.size] = 1;
        Ok(())
    }

    fn read(&self, bytes: &[u8]) -> Value {
        self.inner(bytes)
            .map_or(Value::Null, |inner| self.inner.serializer.read(inner))
    }

    fn check(&self, bytes: &[u8]) -> Result<(), ValueFault> {
        let refuse = |reason: String| {
            Err(ValueFault::InvalidBytes {
                type_id: format!("option<{}>", self.inner.type_id),
                reason,
            })
        };
        match bytes[self.inner.size] {
            0 => {
                let mut value = bytes[..self.inner.size].to_vec();
                zero_padding(&self.inner.padding, &mut value);
                match value.iter().all(|byte| *byte == 0) {
                    true => Ok(()),
                    false => refuse("it says none, and its value is not all 0".to_owned()),
                }
            }
            1 => self.inner.check(&bytes[..self.inner.size]),
            flag => refuse(format!("its flag is 0 or 1, this byte is {flag}")),
        }
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Option<Ordering> {
        match (self.inner(left), self.inner(right)) {
            (Some(left), Some(right)) => self.inner.serializer.compare(left, right),
            (left, right) => Some(left.is_some().cmp(&right.is_some())),
        }
    }
}
