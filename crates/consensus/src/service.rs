//! Raft's calls from the other members, over gRPC.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use menagerie_proto::channel::MAX_MESSAGE_BYTES;
use menagerie_proto::pb::consensus as pb;
use menagerie_proto::pb::consensus::raft_server::{Raft as Service, RaftServer};
use openraft::errors::{Fatal, RaftError};
use tonic::{Request, Response, Status, Streaming};

use crate::standing::Standing;
use crate::types::{Raft, Snapshot, TypeConfig};
use crate::wire;

/// The tonic service that the other members call. Serve it on the runtime that [`crate::start`] ran on.
pub type RaftService = RaftServer<RaftEndpoint>;

/// How often the other members have called this one since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaftCalls {
    /// Replication and heartbeat streams opened.
    pub append: u64,
    /// Votes asked for.
    pub vote: u64,
    /// Pre-votes asked for.
    pub pre_vote: u64,
    /// Told of a change of leader.
    pub transfer_leader: u64,
    /// Snapshots sent.
    pub install_snapshot: u64,
}

/// Counts the calls served.
#[derive(Default)]
pub(crate) struct Calls {
    append: AtomicU64,
    vote: AtomicU64,
    pre_vote: AtomicU64,
    transfer_leader: AtomicU64,
    install_snapshot: AtomicU64,
}

impl Calls {
    pub(crate) fn read(&self) -> RaftCalls {
        RaftCalls {
            append: self.append.load(Ordering::Relaxed),
            vote: self.vote.load(Ordering::Relaxed),
            pre_vote: self.pre_vote.load(Ordering::Relaxed),
            transfer_leader: self.transfer_leader.load(Ordering::Relaxed),
            install_snapshot: self.install_snapshot.load(Ordering::Relaxed),
        }
    }
}

fn count(call: &'static str, counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
    metrics::counter!("menagerie_consensus_raft_calls_total", "call" => call).increment(1);
}

/// Hands calls to the local Raft.
pub struct RaftEndpoint {
    raft: Raft,
    calls: Arc<Calls>,
    standing: Arc<Standing>,
}

impl RaftEndpoint {
    pub(crate) fn service(raft: Raft, calls: Arc<Calls>, standing: Arc<Standing>) -> RaftService {
        RaftServer::new(Self { raft, calls, standing })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

fn stopped(error: Fatal<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}

fn fatal(error: RaftError<TypeConfig>) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl Service for RaftEndpoint {
    type AppendStream = BoxStream<'static, Result<pb::AppendResponse, Status>>;

    /// Answers before it reads, as the caller waits for the answer first. A malformed request ends the stream, and so
    /// does one of a leader that this member may not follow.
    async fn append(
        &self,
        request: Request<Streaming<pb::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        count("append", &self.calls.append);
        let calls = (request.into_inner(), Arc::clone(&self.standing));
        let requests = stream::unfold(calls, |(mut requests, standing)| async move {
            let request = requests.message().await.ok()??;
            match wire::append_from_pb(request) {
                Ok(request) => {
                    standing.may_follow(request.vote.leader_id().term).ok()?;
                    Some((request, (requests, standing)))
                }
                Err(error) => {
                    tracing::error!(%error, "raft stream ended");
                    None
                }
            }
        });
        let results = self.raft.stream_append(requests.boxed());
        let responses = results.map(|result| result.map(wire::appended_to_pb).map_err(stopped));
        Ok(Response::new(responses.boxed()))
    }

    async fn vote(&self, request: Request<pb::VoteRequest>) -> Result<Response<pb::VoteResponse>, Status> {
        count("vote", &self.calls.vote);
        self.standing.may_vote()?;
        let request = wire::vote_request_from_pb(request.into_inner())?;
        let response = self.raft.vote(request).await.map_err(fatal)?;
        Ok(Response::new(wire::voted_to_pb(&response)))
    }

    async fn pre_vote(
        &self,
        request: Request<pb::VoteRequest>,
    ) -> Result<Response<pb::VoteResponse>, Status> {
        count("pre_vote", &self.calls.pre_vote);
        self.standing.may_vote()?;
        let request = wire::vote_request_from_pb(request.into_inner())?;
        let response = self.raft.pre_vote(request).await.map_err(fatal)?;
        Ok(Response::new(wire::voted_to_pb(&response)))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferLeaderRequest>,
    ) -> Result<Response<pb::TransferLeaderResponse>, Status> {
        count("transfer_leader", &self.calls.transfer_leader);
        self.standing.may_vote()?;
        let request = wire::transfer_from_pb(request.into_inner())?;
        let response = self.raft.handle_transfer_leader(request).await.map_err(stopped)?;
        Ok(Response::new(wire::transferred_to_pb(&response)))
    }

    async fn install_snapshot(
        &self,
        request: Request<pb::InstallSnapshotRequest>,
    ) -> Result<Response<pb::InstallSnapshotResponse>, Status> {
        count("install_snapshot", &self.calls.install_snapshot);
        let request = request.into_inner();
        let vote = wire::vote_from_pb(request.vote)?;
        self.standing.may_follow(vote.leader_id().term)?;
        let snapshot = request.snapshot.ok_or(wire::Malformed("no snapshot"))?;
        let (meta, snapshot) = wire::snapshot_from_pb(snapshot)?;
        // openraft takes these for granted, and panics.
        let sound = meta.last_log_id.is_some_and(|last| last.leader_id.term <= vote.leader_id().term);
        if !sound || !vote.is_committed() {
            return Err(wire::Malformed("snapshot that its leader cannot have").into());
        }
        let response =
            self.raft.install_full_snapshot(vote, Snapshot { meta, snapshot }).await.map_err(stopped)?;
        Ok(Response::new(pb::InstallSnapshotResponse { vote: Some(wire::vote_to_pb(&response.vote)) }))
    }
}
