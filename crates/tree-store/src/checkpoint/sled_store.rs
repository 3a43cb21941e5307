//! A checkpoint in sled, always rebuildable from the log or from a peer.
//!
//! One tree, so that a batch is atomic; more changes than one batch should hold go by way of a file of pending changes.
//! sled's `flush` issues no fsync on Linux and never one for its blob files: both are synced here before a commit counts.
//! sled may panic on damaged files: every call is caught (where the build unwinds) and reported as corruption.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use menagerie_tree::{Meta, Record};
use tracing::info;

use super::CHECKPOINT_THREAD;
use super::meta::{self, META_KEY};
use super::pending::Pending;
use super::store::{ChangeSource, CheckpointStore, RecordVisitor};
use crate::TreeStoreError;

/// A second net only: what counts is synced by [`SledCheckpoint::commit`].
const FLUSH_EVERY_MS: u64 = 1000;

/// Changes that go into one batch.
const BATCH_RECORDS: usize = 1000;
/// Records read at a time when all are, and how many such pieces may wait.
const PIECE_RECORDS: usize = 512;
const PIECES_AHEAD: usize = 8;
/// Records written after which sled is opened anew: it gives back the memory that its pages have come to take.
const REOPEN_RECORDS: usize = 20_000;

/// sled's flusher works once a second, and may have much to write.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
const CANNOT_LOCK: &str = "cannot lock";

/// A directory with one sled tree.
pub(crate) struct SledCheckpoint {
    /// None only while it is opened anew, or when that has failed.
    db: Option<sled::Db>,
    cache_bytes: u64,
    path: PathBuf,
    pending: Pending,
    /// Records since it was opened.
    written: usize,
    /// Blob files that are on stable storage. sled never writes to one twice.
    synced_blobs: HashSet<OsString>,
}

