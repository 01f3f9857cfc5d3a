//! A value whose type is known only at run time.

use std::fmt;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use uuid::Uuid;

use super::Timestamp;

/// One value, as a dynamic table takes and gives it and as JSON carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value: JSON `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of at most 64 bits: a JSON number.
    Integer(i128),
    /// A signed integer of 128 bits: a JSON string, since few readers keep such numbers whole.
    I128(i128),
    /// An unsigned integer of 128 bits: a JSON string.
    U128(u128),
    /// A number of single precision; NaN and the infinities are JSON strings.
    F32(f32),
    /// A number of double precision; NaN and the infinities are JSON strings.
    F64(f64),
    /// Text, or the name of an enum's variant.
    Text(String),
    /// A moment: a JSON string in the form of RFC 3339.
    Timestamp(Timestamp),
    /// A UUID: a JSON string in the usual form with hyphens.
    Uuid(Uuid),
    /// Bytes: a JSON string in base64, with the alphabet of RFC 4648, section 4, and padding.
    Bytes(Vec<u8>),
    /// Several values: a JSON array.
    List(Vec<Value>),
    /// Named values in order: a JSON object. Names are distinct.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// An object from pairs of name and value.
    pub fn object<N: Into<String>, V: Into<Value>>(
        parts: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Object(
            parts
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The value under `name`, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(parts) => parts
                .iter()
                .find(|(part, _)| part == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value in words that fit an error message, cut where it is long.
    pub fn describe(&self) -> String {
        let text = match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) | Self::I128(value) => value.to_string(),
            Self::U128(value) => value.to_string(),
            Self::F32(value) => format!("{value:?}"),
            Self::F64(value) => format!("{value:?}"),
            // A text may be long, and no more of it is needed than is shown.
            Self::Text(value) => format!("{:?}", value.chars().take(65).collect::<String>()),
            Self::Timestamp(value) => value.to_string(),
            Self::Uuid(value) => value.to_string(),
            Self::Bytes(bytes) => return format!("{} bytes", bytes.len()),
            Self::List(values) => return format!("a list of {}", values.len()),
            Self::Object(_) => return "an object".to_owned(),
        };
        if text.chars().count() <= 64 {
            return text;
        }
        text.chars().take(61).chain("...".chars()).collect()
    }
}

macro_rules! value_from {
    ($($from:ty => $value:ident),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$value(value.into())
            }
        }
    )*};
}

value_from! {
    bool => Bool, i8 => Integer, i16 => Integer, i32 => Integer, i64 => Integer,
    u8 => Integer, u16 => Integer, u32 => Integer, u64 => Integer, i128 => I128, u128 => U128,
    f32 => F32, f64 => F64, &str => Text, String => Text, Timestamp => Timestamp, Uuid => Uuid
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// How a float that JSON has no number for is written.
pub(super) fn float_name(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => serializer.serialize_i64(value),
                (_, Ok(value)) => serializer.serialize_u64(value),
                _ => serializer.collect_str(value),
            },
            Self::I128(value) => serializer.collect_str(value),
            Self::U128(value) => serializer.collect_str(value),
            Self::F32(value) => match float_name(f64::from(*value)) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f32(*value),
            },
            Self::F64(value) => match float_name(*value) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f64(*value),
            },
            Self::Text(value) => serializer.serialize_str(value),
            Self::Timestamp(value) => value.serialize(serializer),
            Self::Uuid(value) => serializer.collect_str(value),
            Self::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
            Self::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Self::Object(parts) => {
                let mut object = serializer.serialize_map(Some(parts.len()))?;
                for (name, value) in parts {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::F64(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut parts: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, value)) = object.next_entry::<String, Value>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format_args!(
                    "`{name}` stands twice in one object"
                )));
            }
            parts.push((name, value));
        }
        Ok(Value::Object(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_one_name_twice_is_refused() {
        let error = serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).unwrap_err();
        assert!(error.to_string().contains("`a` stands twice"), "{error}");
    }

    #[test]
    fn numbers_that_json_cannot_carry_are_strings() {
        let values = Value::List(vec![
            f64::NAN.into(),
            f32::NEG_INFINITY.into(),
            u128::MAX.into(),
            0.1_f32.into(),
            u64::MAX.into(),
        ]);
        assert_eq!(
            serde_json::to_string(&values).unwrap(),
            r#"["NaN","-Infinity","340282366920938463463374607431768211455",0.1,18446744073709551615]"#
        );
    }
}
