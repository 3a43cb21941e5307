//! A state and a model, which do the same steps.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use menagerie_types::command::Policy;
use menagerie_types::command::internal::{CreateSession, ExpireSession};
use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, Zxid};

use crate::model::{Event, Model, Op, When};
use crate::multis;
use crate::steps::{HIDDEN, Step, body, multi_op};
use crate::world::*;

/// A world and a model that must agree.
pub struct Pair {
    pub world: World,
    pub model: Model,
    epoch: u64,
    /// The gateway's commands that took effect, and the tracker's, in order.
    pub history: Vec<(bool, Owned)>,
    /// All that were reported.
    pub events: Vec<Event>,
}

impl Pair {
    pub fn new() -> Self {
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

    pub fn step(&mut self, step: &Step) {
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

    pub fn agree(&self) {
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

pub const POLICY: Policy = Policy::EXTENDED_TYPES.with(Policy::ENFORCE_QUOTA);

pub fn told(zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) -> Event {
    assert!(acl.is_none_or(|acl| *acl == HIDDEN));
    (zxid, event, path.to_owned(), acl.is_some())
}
