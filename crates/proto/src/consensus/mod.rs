//! The replicated log's service: propose, tail, barrier.

mod client;
mod layered;
mod server;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use menagerie_types::{LogIndex, NodeId};
use tokio::sync::{mpsc, oneshot};

use crate::{ServiceError, ServiceResult};

pub use client::ConsensusClient;
pub use layered::LayeredConsensus;
pub use server::ConsensusServer;

/// Chunks that may lie between a proposer and the leader before the proposer waits.
pub const PROPOSAL_QUEUE: usize = 1024;

/// An open stream of proposals to the leader. Chunks enter the log in the order sent, or not at all.
#[derive(Debug)]
pub struct Proposals {
    /// The term in which the member leads. Once another member leads in a later one the stream is of no more use, also
    /// where its member hangs and so does not end it.
    pub term: u64,
    /// Takes chunks ([`menagerie_types::command`]).
    pub chunks: mpsc::Sender<Bytes>,
    /// Says why the stream ended. What was sent and is not known to be applied must then be sent again.
    pub ended: oneshot::Receiver<ServiceError>,
}

/// A committed entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// Its position.
    pub index: LogIndex,
    /// The term it was proposed in.
    pub term: u64,
    /// The leader's wall clock, ms since 1970; never decreases along the log.
    pub time_ms: i64,
    /// Command chunks; empty for Raft's own entries.
    pub chunks: Vec<Bytes>,
}

/// What a tail gives at a time: consecutive entries, and how far the log is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailBatch {
    /// Consecutive, never empty.
    pub entries: Vec<LogEntry>,
    /// The commit index when they were read.
    pub commit_index: LogIndex,
}

/// Committed entries in order, without end or gap.
pub type Tail = BoxStream<'static, ServiceResult<TailBatch>>;

/// Who leads in a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The term.
    pub term: u64,
    /// Its leader.
    pub id: NodeId,
}

/// Leaders, in the order in which a member hears of them.
pub type Leaders = BoxStream<'static, ServiceResult<Leader>>;

/// A member of the log's ensemble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// `host:port` of its internal gRPC.
    pub address: String,
    /// False for a learner.
    pub voter: bool,
    /// What the member says of itself to clients; opaque to the log. Without line breaks.
    pub info: String,
}

/// What one member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsensusStatus {
    /// This member.
    pub id: NodeId,
    /// `leader`, `follower`, `candidate`, `learner`, or `rejoining`: it began without a log and does not count before it has
    /// caught up.
    pub state: String,
    /// Current term.
    pub term: u64,
    /// Who leads, as far as this member knows.
    pub leader: Option<NodeId>,
    /// First index still in the log.
    pub first_index: LogIndex,
    /// Last index in the log.
    pub last_index: LogIndex,
    /// Last index known to be committed.
    pub commit_index: LogIndex,
    /// The ensemble.
    pub members: Vec<Member>,
    /// The entry that made the ensemble what it is.
    pub membership_index: LogIndex,
}

/// One member of the replicated log.
#[async_trait]
pub trait Consensus: Send + Sync + 'static {
    /// Opens a stream of proposals. [`ServiceError::NotLeader`] when this member does not lead.
    async fn propose(&self) -> ServiceResult<Proposals>;

    /// Committed entries from `from` on. Waits for what is not there yet; [`ServiceError::Truncated`] for what is
    /// no longer there.
    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail>;

    /// An index at or above every write acknowledged before the call (ReadIndex). Leader only.
    async fn barrier(&self) -> ServiceResult<LogIndex>;

    /// Drops the log up to and including `index` on this member; returns what it begins with now.
    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex>;

    /// Replaces the ensemble by `members` and returns the index at which it then stands. Leader only.
    ///
    /// New members are brought up to date first ([`ServiceError::NotInSync`] when that fails); from then on majorities
    /// of the old and of the new voters decide together until the new ones decide alone (Raft section 6).
    /// [`ServiceError::InProgress`] unless the ensemble stands at `expected`, or `expected` is 0. After any other error
    /// the change may have been made in part; asking for the same members again completes it.
    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex>;

    /// Who leads as far as this member knows: now, if it knows, and again whenever that changes.
    async fn leaders(&self) -> ServiceResult<Leaders>;

    /// Hands leadership to `to`, or to the voter whose log is the most complete; returns who leads then. Leader only.
    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId>;

    /// What this member says of itself.
    async fn status(&self) -> ServiceResult<ConsensusStatus>;
}
