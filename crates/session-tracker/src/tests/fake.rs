//! A log and a replica in memory, with the state machine's rules for sessions and the lease.

mod services;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{Lease, LinkHello, LinkItem, LinkQueue, SessionEvent, SessionInfo};
use menagerie_types::command::internal::{
    AttachSession, ChallengeLease, CreateSession, ExpireSession, TrackerLease,
};
use menagerie_types::command::{Command, read_chunk};
use menagerie_types::{ErrorCode, IncarnationId, NodeId, OpCode, SessionId};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The whole other side. Cheap to clone; each clone is a replica of its own name.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
}

struct State {
    started: Instant,
    zxid: i64,
    sessions: BTreeMap<SessionId, SessionInfo>,
    lease: Lease,
    lease_until_ms: u64,
    challenged: Option<(NodeId, u64)>,
    results: HashMap<IncarnationId, Vec<Bytes>>,
    links: Vec<(IncarnationId, Arc<LinkQueue>)>,
    streams: Vec<oneshot::Sender<()>>,
    has_leader: bool,
    history_gone: Option<IncarnationId>,
    ids_taken: u32,
    expired: Vec<(SessionId, u64)>,
    hellos: Vec<LinkHello>,
    /// What the reaper is told, with what becomes of it.
    due: BTreeMap<String, Result<(), ErrorCode>>,
    reaped: Vec<(String, u64)>,
    /// When the reaper asked, and with which limits.
    looks: Vec<(u64, i64, u32)>,
    /// Reads are answered through the queue, as over a socket.
    queues_reads: bool,
}

type Outcome = Result<Bytes, ErrorCode>;

