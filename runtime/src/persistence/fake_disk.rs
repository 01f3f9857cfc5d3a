//! A disk in memory that can fail any operation, and that forgets what was not synced.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Disk, DiskFile, FileBytes};

/// What is under a name.
#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(usize),
    Link(String),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    live: Vec<u8>,
    synced: Vec<u8>,
}

/// Which operations fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The one with this number, without effect but for half of the bytes of a write.
    Once(u64),
    /// The one with this number, although it takes effect.
    OnceDone(u64),
    /// Every one from this number on.
    From(u64),
}

#[derive(Clone, Debug, Default)]
struct State {
    names: BTreeMap<String, Node>,
    synced_names: BTreeMap<String, Node>,
    inodes: Vec<Inode>,
    operations: u64,
    fault: Fault,
    locked: bool,
    random: u8,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct FakeFile {
    disk: FakeDisk,
    inode: usize,
    lock: bool,
}

impl FakeDisk {
    /// A disk on which new databases get another id.
    pub(crate) fn with_random(random: u8) -> Self {
        let disk = Self::default();
        disk.state().random = random;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk as a program that starts now finds it, after the last one was killed.
    pub(crate) fn after_kill(&self) -> Self {
        let state = State {
            fault: Fault::None,
            operations: 0,
            locked: false,
            ..self.state().clone()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The disk after the power was cut: of what was not synced nothing is left.
    pub(crate) fn after_power_cut(&self) -> Self {
        let disk = self.after_kill();
        {
            let mut state = disk.state();
            state.names = state.synced_names.clone();
            for inode in &mut state.inodes {
                inode.live = inode.synced.clone();
            }
        }
        disk
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = fault;
        state.operations = 0;
    }

    /// How many operations there were since the fault was set.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The names of all files and links.
    pub(crate) fn files(&self) -> Vec<String> {
        let state = self.state();
        let files = state.names.iter();
        files
            .filter(|(_, node)| !matches!(node, Node::Folder))
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        let state = self.state();
        match &state.names[path] {
            Node::File(inode) => state.inodes[*inode].live.clone(),
            other => panic!("{path} is {other:?}"),
        }
    }

    pub(crate) fn set_bytes(&self, path: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let Node::File(inode) = state.names[path] else {
            panic!("{path} is no file")
        };
        state.inodes[inode] = Inode {
            synced: bytes.clone(),
            live: bytes,
        };
    }

    /// Counts an operation that changes something, and tells whether it takes effect and whether
    /// it succeeds.
    fn count(&self) -> (bool, io::Result<()>) {
        let mut state = self.state();
        let number = state.operations;
        state.operations += 1;
        let error = || Err(io::Error::other("the test disk failed"));
        match state.fault {
            Fault::Once(n) if n == number => (false, error()),
            Fault::OnceDone(n) if n == number => (true, error()),
            Fault::From(n) if n <= number => (false, error()),
            _ => (true, Ok(())),
        }
    }

    fn operation<T>(&self, effect: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let (takes_effect, result) = self.count();
        match (takes_effect, result) {
            (false, Err(error)) => Err(error),
            (_, result) => {
                let value = effect(&mut self.state())?;
                result.map(|()| value)
            }
        }
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    fn resolve(&self, path: &str) -> Option<&Node> {
        match self.names.get(path)? {
            Node::Link(target) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                self.names.get(&format!("{folder}/{target}"))
            }
            node => Some(node),
        }
    }

    fn create(&mut self, path: &str, node: Node) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.names.insert(path.to_owned(), node);
        Ok(())
    }
}

fn is_in(path: &str, folder: &str) -> bool {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    parent == folder && !path.is_empty()
}

impl Disk for FakeDisk {
    fn folder(&self) -> &Path {
        Path::new("/fake")
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.operation(|state| {
            state.names.insert(path.to_owned(), Node::Folder);
            state.synced_names.insert(path.to_owned(), Node::Folder);
            Ok(())
        })
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.operation(|state| {
            state.create(path, Node::File(state.inodes.len()))?;
            state.inodes.push(Inode::default());
            Ok(state.inodes.len() - 1)
        })?;
        Ok(Box::new(FakeFile {
            disk: self.clone(),
            inode,
            lock: false,
        }))
    }

    fn map(&self, path: &str) -> io::Result<FileBytes> {
        let state = self.state();
        match state.names.get(path) {
            Some(Node::File(inode)) => Ok(state.inodes[*inode].live.clone().into()),
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
            None => Err(not_found()),
        }
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        Ok(self.state().resolve(path).is_some())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        let names = state.names.keys().filter(|name| is_in(name, path));
        let name = |name: &String| name.rsplit('/').next().unwrap().to_owned();
        Ok(names.map(name).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operation(|state| {
            let node = state.names.remove(from).ok_or_else(not_found)?;
            state.names.insert(to.to_owned(), node);
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operation(|state| state.names.remove(path).map(drop).ok_or_else(not_found))
    }

    fn link(&self, target: &str, path: &str) -> io::Result<()> {
        self.operation(|state| state.create(path, Node::Link(target.to_owned())))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.operation(|state| {
            let State {
                names,
                synced_names,
                ..
            } = state;
            synced_names.retain(|name, _| !is_in(name, path));
            let live = names.iter().filter(|(name, _)| is_in(name, path));
            synced_names.extend(live.map(|(name, node)| (name.clone(), node.clone())));
            Ok(())
        })
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(path.to_owned(), Node::File(inode));
        Ok(Box::new(FakeFile {
            disk: self.clone(),
            inode,
            lock: true,
        }))
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        Ok([self.state().random; 16])
    }
}

impl DiskFile for FakeFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (takes_effect, result) = self.disk.count();
        let written = if takes_effect {
            bytes
        } else {
            &bytes[..bytes.len() / 2]
        };
        let mut state = self.disk.state();
        let live = &mut state.inodes[self.inode].live;
        let (start, end) = (offset as usize, offset as usize + written.len());
        live.resize(live.len().max(end), 0);
        live[start..end].copy_from_slice(written);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.disk.operation(|state| {
            let inode = &mut state.inodes[inode];
            inode.synced = inode.live.clone();
            Ok(())
        })
    }
}

impl Drop for FakeFile {
    fn drop(&mut self) {
        if self.lock {
            self.disk.state().locked = false;
        }
    }
}
