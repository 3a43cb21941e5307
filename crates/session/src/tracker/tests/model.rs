//! Random histories of two trackers, clients that touch through them, and a log that grants the lease.

use proptest::prelude::*;

use super::*;

const SESSIONS: i64 = 3;
/// Shorter than is allowed beside such a lease, so that mistakes show within few steps.
const TIMEOUT: u64 = 400;
const TICK: u64 = 100;

/// What the state machine behind the log does with the lease, on the leader's clock.
#[derive(Default)]
struct Log {
    lease: Lease,
    until_ms: u64,
    challenged: Option<(NodeId, u64)>,
    alive: Vec<SessionId>,
}

enum Item {
    Lease(Lease),
    LeaseAnswer(Option<u64>),
    Closed(SessionId),
    ExpiryAnswer(SessionId, ExpiryAnswer),
}

impl Log {
    fn lease(&mut self, now: u64, by: NodeId, epoch: u64) -> Option<u64> {
        let renews = epoch != 0 && self.lease.epoch == epoch && self.lease.holder == Some(by);
        let held_off = self.challenged.is_some_and(|(who, until)| who == by && now < until);
        let free = self.lease.holder.is_none() || now >= self.until_ms || self.lease.holder == Some(by);
        if !renews && (epoch != 0 || held_off || !free) {
            return None;
        }
        if !renews {
            self.lease = lease(self.lease.epoch + 1, Some(by));
        }
        self.until_ms = now + TTL;
        Some(self.lease.epoch)
    }

    fn challenge(&mut self, now: u64) {
        if let Some(holder) = self.lease.holder.take() {
            self.challenged = Some((holder, now + TTL));
        }
    }

    fn expire(&mut self, session: SessionId, epoch: u64) -> ExpiryAnswer {
        if epoch != self.lease.epoch || self.lease.holder.is_none() {
            return ExpiryAnswer::Refused;
        }
        self.alive.retain(|id| *id != session);
        ExpiryAnswer::Ended
    }
}

struct Node {
    tracker: Tracker,
    /// Its monotonic clock began at another time than the log's.
    clock_offset: u64,
    outbox: Vec<Effect>,
    inbox: Vec<Item>,
}

struct World {
    now: u64,
    log: Log,
    nodes: [Node; 2],
    /// When each session's last confirmed touch was.
    confirmed: BTreeMap<SessionId, u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    /// What is due enters the log; its answers wait.
    Submit(usize),
    Deliver(usize),
    Touch(usize, i64),
    Challenge,
    /// This node is up to date.
    Settle(usize),
}

fn step(challenges: bool) -> impl Strategy<Value = Step> {
    let challenge = if challenges { Step::Challenge } else { Step::Settle(0) };
    prop_oneof![
        6 => (1u64..=TTL / 2).prop_map(Step::Advance),
        1 => (TTL..3_000).prop_map(Step::Advance),
        3 => (0usize..2).prop_map(Step::Submit),
        3 => (0usize..2).prop_map(Step::Deliver),
        4 => (0usize..2, 1..=SESSIONS).prop_map(|(node, id)| Step::Touch(node, id)),
        3 => (0usize..2).prop_map(Step::Settle),
        1 => Just(challenge),
    ]
}

impl World {
    fn new() -> Self {
        let table: Vec<_> =
            (1..=SESSIONS).map(|id| Session { timeout_ms: TIMEOUT as u32, ..session(id) }).collect();
        let node = |id, clock_offset| {
            let config =
                TrackerConfig { id, tick_ms: TICK as u32, lease_ttl_ms: TTL as u32, jitter_ms: id.0 as u32 };
            let mut tracker = Tracker::new(config);
            tracker.lease_seen(clock_offset, Lease::default());
            tracker.table_seen(clock_offset, table.clone());
            Node { tracker, clock_offset, outbox: Vec::new(), inbox: Vec::new() }
        };
        let log = Log { alive: table.iter().map(|session| session.id).collect(), ..Log::default() };
        Self { now: 0, log, nodes: [node(ME, 17), node(OTHER, 5_000)], confirmed: BTreeMap::new() }
    }

    fn local(&self, node: usize) -> u64 {
        self.now + self.nodes[node].clock_offset
    }

