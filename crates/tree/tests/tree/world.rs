//! A state with a gateway and a tracker that propose to it, and everything that it reports.

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, CreateRequest, CreateTtlRequest, DeleteRequest, PathWatchRequest, Reader, ReplyHeader,
    SetAclRequest, SetDataRequest, write,
};
use menagerie_tree::{Effects, Lease, Session, State};
use menagerie_types::command::internal::{AttachSession, CreateSession, ExpireSession, TrackerLease};
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, encode_identities, put_command, write_chunk_header,
};
use menagerie_types::{
    Acl, ErrorCode, EventType, Identity, IncarnationId, LogIndex, NodeId, OpCode, SessionId, Stat, WatchKind,
    Zxid,
};

pub const GATEWAY: IncarnationId = IncarnationId(10);
pub const TRACKER: IncarnationId = IncarnationId(20);
pub const NOBODY: SessionId = SessionId::NONE;

/// What a state reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Chunk(u64),
    Result(u64, i64),
    ChunkEnd,
    Refused(IncarnationId, u64),
    Event(i64, EventType, String),
    Attached(SessionId, IncarnationId, Option<IncarnationId>),
    Closed(SessionId, IncarnationId, bool),
    Lease(u64, Option<NodeId>),
    Replica(NodeId, LogIndex),
}

#[derive(Clone, Debug, Default)]
pub struct Recorder {
    pub replies: BytesMut,
    pub reports: Vec<Report>,
    /// The events among the reports, with their ACLs.
    pub events: Vec<(Zxid, EventType, String, Option<Bytes>)>,
    /// Length of the replies when the last event was reported: nothing of its command's reply may be there.
    complete_len: usize,
}

impl Recorder {
    fn push(&mut self, report: Report) {
        assert_eq!(self.replies.len(), self.complete_len, "{report:?} in the middle of a reply");
        self.reports.push(report);
    }
}

impl Effects for Recorder {
    fn chunk(&mut self, _: &ChunkHeader, first_new_seq: u64) {
        self.push(Report::Chunk(first_new_seq));
    }
    fn replies(&mut self) -> &mut BytesMut {
        &mut self.replies
    }
    fn result(&mut self, seq: u64, zxid: Zxid) {
        assert!(self.replies.len() > self.complete_len, "no reply");
        self.complete_len = self.replies.len();
        self.push(Report::Result(seq, zxid.0));
    }
    fn applied(&mut self, seq: u64, state: &State) {
        assert_eq!(self.reports.last(), Some(&Report::Result(seq, state.zxid().0)));
    }
    fn chunk_end(&mut self) {
        self.push(Report::ChunkEnd);
    }
    fn refused(&mut self, incarnation: IncarnationId, expected_seq: u64) {
        self.push(Report::Refused(incarnation, expected_seq));
    }
    fn watch_event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) {
        self.push(Report::Event(zxid.0, event, path.to_owned()));
        self.events.push((zxid, event, path.to_owned(), acl.cloned()));
    }
    fn session_attached(
        &mut self,
        _: Zxid,
        id: SessionId,
        session: &Session,
        previous: Option<IncarnationId>,
    ) {
        self.push(Report::Attached(id, session.owner, previous));
    }
    fn session_closed(&mut self, id: SessionId, owner: IncarnationId, expired: bool) {
        self.push(Report::Closed(id, owner, expired));
    }
    fn lease(&mut self, lease: &Lease) {
        self.push(Report::Lease(lease.epoch, lease.holder));
    }
    fn replica(&mut self, replica: NodeId, checkpoint: LogIndex) {
        self.push(Report::Replica(replica, checkpoint));
    }
}

/// One reply frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
    pub body: Bytes,
}

impl Reply {
    pub fn error(&self) -> Option<ErrorCode> {
        assert!(self.err == 0 || self.body.is_empty(), "an error has no body");
        (self.err != 0).then(|| ErrorCode::from_code(self.err).expect("a known code"))
    }

    pub fn reader(&self) -> Reader<'_> {
        assert_eq!(self.err, 0);
        Reader::new(&self.body)
    }

    pub fn stat(&self) -> Stat {
        self.reader().stat().expect("a stat")
    }

    pub fn path(&self) -> String {
        self.reader().string().expect("a string").expect("not null").to_owned()
    }
}

/// Splits frames.
pub fn frames(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        let reader = &mut Reader::new(frame);
        let ReplyHeader { xid, zxid, err } = ReplyHeader::decode(reader).expect("a header");
        replies.push(Reply { xid, zxid, err, body: Bytes::copy_from_slice(reader.remaining()) });
        bytes = rest;
    }
    replies
}

