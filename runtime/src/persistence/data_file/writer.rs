//! Writes the records of a table into a file, in pieces, so that no copy of the table is needed.

use std::io;

use uuid::Uuid;

use super::{
    BLOCK_BYTES, Run, block_checksum,
    header::{HEADER_BYTES, Header, Parts},
};
use crate::{persistence::DiskFile, storage::TableView};

/// Bytes that are gathered before they are written; whole blocks.
const PIECE_BYTES: usize = 16 * BLOCK_BYTES;

/// What has to be known of a data file to recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::persistence) struct DataFile {
    pub(in crate::persistence) length: u64,
    pub(in crate::persistence) header_crc32c: u32,
    pub(in crate::persistence) records: u64,
}

/// Writes and syncs a whole file. The header comes last, so an unfinished file is none.
pub(in crate::persistence) fn write(
    file: &mut dyn DiskFile,
    database_id: Uuid,
    version: u64,
    table: TableView<'_>,
) -> io::Result<DataFile> {
    let schema = table.schema();
    let record_size = schema.record_size();
    let (record_count, run_count) = table.pages().fold((0, 0), |(records, runs), page| {
        let live = page.live();
        (
            records + u64::from(live.count_ones()),
            runs + u64::from(live != 0),
        )
    });
    let tails = || {
        let records = table.records().filter(|_| schema.layout.has_tails());
        records.map(|(_, record)| record.tail)
    };
    let tails_length = tails().map(|tail| tail.len() as u64).sum();
    let parts = Parts::compute(record_size as u64, record_count, run_count, tails_length)
        .ok_or(io::ErrorKind::FileTooLarge)?;

    let mut pieces = Pieces::new(&mut *file, schema.id.0);
    for page in table.pages() {
        for (_, record) in page.records() {
            debug_assert_eq!(record.fixed.len(), record_size);
            pieces.push(record.fixed)?;
        }
    }
    let records_end = HEADER_BYTES as u64 + parts.records_length;
    let gap = (parts.runs_offset - records_end) as usize;
    pieces.push(&[0; 16][..gap])?;
    for page in table.pages().filter(|page| page.live() != 0) {
        pieces.push(bytemuck::bytes_of(&Run {
            first_id: page.first_id(),
            live: page.live(),
        }))?;
    }
    for tail in tails() {
        pieces.push(tail)?;
    }
    let tails_end = parts.tails_offset + parts.tails_length;
    let gap = (parts.checksums_offset - tails_end) as usize;
    pieces.push(&[0; 16][..gap])?;
    let (end, checksums) = pieces.finish()?;
    assert_eq!(
        end, parts.checksums_offset,
        "the bits of the pages say how many records there are"
    );
    let checksums: &[u8] = bytemuck::cast_slice(&checksums);
    file.write_at(end, checksums)?;

    let mut header = Header::new(&parts);
    header.table_id = schema.id.0;
    header.database_id = database_id.into_bytes();
    header.version = version;
    header.record_count = record_count;
    header.last_id = table.last_id();
    header.run_count = run_count;
    header.record_size = record_size as u32;
    header.schema_version = schema.schema_version;
    header.checksums_crc32c = crc32c::crc32c(checksums);
    header.header_crc32c = Header::checksum(bytemuck::bytes_of(&header));
    file.write_at(0, bytemuck::bytes_of(&header))?;
    file.sync()?;
    Ok(DataFile {
        length: parts.file_length,
        header_crc32c: header.header_crc32c,
        records: record_count,
    })
}

/// Gathers bytes into pieces of whole blocks, and a checksum per block.
struct Pieces<'f> {
    file: &'f mut dyn DiskFile,
    table_id: u32,
    /// Where the piece will stand.
    offset: u64,
    piece: Vec<u8>,
    checksums: Vec<u32>,
}

impl<'f> Pieces<'f> {
    fn new(file: &'f mut dyn DiskFile, table_id: u32) -> Self {
        Self {
            file,
            table_id,
            offset: HEADER_BYTES as u64,
            piece: Vec::new(),
            checksums: Vec::new(),
        }
    }

    fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let fits = bytes.len().min(PIECE_BYTES - self.piece.len());
            self.piece.extend_from_slice(&bytes[..fits]);
            bytes = &bytes[fits..];
            if self.piece.len() == PIECE_BYTES {
                self.write_piece()?;
            }
        }
        Ok(())
    }

    fn write_piece(&mut self) -> io::Result<()> {
        for block in self.piece.chunks(BLOCK_BYTES) {
            let number = self.checksums.len() as u64;
            self.checksums
                .push(block_checksum(self.table_id, number, block));
        }
        self.file.write_at(self.offset, &self.piece)?;
        self.offset += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }

    /// Writes what is left; gives where it ends, and the checksums.
    fn finish(mut self) -> io::Result<(u64, Vec<u32>)> {
        if !self.piece.is_empty() {
            self.write_piece()?;
        }
        Ok((self.offset, self.checksums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::testing::{MemoryFile, gates, note, notes, snapshot};

    #[test]
    fn a_small_file_has_the_bytes_that_were_written_by_hand() {
        let catalog = gates();
        let records = [
            (2, vec![7, 0, 0x34, 0x12]),
            (3, vec![8, 0, 0xFF, 0xFF]),
            (20, vec![9, 0, 1, 0]),
        ];
        let snapshot = snapshot(9, &catalog, &[("gate", &records, 21, 5)]);
        let table = snapshot.table_by_name("gate").unwrap();
        let mut file = MemoryFile::default();
        let written = write(&mut file, Uuid::from_bytes([0xAB; 16]), 9, table).unwrap();
        let bytes = file.bytes;

        let mut header = Vec::new();
        header.extend(b"tickdata");
        header.extend(1_u32.to_le_bytes());
        header.extend(2_u32.to_le_bytes()); // table id
        header.extend([0xAB; 16]);
        header.extend(9_u64.to_le_bytes()); // version
        header.extend(3_u64.to_le_bytes()); // records
        header.extend(12_u64.to_le_bytes()); // bytes of the record area
        header.extend(21_u64.to_le_bytes()); // last id
        header.extend(4112_u64.to_le_bytes()); // runs
        let runs: Vec<(u64, u64)> = table.pages().map(|p| (p.first_id(), p.live())).collect();
        let checksums = 4112 + 16 * runs.len();
        header.extend((runs.len() as u64).to_le_bytes());
        header.extend((checksums as u64).to_le_bytes());
        header.extend((checksums as u64 + 4).to_le_bytes()); // length of the file
        header.extend(4_u32.to_le_bytes()); // record size
        header.extend(1_u32.to_le_bytes()); // schema version
        assert_eq!(bytes[..104], header);
        assert_eq!(
            bytes[104..108],
            crc32c::crc32c(&bytes[checksums..]).to_le_bytes()
        );
        assert!(bytes[108..4092].iter().all(|byte| *byte == 0));
        let header_crc32c = crc32c::crc32c(&bytes[..4092]);
        assert_eq!(bytes[4092..4096], header_crc32c.to_le_bytes());

        let area = [7, 0, 0x34, 0x12, 8, 0, 0xFF, 0xFF, 9, 0, 1, 0, 0, 0, 0, 0];
        assert_eq!(bytes[4096..4112], area);
        let mut expected = Vec::new();
        for (first_id, live) in runs {
            expected.extend(first_id.to_le_bytes());
            expected.extend(live.to_le_bytes());
        }
        assert_eq!(bytes[4112..checksums], expected);
        let mut seeded = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        seeded.extend(&bytes[4096..checksums]);
        assert_eq!(bytes[checksums..], crc32c::crc32c(&seeded).to_le_bytes());
        let length = bytes.len() as u64;
        assert_eq!(
            written,
            DataFile {
                length,
                header_crc32c,
                records: 3
            }
        );
    }

    #[test]
    fn tails_follow_the_runs_in_the_order_of_ids_and_without_gaps() {
        let catalog = notes();
        let title = "a title of some length";
        let records = [
            (3, note(1, title, b"short")),
            (4, note(2, "", b"")),
            (9, note(3, "short", &[7; 13])),
        ];
        let snapshot = snapshot(1, &catalog, &[("note", &records, 9, 1)]);
        let table = snapshot.table_by_name("note").unwrap();
        let mut file = MemoryFile::default();
        let written = write(&mut file, Uuid::nil(), 1, table).unwrap();
        let bytes = file.bytes;

        let fixed: Vec<u8> = records
            .iter()
            .flat_map(|(_, record)| record[..36].to_vec())
            .collect();
        assert_eq!(bytes[4096..4096 + 108], fixed);
        assert_eq!(bytes[4096 + 108..4096 + 112], [0; 4]);
        let runs = 4096 + 112;
        let mut run = 1_u64.to_le_bytes().to_vec();
        run.extend(0b1_0000_1100_u64.to_le_bytes());
        assert_eq!(bytes[runs..runs + 16], run);
        let tails = runs + 16;
        let expected = [
            &[22, 0, 0, 0][..],
            title.as_bytes(),
            &[13, 0, 0, 0],
            &[7; 13],
        ];
        let expected = expected.concat();
        assert_eq!(expected.len(), 43);
        assert_eq!(bytes[tails..tails + 43], expected);
        assert_eq!(bytes[tails + 43..tails + 48], [0; 5]);
        let checksums = tails + 48;
        assert_eq!(bytes.len(), checksums + 4);
        assert_eq!(bytes[80..88], (checksums as u64).to_le_bytes());
        assert_eq!(bytes[112..120], 43_u64.to_le_bytes());
        assert_eq!(written.length, bytes.len() as u64);
    }
}
