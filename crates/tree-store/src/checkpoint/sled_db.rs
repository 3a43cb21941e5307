//! sled, as checkpoints use it: synced by us, opened anew in time, and never trusted not to panic.
//!
//! sled's `flush` issues no fsync on Linux and never one for its blob files: both are synced here. It may panic on damaged
//! files: every call is caught (where the build unwinds) and reported as corruption.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::TreeStoreError;

/// A second net only: what counts is synced by [`SledDb::sync`].
const FLUSH_EVERY_MS: u64 = 1000;
/// Bytes written after which sled is opened anew: it gives back the memory that its pages have come to take.
const REOPEN_BYTES: usize = 16 * 1024 * 1024;

/// sled's flusher works once a second, and may have much to write.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
const CANNOT_LOCK: &str = "cannot lock";

/// A directory with one sled tree.
pub(super) struct SledDb {
    /// None only while it is opened anew, or when that has failed.
    db: Option<sled::Db>,
    cache_bytes: u64,
    path: PathBuf,
    /// Bytes since it was opened.
    written: AtomicUsize,
    /// Blob files that are on stable storage. sled never writes to one twice.
    synced_blobs: HashSet<OsString>,
}

impl SledDb {
    /// Opens the directory, or makes it.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeStoreError> {
        let mut this = Self {
            db: None,
            cache_bytes,
            path: path.into(),
            written: AtomicUsize::new(0),
            synced_blobs: HashSet::new(),
        };
        this.reopen()?;
        Ok(this)
    }

    fn open_sled(&mut self) -> Result<(), TreeStoreError> {
        let config = sled::Config::new()
            .path(&self.path)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = guarded(&self.path, || config.open().map_err(|error| corrupt(&self.path, error)))?;
        (self.db, self.written) = (Some(db), AtomicUsize::new(0));
        Ok(())
    }

    /// Opens sled again if it was given much since the last time, to get rid of what it keeps in memory.
    pub(super) fn reopen_in_time(&mut self) -> Result<(), TreeStoreError> {
        if self.written.load(Ordering::Relaxed) < REOPEN_BYTES { Ok(()) } else { self.reopen() }
    }

    /// Opens sled, which may still be closing: its flusher holds the lock for a moment after it is dropped. Other processes
    /// are kept out by the lock of the data directory.
    fn reopen(&mut self) -> Result<(), TreeStoreError> {
        self.db = None;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match self.open_sled() {
                Err(TreeStoreError::Io { doing: CANNOT_LOCK, .. }) if Instant::now() < deadline => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn db(&self) -> Result<&sled::Db, TreeStoreError> {
        self.db.as_ref().ok_or(TreeStoreError::Stopping)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, TreeStoreError> {
        let db = self.db()?;
        guarded(&self.path, || db.get(key).map_err(|error| corrupt(&self.path, error)))
    }

    /// Keys from `from` up to `to`, but not that one itself, with their values.
    pub(super) fn range(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> Result<
        impl Iterator<Item = Result<(sled::IVec, sled::IVec), TreeStoreError>> + use<'_>,
        TreeStoreError,
    > {
        let mut range = self.db()?.range(from..to);
        Ok(std::iter::from_fn(move || {
            guarded(&self.path, || range.next().transpose().map_err(|error| corrupt(&self.path, error)))
                .transpose()
        }))
    }

    /// Makes all changes of the batch, which has this many bytes, or none. Not durable before [`Self::sync`].
    pub(super) fn apply(&self, batch: sled::Batch, bytes: usize) -> Result<(), TreeStoreError> {
        let db = self.db()?;
        guarded(&self.path, || {
            db.apply_batch(batch).map_err(|error| TreeStoreError::Write(error.to_string()))
        })?;
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Puts all that was applied on stable storage.
    pub(super) fn sync(&mut self) -> Result<(), TreeStoreError> {
        let db = self.db()?;
        guarded(&self.path, || db.flush().map_err(|error| TreeStoreError::Write(error.to_string())))?;
        let blobs = self.path.join("blobs");
        let mut present = HashSet::new();
        if blobs.is_dir() {
            for entry in std::fs::read_dir(&blobs).map_err(TreeStoreError::io("cannot list", &blobs))? {
                let name = entry.map_err(TreeStoreError::io("cannot list", &blobs))?.file_name();
                if !self.synced_blobs.contains(&name) {
                    sync_blob(&blobs.join(&name))?;
                }
                present.insert(name);
            }
            sync_path(&blobs)?;
        }
        self.synced_blobs = present;
        sync_path(&self.path.join("db"))?;
        sync_path(&self.path)
    }
}

/// sled's panics come out as errors.
fn guarded<T>(path: &Path, call: impl FnOnce() -> Result<T, TreeStoreError>) -> Result<T, TreeStoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        let line = text.lines().next().unwrap_or_default();
        Err(TreeStoreError::Corrupt(format!("{}: sled panicked: {line}", path.join("db").display())))
    })
}

/// What sled cannot read is corrupt; what the system does not let it read is not.
fn corrupt(path: &Path, error: sled::Error) -> TreeStoreError {
    use std::io::ErrorKind::{InvalidData, NotFound, Other, UnexpectedEof};
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
            TreeStoreError::Io { doing: CANNOT_LOCK, path: path.into(), source }
        }
        sled::Error::Io(source)
            if !matches!(source.kind(), InvalidData | NotFound | Other | UnexpectedEof) =>
        {
            TreeStoreError::Io { doing: "cannot read", path: path.into(), source }
        }
        sled::Error::Corruption { at: Some(at), .. } => TreeStoreError::Corrupt(format!(
            "{} is corrupt at offset {}: what sled reads there fails its checksum",
            path.join("db").display(),
            at.lid()
        )),
        // Its settings stand in a file of their own, and are written once.
        sled::Error::Unsupported(what) => {
            TreeStoreError::Corrupt(format!("{} is corrupt at offset 0: {what}", path.join("conf").display()))
        }
        other => TreeStoreError::Corrupt(format!("{}: {other}", path.join("db").display())),
    }
}

