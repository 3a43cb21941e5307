//! A link that moves and breaks against one that stands all the time.

mod placed;

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, CreateRequest, DeleteRequest, MultiOp, Reader, SetDataRequest, encode_multi, write,
};
use menagerie_link::Outbox;
use menagerie_types::command::{Command, Policy};
use menagerie_types::{Acl, EventType, OpCode};
use proptest::prelude::*;

use super::*;

const PATHS: [&str; 6] = ["/a", "/a/b", "/a/b/c", "/ab", "/d", "/"];
/// Proposes all writes.
const MOVING: IncarnationId = IncarnationId(1);
const STANDING: IncarnationId = IncarnationId(2);

#[derive(Clone, Copy, Debug)]
enum Change {
    Create(usize),
    /// Nobody may read it, so its events carry the list.
    CreateHidden(usize),
    Delete(usize),
    Set(usize),
    /// Two events of one kind at one path in one transaction.
    SetTwice(usize),
}

#[derive(Clone, Debug)]
enum Step {
    /// One entry.
    Write(Vec<Change>),
    /// The second store applies so many more.
    CatchUp(usize),
    Take,
    Cut,
    /// Links to one of the stores, from whatever it was before.
    Open(usize),
    Watch(WatchKind, usize),
    Unwatch(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    let change = prop_oneof![
        3 => path.clone().prop_map(Change::Create),
        1 => path.clone().prop_map(Change::CreateHidden),
        3 => path.clone().prop_map(Change::Delete),
        2 => path.clone().prop_map(Change::Set),
        1 => path.clone().prop_map(Change::SetTwice),
    ];
    let kind = (0..WatchKinds::EACH.len()).prop_map(|at| WatchKinds::EACH[at]);
    prop_oneof![
        8 => prop::collection::vec(change, 1..5).prop_map(Step::Write),
        3 => (1..4usize).prop_map(Step::CatchUp),
        2 => Just(Step::Take),
        3 => Just(Step::Cut),
        3 => (0..2usize).prop_map(Step::Open),
        8 => (kind, path.clone()).prop_map(|(kind, path)| Step::Watch(kind, path)),
        1 => (1..=WatchKinds::ALL.0, path).prop_map(|(kinds, path)| Step::Unwatch(kinds, path)),
    ]
}

/// A replica without its I/O.
struct Store {
    state: State,
    links: Links,
}

impl Store {
    fn new(history: usize) -> Self {
        let mut state = State::new();
        state.set_event_history_bytes(history);
        Self { state, links: Links::new(1 << 20, Proposer::new(IncarnationId(9))) }
    }

    fn apply(&mut self, log: &[Vec<Bytes>]) {
        for chunks in &log[self.state.index().0 as usize..] {
            let (index, time_ms) = (self.state.index().next(), 1_000_000 + self.state.index().0 as i64);
            self.state.apply_entry(index, time_ms, chunks, &mut self.links).expect("a good entry");
            self.links.drain_touched(&mut Vec::new());
        }
    }
}

/// What a gateway knows of its link.
#[derive(Default)]
struct Holder {
    watches: BTreeSet<(WatchKind, String)>,
    zxid: Zxid,
    acked_seq: u64,
    link: Option<(usize, LinkKey, Arc<LinkQueue>)>,
    /// The events so far, one for each of the holder's watches that they concern.
    seen: Vec<(Zxid, EventType, String, Option<Bytes>, WatchKind, String)>,
    /// Transactions as delivered; twice each, plus 1 for a result.
    order: Vec<i64>,
    incomplete: bool,
}

impl Holder {
    fn open(&mut self, incarnation: IncarnationId, at: usize, stores: &mut [Store]) {
        self.close(stores);
        let watches = self.watches.iter().cloned().collect();
        let (zxid, acked_seq) = (self.zxid, self.acked_seq);
        let hello = LinkHello { incarnation, zxid, acked_seq, watches, follow_sessions: false };
        let Store { state, links } = &mut stores[at];
        let (key, queue) = links.open(state, &hello).expect("the results are here");
        links.drain_touched(&mut Vec::new());
        self.link = Some((at, key, queue));
    }

    fn close(&mut self, stores: &mut [Store]) {
        if let Some((at, key, _)) = self.link.take() {
            stores[at].links.remove(key);
        }
    }

    fn take(&mut self) {
        let Some((_, _, queue)) = &self.link else { return };
        let mut items = Vec::new();
        queue.take(&mut items).expect("the link stands");
        for item in items {
            match item {
                LinkItem::Start { zxid, events_complete, .. } => {
                    self.zxid = self.zxid.max(zxid);
                    self.incomplete |= !events_complete;
                }
                LinkItem::Event { zxid, event, path, acl } => {
                    self.order.push(zxid.0 * 2);
                    self.event(zxid, event, &path, acl);
                }
                LinkItem::Results { first_seq, count, frames } => self.results(first_seq, count, &frames),
                _ => {}
            }
        }
    }

    fn event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<Bytes>) {
        self.zxid = self.zxid.max(zxid);
        let before = self.seen.len();
        for (kind, at) in &self.watches {
            let is_below = path != at && (at == "/" || path.starts_with(&format!("{at}/")));
            let fires = at == path && WatchKinds::fired_by(event).contains(*kind)
                || is_below && WatchKinds::fired_above_by(event).contains(*kind);
            if fires {
                self.seen.push((zxid, event, path.into(), acl.clone(), *kind, at.clone()));
            }
        }
        assert!(self.seen.len() > before, "nobody here waits for {event:?} at {path}");
        let one_shot = WatchKinds::fired_by(event).intersect(WatchKinds::ONE_SHOT);
        self.watches.retain(|(kind, at)| at != path || !one_shot.contains(*kind));
    }

