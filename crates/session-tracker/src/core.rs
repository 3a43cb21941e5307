//! The tracker with its proposals: calls and deliveries in, numbered commands and answers out. No I/O.

mod establish;
mod reaping;
mod results;

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use menagerie_link::{Proposer, new_incarnation};
use menagerie_proto::session_tracker::{SessionTrackerStatus, Touched};
use menagerie_proto::tree_store::{self, LinkHello, LinkItem, SessionEvent, SessionInfo};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_session::{Effect, Lease, Reaper, Session, SessionIds, Tracker};
use menagerie_types::command::Command;
use menagerie_types::command::internal::{
    AttachSession, ChallengeLease, CreateSession, ExpireSession, Password, TrackerLease,
};
use menagerie_types::{OpCode, SessionId, Zxid};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tracing::info;

use crate::SessionTrackerOptions;
use crate::batches::{Batches, Slot};
pub(crate) use reaping::Question;

/// Why a link cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkFault {
    /// Link again, to another replica: this one delivered something impossible.
    Replica(&'static str),
    /// The log has forgotten this incarnation; go on as a new one.
    Forgotten,
}

/// A command of ours whose result is awaited.
#[derive(Debug)]
enum Proposal {
    Create { slot: Slot, body: CreateSession, tries: u32 },
    Attach { slot: Slot, body: AttachSession, password: Password },
    Expire { session: SessionId, epoch: u64 },
    Reap(Box<str>),
    Lease(TrackerLease),
    Release { epoch: u64, done: oneshot::Sender<()> },
}

pub(crate) struct Core {
    options: SessionTrackerOptions,
    tracker: Tracker,
    reaper: Reaper,
    /// The reaper's, until a link takes it.
    question: Option<Question>,
    proposer: Proposer,
    /// Proposed and not answered, by their numbers, which follow one another.
    pending: VecDeque<(u64, Proposal)>,
    batches: Batches,
    ids: SessionIds,
    passwords: StdRng,
    /// The last transaction seen: no later link may show an older table.
    zxid: Zxid,
    /// Something was proposed since the proposer was last woken.
    unsent: bool,
    stopped: bool,
}

impl Core {
    pub(crate) fn new(options: SessionTrackerOptions) -> Self {
        let clock_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let jitter_ms = rand::random_range(0..=options.lease_ttl_ms() / 4);
        Self {
            tracker: Tracker::new(options.tracker(jitter_ms)),
            reaper: Reaper::new(options.reaper()),
            question: None,
            ids: SessionIds::new(options.id, clock_ms),
            options,
            proposer: Proposer::new(new_incarnation()),
            pending: VecDeque::new(),
            batches: Batches::default(),
            passwords: StdRng::from_os_rng(),
            zxid: Zxid(0),
            unsent: false,
            stopped: false,
        }
    }

    #[cfg(test)]
    pub(crate) fn pending(&self) -> usize {
        self.pending.len() + self.batches.waiting() + usize::from(self.proposer.has_unacknowledged())
    }

    pub(crate) fn proposer(&self) -> &Proposer {
        &self.proposer
    }

    pub(crate) fn hello(&self) -> LinkHello {
        LinkHello {
            incarnation: self.proposer.incarnation(),
            zxid: self.zxid,
            acked_seq: self.proposer.acked_seq(),
            watches: Vec::new(),
            follow_sessions: true,
        }
    }

    pub(crate) fn next_wake_ms(&self, now_ms: u64) -> Option<u64> {
        let reaper = self.reaper.next_wake_ms(self.tracker.acting(now_ms));
        self.tracker.next_wake_ms(now_ms).into_iter().chain(reaper).min()
    }

    pub(crate) fn status(&self, now_ms: u64) -> SessionTrackerStatus {
        let lease = self.tracker.lease();
        SessionTrackerStatus {
            id: self.options.id,
            active: self.tracker.acting(now_ms).is_some(),
            epoch: lease.epoch,
            active_tracker: lease.holder,
            sessions: self.tracker.session_count() as u64,
            min_timeout_ms: self.options.min_timeout_ms(),
            max_timeout_ms: self.options.max_timeout_ms(),
        }
    }

    pub(crate) fn touch(&mut self, now_ms: u64, sessions: &[SessionId]) -> ServiceResult<Touched> {
        let epoch = self.acting(now_ms)?;
        let unknown: Vec<_> =
            sessions.iter().copied().filter(|session| !self.tracker.touch(now_ms, *session)).collect();
        metrics::counter!("menagerie_session_tracker_touched_total")
            .increment((sessions.len() - unknown.len()) as u64);
        Ok(Touched { unknown, epoch })
    }

    fn acting(&self, now_ms: u64) -> ServiceResult<u64> {
        if self.stopped {
            return Err(ServiceError::Unavailable("session tracker stopped".into()));
        }
        self.tracker.acting(now_ms).ok_or_else(|| self.not_active())
    }

    /// Names the holder, unless that is this tracker, which just cannot prove it.
    fn not_active(&self) -> ServiceError {
        let active = self.tracker.lease().holder.filter(|holder| *holder != self.options.id);
        ServiceError::NotActive { active }
    }

