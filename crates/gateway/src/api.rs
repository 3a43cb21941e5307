//! How the gRPC API reaches the workers: the same requests as ZooKeeper clients make, as jute records, without a
//! socket. The gRPC service itself translates between protobuf and these.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use menagerie_proto::session_tracker::{Attempt, Established};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{EventType, OpCode, SessionId, WatchKind, Zxid};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

/// Calls that may wait for one worker.
pub const CALLS_MAX: usize = 16 * 1024;
/// Events that a watch stream may be behind before it is ended.
pub const EVENTS_MAX: usize = 1024;
/// Sessions known before those that have ended are first swept out.
const SWEEP_AT_MIN: usize = 1024;

/// A reply as ZooKeeper would have sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiReply {
    /// The transaction, or for a read the one it was made at.
    pub zxid: Zxid,
    /// 0, or ZooKeeper's error code.
    pub err: i32,
    /// The reply record; empty after an error.
    pub body: Bytes,
}

impl ApiReply {
    /// From a whole reply frame: length, xid, zxid, err, body.
    pub fn from_frame(frame: &Bytes) -> Self {
        let int =
            |at: usize| frame.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_be_bytes);
        let zxid = frame.get(8..16).and_then(|b| b.try_into().ok()).map_or(0, i64::from_be_bytes);
        Self { zxid: Zxid(zxid), err: int(16), body: frame.slice(frame.len().min(20)..) }
    }
}

/// A change of a watched znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiEvent {
    /// The transaction.
    pub zxid: Zxid,
    /// What happened.
    pub event: EventType,
    /// Where.
    pub path: Arc<str>,
}

/// A session held by calls of the API instead of a connection.
#[derive(Clone, Debug)]
pub struct ApiSession {
    timeout_ms: u32,
    established: Instant,
    touched: Arc<AtomicBool>,
    /// Dropped with the session, at the latest: whoever follows it learns either way.
    ended: watch::Sender<bool>,
}

impl ApiSession {
    /// A session established at `now`.
    pub fn new(timeout_ms: u32, now: Instant) -> Self {
        Self { timeout_ms, established: now, touched: Arc::default(), ended: watch::Sender::new(false) }
    }

    /// Negotiated timeout.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// When it was established here.
    pub fn established(&self) -> Instant {
        self.established
    }

    /// Its client was heard from.
    pub fn touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    /// Whether its client was heard from since last asked.
    pub fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    /// It expired, was closed, or moved to another gateway.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// See [`Self::end`].
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Tells of [`Self::end`], without keeping the session alive.
    pub fn follow(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }
}

/// One thing to do for the API.
#[derive(Debug)]
pub enum ApiCall {
    /// A write or a read.
    Execute {
        /// On whose behalf; [`SessionId::NONE`] for nobody's.
        session: SessionId,
        /// What.
        op: OpCode,
        /// The jute request record.
        body: Bytes,
        /// Where the reply goes.
        reply: oneshot::Sender<ApiReply>,
    },
    /// Resolves once everything acknowledged before is visible to reads here.
    Sync(oneshot::Sender<()>),
    /// Opens or re-attaches a session; `None` when refused.
    Open(Attempt, oneshot::Sender<Option<Established>>),
    /// Keeps a session alive; answers its timeout, or `None` if this worker does not hold it. An error while the
    /// tracker does not vouch for the session: the client must learn in time that it may lose it.
    Touch(SessionId, oneshot::Sender<ServiceResult<Option<(Zxid, u32)>>>),
    /// Answers what tells of a session's end, or `None` if this worker does not hold it.
    Follow(SessionId, oneshot::Sender<Option<watch::Receiver<bool>>>),
    /// Watches until the receiver of the events is dropped.
    Watch(Vec<(WatchKind, Arc<str>)>, mpsc::Sender<ApiEvent>, oneshot::Sender<Zxid>),
}

/// A session opened here.
#[derive(Debug)]
struct HeldSession {
    worker: usize,
    ended: watch::Receiver<bool>,
}

impl HeldSession {
    fn has_ended(&self) -> bool {
        *self.ended.borrow() || self.ended.has_changed().is_err()
    }
}

/// The sessions opened here that have not been seen to end.
#[derive(Debug)]
struct HeldSessions {
    by_id: HashMap<SessionId, HeldSession>,
    sweep_at: usize,
}

impl HeldSessions {
    /// Those that have ended are swept out whenever their number may have doubled.
    fn insert(&mut self, id: SessionId, session: HeldSession) {
        if self.by_id.len() >= self.sweep_at {
            self.by_id.retain(|_, session| !session.has_ended());
            self.sweep_at = (self.by_id.len() * 2).max(SWEEP_AT_MIN);
        }
        self.by_id.insert(id, session);
    }
}

