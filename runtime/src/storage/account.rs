//! What tables use of the machine's memory, and how much they may.
//!
//! Each table has an account of its own, and all of them count in that of the database. Memory is
//! counted where it is taken from the system and given back to it, not block by block.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::StorageError;
use crate::schema::{Name, TableSchema};

/// The part of its limit by which a database may go beyond it for nodes and for tables that make
/// room, and a table for copies of pages. A delete takes some nodes, compaction another table, and an
/// update a page, before they give as much back: without these nobody could make room.
const BEYOND_LIMIT: u64 = 16;

/// What memory is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What records are written to.
    Records,
    /// What leads to them. The limit of a table does not stop these: a table may be above its limit,
    /// and still records have to be deleted from it.
    Nodes,
}

/// What one table, or all tables of a database, use and may use.
#[derive(Debug)]
pub(crate) struct MemoryAccount {
    used_bytes: AtomicU64,
    limit_bytes: AtomicU64,
    /// Whether something was refused since the last look.
    refused: AtomicBool,
    of: Owner,
}

#[derive(Debug)]
enum Owner {
    Database {
        /// What a table may use that does not say.
        table_limit_bytes: Option<u64>,
    },
    Table {
        name: Name,
        database: Arc<MemoryAccount>,
        /// Whether it is to take the place of another table that is not smaller.
        makes_room: AtomicBool,
    },
}

