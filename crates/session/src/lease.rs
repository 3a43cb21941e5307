//! The tracker lease as one tracker sees it: when to ask for it, and until when it may be acted on.

use menagerie_types::NodeId;

/// The lease as the log has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Raised whenever the holder changes.
    pub epoch: u64,
    /// None when challenged away or never held.
    pub holder: Option<NodeId>,
    /// How long a renewal holds.
    pub ttl_ms: u32,
}

/// What an event did to our hold on the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseChange {
    Unchanged,
    /// We may act from now on, and could not just before: what happened until now we may have missed.
    Gained,
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    renewed_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// 0 to acquire.
    epoch: u64,
    sent_ms: u64,
}

/// Keeps at most one lease command in flight. Validity counts from when the granted command was *proposed*: the log
/// dates it later, so nobody else can be granted the lease before we have stopped by ourselves, even when paused or
/// cut off. (A challenge does not wait for that; the lease epoch in each command is what fences then.)
#[derive(Clone, Debug)]
pub(crate) struct LeaseKeeper {
    me: NodeId,
    ttl_ms: u64,
    retry_ms: u64,
    seen: Option<Lease>,
    held: Option<Held>,
    asked: Option<Asked>,
    next_try_ms: u64,
    released: bool,
}

impl LeaseKeeper {
    /// `jitter_ms` is added to the time between two attempts to acquire.
    pub(crate) fn new(me: NodeId, ttl_ms: u32, jitter_ms: u32) -> Self {
        let ttl_ms = u64::from(ttl_ms.max(1));
        Self {
            me,
            ttl_ms,
            retry_ms: ttl_ms / 2 + u64::from(jitter_ms) + 1,
            seen: None,
            held: None,
            asked: None,
            next_try_ms: 0,
            released: false,
        }
    }

    /// The epoch under which we may act now.
    pub(crate) fn acting(&self, now_ms: u64) -> Option<u64> {
        self.held.filter(|held| now_ms < held.renewed_ms + self.ttl_ms).map(|held| held.epoch)
    }

    /// True from a grant until the loss of the lease, though it may have lapsed meanwhile.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// The lease as last seen; our own grant counts even before the feed shows it.
    pub(crate) fn latest(&self) -> Lease {
        let seen = self.seen.unwrap_or_default();
        match self.held {
            Some(held) if held.epoch > seen.epoch => {
                Lease { epoch: held.epoch, holder: Some(self.me), ttl_ms: self.ttl_ms as u32 }
            }
            _ => seen,
        }
    }

    /// The feed shows the lease (at the start of a link, or because it changed).
    pub(crate) fn seen(&mut self, now_ms: u64, lease: Lease) -> LeaseChange {
        let before = self.seen.replace(lease);
        if before != Some(lease) {
            self.next_try_ms = self.first_try(now_ms, before, lease);
        }
        if self.held.is_some_and(|held| self.is_past(held.epoch)) {
            self.held = None;
            return LeaseChange::Lost;
        }
        LeaseChange::Unchanged
    }

    fn first_try(&self, now_ms: u64, before: Option<Lease>, lease: Lease) -> u64 {
        let was_ours = before.is_some_and(|before| before.holder == Some(self.me))
            || self.held.is_some_and(|held| held.epoch == lease.epoch);
        match lease.holder {
            // Challenged: the log refuses us for one ttl, so that another tracker may take over.
            None if was_ours => now_ms + self.ttl_ms + self.ttl_ms / 8,
            None => now_ms,
            // Ours from an earlier life, which the log grants again at once.
            Some(holder) if holder == self.me => now_ms,
            Some(_) => now_ms + self.retry_ms,
        }
    }

    /// True when the feed shows that this epoch of ours is over. The feed may lag behind our own grant.
    fn is_past(&self, epoch: u64) -> bool {
        self.seen
            .is_some_and(|seen| seen.epoch > epoch || (seen.epoch == epoch && seen.holder != Some(self.me)))
    }

    /// The answer to the command in flight: the epoch granted, or None for a refusal.
    pub(crate) fn answered(&mut self, now_ms: u64, granted: Option<u64>) -> LeaseChange {
        let Some(asked) = self.asked.take() else {
            return LeaseChange::Unchanged;
        };
        match granted {
            Some(epoch) => self.granted(now_ms, epoch, asked.sent_ms),
            None => self.refused(now_ms, asked.epoch),
        }
    }

    fn granted(&mut self, now_ms: u64, epoch: u64, sent_ms: u64) -> LeaseChange {
        if self.released || self.is_past(epoch) {
            return LeaseChange::Unchanged;
        }
        let acted_until_now = self.acting(now_ms) == Some(epoch);
        self.held = Some(Held { epoch, renewed_ms: sent_ms });
        if acted_until_now { LeaseChange::Unchanged } else { LeaseChange::Gained }
    }

    fn refused(&mut self, now_ms: u64, epoch: u64) -> LeaseChange {
        self.next_try_ms = self.next_try_ms.max(now_ms + self.retry_ms);
        match self.held {
            Some(held) if held.epoch == epoch => {
                self.held = None;
                LeaseChange::Lost
            }
            _ => LeaseChange::Unchanged,
        }
    }

    /// The answer to the command in flight will never be known.
    pub(crate) fn forget_asked(&mut self) {
        self.asked = None;
    }

    /// The epoch to ask for, if it is time: 0 to acquire. It counts as proposed now.
    pub(crate) fn ask_if_due(&mut self, now_ms: u64) -> Option<u64> {
        self.next_ask_ms().filter(|at| *at <= now_ms)?;
        let epoch = self.held.map_or(0, |held| held.epoch);
        self.asked = Some(Asked { epoch, sent_ms: now_ms });
        Some(epoch)
    }

    /// When [`Self::ask_if_due`] will next ask; None while an answer is awaited, and after a release.
    pub(crate) fn next_ask_ms(&self) -> Option<u64> {
        if self.released || self.asked.is_some() || self.seen.is_none() {
            return None;
        }
        Some(self.held.map_or(self.next_try_ms, |held| held.renewed_ms + self.ttl_ms / 3))
    }

    /// Gives the lease up for good; the epoch to end in the log, if it was held.
    pub(crate) fn release(&mut self) -> Option<u64> {
        self.released = true;
        self.held.take().map(|held| held.epoch)
    }
}
