//! One immutable view of every table at one version.

#![expect(
    unsafe_code,
    reason = "a snapshot is why the pages that it reaches are still there"
)]

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use super::{
    Change, Found, Readable, RecordView, StagedTree, parallel,
    sync::Counted,
    table::TableVersion,
    tree::{Leaf, Page, TreeView},
};
use crate::schema::{
    Catalog, FieldHandle, FieldType, Id, PlainRecord, Record, RecordId, RecordRef, TableSchema,
};

/// Tables in one part of the directory, so that a commit copies little of it.
const GROUP_TABLES: usize = 32;

type Group = [Option<Arc<TableVersion>>; GROUP_TABLES];

/// What a snapshot is made of.
#[derive(Clone, Debug)]
pub(super) struct SnapshotInner {
    pub(super) version: u64,
    pub(super) tick: u64,
    pub(super) catalog: Arc<Catalog>,
    /// Slots from this one on are empty.
    slot_end: usize,
    /// The table in slot s is the one at s % 32 of group s / 32.
    groups: [Option<Arc<Group>>; GROUP_TABLES],
}

impl SnapshotInner {
    /// A database without tables.
    pub(super) fn new(version: u64, tick: u64, catalog: Arc<Catalog>) -> Self {
        Self {
            version,
            tick,
            catalog,
            slot_end: 0,
            groups: [const { None }; GROUP_TABLES],
        }
    }

    fn table_in(&self, slot: usize) -> Option<&TableVersion> {
        self.groups.get(slot / GROUP_TABLES)?.as_ref()?[slot % GROUP_TABLES].as_deref()
    }

    /// Puts a table, or none, into a slot below 1,024.
    pub(super) fn set_table(&mut self, slot: usize, table: Option<TableVersion>) {
        self.slot_end = self.slot_end.max(slot + 1);
        let group = self.groups[slot / GROUP_TABLES]
            .get_or_insert_with(|| Arc::new([const { None }; GROUP_TABLES]));
        let place = &mut Arc::make_mut(group)[slot % GROUP_TABLES];
        match (place.as_mut().and_then(Arc::get_mut), table) {
            (Some(own), Some(table)) => *own = table,
            (_, table) => *place = table.map(Arc::new),
        }
    }

    /// Becomes the same as `current` but for what stands in the slots in `apart`, which is put
    /// there next: what is to be replaced is not shared first.
    pub(super) fn follow(&mut self, current: &Self, apart: impl Iterator<Item = usize> + Clone) {
        self.version = current.version;
        self.tick = current.tick;
        if !Arc::ptr_eq(&self.catalog, &current.catalog) {
            self.catalog = Arc::clone(&current.catalog);
        }
        let end = self.slot_end.max(current.slot_end);
        self.slot_end = end;
        let groups = self.groups.iter_mut().zip(&current.groups);
        let groups = groups.take(end.div_ceil(GROUP_TABLES)).enumerate();
        for (number, (own, theirs)) in groups {
            if same(own, theirs) {
                continue;
            }
            let first = number * GROUP_TABLES;
            match (own.as_mut().and_then(Arc::get_mut), theirs) {
                (Some(own), Some(theirs)) => {
                    let tables = own.iter_mut().zip(theirs.iter());
                    for (slot, (own, theirs)) in (first..end).zip(tables) {
                        if !same(own, theirs) && !apart.clone().any(|apart| apart == slot) {
                            own.clone_from(theirs);
                        }
                    }
                }
                _ => own.clone_from(theirs),
            }
        }
    }
}

/// Whether both are none or the same.
fn same<T>(left: &Option<Arc<T>>, right: &Option<Arc<T>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        (None, None) => true,
        _ => false,
    }
}

/// One immutable, consistent view of every table, for as long as it is held.
///
/// Making one, cloning it and dropping it cost the same however large the database is; readers
/// that hold one neither block a writer nor are blocked.
#[derive(Clone)]
pub struct Snapshot(pub(super) Counted<SnapshotInner>);

