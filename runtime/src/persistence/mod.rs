//! How data survives (placeholder until the files are merged).

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    schema::{Catalog, TypeRegistry},
    storage::{LoadedTable, MemoryAccount, Snapshot},
};

#[derive(Debug, thiserror::Error)]
#[error("no files yet")]
pub struct PersistenceError;
#[derive(Debug)]
pub struct RealDisk;
impl RealDisk {
    pub fn new(_folder: impl Into<PathBuf>) -> Self {
        Self
    }
}
#[derive(Debug)]
pub struct Store;
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub catalog: Catalog,
    pub tables: Vec<LoadedTable>,
    pub version: u64,
    pub tick: u64,
}
pub(crate) fn open(
    _disk: Arc<RealDisk>,
    _types: TypeRegistry,
    _account: &Arc<MemoryAccount>,
) -> Result<Opened, PersistenceError> {
    Err(PersistenceError)
}
pub struct FlushSummary;
pub type Done = Box<dyn FnOnce(Result<FlushSummary, PersistenceError>) + Send>;
pub type Elapsed = Box<dyn Fn() -> Duration + Send>;
#[derive(Debug)]
pub struct PersistenceHandle;
impl PersistenceHandle {
    pub fn start(_store: Store, _elapsed: Elapsed) -> Result<Self, PersistenceError> {
        Err(PersistenceError)
    }
    pub fn try_flush(&self, _snapshot: Snapshot, _done: Done) -> bool {
        false
    }
    pub fn submit_schema(&self, _snapshot: Snapshot, _full: bool, _done: Done) {}
    pub fn stop(&self) {}
}
