//! What openraft is told about our types.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use menagerie_proto::consensus::Member;
use menagerie_types::LogIndex;
use openraft::{BasicNode, EntryPayload, alias};
use serde::{Deserialize, Serialize};

use crate::runtime::Patient;
use crate::state_machine::StateMachine;

openraft::declare_raft_types!(
    /// One leader for each term, so a log id is (term, index).
    pub(crate) TypeConfig:
        D = Batch,
        R = (),
        NodeId = u64,
        Node = BasicNode,
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = Patient,
);

pub(crate) type Raft = openraft::Raft<TypeConfig, StateMachine>;
pub(crate) type LogId = alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = alias::VoteOf<TypeConfig>;
pub(crate) type Entry = alias::EntryOf<TypeConfig>;
pub(crate) type Payload = EntryPayload<Batch, u64, BasicNode>;
pub(crate) type Membership = openraft::Membership<u64, BasicNode>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
/// Its data is the time at its last entry, in ms.
pub(crate) type Snapshot = alias::SnapshotOf<TypeConfig, i64>;

/// The log id of an entry.
pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(term.into(), index)
}

/// Raft's first index is 0 (the initial membership), ours is 1.
pub(crate) fn outer_index(index: u64) -> LogIndex {
    LogIndex(index.saturating_add(1))
}

/// The position of a log id as the outside counts; 0 for none.
pub(crate) fn outer_id(id: Option<&LogId>) -> LogIndex {
    id.map_or(LogIndex(0), |id| outer_index(id.index))
}

/// A member as Raft keeps it: the address, and behind a space what the member says of itself.
pub(crate) fn node(member: &Member) -> BasicNode {
    let addr = match member.info.is_empty() {
        true => member.address.clone(),
        false => format!("{} {}", member.address, member.info),
    };
    BasicNode { addr }
}

/// Where the member is called.
pub(crate) fn address(node: &BasicNode) -> &str {
    node.addr.split_once(' ').map_or(&node.addr, |(address, _)| address)
}

/// What the member says of itself.
pub(crate) fn info(node: &BasicNode) -> &str {
    node.addr.split_once(' ').map_or("", |(_, info)| info)
}

/// What one entry carries: everything that was queued when it was made. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// The leader's wall clock, ms since 1970; never decreases along the log.
    pub time_ms: i64,
    /// Command chunks in the order proposed.
    pub chunks: Arc<Vec<Bytes>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} chunks at {} ms", self.chunks.len(), self.time_ms)
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
