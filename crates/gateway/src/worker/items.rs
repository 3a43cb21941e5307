//! What the replica delivers: results, events, answers, changes of sessions.

use bytes::{Bytes, BytesMut};
use menagerie_auth::permits;
use menagerie_jute::{AclList, Reader, notification};
use menagerie_proto::tree_store::{LinkItem, SessionEvent};
use menagerie_types::{ErrorCode, EventType, SessionId, Zxid, perms};
use tracing::warn;

use super::conn::{Conn, OUTPUT_HARD_MAX, Peer, Phase};
use super::core::{Core, Holder, Target};
use super::watchers::Fired;
use crate::api::{ApiEvent, ApiReply};

/// Offset of the error in a reply frame: length, xid, zxid.
const ERR_AT: usize = 16;
const ZXID_AT: usize = 8;

impl Core {
    /// Takes in one item. Items come in log order; so do their effects.
    pub fn deliver(&mut self, item: LinkItem) {
        match item {
            LinkItem::Start { zxid, owned, events_complete, .. } => {
                self.link_started(zxid, &owned, events_complete);
            }
            LinkItem::Results { first_seq, count, frames } => self.results(first_seq, count, &frames),
            LinkItem::Refused { expected_seq } => self.refused(expected_seq),
            LinkItem::Event { zxid, event, path, acl } => self.event(zxid, event, &path, acl.as_ref()),
            LinkItem::ReadReply { token, frames, watches } => self.read_replied(token, &frames, watches),
            LinkItem::Applied { index, zxid } => {
                self.note_zxid(Some(zxid));
                self.synced_up_to(index);
            }
            LinkItem::Lease(lease) => {
                self.lease = lease;
                self.signals.establish.notify_one();
                self.signals.touch.notify_one();
            }
            LinkItem::Session(SessionEvent::Attached(info, zxid)) => {
                self.note_zxid(Some(zxid));
                if info.owner == self.proposer.incarnation() {
                    self.reached(info.session);
                } else {
                    self.told.lock().moved(info.session, info.owner);
                    self.kill_session(info.session);
                }
            }
            LinkItem::Session(SessionEvent::Closed { session, .. }) => self.session_closed(session),
            LinkItem::Sessions(_) => {}
        }
    }

    fn results(&mut self, first_seq: u64, count: u32, frames: &Bytes) {
        let acked = self.proposer.acked_seq();
        let mut rest = &frames[..];
        for seq in first_seq..first_seq + u64::from(count) {
            let Some(len) = rest.first_chunk::<4>() else { break };
            let len = 4 + u32::from_be_bytes(*len) as usize;
            if len < ERR_AT + 4 || rest.len() < len {
                warn!(seq, "a result from the replica is malformed");
                break;
            }
            let (frame, tail) = rest.split_at(len);
            rest = tail;
            if seq > acked {
                self.result(frame);
            }
        }
        self.proposer.acknowledge(first_seq + u64::from(count) - 1);
        self.establish_behind_results();
        self.go_on();
    }

    fn result(&mut self, frame: &[u8]) {
        let zxid = i64::from_be_bytes(*frame[ZXID_AT..].first_chunk().unwrap_or(&[0; 8]));
        self.note_zxid(Some(Zxid(zxid)));
        let Some((target, since)) = self.outstanding.pop_front() else { return };
        self.large.end();
        let latency = self.now.saturating_duration_since(since);
        self.stats.answered(latency);
        match target {
            Target::Conn(token) => {
                self.with_conn(token, |core, conn| {
                    conn.noted.answered(latency);
                    core.write_answered(conn, frame);
                });
            }
            Target::Api(reply) => {
                let _ = reply.send(ApiReply::from_frame(&Bytes::copy_from_slice(frame)));
            }
            Target::Reconfig(token, xid) => self.reconfig_judged(token, xid, frame),
            Target::Nobody => {}
        }
    }

    pub(super) fn write_answered(&mut self, conn: &mut Conn, frame: &[u8]) {
        conn.writes -= 1;
        if conn.dead {
            return;
        }
        let err = i32::from_be_bytes(*frame[ERR_AT..].first_chunk().unwrap_or(&[0; 4]));
        if err == ErrorCode::SessionMoved.code() {
            // ZooKeeper closes the connection of a moved session without a reply.
            conn.kill();
            return;
        }
        conn.output.extend_from_slice(frame);
        conn.sent += 1;
        if conn.writes == 0 {
            if conn.phase == Phase::Closing {
                conn.drain();
            }
            self.mark_ready(conn);
        }
        self.mark_dirty(conn);
    }