/// A command that owns its bytes.
#[derive(Clone, Debug)]
pub struct Owned {
    pub op: OpCode,
    pub session: SessionId,
    pub auth: Bytes,
    pub body: Bytes,
}

impl Owned {
    pub fn command(&self, xid: i32) -> Command<'_> {
        Command { op: self.op, session: self.session, xid, auth: &self.auth, body: &self.body }
    }
}

/// A chunk of commands numbered from `first_seq`; the number is the xid too.
pub fn chunk(incarnation: IncarnationId, first_seq: u64, commands: &[Owned]) -> Bytes {
    chunk_with(Policy::NONE, incarnation, first_seq, commands)
}

/// The same, under a policy.
pub fn chunk_with(policy: Policy, incarnation: IncarnationId, first_seq: u64, commands: &[Owned]) -> Bytes {
    let mut out = BytesMut::zeroed(CHUNK_HEADER_LEN);
    for (seq, command) in (first_seq..).zip(commands) {
        put_command(&mut out, &command.command(seq as i32));
    }
    let header = ChunkHeader { policy, incarnation, first_seq, acked_seq: 0, count: commands.len() as u32 };
    write_chunk_header(&mut out, &header);
    out.freeze()
}

/// A state, who proposes to it, and what it reported last.
#[derive(Debug)]
pub struct World {
    pub state: State,
    pub seen: Recorder,
    pub time_ms: i64,
    pub auth: Bytes,
    pub policy: Policy,
    /// Every entry applied: its time and chunks.
    pub log: Vec<(i64, Vec<Bytes>)>,
}

impl World {
    pub fn new() -> Self {
        Self {
            state: State::new(),
            seen: Recorder::default(),
            time_ms: 1000,
            auth: Bytes::new(),
            policy: Policy::NONE,
            log: Vec::new(),
        }
    }

    /// As if everything that follows came from a caller with these identities.
    pub fn act_as(&mut self, identities: &[(&str, &str)]) {
        let identities: Vec<_> = identities.iter().map(|(scheme, id)| Identity::new(*scheme, *id)).collect();
        self.auth = encode_identities(&identities);
    }

    /// Applies chunks as one entry, one ms after the entry before.
    pub fn apply(&mut self, chunks: &[Bytes]) -> Vec<Reply> {
        self.time_ms += 1;
        self.seen = Recorder::default();
        self.log.push((self.time_ms, chunks.to_vec()));
        let index = self.state.index().next();
        self.state.apply_entry(index, self.time_ms, chunks, &mut self.seen).expect("well-formed");
        frames(&self.seen.replies)
    }

    pub fn propose(&mut self, incarnation: IncarnationId, command: Owned) -> Reply {
        let seq = self.state.last_seq(incarnation).unwrap_or(0) + 1;
        let replies = self.apply(&[chunk_with(self.policy, incarnation, seq, &[command])]);
        assert_eq!(replies.len(), 1);
        assert_eq!((replies[0].xid, replies[0].zxid), (seq as i32, self.state.zxid().0));
        replies.into_iter().next().expect("one reply")
    }

    pub fn owned(&self, op: OpCode, session: SessionId, body: BytesMut) -> Owned {
        Owned { op, session, auth: self.auth.clone(), body: body.freeze() }
    }

    pub fn run(&mut self, op: OpCode, session: SessionId, body: BytesMut) -> Reply {
        let command = self.owned(op, session, body);
        self.propose(GATEWAY, command)
    }

    pub fn tracker(&mut self, op: OpCode, body: Bytes) -> Reply {
        self.propose(TRACKER, Owned { op, session: NOBODY, auth: Bytes::new(), body })
    }

    pub fn create(&mut self, path: &str, flags: i32, session: SessionId) -> Reply {
        self.run(OpCode::Create, session, create(path, Some(b"data"), flags))
    }

    pub fn delete(&mut self, path: &str, version: i32) -> Reply {
        self.run(OpCode::Delete, NOBODY, delete(path, version))
    }

    pub fn set(&mut self, path: &str, data: &[u8], version: i32) -> Reply {
        self.run(OpCode::SetData, NOBODY, set(path, data, version))
    }

    pub fn set_acl(&mut self, path: &str, acls: &[Acl], version: i32) -> Reply {
        self.run(OpCode::SetAcl, NOBODY, set_acl(path, acls, version))
    }

