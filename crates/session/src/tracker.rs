//! The tracker's state machine.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::mem;

use menagerie_types::command::internal::Password;
use menagerie_types::{IncarnationId, NodeId, SessionId};

use crate::lease::{LeaseChange, LeaseKeeper};
use crate::{ExpiryBuckets, Lease};

/// Expiries proposed and not yet answered; more overdue sessions wait for these. They are applied together, with all of
/// their ephemerals, and hold up others for so long.
const EXPIRING_MAX: usize = 256;

/// What differs between trackers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The tracker's name in the lease.
    pub id: NodeId,
    /// Width of an expiry bucket.
    pub tick_ms: u32,
    /// How long a lease holds; a third is the renewal interval.
    pub lease_ttl_ms: u32,
    /// Added to the interval between attempts to acquire, so that standbys do not try in step.
    pub jitter_ms: u32,
}

/// A session of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// Re-attaches it.
    pub password: Password,
    /// The gateway worker that holds its connection.
    pub owner: IncarnationId,
}

/// What the tracker wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Propose the end of a session; answered by [`Tracker::expiry_answered`].
    ProposeExpire {
        /// Which one.
        session: SessionId,
        /// The lease it is decided under.
        epoch: u64,
    },
    /// Propose to acquire (`epoch` 0) or renew the lease; answered by [`Tracker::lease_answered`].
    ProposeLease {
        /// The epoch held, or 0.
        epoch: u64,
        /// How long it shall hold.
        ttl_ms: u32,
    },
    /// Every session has just been given a full timeout, and this tracker acts.
    Active {
        /// The lease.
        epoch: u64,
    },
    /// The lease is lost; nothing is counted any more.
    Standby,
}

/// What became of a proposed expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryAnswer {
    /// The session is no more.
    Ended,
    /// It still stands (the lease epoch was stale).
    Refused,
}

/// One session tracker: follows the session table, holds or awaits the lease, and decides which sessions are overdue.
///
/// Sessions are counted only while the lease is held. Whoever gains it, also by a renewal after it had lapsed, gives
/// every session its full timeout, and one lease time more: that covers touches which a predecessor, not yet aware of
/// its loss, confirmed meanwhile. Call [`Self::tick`] after each event and at [`Self::next_wake_ms`].
#[derive(Clone, Debug)]
pub struct Tracker {
    config: TrackerConfig,
    lease: LeaseKeeper,
    /// False until the first table: nothing can be decided without one.
    has_table: bool,
    sessions: BTreeMap<SessionId, Session>,
    buckets: ExpiryBuckets,
    /// Overdue, not yet proposed.
    due: BTreeSet<SessionId>,
    /// Until then a predecessor may still confirm touches, so that no deadline counts from before.
    grace_until_ms: u64,
    /// Proposed, not yet answered.
    expiring: HashSet<SessionId>,
    effects: Vec<Effect>,
}

