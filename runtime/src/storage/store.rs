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
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use smallvec::SmallVec;

use super::{
    Indexes, LoadedTable, MemoryAccount, Snapshot, StagedTree,
    memory::Block,
    reclaim::Reclaimer,
    snapshot::SnapshotInner,
    table::{TableMemory, TableVersion},
    tree::{NewNodes, PRIVATE, Retired, RetiredBlocks, Side, pages_of, stamp_new_nodes},
};
use crate::schema::{Catalog, TableSchema};

/// All tables of a database, at their current version.
pub(crate) struct Store {
    current: ArcSwap<SnapshotInner>,
    reclaimer: Mutex<Reclaimer>,
    gate: RwLock<()>,
    transactions: AtomicU64,
    tick: AtomicU64,
    account: Arc<MemoryAccount>,
}

impl Store {
    /// A store without tables.
    pub(crate) fn new(version: u64, tick: u64, account: Arc<MemoryAccount>) -> Self {
        let first = Arc::new(SnapshotInner::new(version, tick, Arc::default()));
        let mut reclaimer = Reclaimer::default();
        reclaimer.published(&first);
        Self {
            current: ArcSwap::new(first),
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
        Snapshot(self.current.load_full())
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
        let current = self.current.load_full();
        let version = current.version + 1;
        let mut next = SnapshotInner::clone(&current);
        next.version = version;
        next.tick = self.tick.load(Ordering::Relaxed);
        if let Some(catalog) = draft.catalog.take() {
            next.catalog = catalog;
        }
        let made = std::mem::take(&mut draft.made);
        for made in &made {
            // SAFETY: the draft is owned, and only what was staged for it made these nodes.
            unsafe { stamp_new_nodes(&made.new_nodes, version) };
        }
        for (slot, table) in draft.changed.drain(..) {
            let table = table.map(|table| TableVersion {
                changed_at: version,
                ..table
            });
            next.set_table(slot, table);
        }
        let next = Arc::new(next);
        reclaimer.published(&next);
        drop(self.current.swap(Arc::clone(&next)));
        drop(current);
        drop(draft);
        reclaimer.collect();
        for made in made {
            if !made.retired.is_empty() {
                reclaimer.retire(version, &made.memory, made.retired);
            }
        }
        Snapshot(next)
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
    new_nodes: NewNodes,
    retired: RetiredBlocks,
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
        Snapshot(Arc::new(inner))
    }

    /// Puts the changed tree of a table in the place of the former one.
    pub(crate) fn set_staged(
        &mut self,
        former: &TableVersion,
        staged: StagedTree,
        records: u64,
        last_id: u64,
        indexes: Arc<Indexes>,
    ) {
        let (tree, parts) = staged.into_parts();
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
            memory: Arc::clone(former.memory()),
            new_nodes: parts.new_nodes,
            retired: parts.retired,
        });
        self.set_table(table.schema.slot, Some(table));
    }

    /// Puts a table with all its records into the draft.
    pub(crate) fn set_loaded(&mut self, loaded: LoadedTable, indexes: Indexes) {
        let shared = loaded.shared();
        let LoadedTable {
            schema,
            memory,
            staged,
            records,
            last_id,
        } = loaded;
        let (tree, parts) = staged.into_parts();
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
            new_nodes: parts.new_nodes,
            retired: parts.retired,
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
            // A page may stand in several leaves of the draft, since its members copied leaves
            // from each other.
            let mut pages: Vec<Block> = Vec::new();
            let mut nodes: Vec<Block> = Vec::new();
            for node in &made.new_nodes {
                // SAFETY: the draft is owned, and only what was staged for it made these nodes.
                pages.extend(unsafe { pages_of(*node, |stamp| stamp & PRIVATE != 0) });
                nodes.push(node.block());
            }
            pages.sort_unstable();
            pages.dedup();
            let all = |blocks: Vec<Block>, side| {
                blocks.into_iter().map(move |block| Retired {
                    block,
                    side,
                    born: PRIVATE,
                })
            };
            let blocks: Vec<Retired> = all(pages, Side::Page)
                .chain(all(nodes, Side::Node))
                .collect();
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
