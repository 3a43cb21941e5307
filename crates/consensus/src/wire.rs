//! Between openraft's types and the messages of `raft.proto`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use menagerie_proto::pb::consensus as pb;
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, VoteRequest, VoteResponse,
};
use openraft::raft::{TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse};
use openraft::{BasicNode, EntryPayload};

use crate::types::{
    Batch, Entry, LogId, Membership, SnapshotMeta, StoredMembership, TypeConfig, Vote, log_id,
};

/// A message that no member of this version sends.
#[derive(Debug, thiserror::Error)]
#[error("malformed raft message: {0}")]
pub(crate) struct Malformed(pub &'static str);

impl From<Malformed> for tonic::Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

pub(crate) fn id_to_pb(id: &LogId) -> pb::LogId {
    pb::LogId { term: id.leader_id.term, index: id.index }
}

pub(crate) fn id_from_pb(id: pb::LogId) -> LogId {
    log_id(id.term, id.index)
}

pub(crate) fn vote_to_pb(vote: &Vote) -> pb::Vote {
    let leader = vote.leader_id();
    pb::Vote { term: leader.term, node: leader.voted_for, committed: vote.is_committed() }
}

pub(crate) fn vote_from_pb(vote: Option<pb::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or(Malformed("no vote"))?;
    Ok(if vote.committed {
        Vote::new_committed(vote.term, vote.node)
    } else {
        Vote::new(vote.term, vote.node)
    })
}

pub(crate) fn membership_to_pb(membership: &Membership) -> pb::Membership {
    let configs = membership.get_joint_config().iter();
    let nodes = membership.nodes();
    pb::Membership {
        configs: configs.map(|ids| pb::VoterSet { ids: ids.iter().copied().collect() }).collect(),
        nodes: nodes.map(|(id, node)| pb::Node { id: *id, address: node.addr.clone() }).collect(),
    }
}

pub(crate) fn membership_from_pb(membership: pb::Membership) -> Result<Membership, Malformed> {
    let configs: Vec<BTreeSet<u64>> =
        membership.configs.into_iter().map(|set| set.ids.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, BasicNode> =
        membership.nodes.into_iter().map(|node| (node.id, BasicNode { addr: node.address })).collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|_| Malformed("membership"))
}

pub(crate) fn entry_to_pb(entry: Entry) -> pb::RaftEntry {
    use pb::raft_entry::Payload;
    let payload = match entry.payload {
        EntryPayload::Blank => Payload::Blank(pb::Blank {}),
        EntryPayload::Normal(batch) => {
            Payload::Batch(pb::Batch { time_ms: batch.time_ms, chunks: Arc::unwrap_or_clone(batch.chunks) })
        }
        EntryPayload::Membership(membership) => Payload::Membership(membership_to_pb(&membership)),
    };
    pb::RaftEntry { log_id: Some(id_to_pb(&entry.log_id)), payload: Some(payload) }
}

/// Chunks are copied: the log's cache keeps them, and would keep the whole message they came in, whose memory the next message can use.
pub(crate) fn entry_from_pb(entry: pb::RaftEntry) -> Result<Entry, Malformed> {
    use pb::raft_entry::Payload;
    let payload = match entry.payload.ok_or(Malformed("entry without payload"))? {
        Payload::Blank(_) => EntryPayload::Blank,
        Payload::Batch(batch) => {
            let chunks = batch.chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
            EntryPayload::Normal(Batch { time_ms: batch.time_ms, chunks: Arc::new(chunks) })
        }
        Payload::Membership(membership) => EntryPayload::Membership(membership_from_pb(membership)?),
    };
    Ok(Entry { log_id: id_from_pb(entry.log_id.ok_or(Malformed("entry without id"))?), payload })
}

pub(crate) fn append_to_pb(request: AppendEntriesRequest<TypeConfig>) -> pb::AppendRequest {
    pb::AppendRequest {
        vote: Some(vote_to_pb(&request.vote)),
        prev_log_id: request.prev_log_id.as_ref().map(id_to_pb),
        entries: request.entries.into_iter().map(entry_to_pb).collect(),
        leader_commit: request.leader_commit.as_ref().map(id_to_pb),
    }
}

/// Checks that the entries follow one another: openraft takes that for granted.
pub(crate) fn append_from_pb(
    request: pb::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let prev_log_id = request.prev_log_id.map(id_from_pb);
    let entries = request.entries.into_iter().map(entry_from_pb).collect::<Result<Vec<_>, _>>()?;
    let mut previous = prev_log_id;
    for entry in &entries {
        let next = previous.map_or(0, |id| id.index.saturating_add(1));
        if entry.log_id.index != next || previous.is_some_and(|id| entry.log_id < id) {
            return Err(Malformed("entries do not follow one another"));
        }
        previous = Some(entry.log_id);
    }
    let vote = vote_from_pb(request.vote)?;
    Ok(AppendEntriesRequest {
        vote,
        prev_log_id,
        entries,
        leader_commit: request.leader_commit.map(id_from_pb),
    })
}

pub(crate) fn appended_to_pb(result: StreamAppendResult<TypeConfig>) -> pb::AppendResponse {
    use pb::append_response::Result as Outcome;
    let outcome = match result {
        Ok(id) => Outcome::Matched(pb::Matched { log_id: id.as_ref().map(id_to_pb) }),
        Err(StreamAppendError::Conflict(id)) => Outcome::Conflict(id_to_pb(&id)),
        Err(StreamAppendError::HigherVote(vote)) => Outcome::HigherVote(vote_to_pb(&vote)),
    };
    pb::AppendResponse { result: Some(outcome) }
}

pub(crate) fn appended_from_pb(
    response: pb::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use pb::append_response::Result as Outcome;
    Ok(match response.result.ok_or(Malformed("response without result"))? {
        Outcome::Matched(matched) => Ok(matched.log_id.map(id_from_pb)),
        Outcome::Conflict(id) => Err(StreamAppendError::Conflict(id_from_pb(id))),
        Outcome::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote_from_pb(Some(vote))?)),
    })
}

