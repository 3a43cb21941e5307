//! What the tracker calls.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use menagerie_proto::consensus::{
    Consensus, ConsensusStatus, Leaders, Member, PROPOSAL_QUEUE, Proposals, Tail,
};
use menagerie_proto::tree_store::{
    CheckpointStream, Directory, LinkHello, LinkItem, LinkQueue, ReadOutcome, Registered, StoreLink,
    TreeStore, TreeStoreStatus,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::command::Command;
use menagerie_types::command::registration::Role;
use menagerie_types::{LogIndex, NodeId, OpCode, WatchKinds, Zxid};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{Fake, State};

fn unsupported<T>() -> ServiceResult<T> {
    Err(ServiceError::Invalid("trackers do not call this".into()))
}

#[async_trait]
impl Consensus for Fake {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let mut state = self.state.lock();
        if !state.has_leader {
            return Err(ServiceError::NotLeader { leader: None });
        }
        let (chunks, mut proposed) = mpsc::channel(PROPOSAL_QUEUE);
        let (end, ended) = oneshot::channel();
        let (stop, mut stopped) = oneshot::channel::<()>();
        state.streams.push(stop);
        let shared = Arc::clone(&self.state);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stopped => break,
                    chunk = proposed.recv() => match chunk {
                        Some(chunk) => shared.lock().apply(&chunk),
                        None => break,
                    },
                }
            }
            let _gone = end.send(ServiceError::NotLeader { leader: None });
        });
        Ok(Proposals { term: 1, chunks, ended })
    }

    async fn tail(&self, _from: LogIndex) -> ServiceResult<Tail> {
        unsupported()
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        unsupported()
    }

    async fn truncate(&self, _index: LogIndex) -> ServiceResult<LogIndex> {
        unsupported()
    }

    async fn change_membership(&self, _base: LogIndex, _members: Vec<Member>) -> ServiceResult<LogIndex> {
        unsupported()
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        unsupported()
    }

    async fn transfer_leadership(&self, _to: Option<NodeId>) -> ServiceResult<NodeId> {
        unsupported()
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        unsupported()
    }
}

#[async_trait]
impl TreeStore for Fake {
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        let mut state = self.state.lock();
        assert!(hello.zxid <= Zxid(state.zxid) && hello.follow_sessions);
        if state.history_gone == Some(hello.incarnation) {
            return Err(ServiceError::HistoryGone("by the test".into()));
        }
        state.hellos.push(hello.clone());
        let queue = Arc::new(LinkQueue::default());
        let index = LogIndex(state.zxid as u64);
        queue.push(LinkItem::Start {
            index,
            zxid: Zxid(state.zxid),
            owned: Vec::new(),
            events_complete: true,
        });
        queue.push(LinkItem::Lease(state.lease));
        queue.push(LinkItem::Sessions(state.sessions.values().copied().collect()));
        let results = state.results.get(&hello.incarnation).into_iter().flatten();
        for (seq, frames) in (1..).zip(results).filter(|(seq, _)| *seq > hello.acked_seq) {
            queue.push(LinkItem::Results { first_seq: seq, count: 1, frames: frames.clone() });
        }
        queue.wake();
        state.links.push((hello.incarnation, Arc::clone(&queue)));
        Ok(Box::new(FakeLink { state: Arc::clone(&self.state), queue }))
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        unsupported()
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        Ok(Directory::default())
    }

    async fn register(&self, _: Registered) -> ServiceResult<()> {
        Ok(())
    }

    async fn unregister(&self, _: Role, _: NodeId) -> ServiceResult<bool> {
        Ok(false)
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        unsupported()
    }
}

struct FakeLink {
    state: Arc<Mutex<State>>,
    queue: Arc<LinkQueue>,
}

impl StoreLink for FakeLink {
    fn read(&mut self, token: u64, read: &Command<'_>, out: &mut BytesMut) -> ReadOutcome {
        assert_eq!(read.op, OpCode::ReapCandidates);
        if self.queue.is_closed() {
            return ReadOutcome::Closed;
        }
        let mut state = self.state.lock();
        let frames = state.look(read.body);
        if !state.queues_reads {
            out.extend_from_slice(&frames);
            return ReadOutcome::Answered(Vec::new());
        }
        self.queue.push(LinkItem::ReadReply { token, frames, watches: Vec::new() });
        self.queue.wake();
        ReadOutcome::Queued
    }

    fn unwatch(&mut self, _path: &str, _kinds: WatchKinds) {}

    fn await_applied(&mut self, _index: LogIndex) {}

    fn flush(&mut self) {}

    fn queue(&self) -> &Arc<LinkQueue> {
        &self.queue
    }
}