impl Snapshot {
    /// The version: it goes up by one with every publish.
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The tick in which this version was published.
    pub fn tick(&self) -> u64 {
        self.0.tick
    }

    /// The types, tables and relations.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Whether both have the same types, tables and relations: nothing of these changed in between.
    pub(crate) fn has_same_catalog(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.catalog, &other.0.catalog)
    }

    /// The table that struct `T` declares.
    ///
    /// # Panics
    /// Where `T` was not given to the builder of this database.
    #[inline]
    pub fn table<T: Readable>(&self) -> T::View<'_> {
        match self.try_table::<T>() {
            Some(table) => table,
            None => panic!(
                "table `{}` is not part of this database: give it to the builder with \
                 `.table::<{}>()`",
                T::NAME,
                std::any::type_name::<T>()
            ),
        }
    }

    /// The table that struct `T` declares, where it was given to the builder of this database.
    #[inline]
    pub fn try_table<T: Readable>(&self) -> Option<T::View<'_>> {
        let slot = self.0.catalog.compiled_table::<T>()?.slot;
        Some(T::View::of(Found::of(self.table_in(slot)?)))
    }

    /// The table with this name.
    pub fn table_by_name(&self, name: &str) -> Option<TableView<'_>> {
        self.table_in(self.0.catalog.table(name)?.slot)
    }

    /// All tables in the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = TableView<'_>> {
        self.0
            .catalog
            .tables()
            .filter_map(|schema| self.table_in(schema.slot))
    }

    /// The table in this slot of the directory.
    #[inline]
    pub(crate) fn table_in(&self, slot: usize) -> Option<TableView<'_>> {
        let version = self.0.table_in(slot)?;
        // SAFETY: the view borrows the snapshot for its life, and the reclaimer gives back nothing
        // that a live snapshot sees. A table's version is reachable through snapshots and drafts
        // alone.
        let tree = unsafe { version.tree.view() };
        Some(TableView {
            version,
            tree,
            records: version.records,
            overlay: Overlay::default(),
        })
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("version", &self.0.version)
            .field("tick", &self.0.tick)
            .finish_non_exhaustive()
    }
}

/// What a transaction changed of a table, since the indexes of its base do not know of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overlay<'s> {
    /// The records that were changed one by one.
    pub(crate) changes: &'s [Change],
    /// The records whose indexed fields a pass may have changed.
    pub(crate) noted: &'s [RecordId],
}

/// One table as a snapshot, or a transaction, sees it, its records as bytes.
#[derive(Clone, Copy)]
pub struct TableView<'s> {
    pub(crate) version: &'s TableVersion,
    tree: TreeView<'s>,
    records: u64,
    overlay: Overlay<'s>,
}

impl<'s> TableView<'s> {
    /// The table with the changes of a transaction.
    pub(crate) fn staged(self, staged: &'s StagedTree, records: u64, overlay: Overlay<'s>) -> Self {
        Self {
            tree: staged.view(),
            records,
            overlay,
            ..self
        }
    }

