//! An in-memory file system that crashes and fails on demand, for tests and simulation.
//!
//! It keeps for every file what is durable and the writes since the last sync, and for every directory the
//! durable names and the changes since. [`FaultyFs::crash`] goes back to what is durable, with a random part
//! of the rest. Everything random comes from the seed.

mod disk;

use crate::fs::PAGE_BYTES;
use crate::{Fs, FsFile};
use disk::{Disk, Node};
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a crash leaves of the writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of them: the process died, the machine did not.
    KeepAll,
    /// None of them.
    LoseAll,
    /// A random subset of their sectors, of which the last one kept is cut at a random byte.
    Tear,
}

/// The faulty file system; clones share one disk.
#[derive(Clone)]
pub struct FaultyFs {
    disk: Arc<Mutex<Disk>>,
}

impl FaultyFs {
    /// Makes an empty disk whose accidents follow from the seed.
    pub fn new(seed: u64) -> FaultyFs {
        FaultyFs { disk: Arc::new(Mutex::new(Disk::new(seed))) }
    }

    /// Crashes: unsynced writes and directory changes are lost as `crash` says, and open files become unusable.
    /// Ends failing syncs, too.
    pub fn crash(&self, crash: Crash) {
        self.disk.lock().crash(crash);
    }

    /// Returns a copy that goes its own way from here.
    pub fn fork(&self) -> FaultyFs {
        FaultyFs { disk: Arc::new(Mutex::new(self.disk.lock().clone())) }
    }

    /// Makes the sync after `after` more successful ones fail, and all that follow; what they should have
    /// synced is lost in the next crash, whatever its kind.
    pub fn fail_syncs_after(&self, after: u64) {
        self.disk.lock().syncs_left = Some(after);
    }

    /// Limits the bytes that can still be written; then writes fail half-way as on a full disk.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.disk.lock().space = bytes;
    }

    /// From here on refuses what is written past the cache, as some file systems do.
    pub fn refuse_direct(&self) {
        self.disk.lock().refuses_direct = true;
    }

    /// Flips one bit of a file, durably.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> io::Result<()> {
        self.disk.lock().file(path)?.flip(offset, bit)
    }

    /// Returns a file's content as a process would read it.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.disk.lock().file(path)?.content.clone())
    }

    /// Replaces a file's content, durably.
    pub fn set_content(&self, path: &Path, content: Vec<u8>) {
        self.disk.lock().put(path, content);
    }

    /// Returns the paths of all files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.disk.lock().paths()
    }

    /// Returns how many data syncs (not of directories) have succeeded.
    pub fn syncs(&self) -> u64 {
        self.disk.lock().syncs
    }

    fn open_as(&self, path: &Path, create: bool, direct: bool) -> io::Result<Box<dyn FsFile>> {
        let mut disk = self.disk.lock();
        let node = if create { disk.create(path) } else { disk.node(path)? };
        Ok(Box::new(FaultyFile { disk: self.disk.clone(), node, life: disk.life, direct }))
    }
}

impl Fs for FaultyFs {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let paths = self.disk.lock().paths();
        let inside = paths.iter().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_string())).collect())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        self.open_as(path, create, false)
    }

    fn open_direct(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        self.open_as(path, create, true)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.lock().remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.lock().sync_dir(dir)
    }
}

/// An open file; of use only in the life between two crashes in which it was opened.
struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    node: u64,
    life: u64,
    direct: bool,
}

impl FaultyFile {
    fn with<T>(&self, act: impl FnOnce(&mut Disk, u64) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.disk.lock();
        if disk.life != self.life {
            return Err(io::Error::other("file was open when the machine crashed"));
        }
        act(&mut disk, self.node)
    }

    fn read_node<T>(&self, read: impl FnOnce(&Node) -> T) -> io::Result<T> {
        self.with(|disk, node| Ok(read(disk.by_number(node)?)))
    }
}

impl FsFile for FaultyFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let whole = [offset as usize, bytes.len()].iter().all(|place| place.is_multiple_of(PAGE_BYTES));
        self.with(|disk, node| {
            if self.direct && (!whole || disk.refuses_direct) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            disk.write(node, offset, bytes)
        })
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_node(|node| {
            let rest = node.content.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(buf.len());
            buf[..read].copy_from_slice(&rest[..read]);
            read
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.read_node(|node| node.content.len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(Disk::sync)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.with(Disk::sync)
    }
}

#[cfg(test)]
mod tests;