impl Fake {
    pub fn new() -> Self {
        let state = State {
            started: Instant::now(),
            zxid: 0,
            sessions: BTreeMap::new(),
            lease: Lease::default(),
            lease_until_ms: 0,
            challenged: None,
            results: HashMap::new(),
            links: Vec::new(),
            streams: Vec::new(),
            has_leader: true,
            history_gone: None,
            ids_taken: 0,
            expired: Vec::new(),
            hellos: Vec::new(),
            due: BTreeMap::new(),
            reaped: Vec::new(),
            looks: Vec::new(),
            queues_reads: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub fn session(&self, id: SessionId) -> Option<SessionInfo> {
        self.state.lock().sessions.get(&id).copied()
    }

    pub fn session_count(&self) -> usize {
        self.state.lock().sessions.len()
    }

    pub fn lease(&self) -> Lease {
        self.state.lock().lease
    }

    /// Since the start; the trackers' clocks began a few ms later at most.
    pub fn now_ms(&self) -> u64 {
        self.state.lock().now_ms()
    }

    pub fn zxid(&self) -> i64 {
        self.state.lock().zxid
    }

    /// How links have begun so far.
    pub fn hellos(&self) -> Vec<LinkHello> {
        self.state.lock().hellos.clone()
    }

    /// Sessions expired so far, with the time.
    pub fn expired(&self) -> Vec<(SessionId, u64)> {
        self.state.lock().expired.clone()
    }

    /// Shows a znode to the reaper; `outcome` is that of its deletion.
    pub fn make_due(&self, path: &str, outcome: Result<(), ErrorCode>) {
        self.state.lock().due.insert(path.into(), outcome);
    }

    /// What was reaped so far, with the time.
    pub fn reaped(&self) -> Vec<(String, u64)> {
        self.state.lock().reaped.clone()
    }

    /// When the reaper looked: time, how long a container may stay unused, how many paths it takes.
    pub fn looks(&self) -> Vec<(u64, i64, u32)> {
        self.state.lock().looks.clone()
    }

    /// From now on reads are answered through the queue.
    pub fn queue_reads(&self) {
        self.state.lock().queues_reads = true;
    }

    /// The next so many new sessions find their ids taken.
    pub fn take_ids(&self, count: u32) {
        self.state.lock().ids_taken = count;
    }

    /// Without a leader, what is on the way is lost, and nothing can be proposed.
    pub fn set_leader(&self, has_leader: bool) {
        let mut state = self.state.lock();
        state.has_leader = has_leader;
        state.streams.clear();
    }

    pub fn close_links(&self) {
        for (_, queue) in self.state.lock().links.drain(..) {
            queue.close(ServiceError::Unavailable("closed by the test".into()));
        }
    }

    /// All links are closed, and what those now linked proposed has no results any more.
    pub fn lose_history(&self) {
        let linked = self.state.lock().links.first().map(|(incarnation, _)| *incarnation);
        self.state.lock().history_gone = linked;
        self.close_links();
    }

    pub fn challenge(&self) {
        let mut state = self.state.lock();
        let body = ChallengeLease { epoch: state.lease.epoch };
        state.challenge(&body);
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn push(&self, item: &LinkItem) {
        for (_, queue) in &self.links {
            queue.push(item.clone());
            queue.wake();
        }
    }

    fn push_to(&self, incarnation: IncarnationId, item: &LinkItem) {
        for (_, queue) in self.links.iter().filter(|(linked, _)| *linked == incarnation) {
            queue.push(item.clone());
            queue.wake();
        }
    }

    fn apply(&mut self, chunk: &Bytes) {
        let (header, commands) = read_chunk(chunk).expect("trackers propose whole chunks");
        for (seq, command) in (header.first_seq..).zip(commands) {
            let applied = self.results.entry(header.incarnation).or_default().len() as u64;
            if seq <= applied {
                continue;
            }
            if seq > applied + 1 {
                self.push_to(header.incarnation, &LinkItem::Refused { expected_seq: applied + 1 });
                return;
            }
            self.zxid += 1;
            let outcome = self.command(&command.expect("whole commands"));
            let frames = frame(self.zxid, outcome);
            self.results.entry(header.incarnation).or_default().push(frames.clone());
            self.push_to(header.incarnation, &LinkItem::Results { first_seq: seq, count: 1, frames });
        }
    }

    fn command(&mut self, command: &Command<'_>) -> Outcome {
        let body = command.body;
        match command.op {
            OpCode::CreateSession => self.create(&CreateSession::decode(body).expect("body")),
            OpCode::AttachSession => self.attach(&AttachSession::decode(body).expect("body")),
            OpCode::ExpireSession => self.expire(&ExpireSession::decode(body).expect("body")),
            OpCode::TrackerLease => self.acquire(&TrackerLease::decode(body).expect("body")),
            OpCode::ChallengeLease => {
                self.challenge(&ChallengeLease::decode(body).expect("body"));
                Ok(Bytes::new())
            }
            OpCode::DeleteContainer => self.reap(body),
            other => panic!("a tracker does not propose {other:?}"),
        }
    }

    fn check_epoch(&self, epoch: u64) -> Result<(), ErrorCode> {
        let current = self.lease.epoch == epoch && self.lease.holder.is_some();
        if current { Ok(()) } else { Err(ErrorCode::BadVersion) }
    }

    fn create(&mut self, body: &CreateSession) -> Outcome {
        self.check_epoch(body.epoch)?;
        if self.ids_taken > 0 || self.sessions.contains_key(&body.session) {
            self.ids_taken = self.ids_taken.saturating_sub(1);
            return Err(ErrorCode::NodeExists);
        }
        let CreateSession { session, timeout_ms, password, owner, .. } = *body;
        self.established(SessionInfo { session, timeout_ms, password, owner })
    }

    fn attach(&mut self, body: &AttachSession) -> Outcome {
        self.check_epoch(body.epoch)?;
        let known = *self.sessions.get(&body.session).ok_or(ErrorCode::SessionExpired)?;
        self.established(SessionInfo { timeout_ms: body.timeout_ms, owner: body.owner, ..known })
    }

    fn established(&mut self, info: SessionInfo) -> Outcome {
        self.sessions.insert(info.session, info);
        self.push(&LinkItem::Session(SessionEvent::Attached(info, menagerie_types::Zxid(self.zxid))));
        let mut out = BytesMut::new();
        out.put_slice(&info.password);
        out.put_u32(info.timeout_ms);
        Ok(out.freeze())
    }

    fn expire(&mut self, body: &ExpireSession) -> Outcome {
        self.check_epoch(body.epoch)?;
        self.sessions.remove(&body.session).ok_or(ErrorCode::SessionExpired)?;
        self.expired.push((body.session, self.now_ms()));
        self.push(&LinkItem::Session(SessionEvent::Closed { session: body.session, expired: true }));
        Ok(Bytes::new())
    }

    fn reap(&mut self, mut body: &[u8]) -> Outcome {
        let len = body.get_u32() as usize;
        assert_eq!(len, body.len(), "a jute buffer and nothing else");
        let path = String::from_utf8(body.into()).expect("UTF-8");
        self.due.get(&path).copied().unwrap_or(Err(ErrorCode::NoNode))?;
        self.due.remove(&path);
        self.reaped.push((path, self.now_ms()));
        Ok(Bytes::new())
    }

    fn look(&mut self, mut body: &[u8]) -> Bytes {
        let look = (self.now_ms(), body.get_i64(), body.get_u32());
        assert!(body.is_empty());
        self.looks.push(look);
        let mut out = BytesMut::new();
        out.put_u32(self.due.len() as u32);
        for path in self.due.keys() {
            out.put_u32(path.len() as u32);
            out.put_slice(path.as_bytes());
        }
        frame(self.zxid, Ok(out.freeze()))
    }

    fn acquire(&mut self, body: &TrackerLease) -> Outcome {
        let now = self.now_ms();
        let ours = self.lease.holder == Some(body.tracker);
        let renews = ours && body.epoch == self.lease.epoch && body.epoch != 0;
        let held_off = self.challenged.is_some_and(|(who, until)| who == body.tracker && now < until);
        let free = ours || self.lease.holder.is_none() || now >= self.lease_until_ms;
        if !renews && (body.epoch != 0 || held_off || !free) {
            return Err(ErrorCode::BadVersion);
        }
        self.lease_until_ms = now + u64::from(body.ttl_ms);
        if !renews {
            let epoch = self.lease.epoch + 1;
            self.lease = Lease { epoch, holder: Some(body.tracker), ttl_ms: body.ttl_ms };
            self.push(&LinkItem::Lease(self.lease));
        }
        Ok(Bytes::copy_from_slice(&self.lease.epoch.to_be_bytes()))
    }

    fn challenge(&mut self, body: &ChallengeLease) {
        if body.epoch == self.lease.epoch
            && let Some(holder) = self.lease.holder.take()
        {
            self.challenged = Some((holder, self.now_ms() + u64::from(self.lease.ttl_ms)));
            self.push(&LinkItem::Lease(self.lease));
        }
    }
}

fn frame(zxid: i64, outcome: Outcome) -> Bytes {
    let (err, body) = match outcome {
        Ok(body) => (0, body),
        Err(code) => (code.code(), Bytes::new()),
    };
    let mut out = BytesMut::new();
    out.put_u32(16 + body.len() as u32);
    out.put_i32(0);
    out.put_i64(zxid);
    out.put_i32(err);
    out.put_slice(&body);
    out.freeze()
}
