//! Field types, their values, and the bytes of these as they are written here by hand.

use harness::Random;
use tickbase::{Database, DatabaseBuilder, EnumVariant, Timestamp, TypeDefinition, Uuid, Value};

/// A type that a field of a dynamic table can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    U8,
    I16,
    U32,
    I64,
    U128,
    F64,
    Text,
    Moment,
    Uuid,
    Triple,
    Maybe,
    Colour,
    Place,
    Target,
    MaybeTarget,
}

/// All of them; those of which there is most to see more than once.
pub(super) const KINDS: [Kind; 20] = [
    Kind::Bool,
    Kind::U8,
    Kind::U8,
    Kind::I16,
    Kind::U32,
    Kind::I64,
    Kind::U128,
    Kind::F64,
    Kind::Text,
    Kind::Text,
    Kind::Moment,
    Kind::Uuid,
    Kind::Triple,
    Kind::Maybe,
    Kind::Colour,
    Kind::Place,
    Kind::Target,
    Kind::Target,
    Kind::MaybeTarget,
    Kind::MaybeTarget,
];

/// Targets that are there at first, and that most references refer to.
pub(super) const TARGETS: u64 = 5;

const COLOURS: [(&str, u8); 3] = [("Red", 1), ("Green", 4), ("Blue", 200)];

/// A database that knows the types which are not built in.
pub(super) fn database() -> Database {
    let variant = |(name, number): &(&str, u8)| EnumVariant {
        name: (*name).to_owned(),
        number: *number,
    };
    let part = |name: &str, type_id: &str| (name.to_owned(), type_id.to_owned());
    let builder: DatabaseBuilder = Database::builder()
        .register_type(
            "colour",
            TypeDefinition::Enum {
                variants: COLOURS.iter().map(variant).collect(),
            },
        )
        .register_type(
            "place",
            TypeDefinition::Composite {
                parts: vec![part("level", "i8"), part("height", "f32")],
            },
        );
    builder.in_memory().unwrap()
}

/// A small number, so that values meet again.
fn small(random: &mut Random) -> i64 {
    i64::try_from(random.below(200)).unwrap() - 100
}

