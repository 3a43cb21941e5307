//! Who leads, as Raft tells it.

use std::sync::Arc;

use futures::{Stream, stream};
use menagerie_proto::ServiceResult;
use menagerie_proto::consensus::Leader;
use menagerie_types::NodeId;
use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::RaftServerMetrics;

use crate::types::{Raft, StoredMembership, TypeConfig, Vote};

/// Follows the leadership of one member's Raft.
pub(crate) struct Leadership(WatchReceiverOf<TypeConfig, RaftServerMetrics<TypeConfig>>);

impl Leadership {
    pub(crate) fn new(raft: &Raft) -> Self {
        Self(raft.server_metrics())
    }

    /// Waits for news; false when Raft has ended.
    pub(crate) async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// The term in which this member leads now.
    pub(crate) fn term(&self) -> Option<u64> {
        let now = self.0.borrow_watched();
        (now.state.is_leader() && now.vote.is_committed()).then_some(now.vote.leader_id().term)
    }

    /// Who leads, if known.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.0.borrow_watched().current_leader.map(NodeId)
    }

    /// The term of an election that is not decided, as far as this member knows.
    pub(crate) fn undecided(&self) -> Option<u64> {
        let now = self.0.borrow_watched();
        (!now.vote.is_committed()).then(|| now.vote.leader_id().term)
    }

    /// Leaders from now on, each once; ends with Raft.
    pub(crate) fn leaders(self) -> impl Stream<Item = ServiceResult<Leader>> + Send {
        stream::unfold((self, None), |(mut leadership, mut told)| async move {
            loop {
                let now = leadership.known();
                if now.is_some() && now != told {
                    told = now;
                    return now.map(|leader| (Ok(leader), (leadership, told)));
                }
                if !leadership.changed().await {
                    return None;
                }
            }
        })
    }

    /// The leader of the current term, if there is one and this member knows it.
    fn known(&self) -> Option<Leader> {
        let now = self.0.borrow_watched();
        let term = now.vote.leader_id().term;
        now.current_leader.filter(|_| now.vote.is_committed()).map(|id| Leader { term, id: NodeId(id) })
    }

    /// Who votes and who learns.
    pub(crate) fn membership(&self) -> Arc<StoredMembership> {
        Arc::clone(&self.0.borrow_watched().membership_config)
    }

    /// Whom this member has voted for, or follows.
    pub(crate) fn vote(&self) -> Vote {
        self.0.borrow_watched().vote
    }

    /// Whether this is still its vote.
    pub(crate) fn holds(&self, vote: &Vote) -> bool {
        self.0.borrow_watched().vote == *vote
    }

    /// Waits until this member has another vote, or Raft has ended.
    pub(crate) async fn superseded(&mut self, vote: &Vote) {
        while self.holds(vote) && self.changed().await {}
    }

    /// The current term, and whether this member leads in it.
    pub(crate) fn observed(&self) -> (u64, bool) {
        let now = self.0.borrow_watched();
        (now.vote.leader_id().term, now.state.is_leader())
    }
}