impl SledCheckpoint {
    /// Opens the directory, or makes it. What was cut short is done to the end.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeStoreError> {
        let mut this = Self {
            db: None,
            cache_bytes,
            path: path.into(),
            pending: Pending::of(path),
            written: 0,
            synced_blobs: HashSet::new(),
        };
        this.open_sled()?;
        if let Some(pending) = this.pending.meta()?
            && this.meta()?.is_none_or(|meta| meta.index < pending.index)
        {
            info!(path = %path.display(), index = %pending.index, "finishing a checkpoint that was cut short");
            this.put_pending()?;
        }
        this.pending.remove()?;
        Ok(this)
    }

    /// Opens sled again, to get rid of what it keeps in memory. Its flusher holds the lock for a moment after it is dropped.
    fn reopen_sled(&mut self) -> Result<(), TreeStoreError> {
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

    fn open_sled(&mut self) -> Result<(), TreeStoreError> {
        let config = sled::Config::new()
            .path(&self.path)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = guarded(&self.path, || config.open().map_err(|error| corrupt(&self.path, error)))?;
        (self.db, self.written) = (Some(db), 0);
        Ok(())
    }

    fn db(&self) -> Result<&sled::Db, TreeStoreError> {
        self.db.as_ref().ok_or(TreeStoreError::Stopping)
    }

    fn apply(&mut self, batch: sled::Batch, records: usize) -> Result<(), TreeStoreError> {
        let db = self.db()?;
        guarded(&self.path, || {
            db.apply_batch(batch).map_err(|error| TreeStoreError::Write(error.to_string()))
        })?;
        self.written += records;
        Ok(())
    }

    /// Puts the pending changes into the tree, durably.
    fn put_pending(&mut self) -> Result<(), TreeStoreError> {
        let pending = Pending::of(&self.path);
        let meta = pending.for_each(&mut |changes| {
            let records = changes.len();
            self.apply(batch_of(changes), records)
        })?;
        let mut last = sled::Batch::default();
        last.insert(META_KEY, meta::encode(&meta));
        self.apply(last, 1)?;
        self.sync()
    }

    /// As many changes as fit into one batch, and one slice more.
    fn first_changes(changes: &mut ChangeSource<'_>) -> Result<Vec<Record>, TreeStoreError> {
        let mut first = Vec::new();
        while first.len() <= BATCH_RECORDS
            && let Some(slice) = changes()?
        {
            first.extend(slice);
        }
        Ok(first)
    }

    fn sync(&mut self) -> Result<(), TreeStoreError> {
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

impl CheckpointStore for SledCheckpoint {
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
        let db = self.db()?;
        let bytes = guarded(&self.path, || db.get(META_KEY).map_err(|error| corrupt(&self.path, error)))?;
        bytes.map(|bytes| meta::decode(&bytes, &self.path)).transpose()
    }

    /// sled reads ahead on a thread of its own.
    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError> {
        let db = self.db()?;
        std::thread::scope(|scope| {
            let (pieces, read) = mpsc::sync_channel(PIECES_AHEAD);
            std::thread::Builder::new()
                .name(CHECKPOINT_THREAD.into())
                .spawn_scoped(scope, || read_ahead(db, &self.path, pieces))
                .map_err(TreeStoreError::io("cannot start a thread to read", &self.path))?;
            for piece in read {
                for (key, value) in piece? {
                    if &*key != META_KEY {
                        visit(&key, &value)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn records_after(
        &self,
        after: Option<&[u8]>,
        bytes: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, TreeStoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut range = self.db()?.range::<&[u8], _>((start, Bound::Unbounded));
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
        let (mut batch, count) = (sled::Batch::default(), records.len());
        for (key, value) in records {
            batch.insert(&key[..], &value[..]);
        }
        self.apply(batch, count)
    }

    fn commit(&mut self, changes: &mut ChangeSource<'_>, meta: &Meta) -> Result<(), TreeStoreError> {
        let first = Self::first_changes(changes)?;
        if first.len() > BATCH_RECORDS {
            if let Err(error) = self.pending.write(first, changes, meta) {
                // Whatever is there is not whole, or no worse than what it leads to.
                let _ = self.pending.remove();
                return Err(error);
            }
            self.put_pending()?;
            self.pending.remove()?;
        } else {
            let records = first.len();
            let mut batch = batch_of(first);
            batch.insert(META_KEY, meta::encode(meta));
            self.apply(batch, records + 1)?;
            self.sync()?;
        }
        if self.written > REOPEN_RECORDS { self.reopen_sled() } else { Ok(()) }
    }
}

fn batch_of<B: AsRef<[u8]>>(changes: Vec<(B, Option<B>)>) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.insert(key.as_ref(), value.as_ref()),
            None => batch.remove(key.as_ref()),
        }
    }
    batch
}

/// Records as sled hands them out, or what was wrong.
type Piece = Result<Vec<(sled::IVec, sled::IVec)>, TreeStoreError>;

/// Until the end, an error, or nobody listens any more.
fn read_ahead(db: &sled::Db, path: &Path, pieces: mpsc::SyncSender<Piece>) {
    let mut records = db.iter();
    loop {
        let piece = guarded(path, || {
            let piece: Result<Vec<_>, _> = records.by_ref().take(PIECE_RECORDS).collect();
            piece.map_err(|error| corrupt(path, error))
        });
        let is_last = piece.as_ref().map_or(true, Vec::is_empty);
        if pieces.send(piece).is_err() || is_last {
            return;
        }
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
    use menagerie_types::{LogIndex, Zxid};

    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    fn meta(index: u64) -> Meta {
        Meta {
            index: LogIndex(index),
            time_ms: 0,
            zxid: Zxid(0),
            digest: 0,
            znodes: 0,
            sessions: 0,
            incarnations: 0,
            replicas: 0,
        }
    }

    /// `count` records with `value`, all but the first of them there.
    fn slice(count: usize, value: u8) -> Vec<Record> {
        let record = |n| (format!("n/{n:06}").into_bytes(), (n > 0).then(|| vec![value; 9]));
        (0..count).map(record).collect()
    }

    fn once(changes: Vec<Record>) -> impl FnMut() -> Result<Option<Vec<Record>>, TreeStoreError> {
        let mut changes = Some(changes);
        move || Ok(changes.take())
    }

    fn content(store: &SledCheckpoint) -> Vec<Record> {
        let mut all = Vec::new();
        store
            .for_each(&mut |key, value| {
                all.push((key.to_vec(), Some(value.to_vec())));
                Ok(())
            })
            .expect("readable");
        all
    }

    #[test]
    fn many_changes_are_committed_like_few_and_sled_opened_anew() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
        store.commit(&mut once(vec![(b"n/000000".to_vec(), Some(b"old".to_vec()))]), &meta(1)).expect("few");
        assert_eq!(content(&store).len(), 1);
        let many = REOPEN_RECORDS + 1;
        let mut slices = vec![slice(many, 2), slice(BATCH_RECORDS + 1, 1)];
        store.commit(&mut || Ok(slices.pop()), &meta(2)).expect("many");
        assert_eq!(store.written, 0, "opened anew");
        assert_eq!(content(&store), slice(many, 2)[1..]);
        assert_eq!(store.meta().expect("readable").expect("there"), meta(2));
        assert!(!dir.path().join("pending").exists());
    }

    #[test]
    fn a_commit_that_was_cut_short_is_done_to_the_end() {
        for put_in in [0, 3] {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
            store.commit(&mut once(slice(10, 1)), &meta(1)).expect("committed");
            store.pending.write(slice(20, 2), &mut || Ok(None), &meta(2)).expect("written");
            store
                .fill(vec![(Bytes::from_static(b"n/000005"), Bytes::from(vec![2; put_in]))])
                .expect("some of it");
            drop(store);
            let store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
            assert_eq!(content(&store), slice(20, 2)[1..]);
            assert_eq!(store.meta().expect("readable").expect("there"), meta(2));
        }
    }

    /// Found by a soak: the lock was still held, and the replica ended.
    #[test]
    fn it_is_opened_anew_however_long_the_old_one_holds_the_lock() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
        store.commit(&mut once(slice(10, 1)), &meta(1)).expect("committed");
        let held = store.db().expect("open").clone();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(LOCK_PAUSE * 20);
            drop(held);
        });
        store.reopen_sled().expect("opened anew");
        holder.join().expect("no panic");
        assert_eq!(content(&store), slice(10, 1)[1..]);
    }

    #[test]
    fn pending_changes_that_are_in_it_already_are_not_put_in_again() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
        store.commit(&mut once(slice(10, 3)), &meta(3)).expect("committed");
        store.pending.write(slice(10, 2), &mut || Ok(None), &meta(2)).expect("written");
        drop(store);
        let store = SledCheckpoint::open(dir.path(), CACHE_BYTES).expect("opened");
        assert_eq!(content(&store), slice(10, 3)[1..]);
        assert!(!dir.path().join("pending").exists());
    }
}