    /// What the table is.
    pub fn schema(&self) -> &'s TableSchema {
        &self.version.schema
    }

    /// Records that are not deleted.
    pub fn len(&self) -> u64 {
        self.records
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest record id ever given out up to this version, deleted records included.
    pub fn last_id(&self) -> u64 {
        self.version.last_id
    }

    /// The version at which its records or fields changed last.
    pub fn changed_at(&self) -> u64 {
        self.version.changed_at
    }

    /// Bytes of memory that the table has taken from the system, for all versions together.
    pub fn memory_bytes(&self) -> u64 {
        self.version.memory_bytes() as u64
    }

    /// Bytes of memory that the table may take, where it or the database has a limit for it.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        self.version.memory_limit_bytes()
    }

    /// Records that the memory taken so far has room for.
    pub fn capacity(&self) -> u64 {
        self.version.capacity()
    }

    pub(crate) fn tree(&self) -> TreeView<'s> {
        self.tree
    }

    /// The fixed part of the record: `record_size` bytes, each field at its offset.
    #[inline]
    pub fn read_record(&self, id: RecordId) -> Option<&'s [u8]> {
        self.tree().get(id)
    }

    /// The record: its fixed part and its tail.
    #[inline]
    pub fn record(&self, id: RecordId) -> Option<RecordRef<'s>> {
        self.tree().record(id)
    }

    /// The page, and the byte in it, at which the record starts.
    pub fn record_offset(&self, id: RecordId) -> Option<(u64, usize)> {
        self.tree().page_and_offset(id)
    }

    /// The records in order of their ids.
    pub fn records(&self) -> impl Iterator<Item = (RecordId, RecordRef<'s>)> + use<'s> {
        self.pages().flat_map(|page| page.records())
    }

    /// The records behind the id `after`, in order of their ids.
    pub fn records_after(
        &self,
        after: u64,
    ) -> impl Iterator<Item = (RecordId, RecordRef<'s>)> + use<'s> {
        let (leaf, ..) = self.tree().geometry().place(after);
        let pages = self.tree().leaves_from(leaf).flat_map(Leaf::pages);
        pages
            .flat_map(Page::records)
            .skip_while(move |(id, _)| id.get() <= after)
    }

    /// The pages that hold records, in order of their ids.
    pub fn pages(&self) -> impl Iterator<Item = PageView<'s>> + use<'s> {
        let pages = self.tree().leaves_from(0).flat_map(Leaf::pages);
        pages
            .filter(|page| page.live() != 0)
            .map(|page| PageView { page })
    }

    /// A record whose value in the field of this place has these
    /// [`key_bytes`](crate::Field::key_bytes): by the index of a unique field, else the first that
    /// a search finds.
    pub(crate) fn find(&self, field: usize, key: &[u8]) -> Option<RecordId> {
        let place = &self.schema().layout.fields()[field];
        let has_key = |record| *place.key_bytes(record) == *key;
        let has = |id: &RecordId| self.record(*id).is_some_and(has_key);
        if !self.version.indexes.has_unique(field) {
            let mut records = self.records();
            return records
                .find(|(_, record)| has_key(*record))
                .map(|(id, _)| id);
        }
        let committed = self.version.indexes.find(field, key).filter(has);
        let changed = || self.overlay.changes.iter().map(Change::id).find(has);
        let noted = || self.overlay.noted.iter().copied().find(has);
        committed.or_else(changed).or_else(noted)
    }
}

impl fmt::Debug for TableView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableView")
            .field("table", &self.schema().name)
            .field("records", &self.len())
            .finish_non_exhaustive()
    }
}

/// One page of a table.
pub struct PageView<'s> {
    page: Page<'s>,
}

impl<'s> PageView<'s> {
    /// The id that bit 0 of [`live`](Self::live) stands for.
    pub fn first_id(&self) -> u64 {
        self.page.first_id()
    }

    /// Bit i is set where the record of the page's i-th id is there and not deleted.
    pub fn live(&self) -> u64 {
        self.page.live()
    }

    /// The records in order of their ids.
    pub fn records(&self) -> impl Iterator<Item = (RecordId, RecordRef<'s>)> + use<'s> {
        self.page.records()
    }
}

impl fmt::Debug for PageView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageView")
            .field("first_id", &self.first_id())
            .finish_non_exhaustive()
    }
}

/// One table of a snapshot, its records as their struct, read in place.
pub struct TypedView<'s, T> {
    view: TableView<'s>,
    record: PhantomData<&'s T>,
}

impl<T> Clone for TypedView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TypedView<'_, T> {}

impl<'s, T: PlainRecord> TypedView<'s, T> {
    /// The view of a table that is known to be that of `T`.
    pub(crate) fn of(view: TableView<'s>) -> Self {
        debug_assert_eq!(view.schema().name, T::NAME);
        Self {
            view,
            record: PhantomData,
        }
    }

