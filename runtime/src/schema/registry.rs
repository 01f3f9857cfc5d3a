//! The types that a database knows, by their ids.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ALIGN_MAX, EnumVariant, Name, RECORD_SIZE_MAX, SchemaError, TypeLayout, TypeSerializer,
    TypeShape, builtin, composite, enumeration, fault::did_you_mean,
};

/// A type that is to be registered, under its name.
pub enum TypeDefinition {
    /// One of several names, stored as a byte.
    Enum {
        /// The names with their numbers.
        variants: Vec<EnumVariant>,
    },
    /// Several parts, laid out as `repr(C)` does; each is a name and a type id.
    Composite {
        /// The parts in order.
        parts: Vec<(String, String)>,
    },
    /// Plain data of which only its own serializer knows what it is made of.
    Opaque {
        /// Bytes in the record, a multiple of `align`.
        size: usize,
        /// A power of two, at most 64.
        align: usize,
        /// How its values are written and read.
        serializer: Arc<dyn TypeSerializer>,
    },
}

impl std::fmt::Debug for TypeDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enum { variants } => f.debug_tuple("Enum").field(variants).finish(),
            Self::Composite { parts } => f.debug_tuple("Composite").field(parts).finish(),
            Self::Opaque { size, align, .. } => f
                .debug_struct("Opaque")
                .field("size", size)
                .field("align", align)
                .finish(),
        }
    }
}

/// All types of a database: the built-in ones, and the custom ones by name.
#[derive(Clone, Debug)]
pub struct TypeRegistry {
    named: BTreeMap<String, Arc<TypeLayout>>,
    custom: Vec<String>,
}

impl Default for TypeRegistry {
    fn default() -> Self {
        let named = builtin::all().map(|layout| (layout.type_id.clone(), Arc::new(layout)));
        Self {
            named: named.collect(),
            custom: Vec::new(),
        }
    }
}

/// Names that mean something in a type id and so cannot name a type.
const RESERVED: [&str; 3] = ["text", "id", "option"];

/// How deep type ids may nest, so that no id can exhaust the stack.
const DEPTH_MAX: usize = 16;

impl TypeRegistry {
    /// Registers a custom type under `name`, which then is its type id.
    ///
    /// Registering the same type again changes nothing; another one under a name that is taken is
    /// refused, and so are a size that is no multiple of the alignment, an alignment that is no
    /// power of two up to 64, and a size above 64 KiB.
    pub fn register_type(
        &mut self,
        name: &str,
        definition: TypeDefinition,
    ) -> Result<Arc<TypeLayout>, SchemaError> {
        Name::new(name)?;
        let layout = match definition {
            TypeDefinition::Enum { variants } => enumeration::layout(name, variants)?,
            TypeDefinition::Composite { parts } => {
                let resolved: Result<Vec<_>, SchemaError> = parts
                    .into_iter()
                    .map(|(part, type_id)| Ok((part, self.resolve(&type_id)?)))
                    .collect();
                composite::layout(name, resolved?)?
            }
            TypeDefinition::Opaque {
                size,
                align,
                serializer,
            } => TypeLayout {
                type_id: name.to_owned(),
                size,
                align,
                pod: true,
                ordered: false,
                padding: Vec::new(),
                shape: TypeShape::Opaque,
                serializer,
            },
        };
        check_layout(&layout)?;
        if let Some(known) = self.named.get(name) {
            if self.custom.iter().any(|custom| custom == name) && known.is_same_as(&layout) {
                return Ok(Arc::clone(known));
            }
            return Err(SchemaError::TypeExists {
                type_id: name.to_owned(),
            });
        }
        if RESERVED.contains(&name) {
            return Err(SchemaError::TypeExists {
                type_id: name.to_owned(),
            });
        }
        let layout = Arc::new(layout);
        self.named.insert(name.to_owned(), Arc::clone(&layout));
        self.custom.push(name.to_owned());
        Ok(layout)
    }

    /// The type registered under this very id: built-in or custom, without parameters.
    pub fn get(&self, type_id: &str) -> Option<&Arc<TypeLayout>> {
        self.named.get(type_id)
    }

