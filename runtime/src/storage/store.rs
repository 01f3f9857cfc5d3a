//! The one pointer that readers load, and how it comes to point at the next version.
//!
//! Invariants:
//! - Whoever publishes holds the gate: shared, together with the commit lock of each table that it
//!   changes, or exclusive. So nobody else publishes the same table in between.
//! - The catalog changes only under the exclusive gate.

#![expect(
    unsafe_code,
    reason = "drafts are staged on trees that their base keeps alive"
)]

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use smallvec::SmallVec;

use super::{
    Indexes, LoadedTable, MemoryAccount, Snapshot, StagedTree,
    reclaim::Reclaimer,
    snapshot::SnapshotInner,
    sync::{Counted, Mutex, SnapshotCell},
    table::TableVersion,
    table_memory::TableMemory,
    tree::{Geometry, PRIVATE, StagedParts, made_blocks, stamp_new_parts},
};
use crate::schema::{Catalog, TableSchema};

/// All tables of a database, at their current version.
pub(crate) struct Store {
    current: SnapshotCell<SnapshotInner>,
    reclaimer: Mutex<Reclaimer>,
    gate: RwLock<()>,
    transactions: AtomicU64,
    tick: AtomicU64,
    account: Arc<MemoryAccount>,
}

impl Store {
    /// A store without tables.
    pub(crate) fn new(version: u64, tick: u64, account: Arc<MemoryAccount>) -> Self {
        let first = Counted::new(SnapshotInner::new(version, tick, Arc::default()));
        let reclaimer = Reclaimer::new(Counted::clone(&first));
        Self {
            current: SnapshotCell::new(first),
            reclaimer: Mutex::new(reclaimer),
            gate: RwLock::new(()),
            // Number 0 is that of loaders.
            transactions: AtomicU64::new(1),
            tick: AtomicU64::new(tick),
            account,
        }
    }

    /// The current version. Takes no lock, and costs the same whatever the size of the database.
    #[inline]
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.current.load())
    }

    /// What the tables use.
    pub(crate) fn account(&self) -> &Arc<MemoryAccount> {
        &self.account
    }

    /// Snapshots that somebody holds, the current one included.
    pub(crate) fn live_snapshots(&self) -> usize {
        self.reclaimer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .live_snapshots()
    }

    /// The tick that versions published from now on belong to.
    pub(crate) fn set_tick(&self, tick: u64) {
        self.tick.store(tick, Ordering::Relaxed);
    }

    /// A number that no other transaction has.
    pub(crate) fn transaction_number(&self) -> u64 {
        self.transactions.fetch_add(1, Ordering::Relaxed) & !PRIVATE
    }

    /// For a commit beside others; tables are locked one by one.
    pub(crate) fn shared_gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a commit while nobody else commits.
    pub(crate) fn exclusive_gate(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the draft the current version. It cannot fail.
    pub(crate) fn publish(&self, mut draft: Draft) -> Snapshot {
        let mut reclaimer = self
            .reclaimer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let version = reclaimer.current().version + 1;
        let made = std::mem::take(&mut draft.made);
        for made in &made {
            // SAFETY: the draft is owned, and only what was staged for it made these parts.
            unsafe { stamp_new_parts(&made.parts, made.geometry, version) };
        }
        let mut shared = reclaimer.take_spare();
        // Nobody else holds a spare one, so this copies nothing.
        let next = Counted::make_mut(&mut shared);
        let changed = std::mem::take(&mut draft.changed);
        next.follow(reclaimer.current(), changed.iter().map(|(slot, _)| *slot));
        next.version = version;
        next.tick = self.tick.load(Ordering::Relaxed);
        if let Some(catalog) = draft.catalog.take() {
            next.catalog = catalog;
        }
        for (slot, mut table) in changed {
            if let Some(table) = &mut table {
                table.changed_at = version;
            }
            next.set_table(slot, table);
        }
        reclaimer.published(Counted::clone(&shared));
        drop(self.current.swap(Counted::clone(&shared)));
        // It holds the former version, which may now be dead.
        drop(draft);
        reclaimer.collect();
        for made in made {
            if !made.parts.retired.is_empty() {
                reclaimer.retire(version, made.memory, made.parts.retired);
            }
        }
        Snapshot(shared)
    }

    /// Gives back the memory that only snapshots dropped since the last publish kept.
    pub(crate) fn reclaim(&self) {
        self.reclaimer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .collect();
    }

    #[cfg(test)]
    pub(crate) fn waiting_blocks(&self) -> usize {
        self.reclaimer.lock().unwrap().waiting_blocks()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("current", &self.snapshot())
            .finish_non_exhaustive()
    }
}

/// Blocks that a draft made, and that it no longer reaches.
struct Made {
    memory: Arc<TableMemory>,
    geometry: Geometry,
    parts: Box<StagedParts>,
}

