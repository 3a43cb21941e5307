//! Calls of the gRPC API, done by the worker as it does those of connections.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use menagerie_jute::{PathWatchRequest, Reader, ReplyHeader};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, WatchKind, WatchKinds, Zxid};
use tokio::sync::{mpsc, oneshot};

use super::conn::{Conn, Peer, Phase};
use super::core::{Core, Holder, PendingSync, SyncTarget, Target};
use super::requests::{is_client_read, is_client_write};
use super::sessions::EstablishTarget;
use crate::api::{ApiCall, ApiEvent, ApiReply};

/// Reads that may wait for a replica before calls of the API are turned away (connections have bounds of their own).
const PENDING_READS_MAX: usize = 64 * 1024;

/// What a watch stream watches, and what it has told of it.
#[derive(Debug)]
struct WatchedTarget {
    kind: WatchKind,
    path: Arc<str>,
    /// Changes up to here have been told.
    told: Zxid,
    exists: bool,
    /// The first read has been answered.
    known: bool,
}

/// A watch stream of the API: a connection without a socket, whose targets are watched again after each event.
#[derive(Debug)]
pub struct WatchStream {
    events: mpsc::Sender<ApiEvent>,
    targets: Vec<WatchedTarget>,
    armed: Option<oneshot::Sender<Zxid>>,
}

impl Core {
    /// Does one call.
    pub fn call(&mut self, call: ApiCall) {
        match call {
            ApiCall::Execute { session, op, body, reply } => self.execute(session, op, &body, reply),
            ApiCall::Sync(done) => {
                self.syncs.push(PendingSync { target: SyncTarget::Api(done), index: None });
                self.signals.sync.notify_one();
            }
            ApiCall::Open(attempt, reply) => self.establish(EstablishTarget::Api(reply), attempt),
            ApiCall::Touch(session, reply) => {
                let _ = reply.send(self.touch(session));
            }
            ApiCall::Follow(session, reply) => {
                let held = match self.sessions.get(&session) {
                    Some(Holder::Api(api)) => Some(api.follow()),
                    _ => None,
                };
                let _ = reply.send(held);
            }
            ApiCall::Watch(targets, events, armed) => self.watch(targets, events, armed),
        }
    }

    fn touch(&self, session: SessionId) -> ServiceResult<Option<(Zxid, u32)>> {
        let Some(Holder::Api(api)) = self.sessions.get(&session) else { return Ok(None) };
        if api.has_ended() {
            return Ok(None);
        }
        api.touch();
        if !self.is_vouched_for(api.established(), api.timeout_ms()) {
            return Err(ServiceError::Unavailable(format!(
                "no session tracker vouches for session {session} now"
            )));
        }
        Ok(Some((self.zxid, api.timeout_ms())))
    }

    fn execute(&mut self, session: SessionId, op: OpCode, body: &[u8], reply: oneshot::Sender<ApiReply>) {
        if let Some(Holder::Api(api)) = self.sessions.get(&session) {
            api.touch();
        }
        if self.proposer.unacknowledged_bytes() > self.options.outstanding_bytes
            || self.pending_reads.len() > PENDING_READS_MAX
        {
            let err = ErrorCode::ThrottledOp.code();
            let _ = reply.send(ApiReply { zxid: self.zxid, err, body: Bytes::new() });
            return;
        }
        let auth = self.api_identities.encoded().clone();
        let command = Command { op, session, xid: 0, auth: &auth, body };
        if is_client_write(op) {
            self.propose(&command, Target::Api(reply));
        } else if is_client_read(op) {
            self.read_for_api(&command, reply);
        } else {
            let err = ErrorCode::Unimplemented.code();
            let _ = reply.send(ApiReply { zxid: self.zxid, err, body: Bytes::new() });
        }
    }

    fn watch(
        &mut self,
        targets: Vec<(WatchKind, Arc<str>)>,
        events: mpsc::Sender<ApiEvent>,
        armed: oneshot::Sender<Zxid>,
    ) {
        let (identities, now) = (self.api_identities.clone(), self.now);
        let targets = targets.into_iter().map(|(kind, path)| WatchedTarget {
            kind,
            path,
            told: Zxid(0),
            exists: false,
            known: false,
        });
        let stream = Box::new(WatchStream { events, targets: targets.collect(), armed: Some(armed) });
        let token = self.conns.insert(|token| {
            let mut conn = Conn::new(token, Peer::Stream, identities, now);
            conn.phase = Phase::Open;
            conn.stream = Some(stream);
            conn
        });
        self.streams.push(token);
        self.signals.serve.notify_one();
    }