    /// Reads; gives the frames and the watches left.
    pub fn read_all(
        &self,
        op: OpCode,
        session: SessionId,
        body: BytesMut,
    ) -> (Vec<Reply>, Vec<(WatchKind, String)>) {
        let mut out = BytesMut::new();
        let command = self.owned(op, session, body);
        let watches = self.state.read(&command.command(77), &mut out);
        (frames(&out), watches.into_iter().map(|(kind, path)| (kind, path.into())).collect())
    }

    pub fn read(&self, op: OpCode, path: &str) -> Reply {
        let mut body = BytesMut::new();
        PathWatchRequest { path, watch: false }.encode(&mut body);
        let (mut replies, watches) = self.read_all(op, NOBODY, body);
        assert!(watches.is_empty());
        replies.pop().expect("one reply")
    }

    pub fn stat(&self, path: &str) -> Stat {
        self.read(OpCode::Exists, path).stat()
    }

    pub fn data(&self, path: &str) -> Option<Vec<u8>> {
        let reply = self.read(OpCode::GetData, path);
        reply.reader().buffer().expect("a buffer").map(<[u8]>::to_vec)
    }

    pub fn children(&self, path: &str) -> Vec<String> {
        let reply = self.read(OpCode::GetChildren, path);
        let mut names: Vec<_> = reply
            .reader()
            .string_vec()
            .expect("strings")
            .expect("not null")
            .into_iter()
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names
    }

    /// Makes tracker 1 the active one; gives its epoch.
    pub fn lease(&mut self) -> u64 {
        let request = TrackerLease { tracker: NodeId(1), epoch: 0, ttl_ms: 1000 };
        let reply = self.tracker(OpCode::TrackerLease, request.encode());
        u64::from_be_bytes(reply.body[..].try_into().expect("an epoch"))
    }

    pub fn open_session(&mut self, id: i64, epoch: u64) -> SessionId {
        let session = SessionId(id);
        let request = CreateSession { session, timeout_ms: 4000, password: [5; 16], owner: GATEWAY, epoch };
        assert_eq!(self.tracker(OpCode::CreateSession, request.encode()).error(), None);
        session
    }

    pub fn attach_session(&mut self, session: SessionId, owner: IncarnationId, epoch: u64) -> Reply {
        let request = AttachSession { session, timeout_ms: 6000, owner, epoch };
        self.tracker(OpCode::AttachSession, request.encode())
    }

    pub fn expire_session(&mut self, session: SessionId, epoch: u64) -> Reply {
        self.tracker(OpCode::ExpireSession, ExpireSession { session, epoch }.encode())
    }

    /// The events reported last, without their zxid, which is checked.
    pub fn events(&self) -> Vec<(EventType, &str)> {
        let events = self.seen.reports.iter().filter_map(|report| match report {
            Report::Event(zxid, event, path) => {
                assert_eq!(*zxid, self.state.zxid().0);
                Some((*event, path.as_str()))
            }
            _ => None,
        });
        events.collect()
    }
}

pub fn acl(perms: i32, scheme: &str, id: &str) -> Acl {
    Acl { perms, identity: Identity::new(scheme, id) }
}

pub fn create(path: &str, data: Option<&[u8]>, flags: i32) -> BytesMut {
    let mut body = BytesMut::new();
    CreateRequest { path, data, acl: Some(AclList::open()), flags }.encode(&mut body);
    body
}

pub fn create_with_acl(path: &str, acls: &[Acl]) -> BytesMut {
    let mut body = BytesMut::new();
    write::string(&mut body, Some(path));
    write::buffer(&mut body, None);
    write::acl_vec(&mut body, acls);
    write::i32(&mut body, 0);
    body
}

pub fn create_ttl(path: &str, flags: i32, ttl: i64) -> BytesMut {
    let mut body = BytesMut::new();
    CreateTtlRequest { path, data: None, acl: Some(AclList::open()), flags, ttl }.encode(&mut body);
    body
}

pub fn delete(path: &str, version: i32) -> BytesMut {
    let mut body = BytesMut::new();
    DeleteRequest { path, version }.encode(&mut body);
    body
}

pub fn set(path: &str, data: &[u8], version: i32) -> BytesMut {
    let mut body = BytesMut::new();
    SetDataRequest { path, data: Some(data), version }.encode(&mut body);
    body
}

pub fn set_acl(path: &str, acls: &[Acl], version: i32) -> BytesMut {
    let mut encoded = BytesMut::new();
    write::acl_vec(&mut encoded, acls);
    let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded");
    let mut body = BytesMut::new();
    SetAclRequest { path, acl: list, version }.encode(&mut body);
    body
}

pub fn watching(path: &str) -> BytesMut {
    let mut body = BytesMut::new();
    PathWatchRequest { path, watch: true }.encode(&mut body);
    body
}
