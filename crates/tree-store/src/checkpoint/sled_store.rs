//! A checkpoint in sled, always rebuildable from the log or from a peer.
//!
//! One tree, so that a batch is atomic. sled's `flush` issues no fsync on Linux and never one for its blob files:
//! both are synced here before a commit counts. sled may panic on damaged files: every call is caught (where the
//! build unwinds) and reported as corruption.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use menagerie_tree::{Meta, Record};

use super::meta::{self, META_KEY};
use super::store::{CheckpointStore, RecordVisitor};
use crate::TreeStoreError;

/// A second net only: what counts is synced by [`SledCheckpoint::commit`].
const FLUSH_EVERY_MS: u64 = 1000;

/// A directory with one sled tree.
pub(crate) struct SledCheckpoint {
    db: sled::Db,
    path: PathBuf,
    /// Blob files that are on stable storage. sled never writes to one twice.
    synced_blobs: HashSet<OsString>,
}

impl SledCheckpoint {
    /// Opens the directory, or makes it.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeStoreError> {
        let config =
            sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = guarded(path, || config.open().map_err(|error| corrupt(path, error)))?;
        Ok(Self { db, path: path.into(), synced_blobs: HashSet::new() })
    }

    fn sync(&mut self) -> Result<(), TreeStoreError> {
        guarded(&self.path, || self.db.flush().map_err(|error| TreeStoreError::Write(error.to_string())))?;
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

impl CheckpointStore for SledCheckpoint {
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
        let bytes =
            guarded(&self.path, || self.db.get(META_KEY).map_err(|error| corrupt(&self.path, error)))?;
        bytes.map(|bytes| meta::decode(&bytes, &self.path)).transpose()
    }

    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError> {
        let mut records = self.db.iter();
        while let Some(next) =
            guarded(&self.path, || records.next().transpose().map_err(|error| corrupt(&self.path, error)))?
        {
            let (key, value) = next;
            if &*key != META_KEY {
                visit(&key, &value)?;
            }
        }
        Ok(())
    }

    fn records_after(
        &self,
        after: Option<&[u8]>,
        bytes: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, TreeStoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut range = self.db.range::<&[u8], _>((start, Bound::Unbounded));
        let (mut records, mut len) = (Vec::new(), 0);
        while len < bytes
            && let Some((key, value)) =
                guarded(&self.path, || range.next().transpose().map_err(|error| corrupt(&self.path, error)))?
        {
            if &*key != META_KEY {
                len += key.len() + value.len();
                records.push((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)));
            }
        }
        Ok(records)
    }

    fn disk_bytes(&self) -> Result<u64, TreeStoreError> {
        files_bytes(&self.path)
    }

    fn fill(&mut self, records: Vec<(Bytes, Bytes)>) -> Result<(), TreeStoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in records {
            batch.insert(&key[..], &value[..]);
        }
        guarded(&self.path, || {
            self.db.apply_batch(batch).map_err(|error| TreeStoreError::Write(error.to_string()))
        })
    }

    fn commit(&mut self, changes: Vec<Record>, meta: &Meta) -> Result<(), TreeStoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(META_KEY, meta::encode(meta));
        guarded(&self.path, || {
            self.db.apply_batch(batch).map_err(|error| TreeStoreError::Write(error.to_string()))
        })?;
        self.sync()
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
            TreeStoreError::Io { doing: "cannot lock", path: path.into(), source }
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