pub(crate) fn vote_request_to_pb(request: &VoteRequest<TypeConfig>) -> pb::VoteRequest {
    pb::VoteRequest {
        vote: Some(vote_to_pb(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(id_to_pb),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_from_pb(request: pb::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let mut out = VoteRequest::new(vote_from_pb(request.vote)?, request.last_log_id.map(id_from_pb));
    out.leadership_transfer = request.leadership_transfer;
    Ok(out)
}

pub(crate) fn voted_to_pb(response: &VoteResponse<TypeConfig>) -> pb::VoteResponse {
    pb::VoteResponse {
        vote: Some(vote_to_pb(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.as_ref().map(id_to_pb),
    }
}

pub(crate) fn voted_from_pb(response: pb::VoteResponse) -> Result<VoteResponse<TypeConfig>, Malformed> {
    let vote = vote_from_pb(response.vote)?;
    Ok(VoteResponse::new(vote, response.last_log_id.map(id_from_pb), response.granted))
}

pub(crate) fn transfer_to_pb(request: &TransferLeaderRequest<TypeConfig>) -> pb::TransferLeaderRequest {
    pb::TransferLeaderRequest {
        from_leader: Some(vote_to_pb(request.from_leader())),
        to: *request.to_node_id(),
        last_log_id: request.last_log_id().map(id_to_pb),
    }
}

pub(crate) fn transfer_from_pb(
    request: pb::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    let from = vote_from_pb(request.from_leader)?;
    Ok(TransferLeaderRequest::new(from, request.to, request.last_log_id.map(id_from_pb)))
}

pub(crate) fn transferred_to_pb(response: &TransferLeaderResponse<TypeConfig>) -> pb::TransferLeaderResponse {
    use pb::transfer_leader_response::Refusal;
    let refusal = response.as_ref().err().map(|error| match error {
        TransferLeaderError::VoteChanged { expected, actual } => Refusal::VoteChanged(pb::VoteChanged {
            expected: Some(vote_to_pb(expected)),
            actual: Some(vote_to_pb(actual)),
        }),
        TransferLeaderError::LogNotFlushed { expected, actual } => {
            Refusal::LogNotFlushed(pb::LogNotFlushed {
                expected: expected.as_ref().map(id_to_pb),
                actual: actual.as_ref().map(id_to_pb),
            })
        }
    });
    pb::TransferLeaderResponse { refusal }
}

pub(crate) fn transferred_from_pb(
    response: pb::TransferLeaderResponse,
) -> Result<TransferLeaderResponse<TypeConfig>, Malformed> {
    use pb::transfer_leader_response::Refusal;
    Ok(match response.refusal {
        None => Ok(()),
        Some(Refusal::VoteChanged(votes)) => Err(TransferLeaderError::VoteChanged {
            expected: vote_from_pb(votes.expected)?,
            actual: vote_from_pb(votes.actual)?,
        }),
        Some(Refusal::LogNotFlushed(ids)) => Err(TransferLeaderError::LogNotFlushed {
            expected: ids.expected.map(id_from_pb),
            actual: ids.actual.map(id_from_pb),
        }),
    })
}

pub(crate) fn snapshot_to_pb(meta: &SnapshotMeta, time_ms: i64) -> pb::SnapshotMeta {
    pb::SnapshotMeta {
        last_log_id: meta.last_log_id.as_ref().map(id_to_pb),
        membership_log_id: meta.last_membership.log_id().as_ref().map(id_to_pb),
        membership: Some(membership_to_pb(meta.last_membership.membership())),
        time_ms,
    }
}

/// The snapshot and the time at its end.
pub(crate) fn snapshot_from_pb(meta: pb::SnapshotMeta) -> Result<(SnapshotMeta, i64), Malformed> {
    let membership = membership_from_pb(meta.membership.ok_or(Malformed("snapshot without membership"))?)?;
    let last_membership = StoredMembership::new(meta.membership_log_id.map(id_from_pb), membership);
    let meta_out = SnapshotMeta { last_log_id: meta.last_log_id.map(id_from_pb), last_membership };
    Ok((meta_out, meta.time_ms))
}
