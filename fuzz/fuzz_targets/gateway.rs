//! Clients' bytes into the gateway, cut anywhere, with the real state machine behind it. Nothing may panic, and
//! every connection gets whole frames, its replies in the order of its requests.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use bytes::{BufMut, Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use menagerie_gateway::GatewayOptions;
use menagerie_gateway::fuzzing::Harness;
use menagerie_proto::consensus::{Consensus, ConsensusStatus, Member, Proposals, Tail};
use menagerie_proto::session_tracker::Established;
use menagerie_proto::tree_store::{LinkItem, LinkQueue, ReadOutcome, SessionEvent, SessionInfo, StoreLink};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::{Effects, Lease, Session, State};
use menagerie_types::command::internal::{CreateSession, TrackerLease};
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, put_command, write_chunk_header,
};
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, WatchKinds, Zxid};
use async_trait::async_trait;
use parking_lot::Mutex;

const WORKER: IncarnationId = IncarnationId(1);
const TRACKER: IncarnationId = IncarnationId(2);
const CONNECTIONS_MAX: usize = 4;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Connect,
    /// A well-formed handshake.
    Handshake(u8),
    /// A frame with a header that makes sense: connection, operation, body.
    Request(u8, u8, &'a [u8]),
    /// Any bytes.
    Bytes(u8, &'a [u8]),
    Apply,
    Drop(u8),
}

/// Operations that the one-byte choice of a request stands for.
const OPS: [i32; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 100, 101, 102, 103, 104, 105, 106,
    107, -10, -11, 1001,
];

struct Unasked;

fn unasked<T>() -> ServiceResult<T> {
    Err(ServiceError::Unavailable("nobody is there".into()))
}

#[async_trait]
impl Consensus for Unasked {
    async fn propose(&self) -> ServiceResult<Proposals> {
        unasked()
    }
    async fn tail(&self, _: LogIndex) -> ServiceResult<Tail> {
        unasked()
    }
    async fn barrier(&self) -> ServiceResult<LogIndex> {
        unasked()
    }
    async fn truncate(&self, _: LogIndex) -> ServiceResult<LogIndex> {
        unasked()
    }
    async fn change_membership(&self, _: LogIndex, _: Vec<Member>) -> ServiceResult<LogIndex> {
        unasked()
    }
    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        unasked()
    }
}

/// The replica: the state, and what it has to deliver.
struct Replica {
    state: Mutex<State>,
    queue: Arc<LinkQueue>,
}

struct Link(Arc<Replica>);

impl StoreLink for Link {
    fn read(&mut self, token: u64, read: &Command<'_>, out: &mut BytesMut) -> ReadOutcome {
        let state = self.0.state.lock();
        if !self.0.queue.has_pending() {
            return ReadOutcome::Answered(state.read(read, out));
        }
        let mut frames = BytesMut::new();
        let watches = state.read(read, &mut frames);
        self.0.queue.push(LinkItem::ReadReply { token, frames: frames.freeze(), watches });
        ReadOutcome::Queued
    }
    fn unwatch(&mut self, _: &str, _: WatchKinds) {}
    fn await_applied(&mut self, index: LogIndex) {
        self.0.queue.push(LinkItem::Applied { index, zxid: self.0.state.lock().zxid() });
    }
    fn flush(&mut self) {}
    fn queue(&self) -> &Arc<LinkQueue> {
        &self.0.queue
    }
}

/// Delivers everything to the one worker; the gateway passes over events that nobody watches.
struct Deliver<'a> {
    queue: &'a LinkQueue,
    replies: BytesMut,
    worker: bool,
    first_seq: u64,
    count: u32,
}

impl Deliver<'_> {
    fn cut(&mut self) {
        let frames = self.replies.split().freeze();
        if self.worker && self.count > 0 {
            self.queue.push(LinkItem::Results { first_seq: self.first_seq, count: self.count, frames });
        }
        self.first_seq += u64::from(self.count);
        self.count = 0;
    }
}

impl Effects for Deliver<'_> {
    fn chunk(&mut self, header: &ChunkHeader, first_new_seq: u64) {
        (self.worker, self.first_seq, self.count) = (header.incarnation == WORKER, first_new_seq, 0);
    }
    fn replies(&mut self) -> &mut BytesMut {
        &mut self.replies
    }
    fn result(&mut self, _: u64, _: Zxid) {
        self.count += 1;
    }
    fn chunk_end(&mut self) {
        self.cut();
    }
    fn refused(&mut self, _: IncarnationId, expected: u64) {
        panic!("a command was lost before {expected}");
    }
    fn watch_event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) {
        self.cut();
        self.queue.push(LinkItem::Event { zxid, event, path: path.into(), acl: acl.cloned() });
    }
    fn session_attached(&mut self, zxid: Zxid, id: SessionId, session: &Session, _: Option<IncarnationId>) {
        self.cut();
        let info = SessionInfo {
            session: id,
            timeout_ms: session.timeout_ms,
            password: session.password,
            owner: session.owner,
        };
        self.queue.push(LinkItem::Session(SessionEvent::Attached(info, zxid)));
    }
    fn session_closed(&mut self, session: SessionId, _: IncarnationId, expired: bool) {
        self.cut();
        self.queue.push(LinkItem::Session(SessionEvent::Closed { session, expired }));
    }
    fn lease(&mut self, _: &Lease) {}
    fn replica(&mut self, _: NodeId, _: LogIndex) {}
}

struct World {
    gateway: Harness,
    replica: Arc<Replica>,
    conns: Vec<u64>,
    sessions: i64,
    xid: i32,
    tracker_seq: u64,
}