    fn results(&mut self, first_seq: u64, count: u32, mut frames: &[u8]) {
        assert_eq!(first_seq, self.acked_seq + 1, "each result once, in order");
        for _ in 0..count {
            let len = u32::from_be_bytes(*frames.first_chunk().expect("a length")) as usize;
            let zxid = i64::from_be_bytes(*frames[8..].first_chunk().expect("a zxid"));
            self.zxid = self.zxid.max(Zxid(zxid));
            self.order.push(zxid * 2 + 1);
            self.acked_seq += 1;
            frames = &frames[4 + len..];
        }
        assert!(frames.is_empty());
    }
}

struct World {
    log: Vec<Vec<Bytes>>,
    outbox: Outbox,
    /// The first applies everything at once.
    stores: Vec<Store>,
    standing: Holder,
    moving: Holder,
}

impl World {
    fn new(history: usize) -> Self {
        let mut this = Self {
            log: Vec::new(),
            outbox: Outbox::new(MOVING, Policy::NONE),
            stores: vec![Store::new(history), Store::new(history)],
            standing: Holder::default(),
            moving: Holder::default(),
        };
        this.standing.open(STANDING, 0, &mut this.stores);
        this.moving.open(MOVING, 1, &mut this.stores);
        this
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write(changes) => {
                self.outbox.acknowledge(self.moving.acked_seq);
                for change in changes {
                    let (op, body) = encode(change);
                    let command = Command { op, session: SessionId::NONE, xid: 0, auth: &[], body: &body };
                    self.outbox.push(&command);
                }
                self.log.push(std::iter::from_fn(|| self.outbox.next_chunk()).collect());
                self.stores[0].apply(&self.log);
                self.standing.take();
            }
            Step::CatchUp(count) => {
                let applied = self.stores[1].state.index().0 as usize;
                self.stores[1].apply(&self.log[..(applied + count).min(self.log.len())]);
            }
            Step::Take => self.moving.take(),
            Step::Cut => self.moving.close(&mut self.stores),
            Step::Open(at) => {
                while self.stores[at].state.zxid() < self.moving.zxid {
                    let next = self.stores[at].state.index().0 as usize + 1;
                    self.stores[at].apply(&self.log[..next]);
                }
                self.moving.open(MOVING, at, &mut self.stores);
            }
            Step::Watch(kind, path) => {
                self.settle();
                for holder in [&mut self.standing, &mut self.moving] {
                    let Some((at, key, _)) = &holder.link else { continue };
                    self.stores[*at].links.watch(*key, &[(kind, PATHS[path].into())]);
                    holder.watches.insert((kind, PATHS[path].into()));
                }
            }
            Step::Unwatch(kinds, path) => {
                self.settle();
                for holder in [&mut self.standing, &mut self.moving] {
                    let Some((at, key, _)) = &holder.link else { continue };
                    self.stores[*at].links.unwatch(*key, PATHS[path], WatchKinds(kinds));
                    holder
                        .watches
                        .retain(|(kind, at)| at != PATHS[path] || !WatchKinds(kinds).contains(*kind));
                }
            }
        }
    }

    /// Both links stand and have delivered everything.
    fn settle(&mut self) {
        self.stores[1].apply(&self.log);
        if self.moving.link.is_none() {
            self.moving.open(MOVING, 0, &mut self.stores);
        }
        self.standing.take();
        self.moving.take();
    }
}

fn encode(change: Change) -> (OpCode, BytesMut) {
    let mut body = BytesMut::new();
    let set = |path| SetDataRequest { path, data: Some(b"x"), version: -1 };
    match change {
        Change::Create(at) | Change::CreateHidden(at) => {
            let mut encoded = BytesMut::new();
            let perms = if matches!(change, Change::Create(_)) { 31 } else { 30 };
            write::acl_vec(&mut encoded, &[Acl { perms, ..Acl::read_only() }]);
            let acl = AclList::decode(&mut Reader::new(&encoded)).expect("a list");
            CreateRequest { path: PATHS[at], data: None, acl, flags: 0 }.encode(&mut body);
            (OpCode::Create, body)
        }
        Change::Delete(at) => {
            DeleteRequest { path: PATHS[at], version: -1 }.encode(&mut body);
            (OpCode::Delete, body)
        }
        Change::Set(at) => {
            set(PATHS[at]).encode(&mut body);
            (OpCode::SetData, body)
        }
        Change::SetTwice(at) => {
            let both = [MultiOp::SetData(set(PATHS[at])), MultiOp::SetData(set(PATHS[at]))];
            encode_multi(&mut body, &both);
            (OpCode::Multi, body)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_client_cannot_tell_a_link_that_moves_from_one_that_stands(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new(1 << 20);
        for step in steps {
            world.step(step);
        }
        world.settle();
        let World { standing, moving, .. } = world;
        prop_assert_eq!(&moving.seen, &standing.seen);
        prop_assert_eq!(moving.watches, standing.watches);
        prop_assert_eq!(moving.zxid, standing.zxid.max(moving.zxid));
        prop_assert!(moving.order.is_sorted(), "events before their results: {:?}", moving.order);
        prop_assert!(!moving.incomplete && !standing.incomplete);
    }
}

#[test]
fn a_replica_without_history_knows_when_there_is_nothing_to_remember() {
    let mut world = World::new(0);
    for step in [Step::Watch(WatchKind::PersistentRecursive, 0), Step::Cut, Step::Open(0), Step::Take] {
        world.step(step);
    }
    assert!(!world.moving.incomplete);
    for step in [Step::Cut, Step::Write(vec![Change::Create(0)]), Step::Open(0), Step::Take] {
        world.step(step);
    }
    assert!(world.moving.incomplete && world.moving.seen.is_empty() && world.standing.seen.len() == 1);
}
