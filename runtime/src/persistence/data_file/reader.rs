//! Reads a data file: nothing of it is believed before its checksum and its place were checked.

use std::fmt::Display;

use bytemuck::pod_read_unaligned;
use uuid::Uuid;

use super::{
    Run,
    blocks::Blocks,
    header::{FORMAT, HEADER_BYTES, Header, MAGIC, Parts},
    hex,
};
use crate::schema::{RecordId, RecordRef, TableSchema};

/// What `schema.json` says of a file.
#[derive(Clone, Copy, Debug)]
pub(in crate::persistence) struct Expected {
    pub(in crate::persistence) database_id: Uuid,
    pub(in crate::persistence) length: u64,
    pub(in crate::persistence) header_crc32c: u32,
    pub(in crate::persistence) records: u64,
    pub(in crate::persistence) last_id: u64,
}

/// Why reading ended early.
#[derive(Debug)]
pub(in crate::persistence) enum ReadError<E> {
    /// The file is not what was written.
    Damaged(Damage),
    /// Who takes the records refused one.
    Refused(E),
}

/// What is wrong in a file, and where.
#[derive(Debug)]
pub(in crate::persistence) struct Damage {
    pub(in crate::persistence) offset: u64,
    pub(in crate::persistence) expected: String,
    pub(in crate::persistence) found: String,
}