impl World {
    fn new() -> Self {
        let replica = Arc::new(Replica { state: Mutex::new(State::new()), queue: Arc::default() });
        let options = GatewayOptions {
            policy: Policy::EXTENDED_TYPES.with(Policy::ENFORCE_QUOTA),
            ..GatewayOptions::default()
        };
        let mut gateway = Harness::new(options, vec![(NodeId(1), Arc::new(Unasked))], WORKER);
        gateway.link(Box::new(Link(Arc::clone(&replica))));
        let mut world = Self { gateway, replica, conns: Vec::new(), sessions: 0, xid: 0, tracker_seq: 0 };
        let lease = TrackerLease { tracker: NodeId(1), epoch: 0, ttl_ms: 1_000_000 }.encode();
        world.propose(OpCode::TrackerLease, &lease);
        world
    }

    /// A command of the tracker.
    fn propose(&mut self, op: OpCode, body: &[u8]) {
        let mut chunk = BytesMut::zeroed(CHUNK_HEADER_LEN);
        put_command(&mut chunk, &Command { op, session: SessionId::NONE, xid: 0, auth: &[], body });
        self.tracker_seq += 1;
        let (first_seq, acked_seq) = (self.tracker_seq, self.tracker_seq - 1);
        let policy = Policy::NONE;
        write_chunk_header(&mut chunk, &ChunkHeader { policy, incarnation: TRACKER, first_seq, acked_seq, count: 1 });
        self.apply(chunk.freeze());
    }

    fn apply(&mut self, chunk: Bytes) {
        let mut state = self.replica.state.lock();
        let mut effects =
            Deliver { queue: &self.replica.queue, replies: BytesMut::new(), worker: false, first_seq: 0, count: 0 };
        let (index, time_ms) = (state.index().next(), state.time_ms() + 1);
        state.apply_entry(index, time_ms, &[chunk], &mut effects).expect("what a gateway proposes applies");
    }

    /// Lets everything that is under way arrive.
    fn settle(&mut self) {
        for _ in 0..64 {
            let mut granted = Vec::new();
            let sessions = &mut self.sessions;
            let zxid = self.replica.state.lock().zxid();
            self.gateway.establish(|attempt| {
                if attempt.session.0 != 0 {
                    return None;
                }
                *sessions += 1;
                let session = SessionId(*sessions << 8 | 1);
                granted.push(session);
                Some(Established { session, password: [7; 16], timeout_ms: 30_000, zxid: Zxid(zxid.0 + 1) })
            });
            for session in &granted {
                let body = CreateSession { session: *session, timeout_ms: 30_000, password: [7; 16], owner: WORKER, epoch: 1 };
                self.propose(OpCode::CreateSession, &body.encode());
            }
            while let Some(chunk) = self.gateway.next_chunk() {
                self.apply(chunk);
            }
            let mut items = Vec::new();
            let _ = self.replica.queue.take(&mut items);
            let index = self.replica.state.lock().index();
            let idle = items.is_empty() && granted.is_empty();
            items.into_iter().for_each(|item| self.gateway.deliver(item));
            self.gateway.sync(index);
            self.gateway.go_on();
            if idle && !self.replica.queue.has_pending() {
                break;
            }
        }
        self.look();
    }

    /// Whole frames everywhere.
    fn look(&mut self) {
        let gateway = &mut self.gateway;
        self.conns.retain(|conn| {
            let Some(bytes) = gateway.sent(*conn) else { return false };
            let text = bytes.first().is_some_and(u8::is_ascii_alphabetic);
            let mut rest = &bytes[..];
            while let Some((len, tail)) = rest.split_first_chunk::<4>().filter(|_| !text) {
                let len = u32::from_be_bytes(*len) as usize;
                assert!(len >= 16 && len <= tail.len(), "a frame of {len} in {} bytes", tail.len());
                rest = &tail[len..];
            }
            assert!(text || rest.is_empty(), "a frame is cut");
            true
        });
    }

    fn conn(&mut self, which: u8) -> Option<u64> {
        let count = self.conns.len();
        (count > 0).then(|| self.conns[which as usize % count])
    }

    fn step(&mut self, step: &Step<'_>) {
        match step {
            Step::Connect => {
                if self.conns.len() < CONNECTIONS_MAX {
                    self.conns.push(self.gateway.accept());
                }
            }
            Step::Handshake(which) => {
                let mut frame = BytesMut::new();
                frame.put_u32(45);
                frame.put_bytes(0, 12);
                frame.put_i32(30_000);
                frame.put_i64(0);
                frame.put_u32(16);
                frame.put_bytes(0, 17);
                self.receive(*which, &frame);
            }
            Step::Request(which, op, body) => {
                self.xid += 1;
                let mut frame = BytesMut::new();
                frame.put_u32(8 + body.len() as u32);
                frame.put_i32(self.xid);
                frame.put_i32(OPS[*op as usize % OPS.len()]);
                frame.put_slice(body);
                self.receive(*which, &frame);
            }
            Step::Bytes(which, bytes) => self.receive(*which, bytes),
            Step::Apply => self.settle(),
            Step::Drop(which) => {
                if let Some(conn) = self.conn(*which) {
                    self.gateway.disconnect(conn);
                    self.conns.retain(|other| *other != conn);
                }
            }
        }
    }

    fn receive(&mut self, which: u8, bytes: &[u8]) {
        if let Some(conn) = self.conn(which) {
            self.gateway.receive(conn, bytes);
        }
    }
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut world = World::new();
    world.step(&Step::Connect);
    world.step(&Step::Handshake(0));
    world.settle();
    for step in &steps {
        world.step(step);
    }
    world.settle();
});
