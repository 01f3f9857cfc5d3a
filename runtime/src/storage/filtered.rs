//! The records of a table that satisfy a condition.

use std::fmt;

use super::TypedView;
use crate::schema::{Id, PlainRecord};

/// The records of one table of a snapshot that satisfy a condition, as [`TypedView::filter`] gives
/// them. Nothing is copied: every pass looks at the table.
#[derive(Clone, Copy)]
pub struct Filtered<'s, T, M> {
    table: TypedView<'s, T>,
    matches: M,
}

impl<'s, T: PlainRecord> TypedView<'s, T> {
    /// The records for which `matches` holds.
    ///
    /// ```
    /// # use tickbase::{Database, Id, Result, table};
    /// # #[table] struct Account { balance: i64 }
    /// # fn main() -> Result<()> {
    /// # let db = Database::builder().table::<Account>().in_memory()?;
    /// # db.transact(|tx| { tx.insert(Account { balance: -5 })?; Ok(tx.insert(Account { balance: 7 })?) })?;
    /// let snapshot = db.snapshot();
    /// let overdrawn = snapshot.table::<Account>().filter(|account| account.balance < 0);
    /// assert_eq!(overdrawn.count(), 1);
    /// assert_eq!(overdrawn.par_fold(|| 0, |sum, _, a| sum + a.balance, |a, b| a + b), -5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter<M: Fn(&T) -> bool + Sync>(&self, matches: M) -> Filtered<'s, T, M> {
        Filtered {
            table: *self,
            matches,
        }
    }

    /// Maps all records on all cores and joins the results in the order of the records; none where
    /// there is no record. The result is the same for any number of cores, floats included.
    pub fn par_reduce<A: Send>(
        &self,
        map: impl Fn(Id<T>, &'s T) -> A + Sync,
        join: impl Fn(A, A) -> A + Sync,
    ) -> Option<A> {
        reduce(self, &|_| true, &map, &join)
    }
}

impl<'s, T: PlainRecord, M: Fn(&T) -> bool + Sync> Filtered<'s, T, M> {
    /// They in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &'s T)> {
        self.table
            .iter()
            .filter(|(_, record)| (self.matches)(record))
    }

    /// Visits each, in the order of their ids.
    pub fn for_each(&self, mut visit: impl FnMut(Id<T>, &'s T)) {
        self.table.for_each(|id, record| {
            if (self.matches)(record) {
                visit(id, record);
            }
        });
    }

    /// Visits each, on all cores.
    pub fn par_for_each(&self, visit: impl Fn(Id<T>, &'s T) + Sync) {
        self.table.par_for_each(|id, record| {
            if (self.matches)(record) {
                visit(id, record);
            }
        });
    }

    /// Folds them on all cores, as [`TypedView::par_fold`] does.
    pub fn par_fold<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        fold: impl Fn(A, Id<T>, &'s T) -> A + Sync,
        join: impl Fn(A, A) -> A,
    ) -> A {
        let fold = |folded, id, record| match (self.matches)(record) {
            true => fold(folded, id, record),
            false => folded,
        };
        self.table.par_fold(start, fold, join)
    }

    /// Maps them on all cores and joins the results, as [`TypedView::par_reduce`] does.
    pub fn par_reduce<A: Send>(
        &self,
        map: impl Fn(Id<T>, &'s T) -> A + Sync,
        join: impl Fn(A, A) -> A + Sync,
    ) -> Option<A> {
        reduce(&self.table, &self.matches, &map, &join)
    }

    /// How many there are, counted on all cores.
    pub fn count(&self) -> u64 {
        self.par_fold(|| 0, |count, _, _| count + 1, |left, right| left + right)
    }
}

fn reduce<'s, T: PlainRecord, A: Send>(
    table: &TypedView<'s, T>,
    matches: &(impl Fn(&T) -> bool + Sync),
    map: &(impl Fn(Id<T>, &'s T) -> A + Sync),
    join: &(impl Fn(A, A) -> A + Sync),
) -> Option<A> {
    let both = |left: Option<A>, right: Option<A>| match (left, right) {
        (Some(left), Some(right)) => Some(join(left, right)),
        (left, right) => left.or(right),
    };
    let fold = |folded, id, record| match matches(record) {
        true => both(folded, Some(map(id, record))),
        false => folded,
    };
    table.par_fold(|| None, fold, both)
}

impl<T: PlainRecord, M> fmt::Debug for Filtered<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtered")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