/// The workers, as the gRPC service uses them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiHandle {
    workers: Arc<Vec<mpsc::Sender<ApiCall>>>,
    sessions: Arc<Mutex<HeldSessions>>,
    next: Arc<AtomicUsize>,
    frame_len_max: usize,
}

impl ApiHandle {
    pub(crate) fn new(workers: Vec<mpsc::Sender<ApiCall>>, frame_len_max: usize) -> Self {
        let sessions = HeldSessions { by_id: HashMap::new(), sweep_at: SWEEP_AT_MIN };
        Self {
            workers: Arc::new(workers),
            sessions: Arc::new(Mutex::new(sessions)),
            next: Arc::default(),
            frame_len_max,
        }
    }

    /// The longest request that a ZooKeeper client may send (`jute.maxbuffer`): header and record.
    pub fn frame_len_max(&self) -> usize {
        self.frame_len_max
    }

    /// Executes one operation; `body` is its jute request record.
    pub async fn execute(&self, session: SessionId, op: OpCode, body: Bytes) -> ServiceResult<ApiReply> {
        let at = self.worker_for(session);
        let reply = self.ask(at, |reply| ApiCall::Execute { session, op, body, reply }).await?;
        if op == OpCode::CloseSession {
            self.sessions.lock().by_id.remove(&session);
        }
        Ok(reply)
    }

    /// Executes a read that sees every write acknowledged before the call, whoever made it.
    pub async fn read_linearizable(
        &self,
        session: SessionId,
        op: OpCode,
        body: Bytes,
    ) -> ServiceResult<ApiReply> {
        // By one worker: another one's replica may be behind that which has caught up.
        let at = self.worker_for(session);
        self.ask(at, ApiCall::Sync).await?;
        self.ask(at, |reply| ApiCall::Execute { session, op, body, reply }).await
    }

    /// Opens a session, or goes on with one (with its password); `None` when refused.
    pub async fn open(&self, attempt: Attempt) -> ServiceResult<Option<Established>> {
        let worker = self.next_worker();
        let established = self.ask(worker, |reply| ApiCall::Open(attempt, reply)).await?;
        if let Some(Established { session, .. }) = established
            && let Some(ended) = self.ask(worker, |reply| ApiCall::Follow(session, reply)).await?
        {
            self.sessions.lock().insert(session, HeldSession { worker, ended });
        }
        Ok(established)
    }

    /// Keeps a session alive: zxid and timeout, or `None` if this gateway does not hold it (any more). Unavailable
    /// while no tracker vouches for it.
    pub async fn touch(&self, session: SessionId) -> ServiceResult<Option<(Zxid, u32)>> {
        let held = self.ask(self.worker_for(session), |reply| ApiCall::Touch(session, reply)).await??;
        if held.is_none() {
            self.sessions.lock().by_id.remove(&session);
        }
        Ok(held)
    }

    /// Tells of the end of a session that was opened here, by turning true or closing; `None` if it has ended.
    pub fn follow(&self, session: SessionId) -> Option<watch::Receiver<bool>> {
        let sessions = self.sessions.lock();
        sessions.by_id.get(&session).filter(|held| !held.has_ended()).map(|held| held.ended.clone())
    }

    /// Watches znodes (`Data`: creation, deletion, data; `Child`: children). The zxid says from when on.
    pub async fn watch(
        &self,
        session: SessionId,
        targets: Vec<(WatchKind, Arc<str>)>,
    ) -> ServiceResult<(Zxid, mpsc::Receiver<ApiEvent>)> {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let at = self.worker_for(session);
        let zxid = self.ask(at, |armed| ApiCall::Watch(targets, events, armed)).await?;
        Ok((zxid, receiver))
    }

    /// Whoever holds the session; for calls of nobody's, each in turn.
    fn worker_for(&self, session: SessionId) -> usize {
        let held = self.sessions.lock().by_id.get(&session).map(|held| held.worker);
        held.unwrap_or_else(|| self.next_worker())
    }

    fn next_worker(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len()
    }

    async fn ask<T>(&self, at: usize, call: impl FnOnce(oneshot::Sender<T>) -> ApiCall) -> ServiceResult<T> {
        let (reply, answer) = oneshot::channel();
        self.workers[at].try_send(call(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ServiceError::Overloaded("too many calls wait".into()),
            mpsc::error::TrySendError::Closed(_) => {
                ServiceError::Unavailable("the gateway is stopping".into())
            }
        })?;
        answer.await.map_err(|_| ServiceError::Unavailable("the outcome is unknown".into()))
    }
}