    /// The type with this id, which may have parameters: `text<16>`, `[f32; 3]`, `option<u8>`,
    /// `id<airport>`, `option<string>`.
    pub fn resolve(&self, type_id: &str) -> Result<Arc<TypeLayout>, SchemaError> {
        let layout = self.resolve_nested(type_id.trim(), DEPTH_MAX)?;
        check_layout(&layout)?;
        Ok(layout)
    }

    /// Every named type: the built-in ones and the custom ones.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TypeLayout>> {
        self.named.values()
    }

    /// The custom types, each behind those that it is made of.
    pub fn custom(&self) -> impl Iterator<Item = &Arc<TypeLayout>> {
        self.custom.iter().filter_map(|name| self.named.get(name))
    }

    /// Checks every registered type against the rules of [`register_type`](Self::register_type).
    ///
    /// That types which Rust code declares are `Copy + 'static` is a bound of
    /// [`FieldType`](super::FieldType); those made at run time are plain data by construction.
    pub fn validate(&self) -> Result<(), SchemaError> {
        self.named
            .values()
            .try_for_each(|layout| check_layout(layout))
    }

    fn resolve_nested(&self, type_id: &str, depth: usize) -> Result<Arc<TypeLayout>, SchemaError> {
        let unknown = |hint: String| SchemaError::UnknownType {
            type_id: type_id.chars().take(120).collect(),
            hint,
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(unknown(": it nests too deeply".to_owned()));
        };
        if let Some(layout) = self.named.get(type_id) {
            return Ok(Arc::clone(layout));
        }
        if let Some(capacity) = parameter(type_id, "text") {
            return match capacity.parse() {
                Ok(capacity @ 1..) => Ok(Arc::new(builtin::text(capacity))),
                _ => Err(unknown(
                    ": N of text<N> is a number of bytes, 1 to 65535".to_owned(),
                )),
            };
        }
        if let Some(table) = parameter(type_id, "id") {
            return Ok(Arc::new(builtin::reference(
                Name::new(table)?.as_str(),
                false,
            )));
        }
        if let Some(inner) = parameter(type_id, "option") {
            if let Some(table) = parameter(inner, "id") {
                return Ok(Arc::new(builtin::reference(
                    Name::new(table)?.as_str(),
                    true,
                )));
            }
            return Ok(Arc::new(composite::optional(
                self.resolve_nested(inner, depth)?,
            )));
        }
        if let Some(inside) = type_id
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            return match inside
                .rsplit_once(';')
                .map(|(e, n)| (e.trim(), n.trim().parse()))
            {
                Some((element, Ok(length @ 1..=RECORD_SIZE_MAX))) => {
                    let element = self.resolve_nested(element, depth)?;
                    if element.size.saturating_mul(length) > RECORD_SIZE_MAX {
                        return Err(unknown(": it is larger than a record can be".to_owned()));
                    }
                    Ok(Arc::new(builtin::array(element, length)))
                }
                _ => Err(unknown(": an array is written like [f32; 3]".to_owned())),
            };
        }
        let known = self.named.keys().map(String::as_str);
        Err(unknown(match type_id {
            "text" => ": say how many bytes it may have, like text<16>, or take string".to_owned(),
            _ => did_you_mean(type_id, known),
        }))
    }
}

/// What stands between `name<` and `>`.
fn parameter<'a>(type_id: &'a str, name: &str) -> Option<&'a str> {
    type_id
        .strip_prefix(name)?
        .strip_prefix('<')?
        .strip_suffix('>')
        .map(str::trim)
}