    /// The state machine misses commands: they are sent again, over a new stream.
    fn refused(&mut self, expected_seq: u64) {
        if expected_seq <= self.proposer.acked_seq() {
            // It has forgotten this incarnation: nothing outstanding can be told apart from a repeat any more.
            warn!(expected_seq, "the log does not know this gateway any more; its clients must reconnect");
            self.abandon();
        } else {
            self.proposer.send_again();
        }
    }

    /// Lets every client go: the outcome of what is outstanding cannot be known.
    pub fn abandon(&mut self) {
        self.conns.iter_mut().for_each(Conn::kill);
        self.sessions.clear();
        self.outstanding.clear();
        self.pending_reads.clear();
        self.lost = true;
    }

    /// One encoding of the event serves all connections. A connection that may not read what the event is about is
    /// not told, but its one-shot watch is gone.
    fn event(&mut self, zxid: Zxid, event: EventType, path: &str, acl: Option<&Bytes>) {
        self.note_zxid(Some(zxid));
        let fired = self.watchers.fire(event, path);
        if fired.is_empty() {
            return;
        }
        let readers = acl.map(|acl| AclList::decode(&mut Reader::new(acl)).ok().flatten());
        let may_read = |auth: &[u8]| match &readers {
            None => true,
            Some(list) => list.is_some_and(|list| permits(&list, auth, perms::READ)),
        };
        let mut frame = BytesMut::new();
        notification(&mut frame, zxid.0, event, path);
        for Fired { token, last } in fired {
            self.with_conn(token, |core, conn| {
                if last {
                    conn.watches.remove(path);
                }
                if !conn.dead && may_read(conn.identities.encoded()) {
                    core.notify(conn, &frame, ApiEvent { zxid, event, path: path.into() });
                } else if let Peer::Stream = conn.peer {
                    // Whoever watches again and again must find out that it may not.
                    core.signals.serve.notify_one();
                }
            });
        }
    }

    fn notify(&mut self, conn: &mut Conn, frame: &[u8], event: ApiEvent) {
        match &conn.peer {
            Peer::Socket(_) => {
                conn.output.extend_from_slice(frame);
                if conn.output.len() > OUTPUT_HARD_MAX {
                    conn.kill();
                }
            }
            Peer::Stream => {
                if !conn.stream.as_mut().is_some_and(|stream| stream.tell(&event)) {
                    conn.kill();
                }
                self.signals.serve.notify_one();
                return;
            }
        }
        conn.sent += 1;
        self.stats.sent(1);
        self.mark_dirty(conn);
    }

    fn session_closed(&mut self, session: SessionId) {
        self.told.lock().forget(session);
        if let Some(Holder::Conn(token)) = self.sessions.get(&session)
            && let Some(conn) = self.conns.get_mut(*token)
            && conn.phase == Phase::Closing
        {
            // Its own close: the reply follows and is the last.
            return;
        }
        self.kill_session(session);
    }

    /// Sessions that the replica does not list any more ended or moved while there was no link. If it cannot tell
    /// what persistent watches have missed since, their clients must connect again, as to another server.
    fn link_started(&mut self, zxid: Zxid, owned: &[SessionId], events_complete: bool) {
        self.note_zxid(Some(zxid));
        if !events_complete {
            let persistent = self.watchers.persistent();
            if !persistent.is_empty() {
                let connections = persistent.len();
                warn!(connections, "events of persistent watches are lost: letting their clients go");
            }
            for token in persistent {
                self.with_conn(token, |_, conn| {
                    conn.is_cut = true;
                    conn.kill();
                });
            }
        }
        let owned: std::collections::HashSet<_> = owned.iter().copied().collect();
        let gone: Vec<_> = self.sessions.keys().filter(|session| !owned.contains(session)).copied().collect();
        self.told.lock().keep(self.proposer.incarnation(), &owned);
        for session in gone {
            self.session_closed(session);
        }
        owned.into_iter().for_each(|session| self.reached(session));
    }
}