impl Kind {
    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I64 => "i64",
            Self::U128 => "u128",
            Self::F64 => "f64",
            Self::Text => "text<5>",
            Self::Moment => "timestamp",
            Self::Uuid => "uuid",
            Self::Triple => "[i16; 3]",
            Self::Maybe => "option<u32>",
            Self::Colour => "colour",
            Self::Place => "place",
            Self::Target => "id<target>",
            Self::MaybeTarget => "option<id<target>>",
        }
    }

    /// Bytes, and what the first of them is a multiple of.
    pub(super) fn size_and_align(self) -> (usize, usize) {
        match self {
            Self::Bool | Self::U8 | Self::Colour => (1, 1),
            Self::I16 => (2, 2),
            Self::U32 => (4, 4),
            Self::I64 | Self::F64 | Self::Moment | Self::Target | Self::MaybeTarget => (8, 8),
            Self::U128 => (16, 16),
            Self::Text => (8, 2),
            Self::Uuid => (16, 1),
            Self::Triple => (6, 2),
            Self::Maybe | Self::Place => (8, 4),
        }
    }

    /// The bytes in it that carry no value.
    pub(super) fn padding(self) -> std::ops::Range<usize> {
        match self {
            Self::Text => 7..8,
            Self::Maybe => 5..8,
            Self::Place => 1..4,
            _ => 0..0,
        }
    }

    /// Whether records that do not say take a value without a default.
    pub(super) fn fills_itself(self) -> bool {
        matches!(self, Self::Maybe | Self::MaybeTarget)
    }

    pub(super) fn refers(self) -> bool {
        matches!(self, Self::Target | Self::MaybeTarget)
    }

    pub(super) fn random(self, random: &mut Random) -> Value {
        let number = small(random);
        match self {
            Self::Bool => Value::Bool(number > 0),
            Self::U8 => Value::from(number.unsigned_abs() as u8),
            Self::I16 => Value::from(number as i16 * 300),
            Self::U32 => Value::from(number.unsigned_abs() as u32 * 40_000_000),
            Self::I64 => Value::from(number * i64::from(i32::MAX)),
            Self::U128 => Value::from(u128::MAX / 100 * u128::from(number.unsigned_abs())),
            Self::F64 => Value::from(random.pick(&[0.0, -0.0, 1.5, f64::INFINITY, number as f64])),
            Self::Text => Value::from(random.pick(&["", "a", "ab", "äöx", "five5", "\0"])),
            Self::Moment => Value::from(Timestamp::from_micros(number << 40)),
            Self::Uuid => Value::from(Uuid::from_u128(number as u128)),
            Self::Triple => Value::from(vec![1, number as i16, -1]),
            Self::Maybe => Value::from((number > 0).then_some(number as u32)),
            Self::Colour => Value::from(random.pick(&COLOURS).0),
            Self::Place => {
                let (level, height) = (Value::from(number as i8), Value::from(number as f32 / 4.0));
                Value::object([("level", level), ("height", height)])
            }
            Self::MaybeTarget if number > 30 => Value::Null,
            Self::Target | Self::MaybeTarget if random.one_in(30) => Value::from(12),
            Self::Target | Self::MaybeTarget => Value::from(1 + random.below(TARGETS)),
        }
    }

    /// Writes the bytes of a value of this kind.
    pub(super) fn write(self, value: &Value, out: &mut [u8]) {
        let integer = |value: &Value| match *value {
            Value::Integer(number) | Value::I128(number) => number,
            _ => panic!("{value:?} is no integer"),
        };
        match (self, value) {
            (Self::Bool, Value::Bool(value)) => out[0] = u8::from(*value),
            (Self::U128, Value::U128(value)) => out.copy_from_slice(&value.to_le_bytes()),
            (Self::F64, Value::F64(value)) => out.copy_from_slice(&value.to_le_bytes()),
            (Self::Text, Value::Text(text)) => {
                out[0] = text.len() as u8;
                out[2..2 + text.len()].copy_from_slice(text.as_bytes());
            }
            (Self::Moment, Value::Timestamp(moment)) => {
                out.copy_from_slice(&moment.as_micros().to_le_bytes());
            }
            (Self::Uuid, Value::Uuid(uuid)) => out.copy_from_slice(uuid.as_bytes()),
            (Self::Triple, Value::List(values)) => {
                for (value, out) in values.iter().zip(out.chunks_exact_mut(2)) {
                    out.copy_from_slice(&(integer(value) as i16).to_le_bytes());
                }
            }
            (Self::Maybe | Self::MaybeTarget, Value::Null) => {}
            (Self::Maybe, _) => {
                out[..4].copy_from_slice(&(integer(value) as u32).to_le_bytes());
                out[4] = 1;
            }
            (Self::Colour, Value::Text(name)) => {
                out[0] = COLOURS.iter().find(|(known, _)| known == name).unwrap().1;
            }
            (Self::Place, Value::Object(parts)) => {
                out[0] = integer(&parts[0].1) as u8;
                let Value::F32(height) = parts[1].1 else {
                    panic!("{value:?} is no place")
                };
                out[4..8].copy_from_slice(&height.to_le_bytes());
            }
            (_, value) => {
                let length = out.len();
                out.copy_from_slice(&integer(value).to_le_bytes()[..length]);
            }
        }
    }

    /// A value that a field of this kind does not take.
    pub(super) fn wrong(self) -> Value {
        match self {
            Self::Bool => Value::from(1),
            Self::U8 | Self::U32 | Self::Maybe => Value::from(-1),
            Self::I16 => Value::from(40_000),
            Self::Text => Value::from("six666"),
            Self::Triple => Value::from(vec![1, 2]),
            Self::Colour => Value::from("Pink"),
            Self::Target => Value::Null,
            Self::MaybeTarget => Value::from(0),
            Self::I64 | Self::U128 | Self::F64 | Self::Moment | Self::Uuid | Self::Place => {
                Value::Bool(true)
            }
        }
    }

    /// Makes the bytes of a value such as no value of this kind has; false where there are none.
    pub(super) fn spoil(self, bytes: &mut [u8]) -> bool {
        match self {
            Self::Bool | Self::Colour => bytes[0] = 7,
            Self::Text => bytes[0] = 6,
            Self::Maybe => bytes[4] = 2,
            Self::Target => bytes.fill(0),
            _ => return false,
        }
        true
    }
}
