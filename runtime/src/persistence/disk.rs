//! The one door to files: a small trait, and the real disk behind it.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::FileBytes;

/// The folder of one database. Paths are relative to it; the folder itself is `""`.
///
/// It promises what a POSIX disk promises and no more: written bytes survive a power cut once
/// [`DiskFile::sync`] returned, and names (made, renamed, removed) once [`sync_dir`](Self::sync_dir)
/// of their folder did.
pub(crate) trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Where the folder is, for messages.
    fn folder(&self) -> &Path;

    /// Makes a folder and those above it where they are missing, and makes their names durable.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Makes a file; [`AlreadyExists`](io::ErrorKind::AlreadyExists) where there is one.
    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The bytes of a file. They must not be kept: a mapped file that shrinks ends the process.
    fn map(&self, path: &str) -> io::Result<FileBytes>;

    /// Whether there is something under this path, links followed.
    fn exists(&self, path: &str) -> io::Result<bool>;

    /// The names in a folder.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Gives a file another name, in place of what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file or link.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes a symbolic link to `target`, a name in the same folder.
    fn link(&self, target: &str, path: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;

    /// Locks a file until what this gives is dropped; [`WouldBlock`](io::ErrorKind::WouldBlock)
    /// where somebody else has it.
    fn lock(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Random bytes for the id of a new database; a test disk gives its own.
    fn random(&self) -> io::Result<[u8; 16]>;
}

/// A file that is being written.
pub(crate) trait DiskFile: fmt::Debug + Send {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable. After a failure nothing is known of the file: it must not
    /// be used again.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Clone, Debug)]
pub(crate) struct RealDisk {
    folder: PathBuf,
}

impl RealDisk {
    /// The folder at `folder`, which need not exist yet.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.folder.clone()
        } else {
            self.folder.join(path)
        }
    }
}

impl Disk for RealDisk {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        create_dir_durably(&self.path(path))
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path(path))?;
        Ok(Box::new(file))
    }

    fn map(&self, path: &str) -> io::Result<FileBytes> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(self.path(path))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ));
        }
        FileBytes::map(&file, metadata.len())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.path(path).try_exists()
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(path))? {
            // A name that is no UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn link(&self, target: &str, path: &str) -> io::Result<()> {
        symlink(target, self.path(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(self.path(path))?;
        Ok(Box::new(Lock::take(file)?))
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl DiskFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// A file that is locked until this is dropped.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn take(file: File) -> io::Result<Self> {
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    /// Closing the file would not do: a program that is just being started by another thread has
    /// the file open too, until it really starts.
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "the folder could not be unlocked");
        }
    }
}

impl DiskFile for Lock {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        DiskFile::write_at(&mut self.0, offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        DiskFile::sync(&mut self.0)
    }
}

fn create_dir_durably(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // The root of the file system.
        None => return Ok(()),
    };
    if path.is_dir() {
        // Whoever made it may have been killed before its name was durable. A folder above that
        // may not be read, such as /home, was not made here.
        return match File::open(parent) {
            Ok(parent) => parent.sync_all(),
            Err(_) => Ok(()),
        };
    }
    create_dir_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other?,
    }
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(folder.path().join("a/b"));
        disk.create_dir("").unwrap();
        let held = disk.lock("LOCK").unwrap();
        assert_eq!(
            disk.lock("LOCK").unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(held);
        disk.lock("LOCK").unwrap();
    }

    #[test]
    fn a_lock_ends_with_its_holder_though_another_process_inherits_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(folder.path());
        let held = Lock::take(File::create(disk.path("LOCK")).unwrap()).unwrap();
        let inherited = held.0.try_clone().unwrap();
        assert!(disk.lock("LOCK").is_err());
        drop(held);
        disk.lock("LOCK").unwrap();
        drop(inherited);
    }

    #[test]
    fn a_link_or_a_folder_in_place_of_a_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(folder.path());
        disk.create_new("there")
            .unwrap()
            .write_at(0, b"text")
            .unwrap();
        assert_eq!(&*disk.map("there").unwrap(), b"text");
        disk.link("there", "link").unwrap();
        assert!(disk.exists("link").unwrap());
        assert!(disk.map("link").is_err());
        disk.create_dir("folder").unwrap();
        assert!(disk.map("folder").is_err());
        assert_eq!(
            disk.create_new("there").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
