//! The bytes of `schema.json`: JSON for people and programs, with a checksum for us.

use serde::Deserialize;

use super::{
    data_file::hex,
    schema_document::{FORMAT, NO_CHECKSUM, SchemaDocument},
};

/// How the file ends, after the eight characters of its checksum.
const END: &[u8] = b"\"\n}\n";
/// What stands before them.
const CHECKSUM: &[u8] = b"\"crc32c\": \"";
const ZEROS: &[u8] = NO_CHECKSUM.as_bytes();

/// Why a file is refused.
#[derive(Debug)]
pub(super) enum SchemaFault {
    /// It is not what was written.
    Damaged {
        offset: usize,
        expected: String,
        found: String,
    },
    /// It is, and yet cannot be used.
    Invalid(String),
}

/// The file's bytes.
pub(super) fn encode(document: &SchemaDocument) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    let place = bytes.len() - END.len() - ZEROS.len();
    debug_assert_eq!(&bytes[place..place + ZEROS.len()], ZEROS);
    let checksum = hex(crc32c::crc32c(&bytes));
    bytes[place..place + ZEROS.len()].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// The document in the file, after its checksum and its format were checked.
pub(super) fn decode(bytes: &[u8]) -> Result<SchemaDocument, SchemaFault> {
    let damaged = |offset, expected: String, found: &str| SchemaFault::Damaged {
        offset,
        expected,
        found: found.to_owned(),
    };
    let ended = bytes
        .strip_suffix(END)
        .and_then(|rest| rest.split_last_chunk::<8>())
        .filter(|(before, _)| before.ends_with(CHECKSUM));
    let Some((before, written)) = ended else {
        let expected = "a file that ends in its checksum (was it edited or cut off?)".to_owned();
        return Err(damaged(bytes.len(), expected, "another end"));
    };
    let checksum = crc32c::crc32c_append(crc32c::crc32c(before), ZEROS);
    let checksum = hex(crc32c::crc32c_append(checksum, END));
    if checksum.as_bytes() != written {
        let expected = format!("a checksum of {checksum} for what stands before it");
        return Err(damaged(
            before.len(),
            expected,
            &String::from_utf8_lossy(written),
        ));
    }

    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let invalid = |error: serde_json::Error| SchemaFault::Invalid(error.to_string());
    let Format { format } = serde_json::from_slice(bytes).map_err(invalid)?;
    if format != FORMAT {
        return Err(SchemaFault::Invalid(format!(
            "it has format {format}, this version of Tickbase reads format {FORMAT}: open it with \
             the version that wrote it"
        )));
    }
    let mut document: SchemaDocument = serde_json::from_slice(bytes).map_err(invalid)?;
    // A document has no checksum, only the bytes of one do.
    document.crc32c = NO_CHECKSUM.to_owned();
    Ok(document)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        persistence::{
            schema_document::{Contents, FileEntry},
            testing::{definition, relation},
        },
        schema::{Catalog, EnumVariant, TypeDefinition, TypeRegistry, Value},
    };

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        let variant = |name: &str, number| EnumVariant {
            name: name.to_owned(),
            number,
        };
        let variants = vec![variant("Open", 0), variant("Shut", 7)];
        let parts = [("x", "f32"), ("state", "state"), ("y", "[i16; 2]")];
        let parts = parts.map(|(name, id)| (name.to_owned(), id.to_owned()));
        let status = TypeDefinition::Enum { variants };
        catalog.register_type("state", status).unwrap();
        let parts = parts.into();
        catalog
            .register_type("place", TypeDefinition::Composite { parts })
            .unwrap();
        let airport = definition("airport", &[("code", "text<4>"), ("place", "place")]);
        catalog.create_table(&airport).unwrap();
        catalog
            .create_table(&definition("gone", &[("a", "u8")]))
            .unwrap();
        let fields = [
            ("airport", "option<id<airport>>"),
            ("state", "state"),
            ("level", "f32"),
            ("large", "u128"),
            ("since", "option<timestamp>"),
        ];
        let mut gate = definition("gate", &fields);
        gate.fields[1].default = Some("Shut".into());
        gate.fields[2].default = Some(0.1_f32.into());
        gate.fields[2].unique = true;
        gate.fields[3].default = Some(u128::MAX.into());
        gate.fields[4].default = Some(Value::Null);
        catalog.create_table(&gate).unwrap();
        catalog
            .create_relation(&relation("gate", "airport", "airport"))
            .unwrap();
        catalog.drop_table("gone").unwrap();
        catalog
    }

    fn document(catalog: &Catalog) -> SchemaDocument {
        let id = Uuid::from_bytes([3; 16]);
        SchemaDocument::new(id, (41, 7), catalog, |schema| Contents {
            last_id: u64::MAX,
            records: 3,
            file: (schema.name == "gate").then(|| FileEntry {
                name: "gate.41.bin".to_owned(),
                length: 9000,
                header_crc32c: 0xAB,
            }),
        })
    }

    #[test]
    fn a_catalog_is_the_same_after_it_was_written_and_read() {
        let catalog = catalog();
        let bytes = encode(&document(&catalog)).unwrap();
        let read = decode(&bytes).unwrap();
        let restored = read.catalog(&TypeRegistry::default()).unwrap();
        assert_eq!(encode(&document(&restored)).unwrap(), bytes);

        let same = |name: &str| {
            let [before, after] = [&catalog, &restored].map(|c| c.table(name).unwrap());
            assert_eq!(
                (before.id, &before.layout, before.schema_version),
                (after.id, &after.layout, after.schema_version)
            );
        };
        same("airport");
        same("gate");
        assert!(catalog.relations().eq(restored.relations()));
        assert!(catalog.types().custom().eq(restored.types().custom()));
        assert_eq!(catalog.last_ids(), restored.last_ids());
        assert_eq!(restored.last_ids(), (3, 1));
    }

    #[test]
    fn the_file_is_json_whose_last_member_is_the_checksum_of_the_rest() {
        let bytes = encode(&document(&catalog())).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let written = json["crc32c"].as_str().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.ends_with(&format!("  \"crc32c\": \"{written}\"\n}}\n")));
        let zeroed = text.replace(written, "00000000");
        assert_eq!(
            written,
            format!("{:08x}", crc32c::crc32c(zeroed.as_bytes()))
        );
        let gate = &json["tables"][1];
        assert_eq!(gate["fields"][2]["default"], 0.1);
        assert_eq!(gate["fields"][2]["offset"], 12);
        assert_eq!(gate["file"]["name"], "gate.41.bin");
        assert_eq!(json["relations"][0]["from"]["field"], "airport");
        assert_eq!(json["custom_types"][1]["parts"][2]["type"], "[i16; 2]");
    }

    /// The reason for refusing a file in which `from` was replaced and the checksum put right.
    fn refusal(from: &str, to: &str) -> String {
        let bytes = encode(&document(&catalog())).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (body, _) = text.rsplit_once("\"crc32c\": ").unwrap();
        assert!(body.contains(from), "{from}");
        let body = format!("{}\"crc32c\": ", body.replacen(from, to, 1));
        let zeroed = format!("{body}\"00000000\"\n}}\n");
        let checksum = crc32c::crc32c(zeroed.as_bytes());
        let bytes = format!("{body}\"{checksum:08x}\"\n}}\n").into_bytes();
        match decode(&bytes) {
            Ok(document) => document.catalog(&TypeRegistry::default()).unwrap_err(),
            Err(SchemaFault::Invalid(reason)) => reason,
            Err(damaged) => panic!("{damaged:?}"),
        }
    }

    #[test]
    fn what_is_written_must_be_what_this_version_computes() {
        let cases = [
            (
                "\"format\": 1",
                "\"format\": 2",
                "it has format 2, this version",
            ),
            ("\"record_size\": 2", "\"record_size\": 3", "`airport` have"),
            (
                "\"offset\": 12",
                "\"offset\": 13",
                "the offset of field `gate.level` is 13",
            ),
            (
                "\"align\": 4",
                "\"align\": 8",
                "the alignment of type `place` is 8",
            ),
            (
                "\"name\": \"airport\"",
                "\"name\": \"../airport\"",
                "is no valid name",
            ),
            (
                "\"on_delete\": \"restrict\"",
                "\"on_delete\": \"x\"",
                "which this version does not know",
            ),
            ("\"type\": \"f32\"", "\"type\": \"f33\"", "no type `f33`"),
            (
                "\"default\": 0.1",
                "\"default\": \"much\"",
                "the default of field `level`",
            ),
            (
                "\"last_table_id\": 3",
                "\"last_table_id\": 2",
                "ids go from 1 to 2",
            ),
            ("\"tick\"", "\"tock\"", "unknown field `tock`"),
        ];
        for (from, to, reason) in cases {
            let told = refusal(from, to);
            assert!(told.contains(reason), "{from} to {to}: {told}");
        }
    }

    #[test]
    fn types_are_read_as_they_were_written_whatever_the_program_has_under_their_names() {
        let mut types = TypeRegistry::default();
        let variants = vec![EnumVariant {
            name: "Open".to_owned(),
            number: 0,
        }];
        types
            .register_type("state", TypeDefinition::Enum { variants })
            .unwrap();
        let read = document(&catalog()).catalog(&types).unwrap();
        let same = |name: &str| read.types().get(name) == catalog().types().get(name);
        assert!(same("state") && same("place"));
    }
}