    /// Takes what the link delivered, and proposes what follows from it.
    pub(crate) fn deliver(&mut self, now_ms: u64, items: Vec<LinkItem>) -> Result<(), LinkFault> {
        let delivered = items.into_iter().try_for_each(|item| self.item(now_ms, item));
        self.tick(now_ms);
        delivered
    }

    fn item(&mut self, now_ms: u64, item: LinkItem) -> Result<(), LinkFault> {
        match item {
            LinkItem::Start { zxid, .. } | LinkItem::Applied { zxid, .. } => self.zxid = self.zxid.max(zxid),
            LinkItem::Lease(lease) => self.tracker.lease_seen(now_ms, known_lease(lease)),
            LinkItem::Sessions(table) => {
                self.tracker.table_seen(now_ms, table.into_iter().map(known_session).collect());
            }
            LinkItem::Session(SessionEvent::Attached(session, _)) => {
                self.tracker.attached(now_ms, known_session(session));
            }
            LinkItem::Session(SessionEvent::Closed { session, .. }) => self.tracker.closed(session),
            LinkItem::Results { first_seq, count, frames } => {
                return self.results(now_ms, first_seq..first_seq.saturating_add(count.into()), frames);
            }
            LinkItem::Refused { expected_seq } if expected_seq <= self.proposer.acked_seq() => {
                return Err(LinkFault::Forgotten);
            }
            LinkItem::Refused { .. } => self.proposer.send_again(),
            LinkItem::ReadReply { token, frames, .. } => self.candidates(now_ms, token, frames),
            // Asked for by gateways only.
            LinkItem::Event { .. } => {}
        }
        Ok(())
    }

    /// Proposes what is due.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        self.tracker.tick(now_ms);
        for effect in self.tracker.take_effects() {
            match effect {
                Effect::ProposeExpire { session, epoch } => self.propose(Proposal::Expire { session, epoch }),
                Effect::ProposeLease { epoch, ttl_ms } => {
                    let tracker = self.options.id;
                    self.propose(Proposal::Lease(TrackerLease { tracker, epoch, ttl_ms }));
                }
                Effect::Active { epoch } => {
                    let sessions = self.tracker.session_count();
                    info!(tracker = %self.options.id, epoch, sessions, "active, every session starts afresh");
                }
                Effect::Standby => info!(tracker = %self.options.id, "standing by"),
            }
        }
        self.reap(now_ms);
        self.send();
        let active = f64::from(u8::from(self.tracker.acting(now_ms).is_some()));
        metrics::gauge!("menagerie_session_tracker_active").set(active);
        metrics::gauge!("menagerie_session_tracker_pending").set(self.pending.len() as f64);
        metrics::gauge!("global_sessions").set(self.tracker.session_count() as f64);
    }

    fn propose(&mut self, proposal: Proposal) {
        let (op, body) = proposal.encode();
        let command = Command { op, session: SessionId::NONE, xid: 0, auth: &[], body: &body };
        let seq = self.proposer.push(&command);
        self.pending.push_back((seq, proposal));
        self.unsent = true;
    }

    /// Lets go what was proposed; once for each batch, so that it stays together.
    fn send(&mut self) {
        if std::mem::take(&mut self.unsent) {
            self.proposer.wake();
        }
    }

    /// Gives up the lease; what is returned resolves when the log has it. None when it was not held.
    pub(crate) fn release(&mut self) -> Option<oneshot::Receiver<()>> {
        let epoch = self.tracker.release()?;
        let (done, released) = oneshot::channel();
        self.propose(Proposal::Release { epoch, done });
        self.send();
        Some(released)
    }

    /// Goes on as a new incarnation: the results of what was proposed so far cannot be had any more.
    pub(crate) fn begin_anew(&mut self, now_ms: u64) {
        self.proposer = Proposer::new(new_incarnation());
        self.pending.clear();
        self.batches.fail_all(&ServiceError::Unavailable("the outcome cannot be had any more".into()));
        self.tracker.proposals_lost(now_ms);
        self.reaper.proposals_lost(now_ms);
    }

    /// Nothing is done any more; every call fails.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.pending.clear();
        self.batches.fail_all(&ServiceError::Unavailable("session tracker stopped".into()));
    }
}

impl Proposal {
    fn encode(&self) -> (OpCode, Bytes) {
        match self {
            Self::Create { body, .. } => (OpCode::CreateSession, body.encode()),
            Self::Attach { body, .. } => (OpCode::AttachSession, body.encode()),
            Self::Expire { session, epoch } => {
                (OpCode::ExpireSession, ExpireSession { session: *session, epoch: *epoch }.encode())
            }
            Self::Reap(path) => (OpCode::DeleteContainer, reaping::encode(path)),
            Self::Lease(body) => (OpCode::TrackerLease, body.encode()),
            Self::Release { epoch, .. } => {
                (OpCode::ChallengeLease, ChallengeLease { epoch: *epoch }.encode())
            }
        }
    }
}

fn known_lease(lease: tree_store::Lease) -> Lease {
    Lease { epoch: lease.epoch, holder: lease.holder, ttl_ms: lease.ttl_ms }
}

fn known_session(info: SessionInfo) -> Session {
    Session { id: info.session, timeout_ms: info.timeout_ms, password: info.password, owner: info.owner }
}
