//! Sessions of a worker: asking the tracker for them, keeping them alive, letting go of what is not confirmed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use menagerie_jute::ConnectResponse;
use menagerie_proto::session_tracker::{Attempt, Established, Touched};
use menagerie_types::command::Command;
use menagerie_types::command::internal::ChallengeLease;
use menagerie_types::mutation::planted;
use menagerie_types::{OpCode, SessionId, Zxid};
use tokio::sync::oneshot;
use tracing::{debug, info};

use super::conn::{Conn, ConnToken, Phase};
use super::core::{Core, Holder, Target};
use crate::api::ApiSession;

/// How often, within their timeout, handshakes are looked at.
const HANDSHAKE_LOOKS: u32 = 16;

/// Who asked for a session.
#[derive(Debug)]
pub enum EstablishTarget {
    /// A connection in its handshake.
    Conn(ConnToken),
    /// A call of the gRPC API.
    Api(oneshot::Sender<Option<Established>>),
}

/// Sessions on their way.
#[derive(Debug, Default)]
pub struct Establishing {
    /// To be asked for with the next call.
    pub waiting: Vec<(EstablishTarget, Attempt)>,
    /// To be asked for when the results up to a number are known.
    behind: VecDeque<(u64, EstablishTarget, Attempt)>,
    /// Granted by the tracker; the replica has not reached the transaction yet.
    granted: HashMap<SessionId, (EstablishTarget, Established)>,
}

/// What it takes to look only at the connections that there is something to do for: there may be many idle ones.
#[derive(Debug)]
pub struct Liveness {
    /// Connections heard from since the last report.
    heard: Vec<ConnToken>,
    /// Sessions of the gRPC API, which are heard from elsewhere.
    api: BTreeSet<SessionId>,
    /// Of all sessions so far.
    shortest_timeout_ms: u32,
    /// When handshakes are looked at again.
    next_look: Instant,
}

impl Liveness {
    /// Before there is any connection.
    pub fn new(now: Instant) -> Self {
        Self { heard: Vec::new(), api: BTreeSet::new(), shortest_timeout_ms: u32::MAX, next_look: now }
    }
}

impl Core {
    /// Asks for a session, with one of the next calls to the tracker.
    ///
    /// What earlier connections of the session have proposed here must not be applied once this worker owns the session
    /// again: its client may have gone on elsewhere meanwhile. So the connection that holds it is closed, and the results
    /// are waited for.
    pub fn establish(&mut self, target: EstablishTarget, attempt: Attempt) {
        if attempt.session != SessionId::NONE {
            self.close_former(&attempt);
            let last_seq = self.proposer.last_seq();
            if last_seq > self.proposer.acked_seq() {
                self.establishing.behind.push_back((last_seq, target, attempt));
                return;
            }
        }
        self.establishing.waiting.push((target, attempt));
        self.signals.establish.notify_one();
    }

    /// Results have come: whoever waited for them may have its session.
    pub fn establish_behind_results(&mut self) {
        let acked_seq = self.proposer.acked_seq();
        while let Some((seq, _, _)) = self.establishing.behind.front()
            && *seq <= acked_seq
        {
            let Some((_, target, attempt)) = self.establishing.behind.pop_front() else { break };
            self.establishing.waiting.push((target, attempt));
            self.signals.establish.notify_one();
        }
    }

    /// Closes the connection here that holds the session, for one that knows its password.
    fn close_former(&mut self, attempt: &Attempt) {
        let Some(Holder::Conn(token)) = self.sessions.get(&attempt.session) else { return };
        let former = self.conns.get_mut(*token);
        if former.is_some_and(|former| former.password[..] == attempt.password[..]) {
            self.note_told_of(attempt.session);
            self.kill_session(attempt.session);
        }
    }

    /// The tracker has not answered: those who still wait are asked for again, before the others.
    pub fn establish_again(&mut self, batch: Vec<(EstablishTarget, Attempt)>) {
        let mut waiting: Vec<_> = batch.into_iter().filter(|(target, _)| self.is_wanted(target)).collect();
        waiting.append(&mut self.establishing.waiting);
        self.establishing.waiting = waiting;
    }

