//! How the gRPC API reaches the workers: the same requests as ZooKeeper clients make, as jute records, without a
//! socket. The gRPC service itself translates between protobuf and these.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use menagerie_proto::session_tracker::{Attempt, Established};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{EventType, OpCode, SessionId, WatchKind, Zxid};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

/// Calls that may wait for one worker.
pub const CALLS_MAX: usize = 16 * 1024;
/// Events that a watch stream may be behind before it is ended.
pub const EVENTS_MAX: usize = 1024;

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
    touched: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl ApiSession {
    /// A session just established.
    pub fn new(timeout_ms: u32) -> Self {
        Self { timeout_ms, touched: Arc::default(), ended: Arc::default() }
    }

    /// Negotiated timeout.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
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
        self.ended.store(true, Ordering::Relaxed);
    }

    /// See [`Self::end`].
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
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
    /// Keeps a session alive; answers its timeout, or `None` if this worker does not hold it.
    Touch(SessionId, oneshot::Sender<Option<(Zxid, u32)>>),
    /// Watches until the receiver of the events is dropped.
    Watch(Vec<(WatchKind, Arc<str>)>, mpsc::Sender<ApiEvent>, oneshot::Sender<Zxid>),
}

/// The workers, as the gRPC service uses them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiHandle {
    workers: Arc<Vec<mpsc::Sender<ApiCall>>>,
    /// Which worker holds a session opened here.
    sessions: Arc<Mutex<std::collections::HashMap<SessionId, usize>>>,
    next: Arc<std::sync::atomic::AtomicUsize>,
}

impl ApiHandle {
    pub(crate) fn new(workers: Vec<mpsc::Sender<ApiCall>>) -> Self {
        Self { workers: Arc::new(workers), sessions: Arc::default(), next: Arc::default() }
    }

    /// Executes one operation; `body` is its jute request record.
    pub async fn execute(&self, session: SessionId, op: OpCode, body: Bytes) -> ServiceResult<ApiReply> {
        let reply = self.ask(session, |reply| ApiCall::Execute { session, op, body, reply }).await?;
        if op == OpCode::CloseSession {
            self.sessions.lock().remove(&session);
        }
        Ok(reply)
    }

    /// Waits until every write acknowledged before the call is visible to reads of `session` here.
    pub async fn sync(&self, session: SessionId) -> ServiceResult<()> {
        self.ask(session, ApiCall::Sync).await
    }

    /// Opens a session, or goes on with one (with its password); `None` when refused.
    pub async fn open(&self, attempt: Attempt) -> ServiceResult<Option<Established>> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        let established = self.ask_worker(at, |reply| ApiCall::Open(attempt, reply)).await?;
        if let Some(established) = &established {
            self.sessions.lock().insert(established.session, at);
        }
        Ok(established)
    }

    /// Keeps a session alive: zxid and timeout, or `None` if this gateway does not hold it (any more).
    pub async fn touch(&self, session: SessionId) -> ServiceResult<Option<(Zxid, u32)>> {
        let held = self.ask(session, |reply| ApiCall::Touch(session, reply)).await?;
        if held.is_none() {
            self.sessions.lock().remove(&session);
        }
        Ok(held)
    }

    /// Watches znodes (`Data`: creation, deletion, data; `Child`: children). The zxid says from when on.
    pub async fn watch(
        &self,
        session: SessionId,
        targets: Vec<(WatchKind, Arc<str>)>,
    ) -> ServiceResult<(Zxid, mpsc::Receiver<ApiEvent>)> {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let zxid = self.ask(session, |armed| ApiCall::Watch(targets, events, armed)).await?;
        Ok((zxid, receiver))
    }

    async fn ask<T>(
        &self,
        session: SessionId,
        call: impl FnOnce(oneshot::Sender<T>) -> ApiCall,
    ) -> ServiceResult<T> {
        let held = self.sessions.lock().get(&session).copied();
        let at = held.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len());
        self.ask_worker(at, call).await
    }

    async fn ask_worker<T>(
        &self,
        at: usize,
        call: impl FnOnce(oneshot::Sender<T>) -> ApiCall,
    ) -> ServiceResult<T> {
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
