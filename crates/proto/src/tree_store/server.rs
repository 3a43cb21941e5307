//! [`TreeStore`] over gRPC, the callee's side.

use std::sync::Arc;

use bytes::BytesMut;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use menagerie_types::{IncarnationId, LogIndex, NodeId, WatchKind, Zxid};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::registered::role_from_pb;
use super::wire::LinkRequest;
use super::{
    BackupRecords, LinkHello, LinkItem, ReadOutcome, ReadPlacement, Registered, RestoreBegin, StoreLink,
    TreeStore, wire,
};
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::tree_store as pb;
use crate::pb::tree_store::link_request::Kind;
use crate::pb::tree_store::restore_request::Kind as RestoreKind;
use crate::pb::tree_store::tree_store_server::{TreeStore as Service, TreeStoreServer as Stub};
use crate::{ServiceError, ServiceResult};

/// A message is sent once it has grown to this; a single item may make it larger.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Serves a [`TreeStore`] over gRPC.
pub struct TreeStoreServer<S> {
    inner: Arc<S>,
}

impl<S: TreeStore> TreeStoreServer<S> {
    /// The tonic service for `inner`.
    pub fn service(inner: Arc<S>) -> Stub<Self> {
        Stub::new(Self { inner })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[tonic::async_trait]
impl<S: TreeStore> Service for TreeStoreServer<S> {
    type LinkStream = ReceiverStream<Result<pb::LinkResponse, Status>>;
    type FetchCheckpointStream = BoxStream<'static, Result<pb::CheckpointChunk, Status>>;
    type BackupStream = BoxStream<'static, Result<pb::CheckpointChunk, Status>>;
    type RestoreStream = BoxStream<'static, Result<pb::RestoreResponse, Status>>;

    async fn link(
        &self,
        request: Request<Streaming<pb::LinkRequest>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let (responses, outgoing) = mpsc::channel(4);
        let store = Arc::clone(&self.inner);
        // The stream is read only after this handler has answered: a client waits for the answer first.
        tokio::spawn(async move {
            if let Err(end) = serve_link(store, request.into_inner(), &responses).await {
                let _ = responses.send(Err(end.into())).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn fetch_checkpoint(
        &self,
        _: Request<pb::FetchCheckpointRequest>,
    ) -> Result<Response<Self::FetchCheckpointStream>, Status> {
        let records = self.inner.fetch_checkpoint().await?;
        Ok(Response::new(records.map(|r| Ok(pb::CheckpointChunk { records: r? })).boxed()))
    }

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let records = self.inner.backup(request.into_inner().stale_ok).await?;
        Ok(Response::new(records.map(|r| Ok(pb::CheckpointChunk { records: r? })).boxed()))
    }

    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        let s = self.inner.status().await?;
        Ok(Response::new(pb::StatusResponse {
            id: s.id.0,
            applied_index: s.applied_index.0,
            zxid: s.zxid.0,
            digest: s.digest,
            checkpoint_index: s.checkpoint_index.0,
            znode_count: s.znode_count,
            session_count: s.session_count,
            ephemeral_count: s.ephemeral_count,
            watch_count: s.watch_count,
            data_bytes: s.data_bytes,
            serving: s.serving,
            restoring_id: s.restoring_id,
            restoring_records: s.restoring_records,
            restoring_problem: s.restoring_problem,
            restored_id: s.restored_id,
            checkpoint_disk_bytes: s.checkpoint_disk_bytes,
            fault: s.fault,
        }))
    }

    async fn directory(
        &self,
        _: Request<pb::DirectoryRequest>,
    ) -> Result<Response<pb::DirectoryResponse>, Status> {
        Ok(Response::new(self.inner.directory().await?.into()))
    }

    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let request = request.into_inner();
        let component = Registered {
            role: role_from_pb(request.role())?,
            id: NodeId(request.id),
            life: IncarnationId(request.life),
            address: request.address,
            seen_ms: 0,
            checkpoint: LogIndex(0),
        };
        self.inner.register(component).await?;
        Ok(Response::new(pb::RegisterResponse {}))
    }

    async fn unregister(
        &self,
        request: Request<pb::UnregisterRequest>,
    ) -> Result<Response<pb::UnregisterResponse>, Status> {
        let request = request.into_inner();
        let found = self.inner.unregister(role_from_pb(request.role())?, NodeId(request.id)).await?;
        Ok(Response::new(pb::UnregisterResponse { found }))
    }

    async fn restore(
        &self,
        request: Request<Streaming<pb::RestoreRequest>>,
    ) -> Result<Response<Self::RestoreStream>, Status> {
        let mut requests = request.into_inner();
        let Some(pb::RestoreRequest { kind: Some(RestoreKind::Begin(begin)) }) = requests.message().await?
        else {
            return Err(ServiceError::Invalid("a restore begins with its beginning".into()).into());
        };
        let begin = RestoreBegin { meta: begin.meta, start_over: begin.start_over };
        let steps = self.inner.restore(begin, records_of(requests)).await?;
        Ok(Response::new(steps.map(|step| Ok(step?.into())).boxed()))
    }

    async fn abort_restore(
        &self,
        _: Request<pb::AbortRestoreRequest>,
    ) -> Result<Response<pb::AbortRestoreResponse>, Status> {
        Ok(Response::new(pb::AbortRestoreResponse { aborted: self.inner.abort_restore().await? }))
    }
}

/// The pieces of records up to the end that the caller sends; a stream without it ends with an error.
fn records_of(requests: Streaming<pb::RestoreRequest>) -> BackupRecords {
    let next = |requests: Option<Streaming<pb::RestoreRequest>>| async {
        let mut requests = requests?;
        let piece = match requests.message().await {
            Ok(Some(pb::RestoreRequest { kind: Some(RestoreKind::Records(piece)) })) => Ok(piece),
            Ok(Some(pb::RestoreRequest { kind: Some(RestoreKind::End(_)) })) => return None,
            Ok(Some(_)) => Err(ServiceError::Invalid("unexpected restore request".into())),
            Ok(None) => Err(ServiceError::Unavailable("the records end before their end".into())),
            Err(status) => Err(status.into()),
        };
        let rest = piece.is_ok().then_some(requests);
        Some((piece, rest))
    };
    stream::unfold(Some(requests), next).boxed()
}

type Responses = mpsc::Sender<Result<pb::LinkResponse, Status>>;

/// One link, from its hello to its end: requests in, items out, each batch in one message.
async fn serve_link<S: TreeStore>(
    store: Arc<S>,
    mut requests: Streaming<pb::LinkRequest>,
    responses: &Responses,
) -> ServiceResult<()> {
    let Some(pb::LinkRequest { kind: Some(Kind::Hello(hello)) }) = requests.message().await? else {
        return Err(ServiceError::Invalid("a link begins with its hello".into()));
    };
    let mut link = store.link(hello.try_into()?).await?;
    let queue = Arc::clone(link.queue());
    let mut items = Vec::new();
    let mut out = BytesMut::new();
    loop {
        queue.take(&mut items)?;
        let mut left = items.drain(..).peekable();
        loop {
            while out.len() < MESSAGE_BYTES
                && let Some(item) = left.next()
            {
                wire::put_item(&mut out, &item);
            }
            let more = left.peek().is_some();
            let message = pb::LinkResponse { items: out.split().freeze(), more };
            if responses.send(Ok(message)).await.is_err() {
                return Ok(());
            }
            if !more {
                break;
            }
        }
        while !queue.has_pending() && out.is_empty() {
            tokio::select! {
                () = queue.ready() => {}
                request = requests.message() => match request? {
                    Some(pb::LinkRequest { kind: Some(Kind::Requests(batch)) }) => {
                        if !answer(&mut *link, &batch, &mut out, responses).await? {
                            return Ok(());
                        }
                    }
                    Some(_) => return Err(ServiceError::Invalid("unexpected link request".into())),
                    None => return Ok(()),
                },
            }
        }
    }
}

/// Answers a batch; what is answered at once is encoded at once, in order with what is queued, and sent when it has
/// grown to a message. False when the caller is gone.
async fn answer(
    link: &mut dyn StoreLink,
    batch: &[u8],
    out: &mut BytesMut,
    responses: &Responses,
) -> ServiceResult<bool> {
    let mut frames = BytesMut::new();
    for request in wire::Requests::new(batch) {
        match request? {
            LinkRequest::Read(token, read) => {
                if let ReadOutcome::Answered(watches) = link.read(token, &read, &mut frames) {
                    let frames = frames.split().freeze();
                    wire::put_item(out, &LinkItem::ReadReply { token, frames, watches });
                }
            }
            LinkRequest::Unwatch(kinds, path) => link.unwatch(path, kinds),
            LinkRequest::AwaitApplied(index) => link.await_applied(index),
            LinkRequest::ReadAfter(seq, token, read) => {
                if link.read_after(seq, token, &read) == ReadPlacement::Refused {
                    return Err(ServiceError::Overloaded("too many reads wait for commands".into()));
                }
            }
        }
        if out.len() >= MESSAGE_BYTES {
            let message = pb::LinkResponse { items: out.split().freeze(), more: false };
            if responses.send(Ok(message)).await.is_err() {
                return Ok(false);
            }
        }
    }
    link.flush();
    Ok(true)
}

impl TryFrom<pb::LinkHello> for LinkHello {
    type Error = ServiceError;

    fn try_from(hello: pb::LinkHello) -> Result<Self, ServiceError> {
        let watches = hello.watches.into_iter().map(|watch| {
            let kind = u8::try_from(watch.kind).ok().and_then(WatchKind::from_code);
            Ok((kind.ok_or_else(|| ServiceError::Invalid("unknown watch kind".into()))?, watch.path))
        });
        Ok(Self {
            incarnation: IncarnationId(hello.incarnation),
            zxid: Zxid(hello.zxid),
            acked_seq: hello.acked_seq,
            watches: watches.collect::<ServiceResult<_>>()?,
            follow_sessions: hello.follow_sessions,
        })
    }
}
