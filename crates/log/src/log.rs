//! The owner's side of the log.

use crate::{Durable, Fs, LogError, LogOptions, LogReader, MetaKind, Record, Recovered};
use bytes::Bytes;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The log, as its one owner sees it. Cheap to read through [`Log::reader`] from elsewhere.
///
/// Operations become durable in the order of the calls. `done` is called exactly once in every case; when a
/// call returns an error it has been called with that error before.
pub struct Log {}

impl Log {
    /// Opens or creates the log in `dir`; cuts a torn tail, refuses damaged durable records.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: LogOptions) -> Result<(Log, Recovered), LogError> {
        let _ = (fs, dir, options);
        todo!()
    }
    /// Returns a handle for reading from any thread.
    pub fn reader(&self) -> LogReader {
        todo!()
    }
    /// Appends entries, readable at once. The first index must follow the last one; it is free in a log that
    /// is empty and was never purged.
    pub fn append(&mut self, records: Vec<Record>, done: Durable) -> Result<(), LogError> {
        let _ = (records, done);
        todo!()
    }
    /// Saves a value durably; the newest of its kind survives.
    pub fn save_meta(&mut self, kind: MetaKind, bytes: Bytes, done: Durable) -> Result<(), LogError> {
        let _ = (kind, bytes, done);
        todo!()
    }
    /// Saves a value with the next other operation or [`Log::flush`], without a sync of its own (for committed,
    /// which may be old after a crash).
    pub fn defer_meta(&mut self, kind: MetaKind, bytes: Bytes) -> Result<(), LogError> {
        let _ = (kind, bytes);
        todo!()
    }
    /// Voids all entries after `keep`; `None` voids all that are not purged.
    pub fn truncate_after(&mut self, keep: Option<u64>, done: Durable) -> Result<(), LogError> {
        let _ = (keep, done);
        todo!()
    }
    /// Drops the prefix up to and including `index`, which may lie beyond the last entry (a checkpoint was
    /// installed): then the log is empty and continues at `index + 1`. Does nothing at or before the last purge.
    pub fn purge(&mut self, index: u64, term: u64, done: Durable) -> Result<(), LogError> {
        let _ = (index, term, done);
        todo!()
    }
    /// Switches between inline (true) and writer thread (false), after everything queued is durable.
    pub fn set_inline(&mut self, inline: bool) -> Result<(), LogError> {
        let _ = inline;
        todo!()
    }
    /// Returns when everything submitted, deferred values too, is durable.
    pub fn flush(&mut self) -> Result<(), LogError> {
        todo!()
    }
    /// See [`LogReader::read`].
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let _ = (range, max_bytes);
        todo!()
    }
    /// See [`LogReader::term_of`].
    pub fn term_of(&self, index: u64) -> Option<u64> {
        let _ = index;
        todo!()
    }
}
