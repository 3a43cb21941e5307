//! The state of one worker: connections, what waits for the log and for the replica, who watches what.
//!
//! A plain value: bytes, link items and answers of the tracker go in by method calls; bytes to send collect in the
//! connections, and `dirty` and `ready` say which of them need their socket or their input looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use menagerie_jute::four_letter::FourLetterWord;
use menagerie_link::Proposer;
use menagerie_proto::session_tracker::Attempt;
use menagerie_proto::tree_store::{Lease, LinkHello, LinkQueue, StoreLink};
use menagerie_types::command::Command;
use menagerie_types::{LogIndex, SessionId, WatchKinds, Zxid};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::conn::{Conn, ConnToken, Peer};
use super::identities::Identities;
use super::limits::LargeRequests;
use super::pending::PendingReads;
use super::read_only::ReadOnly;
use super::slab::Slab;
use super::watchers::Watchers;
use crate::Shared;
use crate::api::{ApiReply, ApiSession};
use crate::facts::Facts;
use crate::options::GatewayOptions;
use crate::stats::Stats;
use crate::throttle::SessionThrottle;
use crate::told::Told;

/// Reports without an answer after which a gateway says that it does not serve.
const SILENT_REPORTS: u32 = 16;

/// Who gets a result or an answer.
#[derive(Debug)]
pub enum Target {
    /// A connection; the reply frame goes into its output.
    Conn(ConnToken),
    /// A call of the gRPC API.
    Api(oneshot::Sender<ApiReply>),
    /// A reconfiguration that the log is to judge first; connection and xid.
    Reconfig(ConnToken, i32),
    /// Nobody: a command of the worker itself.
    Nobody,
}

/// A sync that waits for its barrier, and then for the replica.
#[derive(Debug)]
pub struct PendingSync {
    pub target: SyncTarget,
    /// Known once the barrier has been answered.
    pub index: Option<LogIndex>,
}

/// Who is told that a sync is done.
#[derive(Debug)]
pub enum SyncTarget {
    /// A connection; xid and path of the reply.
    Conn(ConnToken, i32, Option<Box<str>>),
    /// A client that has seen a later transaction than the replica here; and the session that it asks for.
    Ahead(ConnToken, Zxid, Attempt),
    /// A linearizable read of the gRPC API.
    Api(oneshot::Sender<()>),
}

/// Who holds a session that this worker owns.
#[derive(Debug)]
pub enum Holder {
    /// A ZooKeeper connection.
    Conn(ConnToken),
    /// Calls of the gRPC API.
    Api(Box<ApiSession>),
}

/// Signals to the worker's tasks; each stands for "look at the state".
#[derive(Debug, Default)]
pub struct Signals {
    /// Requests wait to be flushed to the replica.
    pub flush_link: Notify,
    /// Connections have output, or input that can go on.
    pub serve: Notify,
    /// Sessions wait to be established.
    pub establish: Notify,
    /// Syncs wait for a barrier.
    pub sync: Notify,
    /// Four-letter words wait for what the other components say.
    pub words: Notify,
    /// Another tracker may be active: report to it at once.
    pub touch: Notify,
    /// Reconfigurations wait to be carried out.
    pub reconfigure: Notify,
    /// Something has come, and there is little to do.
    pub worked: Notify,
}