impl<E> From<Damage> for ReadError<E> {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// Gives every record of the file, in the order of ids, to `take`.
///
/// Memory is only taken by `take`, for records that are there: every count and length was compared
/// with the length of the file before.
pub(in crate::persistence) fn read<E>(
    bytes: &[u8],
    expected: &Expected,
    schema: &TableSchema,
    mut take: impl FnMut(RecordId, RecordRef<'_>) -> Result<(), E>,
) -> Result<(), ReadError<E>> {
    let header = read_header(bytes, expected)?;
    let parts = check_identity(&header, expected, schema)?;
    let blocks = Blocks::new(bytes, &header)?;
    let [runs_start, tails_start, checksums_start] = [
        parts.runs_offset,
        parts.tails_offset,
        parts.checksums_offset,
    ]
    .map(|offset| offset as usize);
    let runs = blocks
        .area(runs_start..tails_start)
        .take(tails_start - runs_start)?;
    check_runs(&header, runs)?;

    let records_end = HEADER_BYTES + parts.records_length as usize;
    let tails_end = tails_start + parts.tails_length as usize;
    let mut records = blocks.area(HEADER_BYTES..records_end);
    let mut tails = blocks.area(tails_start..tails_end);
    for id in runs.chunks_exact(size_of::<Run>()).flat_map(ids) {
        let offset = records.place();
        let fixed = records.take(schema.record_size())?;
        let tail = tails.take(schema.layout.tail_bytes(fixed))?;
        let record = RecordRef { fixed, tail };
        check_record(schema, id, offset, record)?;
        take(id, record).map_err(ReadError::Refused)?;
    }
    records.finish("the records", runs_start)?;
    tails.finish("the tails", checksums_start)?;
    Ok(())
}

pub(super) fn damage(offset: usize, expected: impl Display, found: impl Display) -> Damage {
    Damage {
        offset: offset as u64,
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

fn read_header(bytes: &[u8], expected: &Expected) -> Result<Header, Damage> {
    let length = bytes.len() as u64;
    if length != expected.length {
        return Err(Damage {
            offset: length.min(expected.length),
            expected: format!("a file of {} bytes", expected.length),
            found: format!("one of {length}"),
        });
    }
    if bytes.len() < HEADER_BYTES {
        let expected = format!("a header of {HEADER_BYTES} bytes");
        return Err(damage(0, expected, format!("a file of {length}")));
    }
    let header: Header = pod_read_unaligned(&bytes[..HEADER_BYTES]);
    if header.magic != MAGIC {
        return Err(damage(0, "the first bytes of a data file", "others"));
    }
    let checksum = Header::checksum(bytes);
    if header.header_crc32c != checksum {
        return Err(damage(
            HEADER_BYTES - 4,
            format_args!("the header's checksum, {}", hex(checksum)),
            hex(header.header_crc32c),
        ));
    }
    if header.format != FORMAT {
        return Err(damage(8, format!("format {FORMAT}"), header.format));
    }
    Ok(header)
}

/// Whether this is the very file that `schema.json` names, and where its parts stand.
fn check_identity(
    header: &Header,
    expected: &Expected,
    schema: &TableSchema,
) -> Result<Parts, Damage> {
    let database_id = Uuid::from_bytes(header.database_id);
    if database_id != expected.database_id {
        return Err(damage(
            16,
            format_args!("a file of database {}", expected.database_id),
            format_args!("one of database {database_id}"),
        ));
    }
    if header.table_id != schema.id.0 {
        return Err(damage(
            12,
            format_args!(
                "the records of table `{}`, which has the id {}",
                schema.name, schema.id.0
            ),
            format_args!("those of the table with the id {}", header.table_id),
        ));
    }
    if header.header_crc32c != expected.header_crc32c {
        return Err(damage(
            HEADER_BYTES - 4,
            format_args!(
                "the header that schema.json names, with checksum {}",
                hex(expected.header_crc32c)
            ),
            format_args!(
                "that of another flush, of version {}, with {}",
                header.version,
                hex(header.header_crc32c)
            ),
        ));
    }
    check_numbers(header, expected, schema)
}

fn check_numbers(
    header: &Header,
    expected: &Expected,
    schema: &TableSchema,
) -> Result<Parts, Damage> {
    let equal = |offset, what: &str, expected: u64, found: u64| {
        if expected == found {
            return Ok(());
        }
        Err(damage(offset, format!("{what} {expected}"), found))
    };
    let record_size = schema.record_size() as u64;
    equal(
        96,
        "a record size of",
        record_size,
        header.record_size.into(),
    )?;
    equal(
        100,
        "schema version",
        schema.schema_version.into(),
        header.schema_version.into(),
    )?;
    equal(
        40,
        "a record count of",
        expected.records,
        header.record_count,
    )?;
    if header.last_id > expected.last_id {
        let at_most = format!("a last id of at most {}", expected.last_id);
        return Err(damage(56, at_most, header.last_id));
    }
    let in_area = header.records_length / record_size;
    equal(
        40,
        "as many records as there is room for,",
        in_area,
        header.record_count,
    )?;
    let parts = Parts::compute(
        record_size,
        header.record_count,
        header.run_count,
        header.tails_length,
    )
    .ok_or_else(|| damage(40, "counts that fit a file", "larger ones"))?;
    equal(
        48,
        "a record area of",
        parts.records_length,
        header.records_length,
    )?;
    equal(64, "the runs at", parts.runs_offset, header.runs_offset)?;
    equal(
        80,
        "the checksums at",
        parts.checksums_offset,
        header.checksums_offset,
    )?;
    equal(88, "a length of", parts.file_length, header.file_length)?;
    equal(88, "a length of", expected.length, header.file_length)?;
    if !header.reserved_is_zero() {
        return Err(damage(108, "zeros in the reserved bytes", "others"));
    }
    Ok(parts)
}

/// The ids of one run, which passed [`check_runs`].
fn ids(run: &[u8]) -> impl Iterator<Item = RecordId> {
    let run: Run = pod_read_unaligned(run);
    let mut live = run.live;
    std::iter::from_fn(move || {
        let bit = live.trailing_zeros();
        // The lowest bit that is set goes; where none is left, `bit` is 64.
        live &= live.wrapping_sub(1);
        (bit < 64).then(|| RecordId::new(run.first_id + u64::from(bit)))?
    })
}

/// Ids go up from 1 to at most the last, and there is one for each record.
fn check_runs(header: &Header, runs: &[u8]) -> Result<(), Damage> {
    let (mut last_id, mut records) = (0, 0);
    for (index, bytes) in runs.chunks_exact(size_of::<Run>()).enumerate() {
        let offset = header.runs_offset as usize + index * size_of::<Run>();
        let run: Run = pod_read_unaligned(bytes);
        let first = u64::from(run.live.trailing_zeros());
        let ends = run.live.checked_ilog2().and_then(|highest| {
            Some((
                run.first_id.checked_add(first)?,
                run.first_id.checked_add(u64::from(highest))?,
            ))
        });
        match ends {
            Some((from, to)) if from > last_id && to <= header.last_id => last_id = to,
            _ => {
                return Err(damage(
                    offset,
                    format_args!("ids above {last_id} and up to {}", header.last_id),
                    format_args!("{} with the bits {:#x}", run.first_id, run.live),
                ));
            }
        }
        records += u64::from(run.live.count_ones());
    }
    if records != header.record_count {
        return Err(damage(
            header.runs_offset as usize,
            format_args!("ids of {} records", header.record_count),
            format_args!("ids of {records}"),
        ));
    }
    Ok(())
}

/// A value in every field and zeros between them, so that nobody has to look again.
fn check_record(
    schema: &TableSchema,
    id: RecordId,
    offset: usize,
    record: RecordRef<'_>,
) -> Result<(), Damage> {
    let expected = || format!("a record of table `{}` (its id is {id})", schema.name);
    if let Err(faults) = schema.layout.check(record) {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(damage(offset, expected(), faults.join(", ")));
    }
    for range in schema.layout.padding() {
        if record.fixed[range.clone()].iter().any(|byte| *byte != 0) {
            return Err(damage(
                offset + range.start,
                expected(),
                "bytes between its fields that are not 0",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        persistence::{
            data_file::write,
            testing::{MemoryFile, definition, gates, note, notes, snapshot},
        },
        schema::Catalog,
    };

    const DATABASE: Uuid = Uuid::from_bytes([5; 16]);

    fn file(
        catalog: &Catalog,
        table: &str,
        records: &[(u64, Vec<u8>)],
        last_id: u64,
    ) -> (Vec<u8>, Expected) {
        let snapshot = snapshot(3, catalog, &[(table, records, last_id, 1)]);
        let mut file = MemoryFile::default();
        let table = snapshot.table_by_name(table).unwrap();
        let written = write(&mut file, DATABASE, 3, table).unwrap();
        let expected = Expected {
            database_id: DATABASE,
            length: written.length,
            header_crc32c: written.header_crc32c,
            records: written.records,
            last_id,
        };
        (file.bytes, expected)
    }

    fn read_all(
        bytes: &[u8],
        expected: &Expected,
        catalog: &Catalog,
        table: &str,
    ) -> Result<Vec<(u64, Vec<u8>)>, Damage> {
        let mut records = Vec::new();
        let schema = catalog.table(table).unwrap();
        let read = read::<()>(bytes, expected, schema, |id, record| {
            records.push((id.get(), record.to_bytes().into_owned()));
            Ok(())
        });
        match read {
            Ok(()) => Ok(records),
            Err(ReadError::Damaged(damage)) => Err(damage),
            Err(ReadError::Refused(())) => unreachable!("every record is taken"),
        }
    }

    #[test]
    fn records_of_many_blocks_and_pieces_come_back_with_their_ids() {
        let mut catalog = Catalog::default();
        let odd = definition("odd", &[("a", "[u8; 4099]")]);
        catalog.create_table(&odd).unwrap();
        for count in [0, 1, 15, 16, 17, 300] {
            let records: Vec<(u64, Vec<u8>)> =
                (1..=count).map(|n| (n * n, vec![n as u8; 4099])).collect();
            let (bytes, expected) = file(&catalog, "odd", &records, 100_000);
            let read = read_all(&bytes, &expected, &catalog, "odd").unwrap();
            assert!(read == records, "{count} records");
        }
    }

    #[test]
    fn a_changed_byte_is_found_in_whichever_block_it_stands() {
        let mut catalog = Catalog::default();
        for (name, field) in [("large", "[u8; 4099]"), ("small", "[u8; 3]")] {
            catalog
                .create_table(&definition(name, &[("a", field)]))
                .unwrap();
        }
        // The records of one and the runs of the other take several blocks.
        for (name, record_size, count, runs) in
            [("large", 4099, 100, 0), ("small", 3, 6000, 96_000)]
        {
            let records: Vec<(u64, Vec<u8>)> = (1..=count)
                .map(|n| (n * 64, vec![1; record_size]))
                .collect();
            let (mut bytes, expected) = file(&catalog, name, &records, count * 64);
            let parts = Parts::compute(record_size as u64, count, 0, 0).unwrap();
            assert!(bytes.len() as u64 > parts.runs_offset + runs);
            let around = |place: usize| place - 20..place + 20;
            let places = (0..bytes.len())
                .step_by(4093)
                .chain(around(parts.runs_offset as usize))
                .chain(bytes.len() - 40..bytes.len());
            for place in places {
                bytes[place] ^= 1;
                let read = read_all(&bytes, &expected, &catalog, name);
                assert!(read.is_err(), "byte {place} of {name}");
                bytes[place] ^= 1;
            }
            read_all(&bytes, &expected, &catalog, name).unwrap();
        }
    }

    /// Records of [`notes`] with short texts and long ones.
    fn many_notes(count: u64) -> Vec<(u64, Vec<u8>)> {
        let record = |number: u64| {
            let title = "title ".repeat((number * number % 1_000) as usize);
            note(
                number as u8,
                &title,
                &[number as u8; 40][..number as usize % 41],
            )
        };
        (1..=count)
            .map(|number| (3 * number, record(number)))
            .collect()
    }

    #[test]
    fn texts_of_many_blocks_come_back_with_their_records() {
        let catalog = notes();
        for count in [0, 1, 2, 40, 300] {
            let records = many_notes(count);
            let (bytes, expected) = file(&catalog, "note", &records, 1_000);
            let read = read_all(&bytes, &expected, &catalog, "note").unwrap();
            assert!(read == records, "{count} records");
        }
        // More than a piece of the writer in one text.
        let long = "x".repeat(3 * 1024 * 1024);
        let records = [(1, note(1, &long, &[1; 100])), (2, note(2, "", &[2; 100]))];
        let (bytes, expected) = file(&catalog, "note", &records, 2);
        let read = read_all(&bytes, &expected, &catalog, "note").unwrap();
        assert!(read == records);
    }

    #[test]
    fn a_changed_byte_of_any_tail_is_found_at_its_block() {
        let catalog = notes();
        let (mut bytes, expected) = file(&catalog, "note", &many_notes(300), 900);
        let header: Header = pod_read_unaligned(&bytes[..HEADER_BYTES]);
        let tails = header.checksums_offset - header.tails_length;
        assert!(
            header.tails_length > 5 * 64 * 1024,
            "they take several blocks"
        );
        let around = |place: u64| (place - 30..place + 30).map(|place| place as usize);
        let places = (HEADER_BYTES..header.checksums_offset as usize).step_by(1021);
        for place in places
            .chain(around(tails))
            .chain(around(header.checksums_offset))
        {
            bytes[place] ^= 1;
            let damage = read_all(&bytes, &expected, &catalog, "note").unwrap_err();
            if (place as u64) < header.checksums_offset {
                let block = (place - HEADER_BYTES) / (64 * 1024) * 64 * 1024;
                assert_eq!(damage.offset, (HEADER_BYTES + block) as u64, "{damage:?}");
            }
            bytes[place] ^= 1;
        }
        read_all(&bytes, &expected, &catalog, "note").unwrap();
    }

    #[test]
    fn tails_that_are_not_those_of_the_records_are_refused_even_under_right_checksums() {
        let catalog = notes();
        let title = "a title of some length";
        let records = [(1, note(1, title, b"")), (2, note(2, title, b""))];
        let (bytes, expected) = file(&catalog, "note", &records, 2);
        let damaged = |change: &dyn Fn(&mut [u8])| {
            let (mut bytes, mut expected) = (bytes.clone(), expected);
            change(&mut bytes);
            let mut header: Header = pod_read_unaligned(&bytes[..HEADER_BYTES]);
            let checksums = header.checksums_offset as usize;
            let checksum = super::super::block_checksum(1, 0, &bytes[HEADER_BYTES..checksums]);
            bytes[checksums..].copy_from_slice(&checksum.to_le_bytes());
            header.checksums_crc32c = crc32c::crc32c(&bytes[checksums..]);
            header.header_crc32c = Header::checksum(bytemuck::bytes_of(&header));
            bytes[..HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
            expected.header_crc32c = header.header_crc32c;
            read_all(&bytes, &expected, &catalog, "note").unwrap_err()
        };
        let first = HEADER_BYTES;
        let tails = HEADER_BYTES + 80 + 16;
        // No UTF-8, in the second of them.
        let damage = damaged(&|bytes| bytes[tails + 26 + 10] = 0xFF);
        assert_eq!(damage.offset, (first + 36) as u64);
        assert!(damage.found.contains("`title`") && damage.found.contains("utf-8"));
        // A slot that says that its text is longer or shorter than it is.
        let damage = damaged(&|bytes| bytes[first + 4] += 1);
        assert!(damage.found.contains("`title`"), "{damage:?}");
        let damage = damaged(&|bytes| bytes[first + 36 + 4] -= 1);
        assert!(damage.found.contains("`title`"), "{damage:?}");
        // A slot that says that its text is larger than the file.
        let damage = damaged(&|bytes| bytes[first + 36 + 4..][..4].fill(0xFF));
        assert_eq!(damage.offset, (tails + 26) as u64);
        assert_eq!(damage.found, "26 bytes");
        // One that says that all of it stands in the slot, so that bytes are left.
        let damage = damaged(&|bytes| bytes[first + 36 + 4..][..16].fill(0));
        assert_eq!(damage.offset, (tails + 26) as u64);
        assert_eq!(damage.found, "26 bytes more");
        // Something behind the last of them.
        let damage = damaged(&|bytes| bytes[tails + 52] = 1);
        assert_eq!(damage.offset, (tails + 52) as u64);
        assert_eq!(damage.expected, "zeros behind the tails");
    }

    #[test]
    fn a_record_that_is_no_value_is_refused_even_under_a_right_checksum() {
        let mut catalog = gates();
        let flag = definition("flag", &[("on", "bool")]);
        catalog.create_table(&flag).unwrap();
        let (bytes, expected) = file(&catalog, "flag", &[(1, vec![1]), (2, vec![7])], 2);
        let damage = read_all(&bytes, &expected, &catalog, "flag").unwrap_err();
        assert_eq!(damage.offset, 4097);
        assert!(damage.found.contains("`on`"), "{damage:?}");

        let (bytes, expected) = file(&catalog, "gate", &[(4, vec![1, 9, 0, 0])], 4);
        let damage = read_all(&bytes, &expected, &catalog, "gate").unwrap_err();
        assert_eq!(damage.offset, 4097);
        assert_eq!(damage.expected, "a record of table `gate` (its id is 4)");
    }

    /// Changes the header, puts its checksum right, and reads.
    fn forged(change: impl Fn(&mut Header)) -> Damage {
        let catalog = gates();
        let (mut bytes, mut expected) = file(&catalog, "gate", &[(1, vec![1, 0, 2, 0])], 9);
        let mut header: Header = pod_read_unaligned(&bytes[..HEADER_BYTES]);
        change(&mut header);
        header.header_crc32c = Header::checksum(bytemuck::bytes_of(&header));
        bytes[..HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
        expected.header_crc32c = header.header_crc32c;
        expected.records = header.record_count;
        read_all(&bytes, &expected, &catalog, "gate").unwrap_err()
    }

    #[test]
    fn counts_and_places_that_do_not_fit_the_file_are_refused() {
        let damages = [
            forged(|header| header.record_count = u64::MAX),
            forged(|header| header.record_count = 2),
            forged(|header| {
                header.record_count = u64::MAX / 4;
                header.records_length = u64::MAX / 4 * 4;
            }),
            forged(|header| header.records_length += 1),
            forged(|header| header.run_count = u64::MAX),
            forged(|header| header.run_count = 0),
            forged(|header| header.runs_offset += 16),
            forged(|header| header.tails_length = 1),
            forged(|header| header.tails_length = u64::MAX),
            forged(|header| header.checksums_offset = u64::MAX),
            forged(|header| header.file_length -= 1),
            forged(|header| header.record_size = 0),
            forged(|header| header.schema_version = 2),
            forged(|header| header.last_id = 10),
            forged(|header| header.last_id = 0),
            forged(|header| header.format = 2),
            forged(|header| header.table_id = 1),
            forged(|header| header.database_id[0] = 0),
        ];
        for damage in damages {
            assert!(!damage.expected.is_empty(), "{damage:?}");
        }
    }
}