/// What the files in a directory and below take on disk. sled removes files at any time.
pub(crate) fn files_bytes(dir: &Path) -> Result<u64, TreeStoreError> {
    let gone = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(0),
        _ => Err(TreeStoreError::io("cannot measure", dir)(error)),
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return gone(error),
    };
    let mut sum = 0;
    for entry in entries {
        let measured = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)));
        sum += match measured {
            Ok((path, metadata)) if metadata.is_dir() => files_bytes(&path)?,
            Ok((_, metadata)) => metadata.blocks() * 512,
            Err(error) => gone(error)?,
        };
    }
    Ok(sum)
}

pub(crate) fn sync_path(path: &Path) -> Result<(), TreeStoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(TreeStoreError::io("cannot sync", path))
}

/// sled removes blobs it no longer needs at any time.
fn sync_blob(path: &Path) -> Result<(), TreeStoreError> {
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        opened => opened.and_then(|file| file.sync_all()).map_err(TreeStoreError::io("cannot sync", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    fn opened(dir: &Path) -> SledDb {
        let mut db = SledDb::open(dir, CACHE_BYTES).expect("opened");
        let mut batch = sled::Batch::default();
        batch.insert(b"a", b"1");
        batch.insert(b"c", b"3");
        db.apply(batch, REOPEN_BYTES).expect("applied");
        db.sync().expect("synced");
        db
    }

    /// Found by a soak: the lock was still held, and the replica ended.
    #[test]
    fn it_is_opened_anew_however_long_the_old_one_holds_the_lock() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut db = opened(dir.path());
        let held = db.db().expect("open").clone();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(LOCK_PAUSE * 20);
            drop(held);
        });
        db.reopen_in_time().expect("opened anew");
        holder.join().expect("no panic");
        assert_eq!(db.written.load(Ordering::Relaxed), 0);
        assert_eq!(db.get(b"a").expect("read").as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn keys_are_found_by_their_order() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let db = opened(dir.path());
        let keys = |from: &[u8], to: &[u8]| -> Vec<_> {
            db.range(from, to).expect("open").map(|entry| entry.expect("read").0.to_vec()).collect()
        };
        assert_eq!(keys(b"a", b"c"), [b"a"]);
        assert_eq!(keys(b"a", b"d"), [b"a", b"c"]);
    }
}