/// See the module.
pub struct Core {
    pub options: Arc<GatewayOptions>,
    pub stats: Arc<Stats>,
    pub facts: Arc<Mutex<Facts>>,
    pub signals: std::rc::Rc<Signals>,
    pub conns: Slab,
    pub sessions: HashMap<SessionId, Holder>,
    pub proposer: Proposer,
    /// Whose results come next, in the order of their numbers.
    pub outstanding: VecDeque<(Target, Instant)>,
    /// How often something has come, from a client or the replica.
    pub worked: u64,
    pub link: Option<Box<dyn StoreLink>>,
    pub pending_reads: PendingReads,
    pub syncs: Vec<PendingSync>,
    /// Judged and not carried out.
    pub reconfigurations: Vec<super::reconfig::Reconfiguration>,
    /// Four-letter words whose answer tells of other components.
    pub words: Vec<(ConnToken, FourLetterWord)>,
    pub watchers: Watchers,
    /// Watches that the hello of a link being opened may list, and that nobody needs any more.
    pub unwatched: Vec<(Box<str>, WatchKinds)>,
    /// The highest zxid delivered over the link: what pings answer with.
    pub zxid: Zxid,
    pub lease: Lease,
    pub establishing: super::sessions::Establishing,
    /// The time, as of the event being worked on.
    pub now: Instant,
    /// All sessions touched until then are confirmed alive.
    pub confirmed: Instant,
    /// Which connections and sessions there is something to do for.
    pub liveness: super::sessions::Liveness,
    /// When an active tracker answered last.
    pub heard: Option<Instant>,
    /// The epoch of the lease that was challenged last.
    pub challenged: Option<u64>,
    /// Watch streams of the API.
    pub streams: Vec<ConnToken>,
    /// Identities of callers of the API.
    pub api_identities: Identities,
    /// Connections that wait until less is outstanding.
    pub throttled: Vec<ConnToken>,
    pub throttle: Arc<SessionThrottle>,
    pub told: Arc<Mutex<Told>>,
    pub large: LargeRequests,
    pub read_only: ReadOnly,
    pub began: Instant,
    pub dirty: Vec<ConnToken>,
    pub ready: Vec<ConnToken>,
    /// The log has forgotten this incarnation, or results are lost for good: the worker must start anew.
    pub lost: bool,
    /// No new sessions; connections are told to go.
    pub stopping: bool,
}

impl Core {
    /// A worker without connections or link.
    pub fn new(shared: &Shared, proposer: Proposer, now: Instant) -> Self {
        shared.told.lock().join(proposer.incarnation());
        Self {
            options: Arc::clone(&shared.options),
            stats: Arc::clone(&shared.stats),
            facts: Arc::clone(&shared.facts),
            signals: std::rc::Rc::default(),
            conns: Slab::default(),
            sessions: HashMap::new(),
            proposer,
            outstanding: VecDeque::new(),
            worked: 0,
            link: None,
            pending_reads: PendingReads::default(),
            syncs: Vec::new(),
            reconfigurations: Vec::new(),
            words: Vec::new(),
            watchers: Watchers::default(),
            unwatched: Vec::new(),
            zxid: Zxid(0),
            lease: Lease::default(),
            establishing: super::sessions::Establishing::default(),
            now,
            confirmed: now,
            liveness: super::sessions::Liveness::new(now),
            heard: None,
            challenged: None,
            streams: Vec::new(),
            api_identities: Identities::of_nobody(&shared.options),
            throttled: Vec::new(),
            throttle: Arc::clone(&shared.throttle),
            told: Arc::clone(&shared.told),
            large: LargeRequests::default(),
            read_only: ReadOnly::default(),
            began: now,
            dirty: Vec::new(),
            ready: Vec::new(),
            lost: false,
            stopping: false,
        }
    }

    /// What the next link must begin with.
    pub fn hello(&mut self) -> LinkHello {
        self.unwatched.clear();
        let watches = self.watchers.all().map(|(kind, path)| (kind, path.to_owned())).collect();
        LinkHello {
            incarnation: self.proposer.incarnation(),
            zxid: self.zxid,
            acked_seq: self.proposer.acked_seq(),
            watches,
            follow_sessions: false,
        }
    }

    /// Begins to use a new link: what was asked over the old one and not answered is asked again, in order.
    pub fn relink(&mut self, mut link: Box<dyn StoreLink>) -> Arc<LinkQueue> {
        let queue = Arc::clone(link.queue());
        for (path, kinds) in self.unwatched.drain(..) {
            link.unwatch(&path, kinds.without(self.watchers.needed(&path)));
        }
        self.ask_again(&mut *link);
        for sync in &self.syncs {
            if let Some(index) = sync.index {
                link.await_applied(index);
            }
        }
        link.flush();
        self.link = Some(link);
        self.all_ready();
        queue
    }

