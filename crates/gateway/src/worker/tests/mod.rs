//! The worker's state, driven without sockets: bytes and link items in, bytes out.

mod auth;
mod limits;
mod placed;
mod sessions;
mod streams;
mod told;
mod trackers;
mod watchers;
mod watches;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AddWatchRequest, ConnectRequest, PathWatchRequest, Reader, ReplyHeader, RequestHeader, begin_reply,
    end_reply, frame, notification, write,
};
use menagerie_link::{Ensemble, Proposer};
use menagerie_proto::ServiceResult;
use menagerie_proto::consensus::{Consensus, ConsensusStatus, Proposals, Tail};
use menagerie_proto::session_tracker::{Established, Touched};
use menagerie_proto::tree_store::{
    LinkItem, LinkQueue, ReadOutcome, ReadPlacement, SessionEvent, SessionInfo, StoreLink, WatchSet,
};
use menagerie_types::command::Command;
use menagerie_types::{
    ErrorCode, EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, Stat, WatchKind, WatchKinds,
    Zxid,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::conn::{Conn, ConnToken, Connecting, Peer, Phase};
use super::core::{Core, Holder};
use super::identities::Identities;
use super::sessions::EstablishTarget;
use crate::api::{ApiCall, ApiSession};
use crate::{GatewayOptions, Shared};

const SESSION: SessionId = SessionId(0x100);
const ME: IncarnationId = IncarnationId(7);

/// A member that is never asked.
struct Unasked;

#[async_trait::async_trait]
impl Consensus for Unasked {
    async fn propose(&self) -> ServiceResult<Proposals> {
        unreachable!("the state itself calls nobody")
    }
    async fn tail(&self, _: LogIndex) -> ServiceResult<Tail> {
        unreachable!("the state itself calls nobody")
    }
    async fn barrier(&self) -> ServiceResult<LogIndex> {
        unreachable!("the state itself calls nobody")
    }
    async fn truncate(&self, _: LogIndex) -> ServiceResult<LogIndex> {
        unreachable!("the state itself calls nobody")
    }
    async fn change_membership(
        &self,
        _expected: LogIndex,
        _members: Vec<menagerie_proto::consensus::Member>,
    ) -> ServiceResult<LogIndex> {
        unreachable!("no task runs")
    }
    async fn transfer_leadership(&self, _: Option<NodeId>) -> ServiceResult<NodeId> {
        unreachable!("the state itself calls nobody")
    }

    async fn leaders(&self) -> ServiceResult<menagerie_proto::consensus::Leaders> {
        unreachable!("the state itself calls nobody")
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        unreachable!("the state itself calls nobody")
    }
}

/// What a fake replica was asked, and whether it answers at once.
#[derive(Default)]
struct Replica {
    asked: Mutex<Vec<(OpCode, i32)>>,
    unwatched: Mutex<Vec<(String, WatchKinds)>>,
    at_once: bool,
    /// What becomes of reads that want a place, and those that got one: behind which command, and their xids.
    placement: Option<ReadPlacement>,
    placed: Mutex<Vec<(u64, i32)>>,
    /// Records of setWatches2.
    records: Mutex<Vec<Vec<u8>>>,
    queue: Arc<LinkQueue>,
}

struct FakeLink(Arc<Replica>);

impl StoreLink for FakeLink {
    fn read(&mut self, _: u64, read: &Command<'_>, out: &mut BytesMut) -> ReadOutcome {
        self.0.asked.lock().push((read.op, read.xid));
        if !self.0.at_once {
            return ReadOutcome::Queued;
        }
        reply(out, read.xid, 5, 0);
        if read.op == OpCode::SetWatches2 {
            self.0.records.lock().push(read.body.to_vec());
            return ReadOutcome::Answered(Vec::new());
        }
        if read.op == OpCode::AddWatch {
            let request = AddWatchRequest::decode(&mut Reader::new(read.body)).expect("a path");
            let kind = [WatchKind::Persistent, WatchKind::PersistentRecursive][request.mode as usize];
            return ReadOutcome::Answered(vec![(kind, request.path.into())]);
        }
        let request = PathWatchRequest::decode(&mut Reader::new(read.body)).expect("a path");
        let watches = if request.watch { vec![(WatchKind::Data, request.path.into())] } else { Vec::new() };
        ReadOutcome::Answered(watches)
    }
    fn read_after(&mut self, seq: u64, _: u64, read: &Command<'_>) -> ReadPlacement {
        let placement = self.0.placement.unwrap_or(ReadPlacement::Refused);
        if matches!(placement, ReadPlacement::Placed | ReadPlacement::Queued) {
            self.0.placed.lock().push((seq, read.xid));
        }
        placement
    }
    fn unwatch(&mut self, path: &str, kinds: WatchKinds) {
        self.0.unwatched.lock().push((path.into(), kinds));
    }
    fn await_applied(&mut self, _: LogIndex) {}
    fn flush(&mut self) {}
    fn queue(&self) -> &Arc<LinkQueue> {
        &self.0.queue
    }
}

fn reply(out: &mut BytesMut, xid: i32, zxid: i64, err: i32) {
    let mark = begin_reply(out, xid, Zxid(zxid), err);
    end_reply(out, mark);
}

struct Bench {
    core: Core,
    replica: Arc<Replica>,
    conn: ConnToken,
}

impl Bench {
    /// A worker with one open connection, linked to a replica.
    fn new(at_once: bool) -> Self {
        Self::with_options(at_once, GatewayOptions::default())
    }

    fn with_options(at_once: bool, options: GatewayOptions) -> Self {
        Self::with_replica(Replica { at_once, ..Replica::default() }, options)
    }

    fn with_replica(replica: Replica, options: GatewayOptions) -> Self {
        let ensemble = Ensemble::new(vec![(NodeId(1), Arc::new(Unasked) as Arc<dyn Consensus>)]);
        let shared = Shared::new(
            options,
            ensemble,
            menagerie_link::Stores::new(Vec::new()),
            crate::Trackers::default(),
        );
        let mut core = Core::new(&shared, Proposer::new(ME), Instant::now());
        let replica = Arc::new(replica);
        core.relink(Box::new(FakeLink(Arc::clone(&replica))));
        let conn = accept(&mut core);
        let mut bench = Self { core, replica, conn };
        bench.handshake(SESSION);
        bench
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.core.conns.get_mut(self.conn).expect("connected").input.extend_from_slice(bytes);
        self.core.advance(self.conn);
    }

    fn handshake(&mut self, session: SessionId) {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: 30_000,
            session_id: SessionId(0),
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        let mut out = BytesMut::new();
        let mark = frame::begin(&mut out);
        request.encode(&mut out);
        frame::end(&mut out, mark);
        self.feed(&out);
        let (target, _) = self.core.establishing.waiting.pop().expect("a session is asked for");
        let zxid = Zxid(self.core.zxid.0 + 1);
        let established = Established { session, password: [1; 16], timeout_ms: 30_000, zxid };
        self.core.granted(target, true, Some(established));
        assert!(self.output().is_empty(), "not before the replica has reached the session");
        let info = SessionInfo { session, timeout_ms: 30_000, password: [1; 16], owner: ME };
        self.core.deliver(LinkItem::Session(SessionEvent::Attached(info, zxid)));
        assert!(!self.output().is_empty());
    }

    fn request(&mut self, op: OpCode, xid: i32) {
        self.feed(&request(op.code(), xid, false));
    }

    /// What the connection would send, taken.
    fn output(&mut self) -> Bytes {
        let conn = self.core.conns.get_mut(self.conn).expect("connected");
        conn.output.split().freeze()
    }

    /// xid and error of each frame the connection would send.
    fn replies(&mut self) -> Vec<(i32, i32)> {
        let output = self.output();
        let mut rest = &output[..];
        let mut replies = Vec::new();
        while let Some(len) = frame::peek(rest, usize::MAX).expect("a frame") {
            let header = ReplyHeader::decode(&mut Reader::new(&rest[4..len])).expect("a header");
            replies.push((header.xid, header.err));
            rest = &rest[len..];
        }
        replies
    }

    fn results(&mut self, first_seq: u64, results: &[(i32, i32)]) {
        let mut frames = BytesMut::new();
        for (n, (xid, err)) in results.iter().enumerate() {
            reply(&mut frames, *xid, 10 + n as i64, *err);
        }
        let count = results.len() as u32;
        self.core.deliver(LinkItem::Results { first_seq, count, frames: frames.freeze() });
        for token in std::mem::take(&mut self.core.ready) {
            self.core.advance(token);
        }
    }

    fn read_reply(&mut self, xid: i32, watches: WatchSet) {
        let mut frames = BytesMut::new();
        reply(&mut frames, xid, 20, 0);
        let token = self.oldest_read();
        self.core.deliver(LinkItem::ReadReply { token, frames: frames.freeze(), watches });
        for token in std::mem::take(&mut self.core.ready) {
            self.core.advance(token);
        }
    }

    fn oldest_read(&self) -> u64 {
        self.core.pending_reads.first_token().expect("a read is under way")
    }

    fn conn(&mut self) -> &mut Conn {
        self.core.conns.get_mut(self.conn).expect("connected")
    }
}

fn accept(core: &mut Core) -> ConnToken {
    let now = core.now;
    let address = ([127, 0, 0, 1], 9).into();
    let peer = menagerie_auth::Peer { address, certificate: None };
    let identities = Identities::of_peer(&core.options, &peer).expect("an address will do");
    core.conns.insert(|token| Conn::new(token, Peer::Socket(address), identities, now))
}

fn frame_of(op: OpCode, xid: i32, body: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    RequestHeader { xid, op: op.code() }.encode(&mut out);
    body(&mut out);
    frame::end(&mut out, mark);
    out
}

fn request(op: i32, xid: i32, watch: bool) -> BytesMut {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    RequestHeader { xid, op }.encode(&mut out);
    PathWatchRequest { path: "/a", watch }.encode(&mut out);
    frame::end(&mut out, mark);
    out
}

#[test]
fn a_read_waits_for_the_writes_before_it() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::SetData, 2);
    bench.request(OpCode::GetData, 3);
    bench.request(OpCode::SetData, 4);
    assert!(bench.replica.asked.lock().is_empty());
    bench.results(1, &[(1, 0)]);
    assert_eq!(bench.replies(), [(1, 0)]);
    bench.results(2, &[(2, 0)]);
    assert_eq!(bench.replies(), [(2, 0), (3, 0)]);
    bench.results(3, &[(4, ErrorCode::NoNode.code())]);
    assert_eq!(bench.replies(), [(4, ErrorCode::NoNode.code())]);
}

