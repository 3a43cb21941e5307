//! The small file system the log needs, so that a faulty twin can stand in for the real one.

pub mod os;

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use crate::Driver;

/// What the system keeps of a file at a time, and what writes past its cache are multiples of.
pub const PAGE_BYTES: usize = 4096;

/// Directory operations. None of them is durable before [`Fs::sync_dir`].
pub trait Fs: Send + Sync + 'static {
    /// Creates the directory and its parents if absent.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Returns the names of the files in the directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for reading and writing; `create` makes it if absent.
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>>;
    /// Opens a file to be written past the system's cache where that can be; `create` makes it if absent.
    /// Offsets, lengths and addresses must be multiples of [`PAGE_BYTES`]. A write may be refused as
    /// [`io::ErrorKind::InvalidInput`] all the same and is then to be done by [`Self::open`].
    fn open_direct(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        self.open(path, create)
    }
    /// Renames atomically, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in the directory durable, in order.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Who has the writer work when it is not inline; none for threads of the log's own. A simulated disk takes its
    /// time without one.
    fn driver(&self) -> Option<Arc<dyn Driver>> {
        None
    }
}

/// An open file. One thread writes at a time; reads may run beside it.
pub trait FsFile: Send + Sync {
    /// Writes all of the slices, one after the other, from `offset` on.
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()>;
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Returns the length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Makes the content and length durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes content and all metadata durable (`fsync`).
    fn sync_all(&self) -> io::Result<()>;
    /// Tells whether the file is empty.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
}
