//! What tests of the store share: a table of numbers, and whether each of its blocks is somewhere.

use std::sync::Arc;

use super::{Draft, Indexes, MemoryAccount, Snapshot, StagedTree, Store, table::TableVersion};
use crate::schema::{Catalog, FieldDefinition, Name, RecordId, TableDefinition};

/// A store with one table, which has no records yet.
pub(super) fn empty_store() -> Store {
    let store = Store::new(0, 0, Arc::new(MemoryAccount::new(u64::MAX)));
    let definition = TableDefinition::new(
        Name::new("item").unwrap(),
        vec![FieldDefinition::new(Name::new("value").unwrap(), "u64")],
    );
    let mut catalog = Catalog::default();
    let schema = catalog.create_table(&definition).unwrap();
    let mut draft = Draft::new(store.snapshot());
    let table = TableVersion::new(schema, Indexes::default(), store.account());
    draft.set_table(0, Some(table));
    draft.set_catalog(catalog);
    store.publish(draft);
    store
}

pub(super) fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

pub(super) fn write(record: &mut [u8], value: u64) {
    record.copy_from_slice(&value.to_le_bytes());
}

pub(super) fn set(staged: &mut StagedTree, number: u64, value: u64) {
    let mut bytes = staged.update(id(number)).unwrap().unwrap();
    bytes.set(&value.to_le_bytes());
}

/// Adds a member to a draft.
pub(super) fn member(store: &Store, draft: &mut Draft, change: impl FnOnce(&mut StagedTree)) {
    let base = draft.snapshot();
    let mut staged = Draft::stage(&base, 0, store.transaction_number()).unwrap();
    change(&mut staged);
    let table = base.table_in(0).unwrap().version;
    let records = staged.view().leaves_from(0).flat_map(|leaf| leaf.pages());
    let records = records.map(|page| u64::from(page.live().count_ones()));
    let records = records.sum();
    draft.set_staged(table, &mut staged, records, 0, Arc::default());
}

pub(super) fn commit(store: &Store, change: impl FnOnce(&mut StagedTree)) {
    let mut draft = Draft::new(store.snapshot());
    member(store, &mut draft, change);
    store.publish(draft);
}

pub(super) fn values(snapshot: &Snapshot) -> Vec<u64> {
    let table = snapshot.table_in(0).unwrap();
    let records = table.records().map(|(_, record)| record.fixed);
    let value = |fixed: &[u8]| u64::from_le_bytes(fixed.try_into().unwrap());
    records.map(value).collect()
}

/// Every block of the table is free, waits for a snapshot, or is in the current tree: one of
/// these, and once. Holds where no draft is open.
pub(super) fn check_blocks(store: &Store) {
    let snapshot = store.snapshot();
    let table = snapshot.table_in(0).unwrap();
    let memory = table.version.memory();
    let (pages, nodes, _) = table.tree().blocks();
    let arenas = memory.lock();
    let mut all = 0;
    for (arena, reached) in [(&arenas.pages, pages), (&arenas.nodes, nodes)] {
        let mut blocks = arena.free_blocks();
        blocks.extend(reached);
        let count = blocks.len();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(
            blocks.len(),
            count,
            "a block is used and free, or free twice"
        );
        all += count;
    }
    let exist = arenas.pages.block_count() + arenas.nodes.block_count();
    drop(arenas);
    assert_eq!(all + store.waiting_blocks(), exist, "no block is lost");
}
