//! One client connection as a value: what came in, what goes out, and what it waits for.

use std::net::SocketAddr;
use std::task::Waker;
use std::time::Instant;

use bytes::BytesMut;
use menagerie_auth::SaslExchange;
use menagerie_types::{SessionId, Zxid};

use super::api::WatchStream;
use super::identities::Identities;
use super::limits::HeldBack;
use super::watchers::WatchedPaths;
use super::words::Noted;

/// Bytes that may wait to be sent before no more of the connection's requests are taken.
pub const OUTPUT_SOFT_MAX: usize = 2 * 1024 * 1024;
/// Bytes that may wait to be sent (watch events come unasked) before the connection is closed.
pub const OUTPUT_HARD_MAX: usize = 64 * 1024 * 1024;
/// Writes of one connection that may wait for their results.
pub const WRITES_MAX: u32 = 4096;

/// Reads of one connection that may wait at the replica: their answers may be large.
pub const READS_MAX: u32 = 64;

/// Names a connection of one worker for good: a slot, and how often it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnToken(pub u64);

/// Where a connection stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has been asked yet.
    Fresh,
    /// A session was asked for.
    Connecting(Connecting),
    /// A session is served.
    Open,
    /// The session's end was proposed: its reply is the last.
    Closing,
}

/// What the connect request said that the response needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Connecting {
    /// Echoed in kind: absent when absent.
    pub read_only: Option<bool>,
    /// A new session was asked for.
    pub is_new: bool,
}

/// Who is at the other end.
#[derive(Debug)]
pub enum Peer {
    /// A ZooKeeper client.
    Socket(SocketAddr),
    /// A watch stream of the gRPC API.
    Stream,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Conn {
    /// Its name.
    pub token: ConnToken,
    /// Who is at the other end.
    pub peer: Peer,
    /// Where it stands.
    pub phase: Phase,
    /// The session, once open.
    pub session: SessionId,
    /// What re-attaches it.
    pub password: [u8; 16],
    /// Its negotiated timeout.
    pub timeout_ms: u32,
    /// When the session was established here: as good as a touch at that time.
    pub established: Instant,
    /// When the connection was accepted.
    pub accepted: Instant,
    /// Who the client is.
    pub identities: Identities,
    /// Its login by SASL, once begun.
    pub sasl: Option<Box<SaslExchange>>,
    /// Received and not yet taken.
    pub input: BytesMut,
    /// To be sent.
    pub output: BytesMut,
    /// Writes proposed whose results have not come.
    pub writes: u32,
    /// The number of its last write.
    pub last_write: u64,
    /// Reads queued at the replica, which later writes must not overtake.
    pub reads: u32,
    /// Reads that have their place at the replica, between the session's writes.
    pub placed: u32,
    /// A sync (or another request that nothing may pass) is under way.
    pub exclusive: bool,
    /// Where it watches anything; what, the worker's table knows.
    pub watches: WatchedPaths,
    /// Up to where earlier connections of the session were told events; none were, if the session is new.
    pub told: Option<Zxid>,
    /// Everything up to this transaction has been sent.
    pub sent_to: Zxid,
    /// Something to be sent was thrown away.
    pub is_cut: bool,
    /// Nothing more is taken from it; what is in `output` is still sent.
    pub draining: bool,
    /// To be dropped at once.
    pub dead: bool,
    /// Heard from since the last report to the tracker.
    pub touched: bool,
    /// Is in the worker's list of connections with something to send.
    pub dirty: bool,
    /// Is in the worker's list of connections whose input may go on.
    pub ready: bool,
    /// Of the task that owns the socket.
    pub waker: Option<Waker>,
    /// What a watch stream watches.
    pub stream: Option<Box<WatchStream>>,
    /// Its task has stopped reading until input is taken.
    pub paused: bool,
    /// The client has shut its side.
    pub read_closed: bool,
    /// Its session is known to this worker alone.
    pub is_local: bool,
    /// Too much is in process for its next request.
    pub is_held_back: bool,
    /// Input that has waited for that.
    pub held_back: Option<Box<HeldBack>>,
    /// What `cons` tells.
    pub noted: Noted,
    /// Counters for `stat`.
    pub received: u64,
    /// Counters for `stat`.
    pub sent: u64,
}

impl Conn {
    /// A connection just accepted.
    pub fn new(token: ConnToken, peer: Peer, identities: Identities, now: Instant) -> Self {
        Self {
            token,
            peer,
            phase: Phase::Fresh,
            session: SessionId::NONE,
            password: [0; 16],
            timeout_ms: 0,
            established: now,
            accepted: now,
            identities,
            sasl: None,
            input: BytesMut::new(),
            output: BytesMut::new(),
            writes: 0,
            last_write: 0,
            reads: 0,
            placed: 0,
            exclusive: false,
            watches: WatchedPaths::default(),
            told: None,
            sent_to: Zxid(0),
            is_cut: false,
            draining: false,
            dead: false,
            touched: false,
            dirty: false,
            ready: false,
            waker: None,
            stream: None,
            paused: false,
            read_closed: false,
            is_local: false,
            is_held_back: false,
            held_back: None,
            noted: Noted::new(now),
            received: 0,
            sent: 0,
        }
    }

    /// Nothing that was asked is unanswered.
    pub fn is_idle(&self) -> bool {
        self.writes == 0 && self.reads == 0 && self.placed == 0 && !self.exclusive
    }

    /// Has the task that owns the socket look at where the connection stands.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Drops the connection without another word.
    pub fn kill(&mut self) {
        self.dead = true;
        self.is_cut |= !self.output.is_empty();
        self.output.clear();
        self.wake();
    }

    /// Sends what is there and then closes.
    pub fn drain(&mut self) {
        self.draining = true;
        self.wake();
    }
}
