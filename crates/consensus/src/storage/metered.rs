//! A file system that measures its syncs.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use menagerie_log::{Driver, Fs, FsFile};
use tokio::time::Instant;

use crate::pacing::SyncTimes;

/// Passes everything on and times each `fdatasync`.
pub(crate) struct MeteredFs(pub Arc<dyn Fs>, pub Arc<SyncTimes>);

struct MeteredFile(Box<dyn FsFile>, Arc<SyncTimes>);

/// Written past the cache, and synced through the other.
struct DirectFile(Box<dyn FsFile>, Arc<SyncTimes>);

impl Fs for MeteredFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(MeteredFile(self.0.open(path, create)?, Arc::clone(&self.1))))
    }

    /// Nobody waits for the syncs of what is made to be filled. What is written past the cache otherwise has reached the
    /// disk before it is synced, so its time is part of the sync's.
    fn open_direct(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        let file = self.0.open_direct(path, create)?;
        Ok(if create { file } else { Box::new(DirectFile(file, Arc::clone(&self.1))) })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn driver(&self) -> Option<Arc<dyn Driver>> {
        self.0.driver()
    }
}

impl FsFile for MeteredFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.0.write_vectored_at(bufs, offset)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        let start = Instant::now();
        let result = self.0.sync_data();
        let elapsed = self.1.take_written() + start.elapsed();
        self.1.add(elapsed);
        let seconds = elapsed.as_secs_f64();
        metrics::histogram!("menagerie_consensus_fsync_seconds").record(seconds);
        metrics::histogram!("fsynctime").record(seconds * 1000.0);
        result
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl FsFile for DirectFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        let start = Instant::now();
        let result = self.0.write_vectored_at(bufs, offset);
        self.1.add_written(start.elapsed());
        result
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}