#[test]
fn frames_cut_anywhere_are_the_same_requests() {
    let whole: Vec<u8> =
        (1..=3).flat_map(|xid| request(OpCode::GetData.code(), xid, false).to_vec()).collect();
    for cut in 0..whole.len() {
        let mut bench = Bench::new(true);
        bench.feed(&whole[..cut]);
        bench.feed(&whole[cut..]);
        assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)], "cut at {cut}");
    }
}

#[test]
fn queued_reads_are_asked_again_over_the_next_link() {
    let mut bench = Bench::new(false);
    bench.request(OpCode::GetData, 1);
    bench.request(OpCode::Exists, 2);
    bench.core.unlink();
    let other = Arc::new(Replica::default());
    bench.core.relink(Box::new(FakeLink(Arc::clone(&other))));
    assert_eq!(*other.asked.lock(), [(OpCode::GetData, 1), (OpCode::Exists, 2)]);
    bench.read_reply(1, Vec::new());
    bench.read_reply(2, Vec::new());
    assert_eq!(bench.replies(), [(1, 0), (2, 0)]);
}

#[test]
fn a_read_without_a_link_waits_for_one() {
    let mut bench = Bench::new(true);
    bench.core.unlink();
    bench.request(OpCode::GetData, 1);
    assert!(bench.replies().is_empty());
    let other = Arc::new(Replica { at_once: true, ..Replica::default() });
    bench.core.relink(Box::new(FakeLink(other)));
    for token in std::mem::take(&mut bench.core.ready) {
        bench.core.advance(token);
    }
    assert_eq!(bench.replies(), [(1, 0)]);
}