    fn tick(&mut self, node: usize) {
        let now = self.local(node);
        let node = &mut self.nodes[node];
        node.tracker.tick(now);
        let effects = node.tracker.take_effects();
        node.outbox.extend(
            effects
                .into_iter()
                .filter(|e| matches!(e, Effect::ProposeExpire { .. } | Effect::ProposeLease { .. })),
        );
    }

    /// What this node has proposed enters the log.
    fn commit(&mut self, node: usize) {
        let me = [ME, OTHER][node];
        for effect in mem::take(&mut self.nodes[node].outbox) {
            let before = self.log.lease;
            let item = match effect {
                Effect::ProposeLease { epoch, .. } => Item::LeaseAnswer(self.log.lease(self.now, me, epoch)),
                Effect::ProposeExpire { session, epoch } => {
                    let answer = self.log.expire(session, epoch);
                    if answer == ExpiryAnswer::Ended {
                        let confirmed = self.confirmed.get(&session).copied().unwrap_or(0);
                        assert!(self.now > confirmed + TIMEOUT, "{session} expired at {}", self.now);
                        self.broadcast(|| Item::Closed(session));
                    }
                    Item::ExpiryAnswer(session, answer)
                }
                Effect::Active { .. } | Effect::Standby => continue,
            };
            self.nodes[node].inbox.push(item);
            self.broadcast_lease_since(before);
        }
    }

    fn broadcast_lease_since(&mut self, before: Lease) {
        let lease = self.log.lease;
        if lease != before {
            self.broadcast(|| Item::Lease(lease));
        }
    }

    fn broadcast(&mut self, item: impl Fn() -> Item) {
        self.nodes.iter_mut().for_each(|node| node.inbox.push(item()));
    }

    fn deliver(&mut self, node: usize) {
        let now = self.local(node);
        let node = &mut self.nodes[node];
        for item in mem::take(&mut node.inbox) {
            match item {
                Item::Lease(lease) => node.tracker.lease_seen(now, lease),
                Item::LeaseAnswer(granted) => node.tracker.lease_answered(now, granted),
                Item::Closed(session) => node.tracker.closed(session),
                Item::ExpiryAnswer(session, answer) => node.tracker.expiry_answered(now, session, answer),
            }
        }
    }

    fn touch(&mut self, node: usize, id: i64) {
        let now = self.local(node);
        let tracker = &mut self.nodes[node].tracker;
        if tracker.acting(now).is_some() && tracker.touch(now, SessionId(id)) {
            self.confirmed.insert(SessionId(id), self.now);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Advance(ms) => self.now += ms,
            Step::Submit(node) => {
                self.tick(node);
                self.commit(node);
            }
            Step::Deliver(node) => self.deliver(node),
            Step::Touch(node, id) => self.touch(node, id),
            Step::Challenge => {
                let before = self.log.lease;
                self.log.challenge(self.now);
                self.broadcast_lease_since(before);
            }
            Step::Settle(node) => {
                self.deliver(node);
                self.tick(node);
                self.commit(node);
                self.deliver(node);
            }
        }
    }

    fn acting(&self) -> usize {
        (0..2).filter(|node| self.nodes[*node].tracker.acting(self.local(*node)).is_some()).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_trackers_never_act_at_once(steps in prop::collection::vec(step(false), 1..400)) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
            prop_assert!(world.acting() <= 1);
        }
    }

    /// The assertion is in `commit`: a confirmed touch holds for the whole timeout, whatever is delayed or challenged.
    #[test]
    fn no_session_ends_within_its_timeout_of_a_confirmed_touch(
        steps in prop::collection::vec(step(true), 1..400),
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
        }
    }

    #[test]
    fn when_things_work_silent_sessions_end_in_time_and_touched_ones_never(
        steps in prop::collection::vec(step(true), 0..100),
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
        }
        let settle = |world: &mut World| [0, 1, 0, 1].map(|node| world.apply(Step::Settle(node)));
        settle(&mut world);
        let survivor = world.log.alive.first().copied();
        // Held off for a lease time, a retry, the takeover's grace, the timeout, a tick; each with a step.
        let end = world.now + 3 * TTL + TTL / 2 + TIMEOUT + TICK + 400;
        while world.now < end {
            survivor.into_iter().for_each(|id| [0, 1].into_iter().for_each(|node| world.touch(node, id.0)));
            world.apply(Step::Advance(50));
            settle(&mut world);
        }
        prop_assert_eq!(&world.log.alive, &Vec::from_iter(survivor));
        prop_assert_eq!(world.acting(), 1);
    }
}
