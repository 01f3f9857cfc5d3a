//! All that a snapshot shows, as one number.

use std::hash::{DefaultHasher, Hash, Hasher};

use tickbase::{Snapshot, TableView};

/// A number that follows from every schema, record id and byte that a snapshot shows. Two readings of
/// one snapshot give one number.
///
/// # Panics
/// Where what a table says of itself is not what it holds.
pub fn digest(snapshot: &Snapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    (snapshot.version(), snapshot.tick()).hash(&mut hasher);
    for table in snapshot.tables() {
        digest_table(table, &mut hasher);
    }
    hasher.finish()
}

fn digest_table(table: TableView<'_>, hasher: &mut DefaultHasher) {
    let schema = table.schema();
    schema.name.as_str().hash(hasher);
    for field in schema.layout.fields() {
        (field.name.as_str(), field.offset, field.type_id()).hash(hasher);
    }
    (table.last_id(), table.changed_at()).hash(hasher);
    let mut count = 0;
    for (id, record) in table.records() {
        id.get().hash(hasher);
        hasher.write(record.fixed);
        hasher.write(record.tail);
        count += 1;
    }
    assert_eq!(table.len(), count, "records of {table:?}");
}
