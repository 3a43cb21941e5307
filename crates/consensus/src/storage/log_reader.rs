//! openraft's reading side.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use futures::{Stream, stream};
use openraft::{OptionalSend, RaftLogReader};

use super::Store;
use crate::types::{Entry, TypeConfig, Vote};

/// Bounds of one message to a follower. A single larger entry still goes.
const MESSAGE_BYTES: usize = 8 << 20;
const MESSAGE_ENTRIES: u64 = 64;
/// Read at a time for applying.
const APPLY_BYTES: usize = 1 << 20;

impl Store {
    /// The part of a range that is in the log.
    fn clip<R: RangeBounds<u64>>(&self, range: &R) -> (u64, u64) {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let behind_last = self.last_id().map_or(0, |id| id.index + 1);
        (start.max(self.first_index()), end.min(behind_last))
    }

    fn entries(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let decoded = self.read(start..end, max_bytes).map_err(io::Error::other)?;
        Ok(decoded.into_iter().map(|decoded| decoded.entry).collect())
    }
}

impl RaftLogReader<TypeConfig> for Arc<Store> {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = self.clip(&range);
        self.entries(start, end, usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let entries = self.entries(start, end.min(start.saturating_add(MESSAGE_ENTRIES)), MESSAGE_BYTES);
        // Raft drops entries while a message with them is still being made, and an error would end the member, so that
        // message goes empty: a follower that comes back without its log is begun anew with; whoever led and learns of
        // another leader gives up what that one does not have.
        let behind_last = self.last_id().map_or(0, |id| id.index + 1);
        if start < self.first_index() || start >= behind_last {
            return Ok(Vec::new());
        }
        let entries = entries?;
        if entries.is_empty() && start < end {
            return Err(io::Error::other(format!("log entry {start} is not there")));
        }
        Ok(entries)
    }

    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = self.clip(&range);
        let begin = (Arc::clone(self), start, VecDeque::new());
        stream::try_unfold(begin, move |(store, next, mut ready)| async move {
            if ready.is_empty() {
                ready.extend(store.entries(next, end, APPLY_BYTES)?);
            }
            Ok(ready.pop_front().map(|entry: Entry| (entry, (store, next + 1, ready))))
        })
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.vote())
    }
}