impl MemoryAccount {
    /// The account of a database.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self {
            used_bytes: AtomicU64::new(0),
            limit_bytes: AtomicU64::new(limit_bytes),
            refused: AtomicBool::new(false),
            of: Owner::Database {
                table_limit_bytes: None,
            },
        }
    }

    /// Lets each table use so much, where it does not say itself.
    pub(crate) fn with_table_limit(self, table_limit_bytes: Option<u64>) -> Self {
        Self {
            of: Owner::Database { table_limit_bytes },
            ..self
        }
    }

    /// The account of a table in that of its database, without a limit of its own. Until one is
    /// enforced, it counts as one that makes room for others when it is complete.
    pub(super) fn of_table(database: &Arc<Self>, table: &TableSchema) -> Arc<Self> {
        Arc::new(Self {
            used_bytes: AtomicU64::new(0),
            limit_bytes: AtomicU64::new(u64::MAX),
            refused: AtomicBool::new(false),
            of: Owner::Table {
                name: table.name.clone(),
                database: Arc::clone(database),
                makes_room: AtomicBool::new(true),
            },
        })
    }

    /// From here on the table may use what its schema says, or its database. What it uses already
    /// stays its own.
    pub(super) fn enforce_limit_of(&self, table: &TableSchema) {
        if let Owner::Table {
            database,
            makes_room,
            ..
        } = &self.of
        {
            makes_room.store(false, Ordering::Relaxed);
            let limit_bytes = table.memory_limit_bytes.or(database.table_limit_bytes());
            let limit_bytes = limit_bytes.unwrap_or(u64::MAX);
            self.limit_bytes.store(limit_bytes, Ordering::Relaxed);
        }
    }

    /// Bytes that were taken and not given back.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that may be used, where there is a limit.
    pub(crate) fn limit_bytes(&self) -> Option<u64> {
        let limit_bytes = self.limit_bytes.load(Ordering::Relaxed);
        (limit_bytes != u64::MAX).then_some(limit_bytes)
    }

    /// Counts bytes before they are taken, unless that is beyond a limit.
    pub(super) fn reserve(&self, bytes: usize, purpose: Purpose) -> Result<(), StorageError> {
        let more = bytes as u64;
        let used_bytes = self.used_bytes.fetch_add(more, Ordering::Relaxed);
        let reserved = match used_bytes.saturating_add(more) > self.allowed_bytes(purpose) {
            true => Err(self.refuse(used_bytes)),
            false => match self.above(purpose) {
                Some((database, purpose)) => database.reserve(bytes, purpose),
                None => Ok(()),
            },
        };
        if reserved.is_err() {
            self.used_bytes.fetch_sub(more, Ordering::Relaxed);
            self.refused.store(true, Ordering::Relaxed);
        }
        reserved
    }

    /// Refuses what would need so much more that it cannot come to its end; takes nothing.
    pub(super) fn foresee(&self, bytes: u64, purpose: Purpose) -> Result<(), StorageError> {
        let used_bytes = self.used_bytes();
        if used_bytes.saturating_add(bytes) > self.allowed_bytes(purpose) {
            return Err(self.refuse(used_bytes));
        }
        match self.above(purpose) {
            Some((database, purpose)) => database.foresee(bytes, purpose),
            None => Ok(()),
        }
    }

    fn allowed_bytes(&self, purpose: Purpose) -> u64 {
        let limit_bytes = self.limit_bytes.load(Ordering::Relaxed);
        match (purpose, &self.of) {
            (Purpose::Nodes, Owner::Table { .. }) => u64::MAX,
            (Purpose::Records, Owner::Database { .. }) => limit_bytes,
            (Purpose::Records, Owner::Table { .. }) | (Purpose::Nodes, Owner::Database { .. }) => {
                limit_bytes.saturating_add(limit_bytes / BEYOND_LIMIT)
            }
        }
    }

    /// The account that this one counts in, and as what.
    fn above(&self, purpose: Purpose) -> Option<(&Self, Purpose)> {
        let Owner::Table {
            database,
            makes_room,
            ..
        } = &self.of
        else {
            return None;
        };
        match makes_room.load(Ordering::Relaxed) {
            true => Some((database, Purpose::Nodes)),
            false => Some((database, purpose)),
        }
    }

    /// Refuses new records with which so many bytes would be used.
    pub(super) fn admit(&self, used_bytes: usize) -> Result<(), StorageError> {
        let limit_bytes = self.limit_bytes.load(Ordering::Relaxed);
        if used_bytes as u64 <= limit_bytes {
            return Ok(());
        }
        self.refused.store(true, Ordering::Relaxed);
        Err(self.refuse(self.used_bytes()))
    }

    /// Whether something was refused since the last call: what was taken before it, by a change
    /// that is taken back now, may then be given back to the system.
    pub(super) fn take_refused(&self) -> bool {
        // Most often nothing was, and then nothing needs to be written.
        self.refused.load(Ordering::Relaxed) && self.refused.swap(false, Ordering::Relaxed)
    }

    /// Counts bytes that were given back.
    pub(super) fn release(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
        if let Owner::Table { database, .. } = &self.of {
            database.release(bytes);
        }
    }

    fn table_limit_bytes(&self) -> Option<u64> {
        match self.of {
            Owner::Database { table_limit_bytes } => table_limit_bytes,
            Owner::Table { .. } => None,
        }
    }

    fn refuse(&self, used_bytes: u64) -> StorageError {
        let limit_bytes = self.limit_bytes.load(Ordering::Relaxed);
        match &self.of {
            Owner::Database { .. } => StorageError::MemoryLimit {
                used_bytes,
                limit_bytes,
            },
            Owner::Table { name, .. } => StorageError::TableMemoryLimit {
                table: name.clone(),
                used_bytes,
                limit_bytes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Catalog, FieldDefinition, TableDefinition};

    fn schema(memory_limit_bytes: Option<u64>) -> Arc<TableSchema> {
        let name = |name| Name::new(name).unwrap();
        let definition = TableDefinition {
            memory_limit_bytes,
            ..TableDefinition::new(
                name("item"),
                vec![FieldDefinition::new(name("value"), "u64")],
            )
        };
        Catalog::default().create_table(&definition).unwrap()
    }

    #[test]
    fn a_refused_table_leaves_both_accounts_as_they_were() {
        let database = Arc::new(MemoryAccount::new(300_000).with_table_limit(Some(160_000)));
        let limited = schema(Some(100_000));
        let (one, two) = (
            MemoryAccount::of_table(&database, &limited),
            MemoryAccount::of_table(&database, &limited),
        );
        one.enforce_limit_of(&limited);
        two.enforce_limit_of(&schema(None));
        let limits = (one.limit_bytes(), two.limit_bytes());
        assert_eq!(limits, (Some(100_000), Some(160_000)));
        one.reserve(90_000, Purpose::Records).unwrap();
        assert!(!one.take_refused());
        for _ in 0..1_000 {
            one.admit(100_000).unwrap();
            let refused = one.admit(100_001).unwrap_err();
            let expected = "table `item` uses 90000 of 100000 bytes: delete records and compact \
                            it, or raise its memory limit";
            assert_eq!(refused.to_string(), expected);
            // Copies may go a little beyond it.
            one.reserve(16_251, Purpose::Records).unwrap_err();
            one.foresee(16_251, Purpose::Records).unwrap_err();
            one.foresee(16_250, Purpose::Records).unwrap();
        }
        assert!(one.take_refused() && !one.take_refused());
        one.reserve(16_250, Purpose::Records).unwrap();
        two.reserve(170_000, Purpose::Records).unwrap();
        let used = || (one.used_bytes(), two.used_bytes(), database.used_bytes());
        assert_eq!(used(), (106_250, 170_000, 276_250));
        // What leads to records may go beyond both.
        one.reserve(42_500, Purpose::Nodes).unwrap();
        one.reserve(1, Purpose::Nodes).unwrap_err();
        two.release(150_000);
        for _ in 0..1_000 {
            two.reserve(200_000, Purpose::Records).unwrap_err();
        }
        assert_eq!(used(), (148_750, 20_000, 168_750));
    }

    #[test]
    fn a_database_at_its_limit_refuses_its_tables_in_its_own_name() {
        let database = Arc::new(MemoryAccount::new(100_000));
        let table = MemoryAccount::of_table(&database, &schema(None));
        table.enforce_limit_of(&schema(None));
        table.reserve(100_000, Purpose::Records).unwrap();
        for _ in 0..1_000 {
            let refused = table.reserve(1, Purpose::Records).unwrap_err();
            let full = StorageError::MemoryLimit {
                used_bytes: 100_000,
                limit_bytes: 100_000,
            };
            assert_eq!(refused, full);
        }
        assert_eq!(
            (table.used_bytes(), database.used_bytes()),
            (100_000, 100_000)
        );
        // A table that makes room when it is complete may go a little beyond.
        let smaller = MemoryAccount::of_table(&database, &schema(None));
        smaller.reserve(6_250, Purpose::Records).unwrap();
        smaller.reserve(1, Purpose::Records).unwrap_err();
    }
}
