//! Passes over the records of a table by name, as bytes.

use super::{
    TableView, parallel,
    tree::{Leaf, Page},
};
use crate::schema::{RecordId, RecordRef};

impl<'s> TableView<'s> {
    /// Visits every record, in order of their ids.
    pub fn for_each(&self, mut visit: impl FnMut(RecordId, RecordRef<'s>)) {
        for (id, record) in self.records() {
            visit(id, record);
        }
    }

    /// Visits every record, on all cores.
    pub fn par_for_each(&self, visit: impl Fn(RecordId, RecordRef<'s>) + Sync) {
        self.par_fold(|| (), |(), id, record| visit(id, record), |(), ()| ());
    }

    /// Folds all records on all cores: each run of pages by `fold` from `start`, the results in
    /// the order of the pages by `join`. The runs are the same for any number of cores, and so is
    /// the result, floats included.
    ///
    /// ```
    /// # use tickbase::{Database, FieldDefinition, Name, Result, TableDefinition, Value};
    /// # fn main() -> Result<()> {
    /// let db = Database::builder().in_memory()?;
    /// let fields = vec![FieldDefinition::new(Name::new("seats")?, "u32")];
    /// db.create_table(&TableDefinition::new(Name::new("hall")?, fields))?;
    /// db.transact(|tx| {
    ///     tx.create_record("hall", &Value::object([("seats", 120)]))?;
    ///     tx.create_record("hall", &Value::object([("seats", 80)]))?;
    ///     Ok(())
    /// })?;
    /// let snapshot = db.snapshot();
    /// let halls = snapshot.table_by_name("hall").unwrap();
    /// let (_, seats) = halls.schema().layout.field("seats").unwrap();
    /// let of_120 = halls.par_fold(
    ///     || 0,
    ///     |count, _, hall| count + u32::from(seats.value(hall) == Value::from(120)),
    ///     |left, right| left + right,
    /// );
    /// assert_eq!(of_120, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn par_fold<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        fold: impl Fn(A, RecordId, RecordRef<'s>) -> A + Sync,
        join: impl Fn(A, A) -> A,
    ) -> A {
        let fold_leaf = |folded: A, leaf: Leaf<'s>| {
            let records = leaf.pages().flat_map(Page::records);
            records.fold(folded, |folded, (id, record)| fold(folded, id, record))
        };
        parallel::fold_leaves(self.tree(), &start, &fold_leaf, join)
    }
}