    /// Sets watches (again) and tells what their reads show. Called when everything delivered has been dealt with:
    /// a watch set between two deliveries could swallow the second.
    pub fn serve_streams(&mut self) {
        for token in std::mem::take(&mut self.streams) {
            let ended = self.with_conn(token, |core, conn| {
                let Some(mut stream) = conn.stream.take() else { return true };
                core.rearm(conn, &stream);
                core.read_answers(conn, &mut stream);
                let ended = conn.dead || stream.events.is_closed();
                conn.stream = Some(stream);
                ended
            });
            match ended {
                Some(false) => self.streams.push(token),
                Some(true) => self.disconnect(token),
                None => {}
            }
        }
    }

    /// One read at a time, so that answers and watches are never in doubt.
    fn rearm(&mut self, conn: &mut Conn, stream: &WatchStream) {
        for (at, target) in stream.targets.iter().enumerate() {
            if conn.reads > 0 || !conn.output.is_empty() {
                return;
            }
            // The children of a missing znode cannot be watched: its creation is.
            let children = target.kind == WatchKind::Child && (target.exists || !target.known);
            let needed = if children {
                WatchKind::Child as u8
            } else {
                WatchKind::Data as u8 | WatchKind::Exist as u8
            };
            let watched = self.watchers.kinds(conn.token, &target.path);
            if !watched.intersect(WatchKinds(needed)).is_empty() {
                continue;
            }
            let op = if children { OpCode::GetChildren2 } else { OpCode::Exists };
            let mut body = BytesMut::new();
            PathWatchRequest { path: &target.path, watch: true }.encode(&mut body);
            self.read_for(conn, op, at as i32, &body);
        }
    }

    /// The answers to the reads that set the watches: a change that they show and no event told is told.
    fn read_answers(&mut self, conn: &mut Conn, stream: &mut WatchStream) {
        let output = conn.output.split().freeze();
        let mut rest = &output[..];
        while let Some((len, tail)) = rest.split_first_chunk::<4>() {
            let Some(frame) = tail.get(..u32::from_be_bytes(*len) as usize) else { break };
            rest = &tail[frame.len()..];
            let mut reader = Reader::new(frame);
            let Ok(header) = ReplyHeader::decode(&mut reader) else { break };
            if header.err != 0 && header.err != ErrorCode::NoNode.code() {
                // What may not be read cannot be watched: asking again would go on for ever.
                conn.kill();
                break;
            }
            let Some(target) = usize::try_from(header.xid).ok().and_then(|at| stream.targets.get_mut(at))
            else {
                break;
            };
            if let Some(event) = target.answered(&header, reader) {
                let event = ApiEvent { zxid: target.told, event, path: Arc::clone(&target.path) };
                if stream.events.try_send(event).is_err() {
                    conn.kill();
                }
            }
            self.signals.serve.notify_one();
        }
        if stream.armed.is_some() && stream.targets.iter().all(|target| target.known) {
            stream.armed.take().map(|armed| armed.send(self.zxid));
        }
    }
}

impl WatchStream {
    /// An event fired one of its watches.
    pub fn tell(&mut self, event: &ApiEvent) -> bool {
        let mut concerns = false;
        for target in
            self.targets.iter_mut().filter(|target| *target.path == *event.path && target.told < event.zxid)
        {
            let for_children = target.kind == WatchKind::Child;
            match event.event {
                EventType::NodeDataChanged if for_children => continue,
                EventType::NodeChildrenChanged if !for_children => continue,
                _ => {}
            }
            target.told = event.zxid;
            target.exists = event.event != EventType::NodeDeleted;
            concerns = true;
        }
        !concerns || self.events.try_send(event.clone()).is_ok()
    }
}

impl WatchedTarget {
    /// Takes in the answer of the read that set the watch; what has changed since the last is the event to tell.
    fn answered(&mut self, header: &ReplyHeader, mut body: Reader<'_>) -> Option<EventType> {
        if self.kind == WatchKind::Child && header.err == 0 && body.string_vec().is_err() {
            return None;
        }
        let stat = if header.err == 0 { body.stat().ok() } else { None };
        if Zxid(header.zxid) < self.told {
            // The event that the watch fired at once was delivered together with the answer, and is told already.
            self.known = true;
            return None;
        }
        let (existed, told, known) = (self.exists, self.told, self.known);
        self.exists = stat.is_some();
        self.told = Zxid(header.zxid);
        self.known = true;
        if !known {
            return None;
        }
        match (self.kind, existed, stat) {
            (_, true, None) => Some(EventType::NodeDeleted),
            (_, false, Some(_)) => Some(EventType::NodeCreated),
            (WatchKind::Child, true, Some(stat)) => {
                (stat.pzxid > told).then_some(EventType::NodeChildrenChanged)
            }
            (_, true, Some(stat)) => (stat.mzxid > told).then_some(EventType::NodeDataChanged),
            (_, false, None) => None,
        }
    }
}
