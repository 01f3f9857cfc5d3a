//! The bytes of a file, mapped into memory for as long as it takes to load them.

#![expect(
    unsafe_code,
    reason = "a mapping is only as stable as its file, which no type can tell"
)]

use std::{fmt, io, ops::Deref, os::fd::AsRawFd};

use memmap2::{Advice, Mmap, MmapOptions};

/// The bytes of a file, or bytes that stand for them on a test disk.
pub(crate) struct FileBytes(Inner);

enum Inner {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl FileBytes {
    /// Maps the first `length` bytes of a file, which must have as many.
    pub(super) fn map(file: &impl AsRawFd, length: u64) -> io::Result<Self> {
        let length =
            usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if length == 0 {
            return Ok(Vec::new().into());
        }
        // SAFETY: the bytes under the slice must not change while it lives. Files of a database are
        // never written again once they have their name; the folder is locked while one is mapped,
        // so no other Tickbase removes or replaces it; and the mapping is dropped when the file is
        // loaded. A program that ignores the lock and truncates the file in that moment ends this
        // process with SIGBUS; one that writes into it is found by the checksums or was too late.
        let mapped = unsafe { MmapOptions::new().len(length).map(file) }?;
        // Without this advice reading is slower and nothing else.
        let _ = mapped.advise(Advice::Sequential);
        Ok(Self(Inner::Mapped(mapped)))
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inner::Mapped(mapped) => mapped,
            Inner::Owned(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Inner::Owned(bytes))
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBytes")
            .field("length", &self.len())
            .finish()
    }
}
