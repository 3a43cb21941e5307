//! Raft's calls to the other members, over gRPC.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use menagerie_host::Host;
use menagerie_proto::channel::{self, MAX_MESSAGE_BYTES};
use menagerie_proto::pb::consensus as pb;
use menagerie_proto::pb::consensus::raft_client::RaftClient;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::runtime::PATIENCE;
use crate::types::{self, Snapshot, TypeConfig, Vote};
use crate::wire::{self, Malformed};

/// A replication stream that cannot be opened in this time counts as unreachable. Once open it lives until the
/// connection is lost, which keep-alive pings find out.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause before a replication stream that could not be opened is opened again.
const REOPEN: Duration = Duration::from_millis(100);

type RpcError = RPCError<TypeConfig>;
type AppendStream<'s> = BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>;

/// Makes the connections to the other members: one for replication and elections, one for heartbeats, which
/// must not queue behind a large batch.
pub(crate) struct Network {
    host: Arc<dyn Host>,
    main: HashMap<u64, (String, Channel)>,
    heartbeats: HashMap<u64, (String, Channel)>,
}

impl Network {
    /// Without connections; they are made from `host`.
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, main: HashMap::new(), heartbeats: HashMap::new() }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        Peer::new(connect(&*self.host, &mut self.main, target, node))
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        Peer::new(connect(&*self.host, &mut self.heartbeats, target, node))
    }
}

/// The connection kept for `target`, which connects when used; a new one when its address has changed.
fn connect(
    host: &dyn Host,
    known: &mut HashMap<u64, (String, Channel)>,
    target: u64,
    node: &BasicNode,
) -> Result<Channel, String> {
    if let Some((address, channel)) = known.get(&target)
        && *address == types::address(node)
    {
        return Ok(channel.clone());
    }
    let channel = channel::lazy_from(host, types::address(node))
        .map_err(|error| format!("address of member {target}: {error}"))?;
    known.insert(target, (types::address(node).to_owned(), channel.clone()));
    Ok(channel)
}

/// One other member.
pub(crate) struct Peer {
    /// Or what is wrong with its address.
    stub: Result<RaftClient<Channel>, String>,
}

impl Peer {
    fn new(channel: Result<Channel, String>) -> Self {
        let stub = channel.map(|channel| {
            RaftClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        });
        Self { stub }
    }

    fn stub(&self) -> Result<RaftClient<Channel>, RpcError> {
        self.stub.clone().map_err(|error| Unreachable::from_string(error).into())
    }
}

/// Lost or refused connections make openraft back off at once, other failures after a few.
fn failed(status: Status) -> RpcError {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown => {
            Unreachable::new(&status).into()
        }
        _ => NetworkError::new(&status).into(),
    }
}

fn malformed(error: Malformed) -> RpcError {
    NetworkError::new(&error).into()
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, RpcError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map(tonic::Response::into_inner).map_err(failed),
        Err(_) => Err(Unreachable::from_string(format!("no answer in {limit:?}")).into()),
    }
}

impl NetStreamAppend<TypeConfig> for Peer {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<AppendStream<'s>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        async move {
            let mut stub = self.stub()?;
            let opened = within(OPEN_TIMEOUT, stub.append(input.map(wire::append_to_pb))).await;
            if opened.is_err() {
                // openraft waits when it makes a request, and where no connection stands nobody asks it for one.
                tokio::time::sleep(REOPEN).await;
            }
            let responses = opened?;
            let results = responses
                .map(|response| wire::appended_from_pb(response.map_err(failed)?).map_err(malformed));
            Ok(results.boxed())
        }
        .boxed()
    }
}

impl NetVote<TypeConfig> for Peer {
    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let mut stub = self.stub()?;
        let response = within(PATIENCE, stub.vote(wire::vote_request_to_pb(&rpc))).await?;
        wire::voted_from_pb(response).map_err(malformed)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let mut stub = self.stub()?;
        let response = within(PATIENCE, stub.pre_vote(wire::vote_request_to_pb(&rpc))).await?;
        wire::voted_from_pb(response).map_err(malformed)
    }
}

impl NetTransferLeader<TypeConfig> for Peer {
    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let mut stub = self.stub()?;
        let response = within(option.soft_ttl(), stub.transfer_leader(wire::transfer_to_pb(&req))).await?;
        wire::transferred_from_pb(response).map_err(malformed)
    }
}

impl NetSnapshot<TypeConfig> for Peer {
    type SnapshotData = i64;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let mut stub = self.stub()?;
        let request = pb::InstallSnapshotRequest {
            vote: Some(wire::vote_to_pb(&vote)),
            snapshot: Some(wire::snapshot_to_pb(&snapshot.meta, snapshot.snapshot)),
        };
        let limit = option.soft_ttl().max(OPEN_TIMEOUT);
        let response = tokio::select! {
            closed = cancel => return Err(closed.into()),
            response = within(limit, stub.install_snapshot(request)) => response?,
        };
        let vote = wire::vote_from_pb(response.vote).map_err(malformed)?;
        Ok(SnapshotResponse::new(vote))
    }
}

impl NetBackoff<TypeConfig> for Peer {
    fn backoff(&self) -> Option<Backoff> {
        None
    }
}
