//! A checkpoint in sled and sorted files beside it, always rebuildable from the log or from a peer.
//!
//! sled has one tree. In it lie the records of the layer, the list of the runs that count ([`super::runs`]) and the meta record,
//! and they change together in one atomic batch. Whatever such a batch names is on disk before it. Files that are not in
//! the list, and records of other layers, are what a crash left, and are removed.

use std::path::Path;
use std::sync::mpsc;

use bytes::{Bytes, BytesMut};
use menagerie_tree::checkpoint::{put_record, take_record};
use menagerie_tree::{Meta, Record};
use tracing::warn;

use super::merge::Merge;
use super::meta::{self, META_KEY};
use super::run_file::{self, RunReader, RunWriter};
use super::runs::{LAYERS, RUNS_KEY, Run, Runs, layer_key, layer_range, record_key};
use super::sled_db::{SledDb, files_bytes};
use super::store::{ChangeSource, CheckpointStore, Pieces, RecordVisitor};
use super::unsorted::Unsorted;
use super::{CHECKPOINT_THREAD, pending};
use crate::TreeStoreError;

/// A commit goes into the layer if it has no more records and bytes, and if the layer does not come to have more than so many.
const COMMIT_MAX: Size = Size { records: 500, bytes: 512 * 1024 };
const LAYER_MAX: Size = Size { records: 5000, bytes: 4 * 1024 * 1024 };
/// Changes that are sorted at a time: a run holds as many.
const SORT_BYTES: usize = 16 * 1024 * 1024;
/// Keys removed by one batch. sled keeps several kB for each key of a large one.
const BATCH_KEYS: usize = 500;
/// Commits between attempts to merge runs.
const PUT_OFF: usize = 60;
/// Records of the layer that are read as one block.
const BLOCK_RECORDS: usize = 64;
/// Bytes read at a time when all are, and how many such pieces may wait.
const PIECE_BYTES: usize = 256 * 1024;
const PIECES_AHEAD: usize = 4;

/// A directory with one sled tree and files of runs.
pub(crate) struct SledCheckpoint {
    db: SledDb,
    parts: Runs,
    /// What is in the layer, or more.
    layer: Size,
    next_id: u64,
    /// Runs that are whole and not in the list yet.
    unlisted: Vec<Run>,
    /// Changes that are not sorted yet.
    unsorted: Unsorted,
    /// What is filled in in order.
    sorted: Option<RunWriter>,
    /// Commits to come before runs are merged again.
    merges_put_off: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    records: usize,
    bytes: usize,
}

impl Size {
    const UNKNOWN: Self = Self { records: usize::MAX, bytes: usize::MAX };

    fn of(records: &[Record]) -> Self {
        let bytes = records.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
        Self { records: records.len(), bytes }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn fits(self, max: Self) -> bool {
        self.records <= max.records && self.bytes <= max.bytes
    }
}

/// The blocks of a part, in order.
type Blocks<'a> = Box<dyn Iterator<Item = Result<Bytes, TreeStoreError>> + 'a>;

impl SledCheckpoint {
    /// Opens the directory, or makes it. What was cut short is done to the end or taken back.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeStoreError> {
        let mut this = Self {
            db: SledDb::open(path, cache_bytes)?,
            parts: Runs::default(),
            layer: Size::default(),
            next_id: 1,
            unlisted: Vec::new(),
            unsorted: Unsorted::new(SORT_BYTES),
            sorted: None,
            merges_put_off: 0,
        };
        if let Some(record) = this.db.get(RUNS_KEY)? {
            this.parts = Runs::decode(&record, path)?;
            this.next_id = this.parts.next_id();
            this.layer = this.layer_size()?;
        } else if this.meta()?.is_some() {
            // All of a checkpoint of format 1: it becomes a run with the next commit.
            this.layer = Size::UNKNOWN;
        }
        this.remove_unlisted()?;
        pending::finish(&mut this, path)?;
        Ok(this)
    }

    /// Removes what does not count.
    fn remove_unlisted(&mut self) -> Result<(), TreeStoreError> {
        for id in run_file::list(self.db.path())? {
            if !self.parts.runs.iter().any(|run| run.id == id) {
                run_file::remove(self.db.path(), id)?;
            }
            self.next_id = self.next_id.max(id + 1);
        }
        let [from, to] = layer_range(self.parts.layer);
        self.remove_keys(LAYERS[0], &from)?;
        self.remove_keys(&to, LAYERS[1])
    }

    fn remove_keys(&self, from: &[u8], to: &[u8]) -> Result<(), TreeStoreError> {
        loop {
            let keys = self.db.range(from, to)?.take(BATCH_KEYS).map(|entry| Ok(entry?.0));
            let keys = keys.collect::<Result<Vec<_>, TreeStoreError>>()?;
            if keys.is_empty() {
                return Ok(());
            }
            let mut batch = sled::Batch::default();
            keys.into_iter().for_each(|key| batch.remove(key));
            self.db.apply(batch, 0)?;
        }
    }

    fn begin_run(&mut self) -> Result<RunWriter, TreeStoreError> {
        let id = self.next_id;
        self.next_id += 1;
        RunWriter::new(self.db.path(), id)
    }

