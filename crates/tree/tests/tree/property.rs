//! Random histories: against the model, over differently cut entries, and through checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, Reader,
    SetDataRequest,
};
use menagerie_tree::{Meta, Record, State};
use menagerie_types::command::Policy;
use menagerie_types::command::internal::{CreateSession, ExpireSession};
use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, Zxid};
use proptest::prelude::*;

use crate::model::{Event, Model, Op, TTL, When};
use crate::multis;
use crate::world::*;

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    One(Op, SessionId),
    Multi(Vec<Op>, SessionId),
    Open(SessionId),
    Close(SessionId),
    Expire(SessionId),
    /// What the reaper does.
    Reap(String),
    /// Proposes the last command again.
    Repeat,
    /// Leaves out a number.
    Gap,
}

fn paths() -> impl Strategy<Value = String> {
    let special = ["/", "/a/", "/zookeeper", "a", "/a//b"].map(String::from);
    prop_oneof![20 => "/[abc]", 20 => "/[ab]/[abc]", 10 => "/a/[ab]/[abc]", 1 => prop::sample::select(special.to_vec()),
        20 => "/zookeeper/quota/[ab](/zookeeper_(limits|stats))?",
        4 => "/zookeeper/quota/a/b(/zookeeper_(limits|stats))?"]
}

fn ops() -> impl Strategy<Value = Op> {
    let limits = [
        "",
        "count=1,bytes=4",
        "count=-1,bytes=3=;byteHardLimit=6;countHardLimit=3",
        "count=2,bytes=-1=;countHardLimit=4",
        "count=0,bytes=0=;byteHardLimit=10",
        "x",
    ];
    let limits = limits.map(|text| text.as_bytes().to_vec());
    let data = move || {
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..4),
            2 => prop::sample::select(limits.to_vec())
        ]
    };
    let version = || prop_oneof![3 => Just(-1), 2 => 0..3];
    let flags = prop_oneof![8 => Just(0), 3 => Just(1), 2 => Just(2), 1 => Just(3), 2 => 4..7i32];
    prop_oneof![
        8 => (paths(), flags, data(), any::<bool>())
            .prop_map(|(path, flags, data, hidden)| Op::Create { path, flags, data, hidden }),
        5 => (paths(), version()).prop_map(|(path, version)| Op::Delete { path, version }),
        4 => (paths(), data(), version()).prop_map(|(path, data, version)| Op::Set { path, data, version }),
        1 => (paths(), version()).prop_map(|(path, version)| Op::Check { path, version }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let session = || prop_oneof![1 => Just(NOBODY), 3 => (1..4i64).prop_map(SessionId)];
    let owner = || (1..4i64).prop_map(SessionId);
    let single = ops().prop_filter("check stands in multis only", |op| !matches!(op, Op::Check { .. }));
    prop_oneof![
        20 => (single, session()).prop_map(|(op, session)| Step::One(op, session)),
        6 => (prop::collection::vec(ops(), 0..6), session()).prop_map(|(ops, session)| Step::Multi(ops, session)),
        3 => owner().prop_map(Step::Open),
        1 => owner().prop_map(Step::Close),
        1 => owner().prop_map(Step::Expire),
        2 => paths().prop_map(Step::Reap),
        1 => Just(Step::Repeat),
        1 => Just(Step::Gap),
    ]
}

fn body(op: &Op) -> (OpCode, BytesMut) {
    match op {
        Op::Create { path, flags, data, hidden } => {
            let mut body = BytesMut::new();
            let request = request(path, data, *flags, *hidden);
            match flags {
                4 => request.encode(&mut body),
                5 | 6 => with_ttl(&request).encode(&mut body),
                _ => request.encode(&mut body),
            }
            (create_op(*flags), body)
        }
        Op::Delete { path, version } => (OpCode::Delete, delete(path, *version)),
        Op::Set { path, data, version } => (OpCode::SetData, set(path, data, *version)),
        Op::Check { .. } => (OpCode::Check, BytesMut::new()),
    }
}

/// The ACL of what is hidden: everything for everybody, but not READ.
const HIDDEN: &[u8] = b"\0\0\0\x01\0\0\0\x1e\0\0\0\x05world\0\0\0\x06anyone";

fn request<'a>(path: &'a str, data: &'a [u8], flags: i32, hidden: bool) -> CreateRequest<'a> {
    let acl = match hidden {
        true => AclList::decode(&mut Reader::new(HIDDEN)).expect("well-formed"),
        false => Some(AclList::open()),
    };
    CreateRequest { path, data: Some(data), acl, flags }
}

fn with_ttl<'a>(request: &CreateRequest<'a>) -> CreateTtlRequest<'a> {
    let CreateRequest { path, data, acl, flags } = *request;
    CreateTtlRequest { path, data, acl, flags, ttl: TTL }
}

