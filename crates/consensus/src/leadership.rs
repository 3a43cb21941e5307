//! Who leads, as Raft tells it.

use std::sync::Arc;

use menagerie_types::NodeId;
use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::RaftServerMetrics;

use crate::types::{Raft, StoredMembership, TypeConfig};

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

    /// Who votes and who learns.
    pub(crate) fn membership(&self) -> Arc<StoredMembership> {
        Arc::clone(&self.0.borrow_watched().membership_config)
    }

    /// The current term, and whether this member leads in it.
    pub(crate) fn observed(&self) -> (u64, bool) {
        let now = self.0.borrow_watched();
        (now.vote.leader_id().term, now.state.is_leader())
    }
}
