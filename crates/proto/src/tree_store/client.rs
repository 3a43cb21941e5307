//! [`TreeStore`] over gRPC, the caller's side.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use futures::StreamExt;
use menagerie_types::command::Command;
use menagerie_types::command::registration::Role;
use menagerie_types::{LogIndex, NodeId, WatchKinds, Zxid};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::registered::role_to_pb;
use super::{
    BackupRecords, CheckpointStream, Directory, LinkHello, LinkQueue, ReadOutcome, ReadPlacement, Registered,
    RestoreBegin, RestoreSteps, StoreLink, TreeStore, TreeStoreStatus, wire,
};
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::tree_store as pb;
use crate::pb::tree_store::link_request::Kind;
use crate::pb::tree_store::restore_request::Kind as RestoreKind;
use crate::pb::tree_store::tree_store_client::TreeStoreClient as Stub;
use crate::{ServiceError, ServiceResult};

/// Request batches between a link and its socket; a full queue means the replica has stopped reading.
const BATCHES_IN_FLIGHT: usize = 4096;

/// A replica reached over gRPC.
#[derive(Clone, Debug)]
pub struct TreeStoreClient {
    stub: Stub<Channel>,
}

impl TreeStoreClient {
    /// Uses `channel`, which may not be connected yet.
    pub fn new(channel: Channel) -> Self {
        let stub = Stub::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { stub }
    }
}

#[async_trait]
impl TreeStore for TreeStoreClient {
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        let (requests, outgoing) = mpsc::channel(BATCHES_IN_FLIGHT);
        let hello = pb::LinkRequest { kind: Some(Kind::Hello(hello.into())) };
        requests.try_send(hello).map_err(|_| ServiceError::Internal("new link queue is full".into()))?;
        let mut responses = self.stub.clone().link(ReceiverStream::new(outgoing)).await?.into_inner();
        let queue = Arc::new(LinkQueue::default());
        // The first response says that the link stands; errors of the hello come in its place.
        match responses.message().await? {
            Some(response) => deliver(&queue, &response)?,
            None => return Err(ServiceError::Unavailable("link ended before it began".into())),
        }
        tokio::spawn(receive(responses, Arc::clone(&queue)));
        Ok(Box::new(RemoteLink { batch: BytesMut::new(), requests, queue }))
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        let chunks = self.stub.clone().fetch_checkpoint(pb::FetchCheckpointRequest {}).await?.into_inner();
        Ok(chunks.map(|chunk| Ok(chunk?.records)).boxed())
    }

    async fn backup(&self, stale_ok: bool) -> ServiceResult<CheckpointStream> {
        let chunks = self.stub.clone().backup(pb::BackupRequest { stale_ok }).await?.into_inner();
        Ok(chunks.map(|chunk| Ok(chunk?.records)).boxed())
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        let s = self.stub.clone().status(pb::StatusRequest {}).await?.into_inner();
        Ok(TreeStoreStatus {
            id: NodeId(s.id),
            applied_index: LogIndex(s.applied_index),
            zxid: Zxid(s.zxid),
            digest: s.digest,
            checkpoint_index: LogIndex(s.checkpoint_index),
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
        })
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        Ok(self.stub.clone().directory(pb::DirectoryRequest {}).await?.into_inner().into())
    }

    async fn register(&self, component: Registered) -> ServiceResult<()> {
        let request = pb::RegisterRequest {
            role: role_to_pb(component.role).into(),
            id: component.id.0,
            address: component.address,
            life: component.life.0,
        };
        self.stub.clone().register(request).await?;
        Ok(())
    }

    async fn unregister(&self, role: Role, id: NodeId) -> ServiceResult<bool> {
        let request = pb::UnregisterRequest { role: role_to_pb(role).into(), id: id.0 };
        Ok(self.stub.clone().unregister(request).await?.into_inner().found)
    }

    async fn restore(&self, begin: RestoreBegin, records: BackupRecords) -> ServiceResult<RestoreSteps> {
        let (requests, outgoing) = mpsc::channel(1);
        tokio::spawn(send_records(begin, records, requests));
        let steps = self.stub.clone().restore(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(steps.map(|step| Ok(step?.into())).boxed())
    }

    async fn abort_restore(&self) -> ServiceResult<bool> {
        Ok(self.stub.clone().abort_restore(pb::AbortRestoreRequest {}).await?.into_inner().aborted)
    }
}