    /// Makes a run of what is not sorted. Of two changes of a key the later one counts.
    fn sort(&mut self) -> Result<(), TreeStoreError> {
        if !self.unsorted.is_empty() {
            let mut run = self.begin_run()?;
            self.unsorted.visit(&mut |key, value| run.put(key, value))?;
            self.unsorted.clear();
            self.unlisted.extend(run.end()?);
        }
        Ok(())
    }

    fn put_unsorted(&mut self, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError> {
        self.unsorted.put(key, value);
        if self.unsorted.is_full() { self.sort() } else { Ok(()) }
    }

    fn put_changes(&mut self, changes: Vec<Record>) -> Result<(), TreeStoreError> {
        let mut changes = changes.into_iter();
        changes.try_for_each(|(key, value)| self.put_unsorted(&key, value.as_deref().unwrap_or_default()))
    }

    /// Makes runs of the layer and of all changes, and lets them count.
    fn commit_runs(
        &mut self,
        first: Vec<Record>,
        rest: &mut ChangeSource<'_>,
        meta: &Meta,
    ) -> Result<(), TreeStoreError> {
        if let Some(sorted) = self.sorted.take() {
            self.unlisted.extend(sorted.end()?);
        }
        if self.layer != Size::default() {
            let mut run = self.begin_run()?;
            let mut layer = Merge::new([self.layer_blocks()?])?;
            while let Some(put) = layer.next_with(|key, value| run.put(key, value))? {
                put?;
            }
            drop(layer);
            self.unlisted.extend(run.end()?);
        }
        self.put_changes(first)?;
        while let Some(slice) = rest()? {
            self.put_changes(slice)?;
        }
        self.sort()?;
        self.unsorted.free();
        let mut parts = Runs { layer: self.next_id, ..self.parts.clone() };
        self.next_id += 1;
        parts.runs.append(&mut self.unlisted);
        self.list(parts, Some(meta))?;
        self.layer = Size::default();
        self.remove_unlisted()
    }

    /// Makes `parts` the ones that count, and `meta` what they hold, durably. Names of files are durable before they are listed.
    fn list(&mut self, parts: Runs, meta: Option<&Meta>) -> Result<(), TreeStoreError> {
        self.db.sync()?;
        let mut batch = sled::Batch::default();
        batch.insert(RUNS_KEY, parts.encode());
        if let Some(meta) = meta {
            batch.insert(META_KEY, meta::encode(meta));
        }
        self.db.apply(batch, 0)?;
        self.db.sync()?;
        self.parts = parts;
        Ok(())
    }

    fn layer_size(&self) -> Result<Size, TreeStoreError> {
        let [from, to] = layer_range(self.parts.layer);
        let mut size = Size::default();
        for record in self.db.range(&from, &to)? {
            let (key, value) = record?;
            size = size.plus(Size { records: 1, bytes: key.len() + value.len() });
        }
        Ok(size)
    }

    fn layer_blocks(&self) -> Result<Blocks<'_>, TreeStoreError> {
        let layer = self.parts.layer;
        let [from, to] = layer_range(layer);
        let mut records = self.db.range(&from, &to)?;
        Ok(Box::new(std::iter::from_fn(move || {
            let mut block = BytesMut::new();
            for record in records.by_ref().take(BLOCK_RECORDS) {
                match record {
                    Ok((key, value)) => put_record(&mut block, record_key(layer, &key), &value),
                    Err(error) => return Some(Err(error)),
                }
            }
            (!block.is_empty()).then(|| Ok(block.freeze()))
        })))
    }