fn create_op(flags: i32) -> OpCode {
    match flags {
        4 => OpCode::CreateContainer,
        5 | 6 => OpCode::CreateTtl,
        _ => OpCode::Create,
    }
}

fn multi_op(op: &Op) -> MultiOp<'_> {
    match op {
        Op::Create { path, flags, data, hidden } => {
            let request = request(path, data, *flags, *hidden);
            match create_op(*flags) {
                OpCode::CreateContainer => MultiOp::CreateContainer(request),
                OpCode::CreateTtl => MultiOp::CreateTtl(with_ttl(&request)),
                op => MultiOp::Create(request, op.code()),
            }
        }
        Op::Delete { path, version } => MultiOp::Delete(DeleteRequest { path, version: *version }),
        Op::Set { path, data, version } => {
            MultiOp::SetData(SetDataRequest { path, data: Some(data), version: *version })
        }
        Op::Check { path, version } => MultiOp::Check(CheckVersionRequest { path, version: *version }),
    }
}

/// A world and a model that must agree.
struct Pair {
    world: World,
    model: Model,
    epoch: u64,
    /// The gateway's commands that took effect, and the tracker's, in order.
    history: Vec<(bool, Owned)>,
    /// All that were reported.
    events: Vec<Event>,
}

impl Pair {
    fn new() -> Self {
        let mut world = World::new();
        world.act_as(&[("super", "")]);
        world.policy = POLICY;
        let epoch = world.lease();
        Self { world, model: Model::new(), epoch, history: Vec::new(), events: Vec::new() }
    }

    /// Proposes in the name of the gateway or the tracker.
    fn propose(&mut self, by_tracker: bool, command: Owned) -> (Reply, When) {
        let session = command.session;
        self.history.push((by_tracker, command.clone()));
        let reply = self.world.propose(if by_tracker { TRACKER } else { GATEWAY }, command);
        let seen = self.world.seen.events.iter();
        self.events.extend(seen.map(|(zxid, event, path, acl)| told(*zxid, *event, path, acl.as_ref())));
        (reply, When { zxid: self.world.state.zxid(), time_ms: self.world.time_ms, session })
    }