    /// The same table, its records as bytes.
    pub fn as_bytes(&self) -> TableView<'s> {
        self.view
    }

    /// Records that are not deleted.
    pub fn len(&self) -> u64 {
        self.view.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// The record of this id, read in place.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&'s T> {
        // SAFETY: a typed view is only made of the table of `T`, whose layout was compared with
        // the struct when the table was bound to it.
        unsafe { self.view.tree.get_typed(id.record_id()) }
    }

    /// A pointer to the record of this id, which is safe to follow while the snapshot is held.
    pub fn read_record_ptr(&self, id: Id<T>) -> Option<RecordPtr<'s, T>> {
        self.get(id).map(RecordPtr)
    }

    /// The record that has this value in a field: by the index of a `#[key]` or `#[unique]` field,
    /// else the first that a search finds.
    pub fn find<F: FieldType>(&self, field: FieldHandle<T, F>, value: F) -> Option<(Id<T>, &'s T)> {
        let layout = &self.view.schema().layout.fields()[field.index].layout;
        let id = Id::new(
            self.view
                .find(field.index, &super::field_bytes(layout, &value))?,
        );
        Some((id, self.get(id)?))
    }

    /// The records in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &'s T)> + use<'s, T> {
        let pages = self.view.tree().leaves_from(0).flat_map(Leaf::pages);
        // SAFETY: as for `get`.
        let records = |page: Page<'s>| unsafe { page.records_typed::<T>() };
        pages
            .flat_map(records)
            .map(|(id, record)| (Id::new(id), record))
    }

    /// Visits every record, in order of their ids.
    pub fn for_each(&self, mut visit: impl FnMut(Id<T>, &'s T)) {
        for leaf in self.view.tree().leaves_from(0) {
            self.fold_leaf((), leaf, &mut |(), id, record| visit(id, record));
        }
    }

    /// Visits every record, on all cores.
    pub fn par_for_each(&self, visit: impl Fn(Id<T>, &'s T) + Sync) {
        self.par_fold(|| (), |(), id, record| visit(id, record), |(), ()| ());
    }

    /// Folds all records on all cores: each run of pages by `fold` from `start`, the results in
    /// the order of the pages by `join`. The runs are the same for any number of cores, and so is
    /// the result, floats included.
    pub fn par_fold<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        fold: impl Fn(A, Id<T>, &'s T) -> A + Sync,
        join: impl Fn(A, A) -> A,
    ) -> A {
        let fold_leaf = |folded: A, leaf: Leaf<'s>| {
            self.fold_leaf(folded, leaf, &mut |folded, id, record| {
                fold(folded, id, record)
            })
        };
        parallel::fold_leaves(self.view.tree(), &start, &fold_leaf, join)
    }

    /// Folds the records of one leaf.
    #[inline]
    fn fold_leaf<A>(
        &self,
        mut folded: A,
        leaf: Leaf<'s>,
        fold: &mut impl FnMut(A, Id<T>, &'s T) -> A,
    ) -> A {
        for page in leaf.pages() {
            // SAFETY: as for `get`.
            if let Some(records) = unsafe { page.full_typed::<T>() } {
                for (bit, record) in (0..64).zip(records) {
                    folded = fold(folded, Id::new(page.id(bit)), record);
                }
                continue;
            }
            // SAFETY: as for `get`.
            for (id, record) in unsafe { page.records_typed::<T>() } {
                folded = fold(folded, Id::new(id), record);
            }
        }
        folded
    }
}

impl<T: Record> fmt::Debug for TypedView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// A pointer to a record of a snapshot.
#[derive(Debug)]
pub struct RecordPtr<'s, T>(&'s T);

impl<T> RecordPtr<'_, T> {
    /// The address. It is valid while the snapshot is held.
    pub fn as_ptr(&self) -> *const T {
        self.0
    }
}

impl<T> Deref for RecordPtr<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}