    /// The tracker's answer to one attempt. A session is served only when the replica has reached its transaction:
    /// whatever its client has seen before lies below that.
    pub fn granted(&mut self, target: EstablishTarget, new: bool, answer: Option<Established>) {
        let Some(established) = answer else { return self.refuse(target) };
        if !self.is_wanted(&target) {
            self.discard(established.session, new);
        } else if self.zxid >= established.zxid || planted("stale-read") {
            self.finish(target, established);
        } else {
            self.establishing.granted.insert(established.session, (target, established));
        }
    }

    /// The replica has come to a transaction that made or moved a session of this worker. It may be an earlier one than
    /// what was granted: of an attempt whose client has given up.
    pub fn reached(&mut self, session: SessionId) {
        let waiting = self.establishing.granted.get(&session);
        if waiting.is_some_and(|(_, established)| established.zxid <= self.zxid)
            && let Some((target, established)) = self.establishing.granted.remove(&session)
        {
            self.finish(target, established);
        }
    }

    fn is_wanted(&mut self, target: &EstablishTarget) -> bool {
        match target {
            EstablishTarget::Conn(token) => self.conns.get_mut(*token).is_some_and(|conn| !conn.dead),
            EstablishTarget::Api(reply) => !reply.is_closed(),
        }
    }

    /// A session that nobody waits for any more would live until it expires.
    fn discard(&mut self, session: SessionId, new: bool) {
        if new {
            let close = Command { op: OpCode::CloseSession, session, xid: 0, auth: &[], body: &[] };
            self.propose(&close, Target::Nobody);
        }
    }

