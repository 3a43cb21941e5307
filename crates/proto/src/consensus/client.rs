//! [`Consensus`] over gRPC, the caller's side.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use menagerie_types::{LogIndex, NodeId};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::{
    Consensus, ConsensusStatus, Leader, Leaders, LogEntry, Member, PROPOSAL_QUEUE, Proposals, Tail, TailBatch,
};
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::consensus as pb;
use crate::pb::consensus::consensus_client::ConsensusClient as Stub;
use crate::{ServiceError, ServiceResult};

/// Chunks gathered into one message at most.
const CHUNKS_PER_MESSAGE: usize = 256;

/// A member of the log reached over gRPC.
#[derive(Clone, Debug)]
pub struct ConsensusClient {
    stub: Stub<Channel>,
}

impl ConsensusClient {
    /// Uses `channel`, which may not be connected yet.
    pub fn new(channel: Channel) -> Self {
        let stub = Stub::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { stub }
    }
}

#[async_trait]
impl Consensus for ConsensusClient {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let (chunks, mut queued) = mpsc::channel::<Bytes>(PROPOSAL_QUEUE);
        let (messages, outgoing) = mpsc::channel(4);
        let mut responses = self.stub.clone().propose(ReceiverStream::new(outgoing)).await?.into_inner();
        // The first response says that the member leads.
        let Some(first) = responses.message().await? else {
            return Err(ServiceError::Unavailable("proposals ended before they began".into()));
        };
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let _ = end.send(forward(&mut queued, messages, &mut responses).await);
        });
        Ok(Proposals { term: first.term, chunks, ended })
    }

    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        let responses = self.stub.clone().tail(pb::TailRequest { from_index: from.0 }).await?.into_inner();
        Ok(responses.map(|batch| Ok(batch?.into())).boxed())
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        Ok(LogIndex(self.stub.clone().barrier(pb::BarrierRequest {}).await?.into_inner().index))
    }

    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        let response = self.stub.clone().truncate(pb::TruncateRequest { index: index.0 }).await?;
        Ok(LogIndex(response.into_inner().first_index))
    }

    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex> {
        let members = members.into_iter().map(Into::into).collect();
        let request = pb::ChangeMembershipRequest { expected_index: expected.0, members };
        Ok(LogIndex(self.stub.clone().change_membership(request).await?.into_inner().index))
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        let responses = self.stub.clone().leaders(pb::LeadersRequest {}).await?.into_inner();
        let leader =
            |response: pb::LeadersResponse| Leader { term: response.term, id: NodeId(response.leader) };
        Ok(responses.map(move |response| Ok(leader(response?))).boxed())
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId> {
        let request = pb::TransferLeadershipRequest { to: to.map_or(0, |to| to.0) };
        Ok(NodeId(self.stub.clone().transfer_leadership(request).await?.into_inner().leader))
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        Ok(self.stub.clone().status(pb::StatusRequest {}).await?.into_inner().into())
    }
}

/// Everything queued goes into one message. Ends with the member's error, or when the proposer lets go.
async fn forward(
    queued: &mut mpsc::Receiver<Bytes>,
    messages: mpsc::Sender<pb::ProposeRequest>,
    responses: &mut Streaming<pb::ProposeResponse>,
) -> ServiceError {
    loop {
        let mut chunks = Vec::new();
        tokio::select! {
            biased;
            response = responses.message() => match response {
                Ok(Some(_)) => continue,
                Ok(None) => return ServiceError::Unavailable("the leader ended the stream".into()),
                Err(status) => return status.into(),
            },
            count = queued.recv_many(&mut chunks, CHUNKS_PER_MESSAGE) => if count == 0 {
                return ServiceError::Unavailable("the proposer let go".into());
            },
        }
        if messages.send(pb::ProposeRequest { chunks }).await.is_err() {
            return match responses.message().await {
                Err(status) => status.into(),
                Ok(_) => ServiceError::Unavailable("the connection to the leader was lost".into()),
            };
        }
    }
}

impl From<pb::TailResponse> for TailBatch {
    fn from(batch: pb::TailResponse) -> Self {
        let entries = batch.entries.into_iter().map(|e| LogEntry {
            index: LogIndex(e.index),
            term: e.term,
            time_ms: e.time_ms,
            chunks: e.chunks,
        });
        Self { entries: entries.collect(), commit_index: LogIndex(batch.commit_index) }
    }
}

impl From<pb::StatusResponse> for ConsensusStatus {
    fn from(s: pb::StatusResponse) -> Self {
        Self {
            id: NodeId(s.id),
            state: s.state,
            term: s.term,
            leader: (s.leader != 0).then_some(NodeId(s.leader)),
            first_index: LogIndex(s.first_index),
            last_index: LogIndex(s.last_index),
            commit_index: LogIndex(s.commit_index),
            members: s.members.into_iter().map(Into::into).collect(),
            membership_index: LogIndex(s.membership_index),
        }
    }
}

impl From<pb::Member> for Member {
    fn from(m: pb::Member) -> Self {
        Self { id: NodeId(m.id), address: m.address, voter: m.voter, info: m.info }
    }
}

impl From<Member> for pb::Member {
    fn from(m: Member) -> Self {
        Self { id: m.id.0, address: m.address, voter: m.voter, info: m.info }
    }
}
