//! openraft's writing side.

use std::io;
use std::sync::Arc;

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend};

use super::Store;
use crate::types::{Entry, LogId, TypeConfig, Vote};

/// The one writer of a [`Store`].
///
/// Truncation and purge are ordered before all that follows but not awaited: they come back after a crash until
/// something behind them is durable, which Raft allows.
pub(crate) struct LogStorage(pub Arc<Store>);

impl RaftLogStorage<TypeConfig> for LogStorage {
    type LogReader = Arc<Store>;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        Ok(LogState { last_purged_log_id: self.0.purged_id(), last_log_id: self.0.last_id() })
    }

    async fn get_log_reader(&mut self) -> Arc<Store> {
        Arc::clone(&self.0)
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.0.save_vote(*vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        match committed {
            Some(id) => self.0.save_committed(id),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.0.committed())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.0.append(entries.into_iter(), Box::new(move |result| callback.io_completed(result)))
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.0.truncate_after(last_log_id.map(|id| id.index))
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.0.purge(&log_id)
    }
}
