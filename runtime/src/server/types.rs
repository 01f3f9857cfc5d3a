//! `/types`: the types that fields can have.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{json, problem::Problem, rest::Rest};
use crate::schema::{SchemaError, TypeLayout, TypeShape};

#[derive(Serialize)]
struct TypeJson<'a> {
    id: &'a str,
    size: usize,
    align: usize,
    plain: bool,
    ordered: bool,
    #[serde(flatten)]
    shape: ShapeJson<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum ShapeJson<'a> {
    Opaque,
    Reference { table: &'a str, optional: bool },
    Array { element: &'a str, length: usize },
    Optional { inner: &'a str },
    Enum { variants: Vec<VariantJson<'a>> },
    Composite { parts: Vec<PartJson<'a>> },
    Variable,
}

#[derive(Serialize)]
struct VariantJson<'a> {
    name: &'a str,
    number: u8,
}

#[derive(Serialize)]
struct PartJson<'a> {
    name: &'a str,
    r#type: &'a str,
    offset: usize,
    size: usize,
}

impl<'a> From<&'a TypeLayout> for TypeJson<'a> {
    fn from(layout: &'a TypeLayout) -> Self {
        Self {
            id: &layout.type_id,
            size: layout.size,
            align: layout.align,
            plain: layout.pod,
            ordered: layout.ordered,
            shape: ShapeJson::from(&layout.shape),
        }
    }
}

impl<'a> From<&'a TypeShape> for ShapeJson<'a> {
    fn from(shape: &'a TypeShape) -> Self {
        match shape {
            TypeShape::Opaque => Self::Opaque,
            TypeShape::Reference { table, optional } => Self::Reference {
                table,
                optional: *optional,
            },
            TypeShape::Array { element, length } => Self::Array {
                element: &element.type_id,
                length: *length,
            },
            TypeShape::Optional { inner } => Self::Optional {
                inner: &inner.type_id,
            },
            TypeShape::Enum { variants } => Self::Enum {
                variants: variants
                    .iter()
                    .map(|variant| VariantJson {
                        name: &variant.name,
                        number: variant.number,
                    })
                    .collect(),
            },
            TypeShape::Composite { parts } => Self::Composite {
                parts: parts
                    .iter()
                    .map(|part| PartJson {
                        name: &part.name,
                        r#type: &part.layout.type_id,
                        offset: part.offset,
                        size: part.layout.size,
                    })
                    .collect(),
            },
            // Which of them it is, the id says.
            TypeShape::Variable { .. } => Self::Variable,
        }
    }
}

/// `GET /types`
pub(super) async fn list(State(rest): State<Rest>) -> Response {
    rest.read(|snapshot| {
        let types = snapshot.catalog().types().iter();
        let types: Vec<TypeJson<'_>> = types.map(|layout| TypeJson::from(&**layout)).collect();
        Ok(json::respond(StatusCode::OK, &types))
    })
}

/// `GET /types/{type}`; types with parameters, such as `text<16>`, too.
pub(super) async fn get(State(rest): State<Rest>, Path(type_id): Path<String>) -> Response {
    rest.read(|snapshot| {
        let resolved = snapshot.catalog().types().resolve(&type_id);
        let layout = resolved.map_err(|error| match error {
            SchemaError::UnknownType { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "type-not-found", error.to_string())
            }
            error => error.into(),
        })?;
        Ok(json::respond(StatusCode::OK, &TypeJson::from(&*layout)))
    })
}