impl Tracker {
    /// A standby that has seen nothing yet.
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            config,
            lease: LeaseKeeper::new(config.id, config.lease_ttl_ms, config.jitter_ms),
            has_table: false,
            sessions: BTreeMap::new(),
            buckets: ExpiryBuckets::new(config.tick_ms),
            due: BTreeSet::new(),
            grace_until_ms: 0,
            expiring: HashSet::new(),
            effects: Vec::new(),
        }
    }

    /// What is to be done since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// The lease epoch under which this tracker may act at this moment. It ends by itself, one lease time after the
    /// last renewal was proposed.
    pub fn acting(&self, now_ms: u64) -> Option<u64> {
        self.lease.acting(now_ms)
    }

    /// The lease as last seen.
    pub fn lease(&self) -> Lease {
        self.lease.latest()
    }

    /// A session of the table.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// Sessions in the table.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The feed shows the lease.
    pub fn lease_seen(&mut self, now_ms: u64, lease: Lease) {
        let change = self.lease.seen(now_ms, lease);
        self.lease_changed(now_ms, change);
    }

    /// The lease command in flight was answered: the epoch granted, or None for a refusal.
    pub fn lease_answered(&mut self, now_ms: u64, granted: Option<u64>) {
        let change = self.lease.answered(now_ms, granted);
        self.lease_changed(now_ms, change);
    }

    fn lease_changed(&mut self, now_ms: u64, change: LeaseChange) {
        match change {
            LeaseChange::Unchanged => {}
            LeaseChange::Gained => {
                self.give_full_timeouts(now_ms);
                self.effects.push(Effect::Active { epoch: self.lease.latest().epoch });
            }
            LeaseChange::Lost => {
                self.buckets.clear();
                self.due.clear();
                self.effects.push(Effect::Standby);
            }
        }
    }

    fn give_full_timeouts(&mut self, now_ms: u64) {
        self.buckets.clear();
        self.due.clear();
        self.grace_until_ms = now_ms + u64::from(self.config.lease_ttl_ms.max(self.lease.latest().ttl_ms));
        for session in self.sessions.values().filter(|session| !self.expiring.contains(&session.id)) {
            self.buckets.touch(session.id, self.grace_until_ms, u64::from(session.timeout_ms));
        }
    }

    /// A link begins with the whole table. While the lease is held, sessions that go on keep their deadlines (their
    /// touches were counted all the time); new and changed ones get a full timeout.
    pub fn table_seen(&mut self, now_ms: u64, table: Vec<Session>) {
        self.has_table = true;
        let before = mem::take(&mut self.sessions);
        self.sessions = table.into_iter().map(|session| (session.id, session)).collect();
        for id in before.keys().filter(|id| !self.sessions.contains_key(id)) {
            self.buckets.remove(*id);
            self.due.remove(id);
        }
        if self.lease.is_held() {
            let heard_ms = now_ms.max(self.grace_until_ms);
            for (id, session) in &self.sessions {
                if before.get(id) != Some(session) && !self.expiring.contains(id) {
                    self.due.remove(id);
                    self.buckets.touch(*id, heard_ms, u64::from(session.timeout_ms));
                }
            }
        }
    }

    /// A session was made, or moved to another owner.
    pub fn attached(&mut self, now_ms: u64, session: Session) {
        self.sessions.insert(session.id, session);
        self.touch(now_ms, session.id);
    }

    /// A session ended.
    pub fn closed(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        self.buckets.remove(id);
        self.due.remove(&id);
    }

    /// The client was heard from. False when the session is not there, or its expiry has already been proposed: it
    /// must not be confirmed then. Without the lease nothing is counted.
    pub fn touch(&mut self, now_ms: u64, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(&id) else {
            return false;
        };
        if self.expiring.contains(&id) {
            return false;
        }
        if self.lease.is_held() {
            self.due.remove(&id);
            self.buckets.touch(id, now_ms.max(self.grace_until_ms), u64::from(session.timeout_ms));
        }
        true
    }

    /// A proposed expiry was answered. A refused one is proposed again at the next tick boundary, unless the client
    /// is heard from before.
    pub fn expiry_answered(&mut self, now_ms: u64, id: SessionId, answer: ExpiryAnswer) {
        self.expiring.remove(&id);
        match answer {
            ExpiryAnswer::Ended => self.closed(id),
            ExpiryAnswer::Refused if self.lease.is_held() && self.sessions.contains_key(&id) => {
                self.buckets.touch(id, now_ms, 0);
            }
            ExpiryAnswer::Refused => {}
        }
    }

    /// No proposal made so far will be answered any more; what became of them shows in the next table.
    pub fn proposals_lost(&mut self, now_ms: u64) {
        self.lease.forget_asked();
        for id in mem::take(&mut self.expiring) {
            self.expiry_answered(now_ms, id, ExpiryAnswer::Refused);
        }
    }

    /// Proposes what has become due.
    pub fn tick(&mut self, now_ms: u64) {
        if !self.has_table {
            return;
        }
        if let Some(epoch) = self.lease.ask_if_due(now_ms) {
            self.effects.push(Effect::ProposeLease { epoch, ttl_ms: self.config.lease_ttl_ms });
        }
        let Some(epoch) = self.lease.acting(now_ms) else {
            return;
        };
        self.due.extend(self.buckets.expire_due(now_ms));
        while self.expiring.len() < EXPIRING_MAX
            && let Some(session) = self.due.pop_first()
        {
            self.expiring.insert(session);
            self.effects.push(Effect::ProposeExpire { session, epoch });
        }
    }

    /// When [`Self::tick`] will next have something to do if no event comes before; None for never.
    pub fn next_wake_ms(&self, now_ms: u64) -> Option<u64> {
        if !self.has_table {
            return None;
        }
        let deadline = self.lease.acting(now_ms).and_then(|_| self.buckets.next_deadline());
        self.lease.next_ask_ms().into_iter().chain(deadline).min()
    }

    /// Stops acting, for good; the epoch to end in the log, so that a standby takes over at once.
    pub fn release(&mut self) -> Option<u64> {
        let epoch = self.lease.release();
        if epoch.is_some() {
            self.lease_changed(0, LeaseChange::Lost);
        }
        epoch
    }
}

#[cfg(test)]
mod tests;
