//! The replicated log: Raft (openraft) over the segmented log. It orders and keeps chunks of commands and knows
//! nothing of what they mean.
//!
//! One entry holds all that was queued when it was made, and the leader's wall clock, which never goes backwards
//! along the log. An entry is committed once a majority of voters has it on stable storage. Indexes begin at 1
//! outside; openraft's begin at 0 (with the initial membership), so the two differ by one everywhere.
//!
//! There is no state machine: a snapshot is only "the log begins behind here", the membership and the time there.
//! [`Consensus::truncate`](menagerie_proto::consensus::Consensus::truncate) makes one and drops the log up to it; a
//! member that needs what was dropped gets the snapshot, its log begins later, and a tail that wants more gets
//! `Truncated`.
//!
//! Metrics: `menagerie_consensus_` `term`, `is_leader`, `commit_index`, `append_bytes` and `append_chunks` (of one
//! entry), `fsync_seconds`, `terms_total`, `elections_won_total`, `raft_calls_total{call}`, and ZooKeeper's
//! `fsynctime` in ms.
//!
//! A voter that lost its disk may come back with an empty directory: the leader sends it everything. It has then
//! forgotten what it acknowledged and whom it voted for, so it takes no part in elections, and follows no leader that may
//! be outdated, until it has caught up (`bootstrap`, `standing`). Never bring back two wiped voters of three at once.

mod barrier;
mod bootstrap;
mod error;
mod leadership;
mod local;
mod membership;
mod network;
mod observer;
mod options;
mod pacing;
mod proposer;
mod repair;
mod runtime;
mod service;
mod standing;
mod start;
mod state_machine;
mod storage;
mod succession;
mod tail;
mod types;
mod wire;

pub use error::ConsensusError;
pub use local::LocalConsensus;
pub use options::{Clock, ConsensusOptions};
pub use repair::{LogSurvey, begin_behind, survey};
pub use service::{RaftCalls, RaftEndpoint, RaftService};
pub use start::start;