/// An error among the records ends the stream before its end, which the other side takes for what it is.
async fn send_records(
    begin: RestoreBegin,
    mut records: BackupRecords,
    requests: mpsc::Sender<pb::RestoreRequest>,
) {
    let request = |kind| pb::RestoreRequest { kind: Some(kind) };
    let begin = pb::RestoreBegin { meta: begin.meta, start_over: begin.start_over };
    let mut next = RestoreKind::Begin(begin);
    while requests.send(request(next)).await.is_ok() {
        next = match records.next().await {
            Some(Ok(piece)) => RestoreKind::Records(piece),
            Some(Err(_)) => return,
            None => {
                let _gone = requests.send(request(RestoreKind::End(pb::RestoreEnd {}))).await;
                return;
            }
        };
    }
}

/// Items from the socket go into the queue until the link ends; dropping the link ends it from this side.
async fn receive(mut responses: Streaming<pb::LinkResponse>, queue: Arc<LinkQueue>) {
    let end = loop {
        match responses.message().await {
            Ok(Some(response)) => {
                if let Err(error) = deliver(&queue, &response) {
                    break error;
                }
                queue.wake();
            }
            Ok(None) => break ServiceError::Unavailable("the replica ended the link".into()),
            Err(status) => break status.into(),
        }
    };
    queue.close(end);
}

fn deliver(queue: &LinkQueue, response: &pb::LinkResponse) -> ServiceResult<()> {
    wire::read_items(&response.items, |item| queue.stage(item))?;
    if !response.more {
        queue.commit();
    }
    Ok(())
}

/// A link whose replica is behind a socket: every read is queued.
struct RemoteLink {
    batch: BytesMut,
    requests: mpsc::Sender<pb::LinkRequest>,
    queue: Arc<LinkQueue>,
}

impl StoreLink for RemoteLink {
    fn read(&mut self, token: u64, read: &Command<'_>, _out: &mut BytesMut) -> ReadOutcome {
        if self.requests.is_closed() {
            return ReadOutcome::Closed;
        }
        wire::put_read(&mut self.batch, token, read);
        ReadOutcome::Queued
    }

    fn read_after(&mut self, seq: u64, token: u64, read: &Command<'_>) -> ReadPlacement {
        if self.requests.is_closed() {
            return ReadPlacement::Closed;
        }
        wire::put_read_after(&mut self.batch, seq, token, read);
        ReadPlacement::Queued
    }

    fn unwatch(&mut self, path: &str, kinds: WatchKinds) {
        wire::put_unwatch(&mut self.batch, path, kinds);
    }

    fn await_applied(&mut self, index: LogIndex) {
        wire::put_await_applied(&mut self.batch, index);
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = self.batch.split().freeze();
        if self.requests.try_send(pb::LinkRequest { kind: Some(Kind::Requests(batch)) }).is_err() {
            self.queue.close(ServiceError::Overloaded("the replica does not take requests".into()));
        }
    }

    fn queue(&self) -> &Arc<LinkQueue> {
        &self.queue
    }
}

impl From<LinkHello> for pb::LinkHello {
    fn from(hello: LinkHello) -> Self {
        let watches = hello.watches.into_iter().map(|(kind, path)| pb::Watch { path, kind: kind as u32 });
        Self {
            incarnation: hello.incarnation.0,
            zxid: hello.zxid.0,
            acked_seq: hello.acked_seq,
            watches: watches.collect(),
            follow_sessions: hello.follow_sessions,
        }
    }
}