/// The next version while it is put together: the tables that differ from those of its base.
/// Dropping it gives back all that was made for it.
pub(crate) struct Draft {
    base: Snapshot,
    catalog: Option<Arc<Catalog>>,
    changed: SmallVec<[(usize, Option<TableVersion>); 1]>,
    made: SmallVec<[Made; 1]>,
}

impl Draft {
    /// A draft that differs from its base in nothing yet.
    pub(crate) fn new(base: Snapshot) -> Self {
        Self {
            base,
            catalog: None,
            changed: SmallVec::new(),
            made: SmallVec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.catalog.is_none()
    }

    /// The draft as a snapshot, for a transaction to build on. It must be gone before the draft is.
    pub(crate) fn snapshot(&self) -> Snapshot {
        if self.is_empty() {
            return self.base.clone();
        }
        let mut inner = SnapshotInner::clone(&self.base.0);
        inner.version += 1;
        if let Some(catalog) = &self.catalog {
            inner.catalog = Arc::clone(catalog);
        }
        for (slot, table) in &self.changed {
            let version = inner.version;
            let table = table.clone().map(|table| TableVersion {
                changed_at: version,
                ..table
            });
            inner.set_table(*slot, table);
        }
        Snapshot(Counted::new(inner))
    }

    /// Puts the changed tree of a table in the place of the former one. Nothing stays staged.
    pub(crate) fn set_staged(
        &mut self,
        former: &TableVersion,
        staged: &mut StagedTree,
        records: u64,
        last_id: u64,
        indexes: Arc<Indexes>,
    ) {
        let (tree, memory, parts) = staged.take_parts();
        let table = TableVersion {
            schema: Arc::clone(&former.schema),
            shared: Arc::clone(&former.shared),
            tree,
            records,
            last_id,
            changed_at: former.changed_at,
            indexes,
        };
        self.made.push(Made {
            memory,
            geometry: tree.geometry(),
            parts,
        });
        self.set_table(table.schema.slot, Some(table));
    }

    /// Puts a table with all its records into the draft.
    pub(crate) fn set_loaded(&mut self, loaded: LoadedTable, indexes: Indexes) {
        let shared = loaded.shared();
        let LoadedTable {
            schema,
            mut staged,
            records,
            last_id,
            ..
        } = loaded;
        let (tree, memory, parts) = staged.take_parts();
        let indexes = Arc::new(indexes);
        let table = TableVersion {
            schema,
            shared,
            tree,
            records,
            last_id,
            changed_at: 0,
            indexes,
        };
        self.made.push(Made {
            memory,
            geometry: tree.geometry(),
            parts,
        });
        self.set_table(table.schema.slot, Some(table));
    }

    /// Puts a table into its slot, or takes out the one that is there.
    pub(crate) fn set_table(&mut self, slot: usize, table: Option<TableVersion>) {
        match self
            .changed
            .iter_mut()
            .find(|(changed, _)| *changed == slot)
        {
            Some((_, changed)) => *changed = table,
            None => self.changed.push((slot, table)),
        }
    }

    /// Gives the same table another schema of the same layout, and other indexes.
    pub(crate) fn set_schema(
        &mut self,
        former: &TableVersion,
        schema: Arc<TableSchema>,
        indexes: Arc<Indexes>,
    ) {
        self.set_table(
            schema.slot,
            Some(TableVersion {
                schema,
                indexes,
                ..former.clone()
            }),
        );
    }

    /// Replaces the catalog.
    pub(crate) fn set_catalog(&mut self, catalog: Catalog) {
        self.catalog = Some(Arc::new(catalog));
    }

    /// Stages changes on a table of `base`, under a new transaction number.
    pub(crate) fn stage(base: &Snapshot, slot: usize, number: u64) -> Option<StagedTree> {
        let table = base.table_in(slot)?.version;
        // SAFETY: whoever stages keeps `base` for as long as the staged tree: a transaction owns
        // both, a commit borrows the one for longer than it keeps the other.
        Some(unsafe { StagedTree::new(table.tree, Arc::clone(table.memory()), number) })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for made in self.made.drain(..) {
            // SAFETY: the draft is owned, and goes; only what was staged for it made these parts.
            // A page that several members have in their leaves is fresh in that of its maker alone.
            let blocks = unsafe { made_blocks(&made.parts, made.geometry) };
            made.memory.give_back(&blocks);
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        SlotBytes,
        testing::{check_blocks, commit, empty_store, id, member, set, values, write},
        write_records,
    };

    const RECORDS: u64 = 3_000;

    /// A store with one table of so many records.
    fn store() -> Store {
        let store = empty_store();
        commit(&store, |staged| {
            for number in 1..=RECORDS {
                write(staged.insert(id(number)).unwrap(), number);
            }
        });
        store
    }

    fn pass(staged: &mut StagedTree) {
        let add = |_, bytes: &mut SlotBytes<'_>| {
            let value = u64::from_le_bytes(bytes.get().try_into().unwrap());
            bytes.set(&(value + 1).to_le_bytes());
        };
        write_records(staged, &Indexes::default(), &add).unwrap();
    }

    #[test]
    fn a_held_snapshot_keeps_what_it_sees_and_nothing_else() {
        let store = store();
        check_blocks(&store);
        let held = store.snapshot();
        let before = values(&held);
        let (pages, nodes, _) = held.table_in(0).unwrap().tree().blocks();
        for _ in 0..10 {
            commit(&store, pass);
            assert_eq!(store.waiting_blocks(), pages.len() + nodes.len());
            check_blocks(&store);
        }
        assert_eq!(values(&held), before);
        let second = store.snapshot();
        commit(&store, |staged| set(staged, 1, 77));
        // A page, its leaf, an inner node and the root.
        assert_eq!(store.waiting_blocks(), pages.len() + nodes.len() + 4);
        drop(held);
        store.reclaim();
        assert_eq!(store.waiting_blocks(), 4, "the second still sees them");
        drop(second);
        store.reclaim();
        assert_eq!(store.waiting_blocks(), 0);
        check_blocks(&store);
    }

    #[test]
    fn snapshots_that_other_threads_drop_free_what_they_kept() {
        let store = store();
        std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::channel::<Snapshot>();
            scope.spawn(move || {
                let mut held = Vec::new();
                for snapshot in receiver {
                    held.push((values(&snapshot), snapshot));
                    if held.len() > 5 {
                        let (before, snapshot) = held.remove(held.len() / 2);
                        assert_eq!(values(&snapshot), before);
                    }
                }
            });
            for round in 0..300 {
                commit(&store, |staged| {
                    (0..20).for_each(|n| set(staged, (round * 37 + n * 151) % RECORDS + 1, round));
                });
                sender.send(store.snapshot()).unwrap();
            }
            drop(sender);
        });
        store.reclaim();
        assert_eq!(store.waiting_blocks(), 0);
        check_blocks(&store);
    }

    #[test]
    fn aborted_transactions_give_back_every_block() {
        let store = store();
        for round in 0..1_000 {
            let base = store.snapshot();
            let mut staged = Draft::stage(&base, 0, store.transaction_number()).unwrap();
            set(&mut staged, round % RECORDS + 1, round);
            staged.remove(id((round * 7) % RECORDS + 1)).unwrap();
            // Far away, so that the tree grows.
            write(staged.insert(id(1_000_000 + round)).unwrap(), round);
            if round % 50 == 0 {
                pass(&mut staged);
            }
            drop(staged);
            if round % 100 == 0 {
                check_blocks(&store);
            }
        }
        check_blocks(&store);
        assert_eq!(store.waiting_blocks(), 0);
        let expected: Vec<u64> = (1..=RECORDS).collect();
        assert_eq!(values(&store.snapshot()), expected);
    }

    #[test]
    fn members_of_a_batch_share_pages_and_each_block_is_given_back_once() {
        let store = store();
        let mut bytes_after_warmup = 0;
        for round in 0..1_000 {
            let mut draft = Draft::new(store.snapshot());
            for n in 0..4 {
                // Records of one page, and of others.
                member(&store, &mut draft, |staged| {
                    set(staged, n + 1, round);
                    set(staged, (round * 131 + n * 977) % RECORDS + 1, round);
                });
                // One that fails in between leaves the draft as it is.
                let base = draft.snapshot();
                let mut staged = Draft::stage(&base, 0, store.transaction_number()).unwrap();
                set(&mut staged, n + 2, 9);
                write(staged.insert(id(RECORDS + 1 + n)).unwrap(), 9);
            }
            if round % 100 == 0 {
                member(&store, &mut draft, pass);
                member(&store, &mut draft, |staged| set(staged, 5, round));
            }
            match round % 3 {
                0 => drop(store.publish(draft)),
                _ => drop(draft),
            }
            if round % 50 == 0 {
                check_blocks(&store);
            }
            if round == 300 {
                bytes_after_warmup = store.account().used_bytes();
            }
        }
        check_blocks(&store);
        assert_eq!(store.account().used_bytes(), bytes_after_warmup);
        assert_eq!(values(&store.snapshot()).len(), 3_000);
    }

    #[test]
    fn a_pass_that_panics_gives_back_every_block() {
        let store = store();
        for round in 0..100 {
            let base = store.snapshot();
            let mut staged = Draft::stage(&base, 0, store.transaction_number()).unwrap();
            let at = id(round * 29 + 1);
            let panics = |record, _: &mut SlotBytes<'_>| assert_ne!(record, at);
            let pass = || write_records(&mut staged, &Indexes::default(), &panics);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(pass)).unwrap_err();
            drop(staged);
            check_blocks(&store);
        }
    }
}
