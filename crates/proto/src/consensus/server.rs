//! [`Consensus`] over gRPC, the callee's side.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use menagerie_types::{LogIndex, NodeId};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Consensus, Leader, Proposals, TailBatch};
use crate::ServiceError;
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::consensus as pb;
use crate::pb::consensus::consensus_server::{Consensus as Service, ConsensusServer as Stub};

/// Serves a [`Consensus`] over gRPC.
pub struct ConsensusServer<C> {
    inner: Arc<C>,
}

impl<C: Consensus> ConsensusServer<C> {
    /// The tonic service for `inner`.
    pub fn service(inner: Arc<C>) -> Stub<Self> {
        Stub::new(Self { inner })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[tonic::async_trait]
impl<C: Consensus> Service for ConsensusServer<C> {
    type ProposeStream = ReceiverStream<Result<pb::ProposeResponse, Status>>;
    type LeadersStream = BoxStream<'static, Result<pb::LeadersResponse, Status>>;
    type TailStream = BoxStream<'static, Result<pb::TailResponse, Status>>;

    async fn propose(
        &self,
        request: Request<Streaming<pb::ProposeRequest>>,
    ) -> Result<Response<Self::ProposeStream>, Status> {
        let proposals = self.inner.propose().await?;
        let (responses, outgoing) = mpsc::channel(2);
        let _ = responses.try_send(Ok(pb::ProposeResponse { term: proposals.term }));
        // The stream is read only after this handler has answered: a client waits for the answer first.
        tokio::spawn(async move {
            let end = relay(request.into_inner(), proposals).await;
            let _ = responses.send(Err(end.into())).await;
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn tail(&self, request: Request<pb::TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        let tail = self.inner.tail(LogIndex(request.into_inner().from_index)).await?;
        Ok(Response::new(tail.map(|batch| Ok(batch?.into())).boxed()))
    }

    async fn barrier(&self, _: Request<pb::BarrierRequest>) -> Result<Response<pb::BarrierResponse>, Status> {
        Ok(Response::new(pb::BarrierResponse { index: self.inner.barrier().await?.0 }))
    }

    async fn truncate(
        &self,
        request: Request<pb::TruncateRequest>,
    ) -> Result<Response<pb::TruncateResponse>, Status> {
        let first = self.inner.truncate(LogIndex(request.into_inner().index)).await?;
        Ok(Response::new(pb::TruncateResponse { first_index: first.0 }))
    }

    async fn leaders(&self, _: Request<pb::LeadersRequest>) -> Result<Response<Self::LeadersStream>, Status> {
        let leaders = self.inner.leaders().await?;
        let response = |leader: Leader| pb::LeadersResponse { term: leader.term, leader: leader.id.0 };
        Ok(Response::new(leaders.map(move |leader| Ok(response(leader?))).boxed()))
    }

    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        let s = self.inner.status().await?;
        Ok(Response::new(pb::StatusResponse {
            id: s.id.0,
            state: s.state,
            term: s.term,
            leader: s.leader.map_or(0, |l| l.0),
            first_index: s.first_index.0,
            last_index: s.last_index.0,
            commit_index: s.commit_index.0,
            members: s.members.into_iter().map(Into::into).collect(),
            membership_index: s.membership_index.0,
        }))
    }

    async fn change_membership(
        &self,
        request: Request<pb::ChangeMembershipRequest>,
    ) -> Result<Response<pb::ChangeMembershipResponse>, Status> {
        let request = request.into_inner();
        let members = request.members.into_iter().map(Into::into).collect();
        let index = self.inner.change_membership(LogIndex(request.expected_index), members).await?;
        Ok(Response::new(pb::ChangeMembershipResponse { index: index.0 }))
    }

    async fn transfer_leadership(
        &self,
        request: Request<pb::TransferLeadershipRequest>,
    ) -> Result<Response<pb::TransferLeadershipResponse>, Status> {
        let to = Some(NodeId(request.into_inner().to)).filter(|to| to.0 != 0);
        let leader = self.inner.transfer_leadership(to).await?;
        Ok(Response::new(pb::TransferLeadershipResponse { leader: leader.0 }))
    }
}

/// Hands chunks on in order until either side ends.
async fn relay(mut requests: Streaming<pb::ProposeRequest>, mut proposals: Proposals) -> ServiceError {
    loop {
        let request = tokio::select! {
            biased;
            end = &mut proposals.ended => return end.unwrap_or(ServiceError::Unavailable("shutting down".into())),
            request = requests.message() => match request {
                Ok(Some(request)) => request,
                Ok(None) => return ServiceError::Unavailable("the proposer let go".into()),
                Err(status) => return status.into(),
            },
        };
        for chunk in request.chunks {
            if proposals.chunks.send(chunk).await.is_err() {
                return proposals.ended.await.unwrap_or(ServiceError::Unavailable("shutting down".into()));
            }
        }
    }
}

impl From<TailBatch> for pb::TailResponse {
    fn from(batch: TailBatch) -> Self {
        let entries = batch.entries.into_iter().map(|e| pb::LogEntry {
            index: e.index.0,
            term: e.term,
            time_ms: e.time_ms,
            chunks: e.chunks,
        });
        Self { entries: entries.collect(), commit_index: batch.commit_index.0 }
    }
}
