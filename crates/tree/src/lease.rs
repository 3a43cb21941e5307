//! The lease of the active session tracker.

use menagerie_types::NodeId;
use menagerie_types::command::internal::TrackerLease;

use crate::row_hash::row_hash;

/// Who is the active session tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Raised by every acquisition.
    pub epoch: u64,
    /// None when challenged away or never held.
    pub holder: Option<NodeId>,
    /// How long a renewal holds, ms.
    pub ttl_ms: u32,
    /// When it runs out, by the log's clock.
    pub expires_ms: i64,
}

/// The lease, and who may not have it for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaseState {
    pub(crate) lease: Lease,
    /// The tracker that was challenged last.
    pub(crate) barred: Option<NodeId>,
    pub(crate) barred_until_ms: i64,
}

/// What became of a request for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The lease has a new epoch.
    Acquired,
    /// The same one for longer.
    Renewed,
    Refused,
}

impl LeaseState {
    /// True for the epoch of a lease that was not challenged or taken over.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.lease.holder.is_some() && self.lease.epoch == epoch
    }

    /// Renews or acquires. Every acquisition raises the epoch, also one by a holder that restarted: commands of its
    /// former life may still be on their way.
    pub(crate) fn grant(&mut self, request: &TrackerLease, now_ms: i64) -> Grant {
        let TrackerLease { tracker, epoch, ttl_ms } = *request;
        let is_holder = self.lease.holder == Some(tracker);
        let grant = if epoch != 0 {
            if is_holder && self.lease.epoch == epoch { Grant::Renewed } else { Grant::Refused }
        } else if self.barred == Some(tracker) && now_ms < self.barred_until_ms {
            Grant::Refused
        } else if is_holder || self.lease.holder.is_none() || now_ms >= self.lease.expires_ms {
            Grant::Acquired
        } else {
            Grant::Refused
        };
        if grant != Grant::Refused {
            let epoch = self.lease.epoch + u64::from(grant == Grant::Acquired);
            let expires_ms = now_ms.saturating_add(i64::from(ttl_ms));
            self.lease = Lease { epoch, holder: Some(tracker), ttl_ms, expires_ms };
        }
        grant
    }

    /// Takes the lease from the holder of `epoch`; returns whether there was one.
    pub(crate) fn challenge(&mut self, epoch: u64, now_ms: i64) -> bool {
        if !self.is_current(epoch) {
            return false;
        }
        self.barred = self.lease.holder.take();
        self.barred_until_ms = now_ms.saturating_add(i64::from(self.lease.ttl_ms));
        true
    }

    pub(crate) fn digest(&self) -> u64 {
        let id = |node: Option<NodeId>| [u64::from(node.is_some()), node.unwrap_or_default().0];
        let Lease { epoch, holder, ttl_ms, expires_ms } = self.lease;
        let ([has_holder, holder], [has_barred, barred]) = (id(holder), id(self.barred));
        let fields = [
            epoch,
            has_holder,
            holder,
            u64::from(ttl_ms),
            expires_ms as u64,
            has_barred,
            barred,
            self.barred_until_ms as u64,
        ];
        row_hash(b'l', &fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(tracker: u64, epoch: u64) -> TrackerLease {
        TrackerLease { tracker: NodeId(tracker), epoch, ttl_ms: 10 }
    }

    #[test]
    fn the_lease_changes_hands_only_when_it_is_free_or_has_run_out() {
        let mut state = LeaseState::default();
        assert_eq!(state.grant(&ask(1, 0), 100), Grant::Acquired);
        assert_eq!(state.grant(&ask(2, 0), 109), Grant::Refused);
        assert_eq!(state.grant(&ask(1, 1), 109), Grant::Renewed);
        assert_eq!(state.grant(&ask(2, 1), 109), Grant::Refused);
        assert_eq!(state.grant(&ask(2, 0), 119), Grant::Acquired);
        assert_eq!(state.lease.epoch, 2);
        assert_eq!(state.grant(&ask(1, 1), 119), Grant::Refused);
        assert_eq!(state.grant(&ask(2, 0), 119), Grant::Acquired, "it restarted");
        assert!(!state.is_current(2), "its former life is fenced");
    }

    #[test]
    fn a_challenged_tracker_is_barred_for_a_while() {
        let mut state = LeaseState::default();
        state.grant(&ask(1, 0), 100);
        assert!(!state.challenge(2, 101));
        assert!(state.challenge(1, 101));
        assert!(!state.is_current(1));
        assert!(!state.challenge(1, 101));
        assert_eq!(state.grant(&ask(1, 1), 102), Grant::Refused);
        assert_eq!(state.grant(&ask(1, 0), 110), Grant::Refused);
        assert_eq!(state.clone().grant(&ask(2, 0), 102), Grant::Acquired);
        assert_eq!(state.grant(&ask(1, 0), 111), Grant::Acquired);
    }
}
