//! The members of the log, and who of them leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::{join_all, select_all};
use menagerie_proto::consensus::{Consensus, Leader, Member, Proposals, Tail};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use tokio::sync::watch;
use tracing::debug;

use crate::Backoff;

const STATUS_DEADLINE: Duration = Duration::from_millis(300);
/// A barrier takes a round trip; when it takes this long, somebody else may lead.
const BARRIER_PATIENCE: Duration = Duration::from_millis(100);
const RETRY_MIN: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_millis(50);
/// Between attempts to ask a member for leaders that it does not tell.
const LEADERS_RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A member of the log, local or remote.
pub type LogMember = (NodeId, Arc<dyn Consensus>);

/// All members of the log, local or remote, as they are now. Remembers the leader across calls; cheap to clone.
#[derive(Clone)]
pub struct Ensemble {
    inner: Arc<Inner>,
}

struct Inner {
    members: watch::Sender<Arc<[LogMember]>>,
    /// Whom to ask first; a hint that any caller may change.
    leader: AtomicUsize,
    /// The latest term in which a leader was heard of.
    term: AtomicU64,
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
        let members = watch::Sender::new(members.into());
        let (leader, term) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { members, leader, term, local_first }) }
    }

    /// Every member.
    pub fn members(&self) -> Arc<[LogMember]> {
        Arc::clone(&self.inner.members.borrow())
    }

    /// Members have joined or left. The order is as in [`Self::new`]; a local member stays first. An empty list
    /// changes nothing.
    pub fn set_members(&self, members: Vec<LogMember>) {
        if !members.is_empty() {
            self.inner.members.send_replace(members.into());
        }
    }

    /// Opens proposals to the leader; one attempt at the member believed to lead. After an error the next call asks
    /// whom the error named, or the next member.
    pub async fn propose(&self) -> ServiceResult<Proposals> {
        let (at, member) = self.believed();
        let result = member.propose().await;
        if let Ok(proposals) = &result {
            self.inner.term.fetch_max(proposals.term, Ordering::Relaxed);
        }
        self.learn(at, result)
    }

    /// The latest term in which a leader was heard of; 0 for none.
    pub fn term(&self) -> u64 {
        self.inner.term.load(Ordering::Relaxed)
    }

    /// Resolves when some member names the leader of a later term than `term`; that one is asked first then.
    ///
    /// A leader that hangs, or that nobody reaches, does not say that it is none any more; the others do.
    pub async fn successor(&self, term: u64) -> Leader {
        let mut changes = self.inner.members.subscribe();
        let leader = loop {
            let members = Arc::clone(&changes.borrow_and_update());
            let named = members.iter().map(|(_, member)| Box::pin(later_leader(Arc::clone(member), term)));
            tokio::select! {
                (leader, ..) = select_all(named) => break leader,
                // Others are asked from now on. The sender lives in `self`.
                _ = changes.changed() => {}
            }
        };
        self.inner.term.fetch_max(leader.term, Ordering::Relaxed);
        if let Some(at) = self.members().iter().position(|(id, _)| *id == leader.id) {
            self.inner.leader.store(at, Ordering::Relaxed);
        }
        leader
    }

    /// Replaces the ensemble, see [`Consensus::change_membership`]. Looks for the leader until `deadline`; an outcome
    /// that is not known ([`ServiceError::Unavailable`], [`ServiceError::Deadline`]) is handed to the caller.
    pub async fn change_membership(
        &self,
        expected: LogIndex,
        members: &[Member],
        deadline: Duration,
    ) -> ServiceResult<LogIndex> {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
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
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let search = async {
            loop {
                let (at, member) = self.believed();
                let superseded = async {
                    tokio::time::sleep(BARRIER_PATIENCE).await;
                    self.successor(self.term()).await
                };
                let result = tokio::select! {
                    result = member.barrier() => result,
                    leader = superseded => {
                        debug!(%leader.id, leader.term, "another member leads");
                        continue;
                    }
                };
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
        let answers = join_all(members.iter().map(ask)).await;
        let latest =
            answers.into_iter().flatten().flatten().filter(|s| s.leader.is_some()).max_by_key(|s| s.term);
        let Some(latest) = latest else { return 0 };
        self.inner.term.fetch_max(latest.term, Ordering::Relaxed);
        members.iter().position(|(id, _)| Some(*id) == latest.leader).unwrap_or(0)
    }

    /// Resolves when another member than `tailed` is the one to tail, with its place.
    pub async fn nearer(&self, tailed: NodeId) -> usize {
        if self.inner.local_first {
            return std::future::pending().await;
        }
        let (mut term, mut changes) = (self.term(), self.inner.members.subscribe());
        loop {
            let leader = tokio::select! {
                leader = self.successor(term) => leader,
                _ = changes.changed() => {
                    // One that was removed hears of no commit any more.
                    if self.members().iter().all(|(id, _)| *id != tailed) {
                        return self.nearest().await;
                    }
                    continue;
                }
            };
            term = leader.term;
            let place = self.members().iter().position(|(id, _)| *id == leader.id);
            if let Some(place) = place.filter(|_| leader.id != tailed) {
                return place;
            }
        }
    }

    /// Tails the log from `from` on, from the `at`-th member, which is named.
    pub async fn tail(&self, from: LogIndex, at: usize) -> ServiceResult<(NodeId, Tail)> {
        let members = self.members();
        let (id, member) = &members[at % members.len()];
        Ok((*id, member.tail(from).await?))
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

/// Listens to one member until it names the leader of a later term.
async fn later_leader(member: Arc<dyn Consensus>, term: u64) -> Leader {
    let mut backoff = Backoff::new(LEADERS_RETRY.0, LEADERS_RETRY.1);
    loop {
        if let Ok(mut leaders) = member.leaders().await {
            while let Some(Ok(leader)) = leaders.next().await {
                if leader.term > term {
                    return leader;
                }
                backoff.reset();
            }
        }
        backoff.pause().await;
    }
}

#[cfg(test)]
mod tests;