    fn run_blocks(&self, run: Run) -> Result<Blocks<'_>, TreeStoreError> {
        Ok(Box::new(RunReader::open(self.db.path(), run)?))
    }

    /// The runs from `first` on as one, which is not listed yet.
    fn merged(&mut self, first: usize) -> Result<Option<Run>, TreeStoreError> {
        let mut run = self.begin_run()?;
        let old = self.parts.runs[first..].iter().map(|run| self.run_blocks(*run));
        let mut merge = Merge::new(old.collect::<Result<Vec<_>, _>>()?)?;
        while let Some(put) = merge.next_with(|key, value| {
            // Nothing lies below the first run that a removal would have to hide.
            if first == 0 && value.is_empty() { Ok(()) } else { run.put(key, value) }
        })? {
            put?;
        }
        drop(merge);
        run.end()
    }

    /// Merges the runs from `first` on into one. When there is no room for it, they stay as they are for a while.
    fn merge_runs(&mut self, first: usize) -> Result<(), TreeStoreError> {
        match self.merged(first) {
            Ok(merged) => {
                let mut parts = self.parts.clone();
                parts.runs.truncate(first);
                parts.runs.extend(merged);
                self.list(parts, None)?;
            }
            Err(error @ TreeStoreError::Io { .. }) => {
                self.merges_put_off = PUT_OFF;
                warn!(%error, runs = self.parts.runs.len() - first, "runs of the checkpoint not merged; it is tried again later");
            }
            Err(error) => return Err(error),
        }
        self.remove_unlisted()
    }

    /// Adds all changes to the layer.
    fn commit_layer(&mut self, changes: Vec<Record>, meta: &Meta) -> Result<(), TreeStoreError> {
        let size = Size::of(&changes);
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            batch.insert(layer_key(self.parts.layer, &key), value.unwrap_or_default());
        }
        batch.insert(META_KEY, meta::encode(meta));
        batch.insert(RUNS_KEY, self.parts.encode());
        self.db.apply(batch, size.bytes)?;
        self.db.sync()?;
        self.layer = self.layer.plus(size);
        Ok(())
    }

    /// As many changes as a commit to the layer may have, and one slice more.
    fn first_changes(changes: &mut ChangeSource<'_>) -> Result<Vec<Record>, TreeStoreError> {
        let mut first = Vec::new();
        while Size::of(&first).fits(COMMIT_MAX)
            && let Some(slice) = changes()?
        {
            first.extend(slice);
        }
        Ok(first)
    }

    fn write(&mut self, changes: &mut ChangeSource<'_>, meta: &Meta) -> Result<(), TreeStoreError> {
        let first = Self::first_changes(changes)?;
        let size = Size::of(&first);
        let is_filled = self.sorted.is_some() || !self.unsorted.is_empty() || !self.unlisted.is_empty();
        if !is_filled && size.fits(COMMIT_MAX) && self.layer.plus(size).fits(LAYER_MAX) {
            self.commit_layer(first, meta)
        } else {
            self.commit_runs(first, changes, meta)
        }
    }

    /// Until the end, an error, or nobody listens any more.
    fn read_ahead(&self, ahead: &mpsc::SyncSender<Result<Bytes, TreeStoreError>>) {
        match self.pieces(PIECE_BYTES) {
            Ok(mut pieces) => drop(pieces.try_for_each(|piece| ahead.send(piece))),
            Err(error) => drop(ahead.send(Err(error))),
        }
    }
}

impl CheckpointStore for SledCheckpoint {
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
        self.db.get(META_KEY)?.map(|bytes| meta::decode(&bytes, self.db.path())).transpose()
    }

    fn pieces(&self, bytes: usize) -> Result<Pieces<'_>, TreeStoreError> {
        let runs = self.parts.runs.iter().map(|run| self.run_blocks(*run));
        let mut merge = Merge::new(runs.chain([self.layer_blocks()]).collect::<Result<Vec<_>, _>>()?)?;
        Ok(Box::new(std::iter::from_fn(move || next_piece(&mut merge, bytes).transpose())))
    }

    /// Reads ahead on a thread of its own.
    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError> {
        std::thread::scope(|scope| {
            let (ahead, pieces) = mpsc::sync_channel(PIECES_AHEAD);
            std::thread::Builder::new()
                .name(CHECKPOINT_THREAD.into())
                .spawn_scoped(scope, move || self.read_ahead(&ahead))
                .map_err(TreeStoreError::io("cannot start a thread to read", self.db.path()))?;
            for piece in pieces {
                let piece = piece?;
                let mut records = &piece[..];
                while let Some((key, value)) = take_record(&mut records) {
                    visit(key, value)?;
                }
            }
            Ok(())
        })
    }

    fn disk_bytes(&self) -> Result<u64, TreeStoreError> {
        files_bytes(self.db.path())
    }

    fn fill(&mut self, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError> {
        let mut sorted = match self.sorted.take() {
            Some(sorted) => sorted,
            None => self.begin_run()?,
        };
        let is_next = key > sorted.last_key();
        let put = if is_next { sorted.put(key, value) } else { Ok(()) };
        self.sorted = Some(sorted);
        if is_next { put } else { self.put_unsorted(key, value) }
    }

    fn commit(&mut self, changes: &mut ChangeSource<'_>, meta: &Meta) -> Result<(), TreeStoreError> {
        let written = self.write(changes, meta);
        if written.is_err() {
            self.unsorted.free();
            self.sorted = None;
            self.unlisted.clear();
            // What cannot be removed now is when the checkpoint is opened the next time.
            let _ = self.remove_unlisted();
        }
        written
    }

    fn tidy(&mut self, needed: u64) -> Result<(), TreeStoreError> {
        if self.merges_put_off > 0 {
            self.merges_put_off -= 1;
        } else if let Some(first) = self.parts.worth_merging(needed) {
            self.merge_runs(first)?;
        }
        self.db.reopen_in_time()
    }
}

/// The next records, without those that are removed.
fn next_piece(merge: &mut Merge<Bytes, Blocks<'_>>, bytes: usize) -> Result<Option<Bytes>, TreeStoreError> {
    let mut piece = BytesMut::with_capacity(bytes + bytes / 8);
    let mut put = |key: &[u8], value: &[u8]| {
        if !value.is_empty() {
            put_record(&mut piece, key, value);
        }
        piece.len() < bytes
    };
    while merge.next_with(&mut put)? == Some(true) {}
    Ok((!piece.is_empty()).then(|| piece.freeze()))
}

#[cfg(test)]
#[path = "sled_store_tests.rs"]
mod tests;