fn check_layout(layout: &TypeLayout) -> Result<(), SchemaError> {
    let TypeLayout {
        size, align, pod, ..
    } = *layout;
    let reason = if !align.is_power_of_two() || align > ALIGN_MAX {
        format!("its alignment is {align}, it must be a power of two up to {ALIGN_MAX}")
    } else if size == 0 || size > RECORD_SIZE_MAX {
        format!("it has {size} bytes, a type has 1 to {RECORD_SIZE_MAX}")
    } else if !size.is_multiple_of(align) {
        format!("its size, {size}, is no multiple of its alignment, {align}")
    } else if !pod && layout.variable().is_none() {
        "it is not plain data: a string or bytes is a field by itself, or in an option, and no part \
         of another type"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(SchemaError::InvalidType {
        type_id: layout.type_id.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Value;

    #[test]
    fn built_in_types_have_the_size_and_alignment_of_the_rust_types_they_are_named_after() {
        let types = TypeRegistry::default();
        types.validate().unwrap();
        let rust = [
            ("bool", size_of::<bool>(), align_of::<bool>()),
            ("u8", 1, 1),
            ("i16", 2, 2),
            ("u32", 4, 4),
            ("i64", 8, 8),
            ("u128", size_of::<u128>(), align_of::<u128>()),
            ("f32", 4, 4),
            ("f64", 8, 8),
            ("timestamp", 8, 8),
            ("uuid", 16, 1),
            ("text<16>", 18, 2),
            ("text<3>", 6, 2),
            ("id<airport>", 8, 8),
            ("option<id<airport>>", 8, 8),
            ("[f32; 3]", 12, 4),
            ("option<u32>", 8, 4),
            ("[option<u8>; 2]", 4, 1),
        ];
        for (type_id, size, align) in rust {
            let layout = types.resolve(type_id).unwrap();
            assert_eq!((layout.size, layout.align), (size, align), "{type_id}");
            assert_eq!(layout.type_id, type_id);
        }
    }

    #[test]
    fn a_type_id_that_means_nothing_is_refused_with_what_may_have_been_meant() {
        let types = TypeRegistry::default();
        for (type_id, part) in [
            ("u23", "did you mean `u32`?"),
            ("text", "text<16>"),
            ("text<0>", "1 to 65535"),
            ("[f32, 3]", "like [f32; 3]"),
            ("[u64; 9999]", "larger than"),
            ("id<../x>", "no valid name"),
        ] {
            let error = types.resolve(type_id).unwrap_err().to_string();
            assert!(error.contains(part), "{type_id}: {error}");
        }
        let deep = format!("{}u8{}", "option<".repeat(10_000), ">".repeat(10_000));
        assert!(types.resolve(&deep).is_err());
    }

    #[test]
    fn a_custom_type_whose_size_is_no_multiple_of_its_alignment_is_refused() {
        let mut types = TypeRegistry::default();
        let serializer = Arc::clone(&types.get("u32").unwrap().serializer);
        let opaque = |size, align| TypeDefinition::Opaque {
            size,
            align,
            serializer: Arc::clone(&serializer),
        };
        let error = types.register_type("odd", opaque(6, 4)).unwrap_err();
        assert!(error.to_string().contains("no multiple"), "{error}");
        assert!(types.register_type("skewed", opaque(6, 3)).is_err());
        assert!(types.register_type("coarse", opaque(128, 128)).is_err());
        types.register_type("fine", opaque(4, 4)).unwrap();
        assert_eq!(types.get("fine").unwrap().size, 4);
    }

    #[test]
    fn a_composite_is_laid_out_like_a_repr_c_struct_and_reads_back_what_was_written() {
        #[repr(C)]
        struct Leg {
            flag: bool,
            position: [f32; 3],
            stop: u8,
        }
        let mut types = TypeRegistry::default();
        let parts = [("flag", "bool"), ("position", "[f32; 3]"), ("stop", "u8")];
        let parts = parts.map(|(name, type_id)| (name.to_owned(), type_id.to_owned()));
        let leg = types
            .register_type(
                "leg",
                TypeDefinition::Composite {
                    parts: parts.to_vec(),
                },
            )
            .unwrap();
        assert_eq!((leg.size, leg.align), (size_of::<Leg>(), align_of::<Leg>()));
        assert_eq!(leg.padding, [1..4, 17..20]);
        let value = Value::object([
            ("flag", Value::Bool(true)),
            ("position", vec![1.0_f32, 2.5, -1.0].into()),
            ("stop", 7_u8.into()),
        ]);
        let mut bytes = vec![0; leg.size];
        leg.serializer.write(&value, &mut bytes).unwrap();
        leg.check(&bytes).unwrap();
        assert_eq!(leg.serializer.read(&bytes), value);
        assert!(
            types
                .register_type(
                    "leg",
                    TypeDefinition::Composite {
                        parts: parts[..1].to_vec()
                    }
                )
                .is_err(),
            "another type under the same name"
        );
    }
}
