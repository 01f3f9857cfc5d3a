//! Records with texts and bytes of any length: their bytes, and what is refused of them.

use super::{
    FieldDefinition, FieldFault, FieldMask, LayoutChange, Name, RecordBuf, RecordLayout,
    TAIL_BYTES_MAX, TypeRegistry, Value, ValueFault, VariableKind,
};

fn layout(fields: &[(&str, &str)]) -> RecordLayout {
    let definition =
        |(name, type_id): &(&str, &str)| FieldDefinition::new(Name::new(name).unwrap(), *type_id);
    compute(&fields.iter().map(definition).collect::<Vec<_>>()).unwrap()
}

fn compute(fields: &[FieldDefinition]) -> Result<RecordLayout, super::SchemaError> {
    let table = Name::new("note").unwrap();
    RecordLayout::compute(&table, fields, &TypeRegistry::default())
}

fn told(faults: &[FieldFault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// A record as it comes from outside: split, checked, its padding zeroed.
fn taken(layout: &RecordLayout, bytes: &[u8]) -> Result<RecordBuf, Vec<String>> {
    let record = layout
        .split(bytes)
        .map_err(|fault| vec![fault.to_string()])?;
    layout.checked_copy(record).map_err(|faults| told(&faults))
}

/// What a record of all kinds of fields of variable length is made of.
fn all_kinds() -> RecordLayout {
    layout(&[
        ("level", "u8"),
        ("empty", "string"),
        ("twelve", "string"),
        ("thirteen", "string"),
        ("motto", "option<string>"),
        ("missing", "option<bytes>"),
        ("raw", "bytes"),
        ("rank", "u16"),
    ])
}

fn of_all_kinds() -> Value {
    Value::object([
        ("level", Value::from(7)),
        ("empty", "".into()),
        ("twelve", "twelve bytes".into()),
        ("thirteen", "dreizehn äöü".into()),
        ("motto", "fifteen letters".into()),
        ("missing", Value::Null),
        ("raw", Value::Bytes((1..=14).collect())),
        ("rank", 0x0201.into()),
    ])
}

#[test]
fn a_record_with_texts_of_every_length_has_the_bytes_that_were_written_by_hand() {
    let layout = all_kinds();
    let offsets: Vec<usize> = layout.fields().iter().map(|field| field.offset).collect();
    assert_eq!(offsets, [0, 4, 20, 36, 52, 72, 92, 108]);
    assert_eq!((layout.record_size(), layout.align()), (112, 4));
    assert_eq!(layout.padding(), [1..4, 69..72, 89..92, 110..112]);

    let record = layout.write(&of_all_kinds()).unwrap();
    #[rustfmt::skip]
    let fixed: Vec<u8> = [
        &[7, 0, 0, 0][..],                                     // level, padding
        &[0; 16],                                              // empty
        b"\x0C\0\0\0twelve bytes",                             // all of it in the slot
        b"\x0F\0\0\0drei\0\0\0\0\0\0\0\0",                     // length, four bytes, offset
        b"\x0F\0\0\0fift\x13\0\0\0\0\0\0\0", &[1, 0, 0, 0],    // behind 4 + 15; there is one
        &[0; 20],                                              // none
        &[14, 0, 0, 0, 1, 2, 3, 4, 38, 0, 0, 0, 0, 0, 0, 0],   // behind 4 + 15 twice
        &[1, 2, 0, 0],                                         // rank, padding
    ].concat();
    #[rustfmt::skip]
    let tail: Vec<u8> = [
        b"\x0F\0\0\0", "dreizehn äöü".as_bytes(),
        b"\x0F\0\0\0fifteen letters",
        b"\x0E\0\0\0", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
    ].concat();
    assert_eq!(record.as_ref().fixed, fixed);
    assert_eq!(record.as_ref().tail, tail);
    assert_eq!(layout.tail_bytes(&fixed), tail.len());

    let bytes = record.clone().into_bytes();
    assert_eq!(bytes, [fixed, tail].concat());
    let split = layout.split(&bytes).unwrap();
    assert_eq!(split, record.as_ref());
    layout.check(split).unwrap();
    assert_eq!(layout.read(split), of_all_kinds());
    assert_eq!(
        serde_json::to_string(&layout.read(split)).unwrap(),
        r#"{"level":7,"empty":"","twelve":"twelve bytes","thirteen":"dreizehn äöü","motto":"fifteen letters","missing":null,"raw":"AQIDBAUGBwgJCgsMDQ4=","rank":513}"#
    );
}

#[test]
fn a_record_with_any_byte_changed_is_refused_or_is_the_one_form_of_another_value() {
    let layout = all_kinds();
    let bytes = layout.write(&of_all_kinds()).unwrap().into_bytes();
    let (mut refused, mut valid) = (0, 0);
    for place in 0..bytes.len() {
        for change in 1..=255 {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            match taken(&layout, &changed) {
                Err(_) => refused += 1,
                Ok(record) => {
                    let value = layout.read(record.as_ref());
                    assert_eq!(layout.write(&value).unwrap(), record, "byte {place}");
                    valid += 1;
                }
            }
        }
    }
    // Padding, numbers, and letters that stand in one place only; of the latter not those that
    // would be no UTF-8.
    assert!(refused > 50 * 255 && valid > 30 * 255, "{refused}, {valid}");
}

#[test]
fn a_record_that_ends_early_or_late_is_refused() {
    let layout = all_kinds();
    let bytes = layout.write(&of_all_kinds()).unwrap().into_bytes();
    for end in 0..bytes.len() {
        assert!(taken(&layout, &bytes[..end]).is_err(), "{end} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    let faults = taken(&layout, &longer).unwrap_err();
    let expected = "``: the bytes are no record: 1 bytes stand behind those of its fields";
    assert_eq!(faults, [expected]);
    let faults = taken(&layout, &bytes[..50]).unwrap_err();
    assert_eq!(faults, ["a record has 112 bytes or more, these are 50"]);

    let plain = self::layout(&[("level", "u8")]);
    assert_eq!(
        plain.split(&[1, 2]).unwrap_err().to_string(),
        "a record has 1 bytes, these are 2"
    );
    assert!(!plain.has_tails() && layout.has_tails());
}

#[test]
fn faults_of_several_fields_are_told_at_once_and_those_that_follow_from_others_are_not() {
    let layout = layout(&[
        ("first", "string"),
        ("second", "string"),
        ("third", "string"),
        ("open", "bool"),
    ]);
    let long = |letter: &str| Value::from(letter.repeat(20));
    let value = Value::object([
        ("first", long("a")),
        ("second", long("b")),
        ("third", long("c")),
        ("open", true.into()),
    ]);
    let bytes = layout.write(&value).unwrap().into_bytes();
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = bytes.clone();
        for (place, byte) in changes {
            bytes[*place] = *byte;
        }
        taken(&layout, &bytes).unwrap_err()
    };
    // Where the first says another length, nobody knows where the others stand.
    let faults = with(&[(0, 21), (48, 9)]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("`first`") && faults[1].starts_with("`open`"));
    // Where it is no text, it still says how long it is.
    let faults = with(&[(52 + 4 + 10, 0xFF), (52 + 24 + 4 + 10, 0xFF)]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[1].starts_with("`second`") && faults[1].contains("utf-8"));
}

#[test]
fn values_of_other_types_are_refused_and_so_is_whatever_is_no_base64() {
    let layout = layout(&[
        ("name", "string"),
        ("raw", "bytes"),
        ("note", "option<bytes>"),
    ]);
    let value = Value::object([
        ("name", Value::Bytes(vec![1])),
        ("raw", 1.into()),
        ("note", "not base64".into()),
    ]);
    assert_eq!(
        told(&layout.write(&value).unwrap_err()),
        [
            "`name`: expected string, found 1 bytes",
            "`raw`: expected bytes, found 1",
            "`note`: expected bytes in base64, found \"not base64\"",
        ]
    );
    let value = Value::object([("name", Value::Null), ("raw", Value::Null)]);
    assert_eq!(
        told(&layout.write(&value).unwrap_err()),
        [
            "`name`: expected string, found null",
            "`raw`: expected bytes, found null"
        ]
    );
    let raw = |text: &str| VariableKind::Bytes.content(&text.into()).is_ok();
    assert!(raw("") && raw("AA==") && raw("+/+/"));
    // No padding, letters for addresses, space, bits that stand for nothing, and the half of one.
    for text in [
        "AA", "-_-_", " AA==", "AA==\n", "AB==", "A", "AA=", "AA==AA==",
    ] {
        assert!(!raw(text), "{text}");
    }
}

#[test]
fn texts_and_bytes_are_fields_by_themselves_and_parts_of_no_other_type() {
    let types = TypeRegistry::default();
    for (type_id, size) in [
        ("string", 16),
        ("bytes", 16),
        ("option<string>", 20),
        ("option<bytes>", 20),
    ] {
        let layout = types.resolve(type_id).unwrap();
        assert_eq!((layout.size, layout.align), (size, 4), "{type_id}");
        assert!(layout.ordered && !layout.pod, "{type_id}");
    }
    for type_id in [
        "[string; 3]",
        "[option<bytes>; 3]",
        "option<option<string>>",
        "option<[bytes; 2]>",
    ] {
        let error = types.resolve(type_id).unwrap_err().to_string();
        assert!(error.contains("not plain data"), "{type_id}: {error}");
    }
    let mut types = types;
    let parts = vec![("name".to_owned(), "string".to_owned())];
    let composite = super::TypeDefinition::Composite { parts };
    let error = types.register_type("named", composite).unwrap_err();
    assert!(error.to_string().contains("not plain data"), "{error}");
}

#[test]
fn keys_are_equal_where_values_are_and_in_the_order_of_the_texts() {
    let layout = layout(&[("before", "string"), ("name", "option<string>")]);
    let (_, name) = layout.field("name").unwrap();
    let record = |before: &str, value: Value| {
        let value = Value::object([("before", before.into()), ("name", value)]);
        layout.write(&value).unwrap()
    };
    let texts = ["", "\0", "a", "a\0", "aa", "abcdefghijklm", "abcdefghijkln"];
    let ordered = [Value::Null].into_iter().chain(texts.map(Value::from));
    let ordered: Vec<Value> = ordered.chain(["é".repeat(400).into()]).collect();
    for (place, left) in ordered.iter().enumerate() {
        for (other, right) in ordered.iter().enumerate() {
            // What stands before them moves them in the tail, and must not matter.
            let left = record("", left.clone());
            let right = record("a text of some length", right.clone());
            let (left, right) = (left.as_ref(), right.as_ref());
            let order = name.key_bytes(left).cmp(&name.key_bytes(right));
            assert_eq!(order, place.cmp(&other));
            assert_eq!(name.compare(left, right), Some(order));
            assert_eq!(name.is_same(left, right), order.is_eq());
        }
    }
    let (_, before) = layout.field("before").unwrap();
    let long = record("a text of some length", Value::Null);
    assert_eq!(
        *before.key_bytes(long.as_ref()),
        *b"a text of some length",
        "of a text that is always there, the key is the text"
    );
}

#[test]
fn a_slot_by_itself_is_a_value_where_all_of_it_stands_there() {
    let types = TypeRegistry::default();
    let string = types.resolve("option<string>").unwrap();
    let mut place = vec![0; string.size];
    string
        .serializer
        .write(&"short".into(), &mut place)
        .unwrap();
    string.serializer.check(&place).unwrap();
    assert_eq!(string.serializer.read(&place), "short".into());
    let long = Value::from("a text of some length");
    let fault = string.serializer.write(&long, &mut place).unwrap_err();
    assert!(matches!(fault, ValueFault::TooLong { .. }), "{fault}");
    let fields = layout(&[("name", "option<string>")]);
    let record = fields.write(&Value::object([("name", long)])).unwrap();
    assert!(string.serializer.check(record.as_ref().fixed).is_err());
}

#[test]
fn what_is_too_much_for_one_record_is_refused_by_the_field_with_which_it_is() {
    let layout = layout(&[("first", "bytes"), ("second", "string"), ("third", "bytes")]);
    let most = TAIL_BYTES_MAX - 3 * 4;
    let record = |first: usize, second: usize, third: usize| {
        let value = Value::object([
            ("first", Value::Bytes(vec![1; first])),
            ("second", "2".repeat(second).into()),
            ("third", Value::Bytes(vec![3; third])),
        ]);
        layout.write(&value)
    };
    let full = record(most / 2, most / 4, most / 4).unwrap();
    assert_eq!(full.as_ref().tail.len(), TAIL_BYTES_MAX);
    layout.check(full.as_ref()).unwrap();
    let faults = record(most / 2, most / 4 + 1, most / 4).unwrap_err();
    assert_eq!(
        told(&faults),
        [
            "`third`: with its 4194301 bytes, the strings and bytes of the record are more than \
          16777216 bytes together"
        ]
    );
    assert_eq!(faults[0].fault.code(), "too-long");
    let faults = record(TAIL_BYTES_MAX - 3, 0, 0).unwrap_err();
    assert!(told(&faults)[0].starts_with("`first`: with its 16777213 bytes"));

    // A patch answers for what it names, and not what was there before.
    let patch = Value::object([("second", "2".repeat(most / 4 + 1))]);
    let faults = layout.patch(&patch, full.as_ref()).unwrap_err();
    assert!(told(&faults)[0].starts_with("`second`: "), "{faults:?}");
    let other = record(0, most, 0).unwrap();
    let mask = FieldMask::NONE.with(1);
    let fault = layout
        .merge(full.as_ref(), other.as_ref(), mask)
        .unwrap_err();
    assert_eq!(fault.field, "second");

    // From outside, with the slots of a record and a tail that is too long for one.
    let too_long = TAIL_BYTES_MAX as u32 - 3;
    let mut bytes = vec![0; layout.record_size()];
    bytes[..4].copy_from_slice(&too_long.to_le_bytes());
    bytes.extend(too_long.to_le_bytes());
    bytes.resize(bytes.len() + too_long as usize, 0);
    let faults = taken(&layout, &bytes).unwrap_err();
    assert!(faults[0].starts_with("`first`: with its 16777213 bytes"));
}

#[test]
fn a_record_of_other_fields_keeps_the_values_of_those_that_both_have() {
    let field = |name: &str, type_id: &str, default: Option<Value>| FieldDefinition {
        default,
        ..FieldDefinition::new(Name::new(name).unwrap(), type_id)
    };
    let kept = [
        field("name", "string", None),
        field("level", "u8", None),
        field("raw", "bytes", None),
    ];
    let former = compute(&kept).unwrap();
    let value = Value::object([
        ("name", Value::from("a text of some length")),
        ("level", 3.into()),
        ("raw", Value::Bytes(vec![9; 30])),
    ]);
    let record = former.write(&value).unwrap();
    let added = [
        field("raw", "bytes", None),
        field("name", "string", None),
        field("note", "string", Some("by default, something long".into())),
        field("seal", "bytes", Some("AQID".into())),
        field("sign", "option<string>", None),
        field("rank", "u16", Some(5.into())),
    ];
    let layout = compute(&added).unwrap();
    let (_, seal) = layout.field("seal").unwrap();
    assert_eq!(seal.default, Some(Value::Bytes(vec![1, 2, 3])));
    let mut out = RecordBuf::default();
    let change = LayoutChange::between(&former, &layout);
    change.copy(record.as_ref(), &mut out).unwrap();
    layout.check(out.as_ref()).unwrap();
    let expected = Value::object([
        ("raw", Value::Bytes(vec![9; 30])),
        ("name", "a text of some length".into()),
        ("note", "by default, something long".into()),
        ("seal", Value::Bytes(vec![1, 2, 3])),
        ("sign", Value::Null),
        ("rank", 5.into()),
    ]);
    assert_eq!(layout.read(out.as_ref()), expected);
    assert_eq!(layout.write(&expected).unwrap(), out);

    let large = "x".repeat(TAIL_BYTES_MAX - 100);
    let added = field("large", "string", Some(large.into()));
    let layout = compute(&[kept.to_vec(), vec![added]].concat()).unwrap();
    let change = LayoutChange::between(&former, &layout);
    change.copy(record.as_ref(), &mut out).unwrap();
    let value = Value::object([
        ("name", Value::from("x".repeat(100))),
        ("level", 3.into()),
        ("raw", "".into()),
    ]);
    let longer = former.write(&value).unwrap();
    let fault = change.copy(longer.as_ref(), &mut out).unwrap_err();
    assert_eq!(fault.field, "large");

    let too_large = field(
        "large",
        "bytes",
        Some(Value::Bytes(vec![0; TAIL_BYTES_MAX])),
    );
    let error = compute(&[too_large]).unwrap_err().to_string();
    assert!(error.contains("its default does not fit"), "{error}");
}

/// Numbers that look random and are the same for the same seed (Marsaglia, "Xorshift RNGs").
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn length(&mut self) -> usize {
        match self.below(4) {
            0 => self.below(12),
            1 => 11 + self.below(4),
            2 => self.below(100),
            _ => self.below(5000),
        }
    }

    fn text(&mut self) -> Value {
        let letters = [
            'a', 'B', '\0', '"', '\\', '\n', 'é', 'ß', '水', '🦀', '\u{7f}',
        ];
        let length = self.length();
        let text: String = (0..length).map(|_| letters[self.below(11)]).collect();
        text.into()
    }

    fn bytes(&mut self) -> Value {
        let length = self.length();
        Value::Bytes((0..length).map(|_| self.below(256) as u8).collect())
    }

    /// A record of [`all_kinds`].
    fn record(&mut self) -> Value {
        let motto = match self.below(3) {
            0 => Value::Null,
            _ => self.text(),
        };
        let missing = match self.below(3) {
            0 => self.bytes(),
            _ => Value::Null,
        };
        Value::object([
            ("level", Value::from(self.below(256) as u8)),
            ("empty", self.text()),
            ("twelve", self.text()),
            ("thirteen", self.text()),
            ("motto", motto),
            ("missing", missing),
            ("raw", self.bytes()),
            ("rank", (self.below(65_536) as u16).into()),
        ])
    }
}

#[test]
fn random_records_come_back_from_bytes_and_from_json_and_parts_of_them_from_merges() {
    let layout = all_kinds();
    let seed = 0x9E37_79B9_7F4A_7C15;
    let mut random = Random(seed);
    for round in 0..500 {
        let value = random.record();
        let record = layout.write(&value).unwrap();
        let at = || format!("round {round} of seed {seed:#x}");
        let bytes = record.clone().into_bytes();
        assert_eq!(taken(&layout, &bytes).as_ref(), Ok(&record), "{}", at());
        assert_eq!(
            layout.tail_bytes(record.as_ref().fixed),
            record.as_ref().tail.len()
        );
        assert_eq!(layout.read(record.as_ref()), value, "{}", at());
        let json = serde_json::to_string(&value).unwrap();
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(layout.write(&read).unwrap(), record, "{}", at());

        let other_value = random.record();
        let other = layout.write(&other_value).unwrap();
        let chosen = random.below(256);
        let of = |index: usize| match chosen >> index & 1 {
            0 => &value,
            _ => &other_value,
        };
        let fields = layout.fields().iter().enumerate();
        let part = |(index, field): (usize, &super::Field)| {
            let name = field.name.to_string();
            let value = of(index).get(&name).unwrap().clone();
            (name, value)
        };
        let parts: Vec<_> = fields.map(part).collect();
        let indexes = (0..parts.len()).filter(|index| chosen >> index & 1 == 1);
        let mask = indexes.clone().fold(FieldMask::NONE, FieldMask::with);
        let patch = Value::Object(indexes.map(|index| parts[index].clone()).collect());
        let expected = layout.write(&Value::Object(parts)).unwrap();
        let merged = layout.merge(record.as_ref(), other.as_ref(), mask).unwrap();
        assert_eq!(merged, expected, "{}", at());
        let (patched, named) = layout.patch(&patch, record.as_ref()).unwrap();
        assert_eq!((patched, named), (expected, mask), "{}", at());
    }
}
