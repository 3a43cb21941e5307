//! A log in memory, in the place of consensus.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use menagerie_link::Ensemble;
use menagerie_proto::consensus::{
    self, Consensus, ConsensusStatus, Leaders, LogEntry, Proposals, Tail, TailBatch,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

const BATCH: usize = 16;

#[derive(Default)]
struct Entries {
    /// How many were truncated.
    gone: u64,
    list: Vec<LogEntry>,
    /// How far the leader's clock has leapt.
    leapt_ms: i64,
}

/// Committed is what was appended.
pub struct FakeLog {
    entries: Mutex<Entries>,
    last: watch::Sender<u64>,
}

impl FakeLog {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { entries: Mutex::default(), last: watch::Sender::new(0) })
    }

    pub fn ensemble(self: &Arc<Self>) -> Ensemble {
        Ensemble::new(vec![(NodeId(1), Arc::new(Member(Arc::clone(self))))])
    }

    pub fn append(&self, chunks: Vec<Bytes>) -> LogIndex {
        let mut entries = self.entries.lock();
        let index = entries.gone + entries.list.len() as u64 + 1;
        let time_ms = 1_000_000 + index as i64 + entries.leapt_ms;
        entries.list.push(LogEntry { index: LogIndex(index), term: 1, time_ms, chunks });
        self.last.send_replace(index);
        LogIndex(index)
    }

    /// The time of entries to come is so much later.
    pub fn leap(&self, ms: i64) {
        self.entries.lock().leapt_ms += ms;
    }

    pub fn first(&self) -> LogIndex {
        LogIndex(self.entries.lock().gone + 1)
    }

    pub fn last(&self) -> LogIndex {
        LogIndex(*self.last.borrow())
    }

    pub fn truncate(&self, index: LogIndex) {
        let mut entries = self.entries.lock();
        let count = index.0.saturating_sub(entries.gone);
        entries.list.drain(..count as usize);
        entries.gone += count;
    }

    fn read(&self, from: u64) -> ServiceResult<TailBatch> {
        let entries = self.entries.lock();
        let at = from.checked_sub(entries.gone + 1);
        let at = at.ok_or(ServiceError::Truncated { first: LogIndex(entries.gone + 1) })? as usize;
        let end = entries.list.len().min(at + BATCH);
        Ok(TailBatch { entries: entries.list[at..end].to_vec(), commit_index: self.last() })
    }
}

struct Member(Arc<FakeLog>);

#[async_trait]
impl Consensus for Member {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let (chunks, mut proposed) = mpsc::channel::<Bytes>(16);
        let (end, ended) = oneshot::channel();
        let log = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(chunk) = proposed.recv().await {
                log.append(vec![chunk]);
            }
            drop(end);
        });
        Ok(Proposals { term: 1, chunks, ended })
    }

    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        if from < self.0.first() {
            return Err(ServiceError::Truncated { first: self.0.first() });
        }
        let changes = self.0.last.subscribe();
        let batches =
            stream::unfold((Arc::clone(&self.0), changes, from.0), |(log, mut last, next)| async move {
                last.wait_for(|last| *last >= next).await.ok()?;
                let batch = log.read(next);
                let next = next + batch.as_ref().map_or(0, |batch| batch.entries.len() as u64);
                Some((batch, (log, last, next)))
            });
        Ok(batches.boxed())
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        Ok(self.0.last())
    }

    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        self.0.truncate(index);
        Ok(self.0.first())
    }

    async fn change_membership(
        &self,
        _expected: LogIndex,
        _members: Vec<consensus::Member>,
    ) -> ServiceResult<LogIndex> {
        Err(ServiceError::Invalid("this log has no members".into()))
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        Ok(stream::pending().boxed())
    }

    async fn transfer_leadership(&self, _: Option<NodeId>) -> ServiceResult<NodeId> {
        Err(ServiceError::Invalid("this log has no members".into()))
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        let (first_index, commit_index) = (self.0.first(), self.0.last());
        Ok(ConsensusStatus { first_index, commit_index, last_index: commit_index, ..Default::default() })
    }
}
