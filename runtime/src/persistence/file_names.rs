//! How data files are called. Nothing else makes or reads their names.

use super::DATA_FOLDER;
use crate::schema::Name;

/// Where a file in the data folder is.
pub(super) fn data_path(name: &str) -> String {
    format!("{DATA_FOLDER}/{name}")
}

/// The link that leads to the current data file of a table.
pub(super) fn link_name(table: &str) -> String {
    format!("{table}.bin")
}

/// The file of a table as of a version. A version that is written again, since the first attempt
/// failed, gets a name of its own: nothing is known of a file whose sync failed.
pub(super) fn data_file_name(table: &Name, version: u64, attempt: u32) -> String {
    match attempt {
        0 => format!("{table}.{version}.bin"),
        _ => format!("{table}.{version}-{attempt}.bin"),
    }
}

/// Whether this is a name that [`data_file_name`] makes.
pub(super) fn is_data_file(name: &str) -> bool {
    data_file_table(name).is_some()
}

/// The table whose data file has this name.
pub(super) fn data_file_table(name: &str) -> Option<&str> {
    let (table, version) = name.strip_suffix(".bin")?.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = match version.split_once('-') {
        Some((version, attempt)) => digits(version) && digits(attempt),
        None => digits(version),
    };
    (is_version && Name::new(table).is_ok()).then_some(table)
}

/// The table whose link has this name.
pub(super) fn linked_table(name: &str) -> Option<&str> {
    let table = name.strip_suffix(".bin")?;
    Name::new(table).is_ok().then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_made_here_are_data_files() {
        let gate = Name::new("gate").unwrap();
        assert_eq!(data_file_name(&gate, 7, 0), "gate.7.bin");
        assert_eq!(data_file_name(&gate, 7, 2), "gate.7-2.bin");
        for name in ["gate.7.bin", "gate.7-2.bin"] {
            assert_eq!(data_file_table(name), Some("gate"));
        }
        for name in [
            "gate.bin",
            "../gate.7.bin",
            "gate.7.bin.tmp",
            "gate..bin",
            "gate.7-.bin",
            "Gate.7.bin",
            "gate.x.bin",
            "a/b.1.bin",
        ] {
            assert!(!is_data_file(name), "{name}");
        }
        assert_eq!(linked_table("gate.bin"), Some("gate"));
        assert_eq!(linked_table("gate.7.bin"), None);
    }
}
