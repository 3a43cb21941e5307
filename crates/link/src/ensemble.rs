//! The members of the log, and who of them leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use menagerie_proto::consensus::{Consensus, Proposals, Tail};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use tracing::debug;

use crate::Backoff;

/// All members of the log, local or remote. Remembers the leader across calls; cheap to clone.
#[derive(Clone)]
pub struct Ensemble {
    inner: Arc<Inner>,
}

struct Inner {
    members: Vec<(NodeId, Arc<dyn Consensus>)>,
    /// Whom to ask first; a hint that any caller may change.
    leader: AtomicUsize,
}

impl Ensemble {
    /// The members in order of preference for what any of them serves (a local one first). Must not be empty.
    pub fn new(members: Vec<(NodeId, Arc<dyn Consensus>)>) -> Self {
        assert!(!members.is_empty(), "an ensemble has at least one member");
        Self { inner: Arc::new(Inner { members, leader: AtomicUsize::new(0) }) }
    }

    /// Every member.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Arc<dyn Consensus>)> {
        self.inner.members.iter().map(|(id, member)| (*id, member))
    }

    /// Opens proposals to the leader; one attempt at the member believed to lead. After an error the next call asks
    /// whom the error named, or the next member.
    pub async fn propose(&self) -> ServiceResult<Proposals> {
        let at = self.at();
        let result = self.inner.members[at].1.propose().await;
        self.learn(at, result)
    }

    /// An index at or above every write acknowledged before the call. Looks for the leader until `deadline`.
    pub async fn barrier(&self, deadline: Duration) -> ServiceResult<LogIndex> {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(50));
        let search = async {
            loop {
                let at = self.at();
                let result = self.inner.members[at].1.barrier().await;
                match self.learn(at, result) {
                    Ok(index) => return index,
                    Err(error) => debug!(%error, "no barrier yet"),
                }
                backoff.pause().await;
            }
        };
        tokio::time::timeout(deadline, search).await.map_err(|_| ServiceError::Deadline)
    }

    /// Tails the log from `from` on, from the `attempt`-th member in order of preference.
    pub async fn tail(&self, from: LogIndex, attempt: usize) -> ServiceResult<Tail> {
        let at = attempt % self.inner.members.len();
        self.inner.members[at].1.tail(from).await
    }

    fn at(&self) -> usize {
        self.inner.leader.load(Ordering::Relaxed) % self.inner.members.len()
    }

    fn learn<T>(&self, asked: usize, result: ServiceResult<T>) -> ServiceResult<T> {
        if let Err(error) = &result {
            let hinted = match error {
                ServiceError::NotLeader { leader: Some(leader) } => {
                    self.inner.members.iter().position(|(id, _)| id == leader)
                }
                _ => None,
            };
            let next = hinted.filter(|at| *at != asked).unwrap_or(asked + 1);
            self.inner.leader.store(next % self.inner.members.len(), Ordering::Relaxed);
        }
        result
    }
}