#[test]
fn results_delivered_twice_are_answered_once() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::SetData, 2);
    bench.results(1, &[(1, 0)]);
    bench.results(1, &[(1, 0), (2, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0)]);
}

#[test]
fn an_unknown_operation_is_answered_in_its_place_and_ends_the_connection() {
    let internal =
        [OpCode::TrackerLease, OpCode::CreateSession, OpCode::DeleteContainer, OpCode::ReapCandidates];
    let elsewhere = [OpCode::Check.code(), 0, 10, 1000, -1, -7];
    for op in internal.map(OpCode::code).into_iter().chain(elsewhere) {
        let mut bench = Bench::new(true);
        bench.request(OpCode::SetData, 1);
        bench.feed(&request(op, 2, false));
        assert!(bench.replies().is_empty());
        bench.results(1, &[(1, 0)]);
        let mut expected = BytesMut::new();
        reply(&mut expected, 1, 10, 0);
        reply(&mut expected, 2, -1, ErrorCode::Unimplemented.code());
        assert_eq!(bench.output(), expected, "op {op}");
        assert!(bench.conn().draining);
    }
}

#[test]
fn a_request_without_a_header_ends_the_connection() {
    for frame in [&[0, 0, 0, 0][..], &[0, 0, 0, 2, 1, 2], &[0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]] {
        let mut bench = Bench::new(true);
        bench.feed(frame);
        assert!(bench.conn().dead && bench.output().is_empty(), "{frame:?}");
    }
}

#[test]
fn garbage_ends_the_connection_without_a_word() {
    for garbage in [&b"GET / HTTP/1.1\r\n"[..], &[0xff; 8], &[0, 0, 0, 2, 1, 2], &[0x7f, 0xff, 0xff, 0xff]] {
        let mut bench = Bench::new(true);
        bench.conn = accept(&mut bench.core);
        bench.feed(garbage);
        assert!(bench.conn().dead && bench.output().is_empty(), "{garbage:?}");
    }
}