    /// There is a replica to read from and a quorum that lately renewed a tracker's lease.
    pub fn is_serving(&self) -> bool {
        let silent = self.heard.map(|heard| self.now.saturating_duration_since(heard));
        self.link.is_some() && silent.is_some_and(|s| s <= self.options.touch_interval * SILENT_REPORTS)
    }

    /// The link is broken: reads wait until there is another.
    pub fn unlink(&mut self) {
        self.link = None;
    }

    /// Notes that something has come.
    pub fn has_come(&mut self) {
        self.worked += 1;
        if self.outstanding.len() <= super::attention::OUTSTANDING_MAX {
            self.signals.worked.notify_one();
        }
    }

    /// Proposes a command; its result goes to `target`. Returns its number.
    pub fn propose(&mut self, command: &Command<'_>, target: Target) -> u64 {
        let seq = self.proposer.push(command);
        self.large.begin();
        self.outstanding.push_back((target, self.now));
        self.proposer.wake();
        seq
    }

    /// Proposes a command whose result `conn` gets, in its place.
    pub fn propose_for(&mut self, conn: &mut Conn, command: &Command<'_>) {
        conn.writes += 1;
        conn.last_write = self.propose(command, Target::Conn(conn.token));
    }

    /// Notes that `conn` has something to send.
    pub fn mark_dirty(&mut self, conn: &mut Conn) {
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(conn.token);
            self.signals.serve.notify_one();
        }
    }

    /// Notes that `conn`'s input may go on.
    pub fn mark_ready(&mut self, conn: &mut Conn) {
        if !conn.input.is_empty() && !conn.ready {
            conn.ready = true;
            self.ready.push(conn.token);
            self.signals.serve.notify_one();
        }
    }

    /// Lets every connection's input go on.
    pub fn all_ready(&mut self) {
        for conn in self.conns.iter_mut().filter(|conn| !conn.input.is_empty() && !conn.ready) {
            conn.ready = true;
            self.ready.push(conn.token);
        }
        self.signals.serve.notify_one();
    }

    /// Forgets a connection and what it watched; its session lives on at the tracker.
    pub fn disconnect(&mut self, token: ConnToken) {
        let Some(mut conn) = self.conns.take(token) else { return };
        let holds =
            matches!(self.sessions.get(&conn.session), Some(Holder::Conn(holder)) if *holder == token);
        if holds {
            self.note_told(&conn);
            self.sessions.remove(&conn.session);
        }
        let mut unneeded = Vec::new();
        self.watchers.remove_all(&mut conn, |path, kinds| unneeded.push((Box::from(path), kinds)));
        for (path, kinds) in unneeded {
            self.unwatch(path, kinds);
        }
        if let Peer::Socket(addr) = conn.peer {
            self.stats.disconnected(addr.ip());
        }
        self.conns.remove(token);
    }

    /// Nobody here needs these watches any more.
    pub fn unwatch(&mut self, path: Box<str>, kinds: WatchKinds) {
        if kinds.is_empty() {
            return;
        }
        match &mut self.link {
            Some(link) => {
                link.unwatch(&path, kinds);
                self.signals.flush_link.notify_one();
            }
            None => self.unwatched.push((path, kinds)),
        }
    }

    /// Kills the connection that holds `session`, if there is one here.
    pub fn kill_session(&mut self, session: SessionId) {
        match self.sessions.remove(&session) {
            Some(Holder::Conn(token)) => {
                if let Some(conn) = self.conns.get_mut(token) {
                    conn.kill();
                }
            }
            Some(Holder::Api(session)) => session.end(),
            None => {}
        }
    }

    /// Works on one connection, taken out of the worker meanwhile.
    pub fn with_conn<T>(
        &mut self,
        token: ConnToken,
        work: impl FnOnce(&mut Self, &mut Conn) -> T,
    ) -> Option<T> {
        let mut conn = self.conns.take(token)?;
        let result = work(self, &mut conn);
        self.conns.put(conn);
        Some(result)
    }
}
