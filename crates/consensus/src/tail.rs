//! Following the committed log.

use std::sync::Arc;

use futures::{StreamExt, stream};
use menagerie_log::LogError;
use menagerie_proto::consensus::{LogEntry, Tail, TailBatch};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::LogIndex;
use openraft::EntryPayload;
use tokio::sync::watch;

use crate::storage::{Decoded, Store};
use crate::types::outer_index;

/// About how much a tail gives at a time; a single larger entry still comes.
const BATCH_BYTES: usize = 1 << 20;

/// Reads from wherever it is polled: there is no task behind it.
struct Follower {
    store: Arc<Store>,
    committed: watch::Receiver<LogIndex>,
    /// Raft's index of the next entry.
    next: u64,
}

/// Committed entries from `from` on; 0 counts as the first.
pub(crate) fn tail(
    store: Arc<Store>,
    committed: watch::Receiver<LogIndex>,
    from: LogIndex,
) -> ServiceResult<Tail> {
    let next = from.0.saturating_sub(1);
    if next < store.first_index() {
        return Err(truncated(store.first_index()));
    }
    let follower = Follower { store, committed, next };
    Ok(stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.batch().await {
            Ok(batch) => Some((Ok(batch), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed())
}

impl Follower {
    /// Waits until there is something. The local log may end before what is committed elsewhere.
    async fn batch(&mut self) -> ServiceResult<TailBatch> {
        loop {
            let commit_index = *self.committed.borrow_and_update();
            // As the outside counts from 1, this is also the end of the committed range as Raft counts.
            if self.next < commit_index.0 {
                let decoded = self.store.read(self.next..commit_index.0, BATCH_BYTES).map_err(unreadable)?;
                if !decoded.is_empty() {
                    self.next += decoded.len() as u64;
                    return Ok(TailBatch { entries: decoded.into_iter().map(entry).collect(), commit_index });
                }
            }
            if self.committed.changed().await.is_err() {
                return Err(ServiceError::Unavailable("the log is shutting down".into()));
            }
        }
    }
}

fn entry(decoded: Decoded) -> LogEntry {
    let Decoded { entry, time_ms } = decoded;
    let chunks = match entry.payload {
        EntryPayload::Normal(batch) => Arc::unwrap_or_clone(batch.chunks),
        EntryPayload::Blank | EntryPayload::Membership(_) => Vec::new(),
    };
    LogEntry { index: outer_index(entry.log_id.index), term: entry.log_id.leader_id.term, time_ms, chunks }
}

fn truncated(first_index: u64) -> ServiceError {
    ServiceError::Truncated { first: outer_index(first_index) }
}

fn unreadable(error: LogError) -> ServiceError {
    match error {
        LogError::Purged { first_index } => truncated(first_index),
        other => ServiceError::Unavailable(other.to_string()),
    }
}
