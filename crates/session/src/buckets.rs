//! Deadlines of sessions, rounded up to ticks.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use menagerie_types::SessionId;

/// Sessions by the tick at which they are overdue, as ZooKeeper's `ExpiryQueue` keeps them (reference 4.2): a touch
/// moves a session to the bucket of its new deadline, and a bucket is overdue as a whole. A session is overdue more
/// than its timeout, and at most its timeout and one tick, after its last touch.
#[derive(Clone, Debug)]
pub struct ExpiryBuckets {
    tick_ms: u64,
    deadlines: BTreeMap<SessionId, u64>,
    /// At most (largest timeout / tick + 1) buckets, whatever the number of sessions.
    buckets: BTreeMap<u64, HashSet<SessionId>>,
}

impl ExpiryBuckets {
    /// No sessions; buckets of `tick_ms` (0 counts as 1).
    pub fn new(tick_ms: u32) -> Self {
        Self { tick_ms: u64::from(tick_ms.max(1)), deadlines: BTreeMap::new(), buckets: BTreeMap::new() }
    }

    /// The session, new or known, was heard from: it is overdue `timeout_ms` from now, rounded up to a tick.
    pub fn touch(&mut self, session: SessionId, now_ms: u64, timeout_ms: u64) {
        let deadline = (now_ms.saturating_add(timeout_ms) / self.tick_ms + 1).saturating_mul(self.tick_ms);
        match self.deadlines.entry(session) {
            // The common case: several touches within one tick.
            Entry::Occupied(entry) if *entry.get() == deadline => return,
            Entry::Occupied(mut entry) => {
                let old = entry.insert(deadline);
                take_from_bucket(&mut self.buckets, old, session);
            }
            Entry::Vacant(entry) => {
                entry.insert(deadline);
            }
        }
        self.buckets.entry(deadline).or_default().insert(session);
    }

    /// The session needs no watching any more.
    pub fn remove(&mut self, session: SessionId) {
        if let Some(deadline) = self.deadlines.remove(&session) {
            take_from_bucket(&mut self.buckets, deadline, session);
        }
    }

    /// Removes and returns the sessions that are overdue, in order of their ids.
    pub fn expire_due(&mut self, now_ms: u64) -> Vec<SessionId> {
        let mut due = Vec::new();
        while let Some(bucket) = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now_ms) {
            due.extend(bucket.remove());
        }
        for session in &due {
            self.deadlines.remove(session);
        }
        due.sort_unstable();
        due
    }

    /// When the first of them is overdue.
    pub fn next_deadline(&self) -> Option<u64> {
        self.buckets.keys().next().copied()
    }

    /// True when the session is watched.
    pub fn contains(&self, session: SessionId) -> bool {
        self.deadlines.contains_key(&session)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.deadlines.clear();
        self.buckets.clear();
    }
}

fn take_from_bucket(buckets: &mut BTreeMap<u64, HashSet<SessionId>>, deadline: u64, session: SessionId) {
    if let Some(bucket) = buckets.get_mut(&deadline) {
        bucket.remove(&session);
        if bucket.is_empty() {
            buckets.remove(&deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_deadline_is_rounded_up_to_the_next_tick() {
        let mut buckets = ExpiryBuckets::new(2_000);
        buckets.touch(SessionId(1), 1_000, 5_000);
        assert_eq!(buckets.next_deadline(), Some(8_000));
        buckets.touch(SessionId(1), 2_000, 6_000);
        assert_eq!(buckets.next_deadline(), Some(10_000));
        assert!(buckets.expire_due(9_999).is_empty());
        assert_eq!(buckets.expire_due(10_000), [SessionId(1)]);
        assert!(!buckets.contains(SessionId(1)));
    }

    #[test]
    fn a_hundred_thousand_sessions_are_due_together_in_order() {
        let mut buckets = ExpiryBuckets::new(2_000);
        for round in 0..3 {
            for id in (1..=100_000).rev() {
                buckets.touch(SessionId(id), round * 3_000, 30_000);
            }
        }
        assert_eq!(buckets.buckets.len(), 1);
        let due = buckets.expire_due(100_000);
        assert_eq!(due.len(), 100_000);
        assert!(due.is_sorted());
        assert_eq!(buckets.next_deadline(), None);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Touch(i64, u64),
        Remove(i64),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1i64..6, 1u64..400).prop_map(|(id, timeout)| Step::Touch(id, timeout)),
            (1i64..6).prop_map(Step::Remove),
            (0u64..120).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn overdue_after_the_timeout_and_within_one_tick(
            tick in 1u32..50, start in 0u64..100_000, steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut buckets = ExpiryBuckets::new(tick);
            let mut model: BTreeMap<i64, u64> = BTreeMap::new();
            let mut now = start;
            for step in steps {
                match step {
                    Step::Touch(id, timeout) => {
                        buckets.touch(SessionId(id), now, timeout);
                        model.insert(id, now + timeout);
                    }
                    Step::Remove(id) => {
                        buckets.remove(SessionId(id));
                        model.remove(&id);
                    }
                    Step::Advance(ms) => now += ms,
                }
                for session in buckets.expire_due(now) {
                    let silent_until = model.remove(&session.0);
                    prop_assert!(silent_until.is_some_and(|due| due < now), "{session} was expired early");
                }
                for (id, due) in &model {
                    prop_assert!(now < due + u64::from(tick), "{id} was not expired");
                    prop_assert!(buckets.contains(SessionId(*id)));
                }
            }
        }
    }
}
