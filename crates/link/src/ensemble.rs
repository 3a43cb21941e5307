//! The members of the log, and who of them leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use menagerie_proto::consensus::{Consensus, Member, Proposals, Tail};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use parking_lot::RwLock;
use tracing::debug;

use crate::Backoff;

const STATUS_DEADLINE: Duration = Duration::from_millis(300);

/// A member of the log, local or remote.
pub type LogMember = (NodeId, Arc<dyn Consensus>);

/// All members of the log, local or remote, as they are now. Remembers the leader across calls; cheap to clone.
#[derive(Clone)]
pub struct Ensemble {
    inner: Arc<Inner>,
}

struct Inner {
    members: RwLock<Arc<[LogMember]>>,
    /// Whom to ask first; a hint that any caller may change.
    leader: AtomicUsize,
    /// The first member is in this process.
    local_first: bool,
}

impl Ensemble {
    /// The members in order of preference for what any of them serves (a local one first). Must not be empty.
    pub fn new(members: Vec<LogMember>) -> Self {
        Self::with(members, false)
    }

    /// As [`Self::new`]; the first member is in this process.
    pub fn with_local_first(members: Vec<LogMember>) -> Self {
        Self::with(members, true)
    }

    fn with(members: Vec<LogMember>, local_first: bool) -> Self {
        assert!(!members.is_empty(), "an ensemble has at least one member");
        let members = RwLock::new(members.into());
        Self { inner: Arc::new(Inner { members, leader: AtomicUsize::new(0), local_first }) }
    }

    /// Every member.
    pub fn members(&self) -> Arc<[LogMember]> {
        Arc::clone(&self.inner.members.read())
    }

    /// Members have joined or left. The order is as in [`Self::new`]; a local member stays first. An empty list
    /// changes nothing.
    pub fn set_members(&self, members: Vec<LogMember>) {
        if !members.is_empty() {
            *self.inner.members.write() = members.into();
        }
    }

    /// Opens proposals to the leader; one attempt at the member believed to lead. After an error the next call asks
    /// whom the error named, or the next member.
    pub async fn propose(&self) -> ServiceResult<Proposals> {
        let (at, member) = self.believed();
        let result = member.propose().await;
        self.learn(at, result)
    }

    /// Replaces the ensemble, see [`Consensus::change_membership`]. Looks for the leader until `deadline`; an outcome
    /// that is not known ([`ServiceError::Unavailable`], [`ServiceError::Deadline`]) is handed to the caller.
    pub async fn change_membership(
        &self,
        expected: LogIndex,
        members: &[Member],
        deadline: Duration,
    ) -> ServiceResult<LogIndex> {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(50));
        let search = async {
            loop {
                let (at, member) = self.believed();
                let result = member.change_membership(expected, members.to_vec()).await;
                match self.learn(at, result) {
                    Err(ServiceError::NotLeader { .. }) => {}
                    outcome => return outcome,
                }
                backoff.pause().await;
            }
        };
        tokio::time::timeout(deadline, search).await.unwrap_or(Err(ServiceError::Deadline))
    }

    /// An index at or above every write acknowledged before the call. Looks for the leader until `deadline`.
    pub async fn barrier(&self, deadline: Duration) -> ServiceResult<LogIndex> {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(50));
        let search = async {
            loop {
                let (at, member) = self.believed();
                let result = member.barrier().await;
                match self.learn(at, result) {
                    Ok(index) => return index,
                    Err(error) => debug!(%error, "no barrier yet"),
                }
                backoff.pause().await;
            }
        };
        tokio::time::timeout(deadline, search).await.map_err(|_| ServiceError::Deadline)
    }

    /// The member to tail (its place in the order): one in this process, else the leader, which knows of a commit a
    /// message earlier than the others; the first if nobody knows the leader.
    pub async fn nearest(&self) -> usize {
        if self.inner.local_first {
            return 0;
        }
        // A member that hangs is not worth waiting for.
        let ask = |(_, member): &LogMember| {
            let member = Arc::clone(member);
            async move { tokio::time::timeout(STATUS_DEADLINE, member.status()).await }
        };
        let members = self.members();
        let answers = futures::future::join_all(members.iter().map(ask)).await;
        let latest =
            answers.into_iter().flatten().flatten().filter(|s| s.leader.is_some()).max_by_key(|s| s.term);
        let leader = latest.and_then(|status| status.leader);
        leader.and_then(|leader| members.iter().position(|(id, _)| *id == leader)).unwrap_or(0)
    }

    /// Tails the log from `from` on, from the `at`-th member.
    pub async fn tail(&self, from: LogIndex, at: usize) -> ServiceResult<Tail> {
        let members = self.members();
        members[at % members.len()].1.tail(from).await
    }

    /// The member believed to lead, and its place in the order.
    fn believed(&self) -> (usize, Arc<dyn Consensus>) {
        let members = self.members();
        let at = self.inner.leader.load(Ordering::Relaxed) % members.len();
        (at, Arc::clone(&members[at].1))
    }

    fn learn<T>(&self, asked: usize, result: ServiceResult<T>) -> ServiceResult<T> {
        if let Err(error) = &result {
            let hinted = match error {
                ServiceError::NotLeader { leader: Some(leader) } => {
                    self.members().iter().position(|(id, _)| id == leader)
                }
                _ => None,
            };
            let next = hinted.filter(|at| *at != asked).unwrap_or(asked + 1);
            self.inner.leader.store(next % self.members().len(), Ordering::Relaxed);
        }
        result
    }
}
