//! A custom type in `schema.json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::same;
use crate::schema::{
    CompositePart, EnumVariant, TypeDefinition, TypeLayout, TypeRegistry, TypeShape,
};

/// A custom type; one with neither variants nor parts is known to the program alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeEntry {
    name: String,
    size: usize,
    align: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<VariantEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartEntry>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantEntry {
    name: String,
    number: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartEntry {
    name: String,
    r#type: String,
    offset: usize,
}

impl TypeEntry {
    pub(super) fn new(layout: &TypeLayout) -> Self {
        let (mut variants, mut parts) = (None, None);
        match &layout.shape {
            TypeShape::Enum { variants: all } => {
                let entry = |variant: &EnumVariant| VariantEntry {
                    name: variant.name.clone(),
                    number: variant.number,
                };
                variants = Some(all.iter().map(entry).collect());
            }
            TypeShape::Composite { parts: all } => {
                let entry = |part: &CompositePart| PartEntry {
                    name: part.name.clone(),
                    r#type: part.layout.type_id.clone(),
                    offset: part.offset,
                };
                parts = Some(all.iter().map(entry).collect());
            }
            _ => {}
        }
        Self {
            name: layout.type_id.clone(),
            size: layout.size,
            align: layout.align,
            variants,
            parts,
        }
    }

    /// Adds the type as it was written. What only a program knows of it comes from `program`.
    pub(super) fn restore(
        &self,
        types: &mut TypeRegistry,
        program: &TypeRegistry,
    ) -> Result<(), String> {
        let layout = match (&self.variants, &self.parts) {
            (None, None) => self.register(types, self.of_program(program)?)?,
            (Some(variants), None) => {
                let variant = |entry: &VariantEntry| EnumVariant {
                    name: entry.name.clone(),
                    number: entry.number,
                };
                let variants = variants.iter().map(variant).collect();
                self.register(types, TypeDefinition::Enum { variants })?
            }
            (None, Some(parts)) => {
                let part = |entry: &PartEntry| (entry.name.clone(), entry.r#type.clone());
                let parts = parts.iter().map(part).collect();
                self.register(types, TypeDefinition::Composite { parts })?
            }
            (Some(_), Some(_)) => {
                return Err(format!("type `{}` has variants and parts", self.name));
            }
        };
        let what = |what: &str| format!("the {what} of type `{}`", self.name);
        same(|| what("size"), self.size, layout.size)?;
        same(|| what("alignment"), self.align, layout.align)?;
        if let (Some(entries), TypeShape::Composite { parts }) = (&self.parts, &layout.shape) {
            for (entry, part) in entries.iter().zip(parts) {
                let what = || format!("the offset of part `{}.{}`", self.name, part.name);
                same(what, entry.offset, part.offset)?;
            }
        }
        Ok(())
    }

    /// The type as the program registers it, which here says nothing but its size.
    fn of_program(&self, program: &TypeRegistry) -> Result<TypeDefinition, String> {
        let layout = program.get(&self.name).ok_or_else(|| {
            format!(
                "only a program that registers type `{}` can open it",
                self.name
            )
        })?;
        if layout.shape != TypeShape::Opaque {
            return Err(format!(
                "type `{}` is another one in the program than in this file",
                self.name
            ));
        }
        Ok(TypeDefinition::Opaque {
            size: layout.size,
            align: layout.align,
            serializer: Arc::clone(&layout.serializer),
        })
    }

    fn register(
        &self,
        types: &mut TypeRegistry,
        definition: TypeDefinition,
    ) -> Result<Arc<TypeLayout>, String> {
        types
            .register_type(&self.name, definition)
            .map_err(super::text)
    }
}