    /// All that had been acknowledged anywhere is visible here: a client that has seen even more has seen it elsewhere,
    /// in another ensemble or before this one lost data.
    pub fn caught_up(&mut self, token: ConnToken, last_zxid_seen: Zxid, attempt: Attempt) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        if last_zxid_seen > self.zxid {
            info!(client_zxid = %last_zxid_seen, zxid = %self.zxid, "closing the connection of a client from the future");
            conn.kill();
        } else if !conn.dead {
            self.establish(EstablishTarget::Conn(token), attempt);
        }
    }

    fn refuse(&mut self, target: EstablishTarget) {
        match target {
            EstablishTarget::Conn(token) => {
                self.with_conn(token, |core, conn| {
                    if let Phase::Connecting(connecting) = &conn.phase {
                        ConnectResponse::invalid(connecting.read_only).encode_frame(&mut conn.output);
                    }
                    core.mark_dirty(conn);
                    conn.drain();
                });
            }
            EstablishTarget::Api(reply) => {
                let _ = reply.send(None);
            }
        }
    }

    fn finish(&mut self, target: EstablishTarget, established: Established) {
        self.note_zxid(Some(established.zxid));
        // A connection here that held the session until now is closed first, as ZooKeeper does.
        self.note_told_of(established.session);
        self.kill_session(established.session);
        match target {
            EstablishTarget::Conn(token) => {
                self.with_conn(token, |core, conn| core.open(conn, &established));
            }
            EstablishTarget::Api(reply) => {
                let session = ApiSession::new(established.timeout_ms, self.now);
                self.sessions.insert(established.session, Holder::Api(Box::new(session)));
                self.liveness.api.insert(established.session);
                let _ = reply.send(Some(established));
            }
        }
    }

    fn open(&mut self, conn: &mut Conn, established: &Established) {
        let Phase::Connecting(connecting) = &conn.phase else { return };
        let is_new = connecting.is_new;
        ConnectResponse {
            protocol_version: 0,
            timeout_ms: established.timeout_ms as i32,
            session_id: established.session,
            password: established.password,
            read_only: connecting.read_only.map(|_| false),
        }
        .encode_frame(&mut conn.output);
        conn.phase = Phase::Open;
        conn.session = established.session;
        conn.password = established.password;
        conn.timeout_ms = established.timeout_ms;
        conn.established = self.now;
        self.liveness.shortest_timeout_ms = self.liveness.shortest_timeout_ms.min(conn.timeout_ms);
        if !is_new {
            self.recall_told(conn);
        }
        self.sessions.insert(established.session, Holder::Conn(conn.token));
        debug!(session = %conn.session, timeout_ms = conn.timeout_ms, "session established");
        self.mark_dirty(conn);
        self.mark_ready(conn);
    }

    /// The sessions heard from since the last report.
    pub fn take_touched(&mut self) -> Vec<SessionId> {
        let mut touched = Vec::new();
        for token in std::mem::take(&mut self.liveness.heard) {
            if let Some(conn) = self.conns.get_mut(token)
                && !conn.is_local
            {
                conn.touched = false;
                if conn.phase == Phase::Open {
                    touched.push(conn.session);
                }
            }
        }
        let sessions = &self.sessions;
        self.liveness.api.retain(|session| {
            let Some(Holder::Api(api)) = sessions.get(session) else { return false };
            if api.take_touched() {
                touched.push(*session);
            }
            true
        });
        touched
    }

    /// The client of the connection was heard from.
    pub fn hear(&mut self, conn: &mut Conn) {
        if !std::mem::replace(&mut conn.touched, true) {
            self.liveness.heard.push(conn.token);
        }
    }

    /// The report sent at `sent` was confirmed.
    pub fn touched(&mut self, sent: Instant, touched: &Touched) {
        self.confirmed = self.confirmed.max(sent);
        self.heard = Some(self.now);
        for session in &touched.unknown {
            self.kill_session(*session);
        }
    }

    /// The report did not arrive: the sessions are reported again.
    pub fn touch_failed(&mut self, sessions: &[SessionId]) {
        for session in sessions {
            match self.sessions.get(session) {
                Some(Holder::Conn(token)) => {
                    let token = *token;
                    self.with_conn(token, Self::hear);
                }
                Some(Holder::Api(api)) => api.touch(),
                None => {}
            }
        }
    }

    /// The tracker vouched for the session within the last third of its timeout.
    pub fn is_confirmed(&self, conn: &Conn) -> bool {
        conn.is_local || self.is_vouched_for(conn.established, conn.timeout_ms)
    }

    /// See [`Self::is_confirmed`].
    pub fn is_vouched_for(&self, established: Instant, timeout_ms: u32) -> bool {
        let since = self.now.saturating_duration_since(self.confirmed.max(established));
        since <= Duration::from_millis(u64::from(timeout_ms)) / 3
    }

    /// Lets go of connections whose sessions nobody vouches for, and of those that never asked for a session.
    pub fn let_go(&mut self) {
        // The last report vouches for all, as a rule.
        if self.is_vouched_for(self.confirmed, self.liveness.shortest_timeout_ms)
            && self.now < self.liveness.next_look
        {
            return;
        }
        self.liveness.next_look = self.now + self.options.handshake_timeout / HANDSHAKE_LOOKS;
        let mut gone = Vec::new();
        for conn in self.conns.iter_mut() {
            let late = match conn.phase {
                Phase::Open | Phase::Closing => conn.timeout_ms > 0,
                Phase::Fresh | Phase::Connecting(_) => {
                    self.now.saturating_duration_since(conn.accepted) > self.options.handshake_timeout
                }
            };
            if late {
                gone.push(conn.token);
            }
        }
        for token in gone {
            self.with_conn(token, |core, conn| {
                if !matches!(conn.phase, Phase::Open | Phase::Closing) || !core.is_confirmed(conn) {
                    conn.kill();
                }
            });
        }
    }

    /// The holder of the lease does not answer: another tracker may take over.
    pub fn challenge(&mut self) {
        let Some(holder) = self.lease.holder else { return };
        // One challenge is enough: it is sent again until the log has it.
        if self.challenged.replace(self.lease.epoch) == Some(self.lease.epoch) {
            return;
        }
        info!(tracker = %holder, epoch = self.lease.epoch, "the active session tracker is out of reach: challenging its lease");
        let body = ChallengeLease { epoch: self.lease.epoch }.encode();
        let challenge =
            Command { op: OpCode::ChallengeLease, session: SessionId::NONE, xid: 0, auth: &[], body: &body };
        self.propose(&challenge, Target::Nobody);
    }
}