    fn lacks(&self, session: SessionId) -> bool {
        session != NOBODY && !self.model.sessions.contains(&session)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::One(op, session) => {
                let (code, body) = body(op);
                let (reply, when) = self.propose(false, self.world.owned(code, *session, body));
                let expected = match self.lacks(*session) {
                    true => Err(ErrorCode::SessionExpired),
                    false => self.model.run(op, when),
                };
                assert_eq!(reply.error(), expected.as_ref().err().copied(), "{op:?}");
                if let Ok(Some(path)) = expected {
                    assert_eq!(reply.path(), path);
                }
            }
            Step::Multi(ops, session) => self.multi(ops, *session),
            Step::Open(session) => {
                let session = *session;
                let request = CreateSession {
                    session,
                    timeout_ms: 9,
                    password: [1; 16],
                    owner: GATEWAY,
                    epoch: self.epoch,
                };
                let body = request.encode();
                let command = Owned { op: OpCode::CreateSession, session: NOBODY, auth: Bytes::new(), body };
                let (reply, _) = self.propose(true, command);
                assert_eq!(reply.error().is_none(), self.model.sessions.insert(session));
            }
            Step::Close(session) => {
                let command = self.world.owned(OpCode::CloseSession, *session, BytesMut::new());
                let (reply, when) = self.propose(false, command);
                assert_eq!(reply.error().is_some(), self.lacks(*session));
                self.model.end_session(*session, when.zxid);
            }
            Step::Expire(session) => {
                let body = ExpireSession { session: *session, epoch: self.epoch }.encode();
                let command = Owned { op: OpCode::ExpireSession, session: NOBODY, auth: Bytes::new(), body };
                let (reply, when) = self.propose(true, command);
                assert_eq!(reply.error().is_some(), self.lacks(*session));
                self.model.end_session(*session, when.zxid);
            }
            Step::Reap(path) => {
                let mut body = BytesMut::new();
                menagerie_jute::write::string(&mut body, Some(path));
                let command = self.world.owned(OpCode::DeleteContainer, NOBODY, body);
                let (reply, when) = self.propose(false, command);
                // The reaper only asks for those that are due.
                let is_special =
                    ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"].contains(&&**path);
                assert_eq!(reply.error().is_none(), !is_special && self.model.reap(path, when), "{path}");
            }
            Step::Repeat => {
                if let (Some((false, last)), Some(seq)) =
                    (self.history.last(), self.world.state.last_seq(GATEWAY))
                {
                    let again = chunk(GATEWAY, seq, std::slice::from_ref(last));
                    assert!(self.world.apply(&[again]).is_empty());
                }
            }
            Step::Gap => {
                let seq = self.world.state.last_seq(GATEWAY).unwrap_or(0);
                let noop = self.world.owned(OpCode::Noop, NOBODY, BytesMut::new());
                assert!(self.world.apply(&[chunk(GATEWAY, seq + 2, &[noop])]).is_empty());
                assert_eq!(self.world.seen.reports, [Report::Refused(GATEWAY, seq + 1)]);
            }
        }
    }

    fn multi(&mut self, ops: &[Op], session: SessionId) {
        let request = multis::multi(&ops.iter().map(multi_op).collect::<Vec<_>>());
        let (reply, when) = self.propose(false, self.world.owned(OpCode::Multi, session, request));
        if self.lacks(session) {
            assert_eq!(reply.error(), Some(ErrorCode::SessionExpired));
            return;
        }
        let Err((culprit, error)) = self.model.multi(ops, when) else { return };
        if error == ErrorCode::MarshallingError {
            assert_eq!(reply.error(), Some(error));
            return;
        }
        let mut codes = vec![0; culprit];
        codes.push(error.code());
        codes.resize(ops.len(), ErrorCode::RuntimeInconsistency.code());
        assert_eq!(multis::errors(&reply), codes);
    }

    fn agree(&self) {
        for max_never_used_ms in [0, 3] {
            let mut body = BytesMut::new();
            menagerie_jute::write::i64(&mut body, max_never_used_ms);
            menagerie_jute::write::i32(&mut body, 1000);
            let (replies, _) = self.world.read_all(OpCode::ReapCandidates, NOBODY, body);
            let mut reader = replies[0].reader();
            let due = reader.string_vec().expect("strings").expect("not null");
            let due: BTreeSet<_> = due.into_iter().map(str::to_owned).collect();
            assert_eq!(due, self.model.due(self.world.time_ms, max_never_used_ms));
        }
        assert_eq!(self.events, self.model.events);
        let state = &self.world.state;
        assert_eq!(state.znode_count(), self.model.nodes.len() as u64);
        for (path, node) in &self.model.nodes {
            assert_eq!(self.world.stat(path), self.model.stat(path), "{path}");
            assert_eq!(self.world.children(path), self.model.children(path), "{path}");
            let reply = self.world.read(OpCode::GetData, path);
            assert_eq!(reply.reader().buffer(), Ok(Some(&node.data[..])), "{path}");
        }
        let bytes: usize = self.model.nodes.iter().map(|(path, node)| path.len() + node.data.len()).sum();
        assert_eq!(state.data_bytes(), bytes as u64);
        let owned = self.model.nodes.keys().filter(|path| self.model.stat(path).ephemeral_owner != NOBODY);
        assert_eq!(state.ephemeral_count(), owned.count() as u64);
        assert!(state.sessions().map(|(id, _)| id).eq(self.model.sessions.iter().copied()));
    }
}

const POLICY: Policy = Policy::EXTENDED_TYPES.with(Policy::ENFORCE_QUOTA);

fn told(zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) -> Event {
    assert!(acl.is_none_or(|acl| *acl == HIDDEN));
    (zxid, event, path.to_owned(), acl.is_some())
}

/// The events of the history: a suffix of all, and the longest that may be asked for.
fn remembered(state: &State, since: Zxid) -> Option<Vec<Event>> {
    let events = state.events_since(since)?;
    Some(events.map(|(zxid, event, path, acl)| told(zxid, event, path, acl)).collect())
}

/// A key-value store that checkpoints are written to.
#[derive(Default)]
struct Store {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    meta: Option<Meta>,
    /// The checkpoint being made.
    batch: Option<(Meta, Vec<Record>)>,
}

impl Store {
    fn load(&self) -> Option<State> {
        let mut loader = State::loader();
        for (key, value) in &self.records {
            loader.record(key, value).expect("a good record");
        }
        Some(loader.finish(&self.meta?).expect("they add up"))
    }

    /// Moves a checkpoint on, in one of the ways there are.
    fn work(&mut self, state: &mut State, choice: u8) {
        match (choice % 4, self.batch.take()) {
            (0, None) => self.batch = Some((state.begin_checkpoint(), Vec::new())),
            (_, None) => {}
            (0, Some(_)) if choice.is_multiple_of(8) => state.abort_checkpoint(),
            (0, Some(_)) => self.batch = Some((state.begin_checkpoint(), Vec::new())),
            (_, Some((meta, mut records))) => {
                if state.checkpoint_slice(usize::from(choice % 5), &mut records) {
                    self.batch = Some((meta, records));
                } else if choice.is_multiple_of(7) {
                    state.abort_checkpoint();
                } else {
                    self.store(meta, records);
                }
            }
        }
    }

