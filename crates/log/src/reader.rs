//! Reading beside the writer.

use crate::{LogError, Record};
use std::ops::Range;

/// A cheap handle that reads the log from any thread, including entries that are not yet durable.
#[derive(Clone)]
pub struct LogReader {}

impl LogReader {
    /// Returns consecutive entries from the start of the range, up to `max_bytes` of payload.
    ///
    /// At least one if the first of the range is there; fewer than asked for at the log's end (none beyond it).
    /// `LogError::Purged` if the range starts in the purged prefix. Entries from disk are verified.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let _ = (range, max_bytes);
        todo!()
    }
    /// Returns the term of an entry, or of the last purged one; nothing for other indexes.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        let _ = index;
        todo!()
    }
    /// Returns (index, term) of the last entry appended, or of the last purged one if no entry follows it.
    pub fn last(&self) -> Option<(u64, u64)> {
        todo!()
    }
    /// Returns the last purged (index, term).
    pub fn purged(&self) -> Option<(u64, u64)> {
        todo!()
    }
}
