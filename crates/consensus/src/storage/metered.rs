//! A file system that measures its syncs.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use menagerie_log::{Driver, Fs, FsFile};
use tokio::time::Instant;

use crate::pacing::SyncTimes;

/// Passes everything on and times each `fdatasync`.
pub(crate) struct MeteredFs(pub Arc<dyn Fs>, pub Arc<SyncTimes>);

struct MeteredFile {
    file: Box<dyn FsFile>,
    times: Arc<SyncTimes>,
    /// Written past the cache, and synced as another.
    direct: bool,
}

impl MeteredFs {
    fn metered(&self, file: Box<dyn FsFile>, direct: bool) -> Box<dyn FsFile> {
        Box::new(MeteredFile { file, times: Arc::clone(&self.1), direct })
    }
}

impl Fs for MeteredFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        Ok(self.metered(self.0.open(path, create)?, false))
    }

    /// Nobody waits for the syncs of what is made to be filled. What is written past the cache otherwise has reached the
    /// disk before it is synced, so its time is part of the sync's.
    fn open_direct(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        let file = self.0.open_direct(path, create)?;
        Ok(if create { file } else { self.metered(file, true) })
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
        let start = Instant::now();
        let result = self.file.write_vectored_at(bufs, offset);
        if self.direct {
            self.times.add_written(start.elapsed());
        }
        result
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        let start = Instant::now();
        let result = self.file.sync_data();
        let elapsed = self.times.take_written() + start.elapsed();
        self.times.add(elapsed);
        let seconds = elapsed.as_secs_f64();
        metrics::histogram!("menagerie_consensus_fsync_seconds").record(seconds);
        metrics::histogram!("fsynctime").record(seconds * 1000.0);
        result
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