    fn store(&mut self, meta: Meta, records: Vec<Record>) {
        for (key, value) in records {
            match value {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
        self.meta = Some(Meta::decode(&meta.encode()).expect("just encoded"));
    }
}

fn choices(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

/// The same commands in entries and chunks cut by `cuts`, all at one time. Gives the digest.
fn replay(history: &[(bool, Owned)], cuts: &[u8]) -> u64 {
    let mut world = World::new();
    world.lease();
    let now = world.time_ms + 1;
    let mut chunks = Vec::new();
    let mut rest = history;
    let mut cuts = cuts.iter().cycle();
    while let Some((by_tracker, _)) = rest.first() {
        let cut = usize::from(*cuts.next().expect("endless"));
        let same = rest.iter().take_while(|(other, _)| other == by_tracker).count().min(1 + cut % 7);
        let commands: Vec<_> = rest[..same].iter().map(|(_, command)| command.clone()).collect();
        let incarnation = if *by_tracker { TRACKER } else { GATEWAY };
        let before =
            history[..history.len() - rest.len()].iter().filter(|(other, _)| other == by_tracker).count();
        let first_seq = 1 + u64::from(*by_tracker) + before as u64;
        chunks.push(chunk_with(POLICY, incarnation, first_seq, &commands));
        rest = &rest[same..];
        if cut % 3 == 0 || rest.is_empty() {
            world.time_ms = now - 1;
            world.apply(&std::mem::take(&mut chunks));
        }
    }
    world.state.digest()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_as_the_model_says(steps in prop::collection::vec(steps(), 1..120)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
        pair.agree();
    }

    #[test]
    fn how_commands_are_cut_into_chunks_and_entries_makes_no_difference(
        steps in prop::collection::vec(steps(), 1..80),
        cuts in choices(16),
        other_cuts in choices(16),
    ) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.step(step));
        prop_assert_eq!(replay(&pair.history, &cuts), replay(&pair.history, &other_cuts));
    }

    #[test]
    fn the_event_history_is_a_suffix_of_all_events(
        steps in prop::collection::vec(steps(), 1..120),
        len_max in 0usize..2000,
        restart in 0usize..120,
    ) {
        let mut pair = Pair::new();
        pair.world.state.set_event_history_bytes(len_max);
        let mut start = pair.world.state.zxid();
        for (at, step) in steps.iter().enumerate() {
            if at == restart {
                pair.world.state = pair.world.state.clone();
                start = pair.world.state.zxid();
            }
            pair.step(step);
        }
        let state = &pair.world.state;
        let mut reached = false;
        for since in (0..=state.zxid().0).map(Zxid) {
            let all: Vec<_> = pair.events.iter().filter(|(zxid, ..)| *zxid > since).cloned().collect();
            match remembered(state, since) {
                Some(events) => prop_assert_eq!(events, all),
                None => prop_assert!(!reached, "nothing is missing in between"),
            }
            reached = remembered(state, since).is_some();
        }
        prop_assert_eq!(reached, len_max > 0);
        if len_max > 1900 {
            prop_assert!(remembered(state, start).is_some() || pair.events.len() > 40);
        }
    }

    #[test]
    fn checkpoints_taken_at_any_moment_hold_the_state_of_their_begin(
        steps in prop::collection::vec(steps(), 1..120),
        work in choices(120),
    ) {
        let (mut pair, mut store) = (Pair::new(), Store::default());
        let mut last = None;
        for (step, choice) in steps.iter().zip(&work) {
            pair.step(step);
            store.work(&mut pair.world.state, *choice);
            pair.step(step);
            store.work(&mut pair.world.state, choice.rotate_left(3));
            let meta = store.meta.map(|meta| meta.index);
            if meta != last {
                last = meta;
                let mut state = store.load().expect("there is a meta");
                catch_up(&mut state, &pair.world.log);
                prop_assert_eq!(state.digest(), pair.world.state.digest());
                if choice % 2 == 0 {
                    // From here on the loaded state runs instead: it must go on in the same way.
                    pair.world.state = state;
                    store.batch = None;
                }
            }
        }
        pair.agree();
    }
}

/// Applies what came after.
fn catch_up(state: &mut State, log: &[(i64, Vec<Bytes>)]) {
    for (time_ms, chunks) in &log[state.index().0 as usize..] {
        let index = state.index().next();
        state.apply_entry(index, *time_ms, chunks, &mut Recorder::default()).expect("well-formed");
    }
}
