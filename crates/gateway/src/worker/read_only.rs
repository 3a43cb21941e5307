//! Read-only mode (reference 4.7): without a quorum, clients that are content with reads are served by what the replica
//! has. Their sessions are known to this worker alone, and end with the mode.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use menagerie_jute::{ConnectRequest, ConnectResponse, PASSWORD_LEN};
use menagerie_types::{ErrorCode, OpCode, SessionId};
use rand::Rng;
use tracing::{debug, info};

use super::conn::{Conn, ConnToken, Peer, Phase};
use super::core::Core;
use super::requests::Taken;

/// ZooKeeper waits as long, or a tick if that is longer, before it gives up on a quorum.
const SILENCE_MIN: Duration = Duration::from_secs(2);
/// The first byte of the ids: that of no session tracker with an id below it, so that the two kinds are told apart.
const ID_BYTE: i64 = 0x7d;
const ID_SHIFT: u32 = 56;
/// Where the limits of session timeouts are not known.
const TIMEOUTS_MS: (u32, u32) = (4_000, 40_000);
/// Sessions of one worker that wait for their clients to come back, or have one.
const SESSIONS_MAX: usize = 100_000;

/// The mode and its sessions.
#[derive(Debug, Default)]
pub struct ReadOnly {
    since: Option<Instant>,
    sessions: HashMap<SessionId, LocalSession>,
}

#[derive(Debug)]
struct LocalSession {
    password: [u8; PASSWORD_LEN],
    timeout_ms: u32,
    conn: ConnToken,
    heard: Instant,
}

impl ReadOnly {
    /// True while only reads are served.
    pub fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Sessions that only this worker knows.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Core {
    /// Begins or ends the mode by what has been heard of session trackers, which need a quorum; ends sessions whose
    /// clients are silent.
    pub fn update_read_only(&mut self) {
        if !self.options.read_only_mode {
            return;
        }
        let heard = self.heard.unwrap_or(self.began);
        match self.read_only.since {
            Some(since) if heard > since => self.leave_read_only(),
            Some(_) => self.expire_local(),
            None => {
                let tick = Duration::from_millis(self.options.about.tick_time_ms.into());
                let silence = self.now.saturating_duration_since(heard);
                if self.link.is_some() && silence > SILENCE_MIN.max(tick) {
                    self.enter_read_only();
                }
            }
        }
    }

    /// Clients that want more must look elsewhere, as when a server of ZooKeeper's loses its quorum.
    fn enter_read_only(&mut self) {
        info!("no quorum: serving clients that only read");
        self.read_only.since = Some(self.now);
        let wants_more = |conn: &&mut Conn| {
            matches!(conn.peer, Peer::Socket(_)) && matches!(conn.phase, Phase::Open | Phase::Connecting(_))
        };
        self.conns.iter_mut().filter(wants_more).for_each(Conn::kill);
    }

    fn leave_read_only(&mut self) {
        info!("a quorum is there again: letting clients that only read go");
        self.read_only = ReadOnly::default();
        self.conns.iter_mut().filter(|conn| conn.is_local).for_each(Conn::kill);
    }

    fn expire_local(&mut self) {
        for conn in self.conns.iter_mut().filter(|conn| conn.is_local && conn.touched) {
            conn.touched = false;
            if let Some(session) = self.read_only.sessions.get_mut(&conn.session) {
                session.heard = self.now;
            }
        }
        let (now, mut gone) = (self.now, Vec::new());
        self.read_only.sessions.retain(|_, session| {
            let timeout = Duration::from_millis(session.timeout_ms.into());
            let stays = now.saturating_duration_since(session.heard) <= timeout;
            if !stays {
                gone.push(session.conn);
            }
            stays
        });
        for token in gone {
            self.with_conn(token, |_, conn| conn.kill());
        }
    }

    /// A client asks for a session while there is no quorum.
    pub fn connect_read_only(&mut self, conn: &mut Conn, request: &ConnectRequest<'_>) {
        let session = request.session_id;
        let is_global = session != SessionId::NONE && session.0 >> ID_SHIFT != ID_BYTE;
        if request.read_only != Some(true) || request.last_zxid_seen > self.zxid || is_global {
            debug!(%session, "closing a connection that cannot be served without a quorum");
            return conn.kill();
        }
        match self.local_session(conn, request) {
            Some(response) => response.encode_frame(&mut conn.output),
            None => {
                ConnectResponse::invalid(request.read_only).encode_frame(&mut conn.output);
                conn.drain();
            }
        }
        self.mark_dirty(conn);
    }

    /// The session asked for, new or known here.
    fn local_session(&mut self, conn: &mut Conn, request: &ConnectRequest<'_>) -> Option<ConnectResponse> {
        let timeout_ms = self.local_timeout_ms(request.timeout_ms);
        let sessions = &mut self.read_only.sessions;
        let (id, password, before) = if request.session_id == SessionId::NONE {
            if sessions.len() >= SESSIONS_MAX {
                return None;
            }
            let id = ID_BYTE << ID_SHIFT | rand::rng().random::<i64>() & ((1 << ID_SHIFT) - 1);
            (SessionId(id), rand::random(), None)
        } else {
            let known = sessions.get(&request.session_id);
            let known = known.filter(|known| request.password == Some(&known.password))?;
            (request.session_id, known.password, Some(known.conn))
        };
        let session = LocalSession { password, timeout_ms, conn: conn.token, heard: self.now };
        sessions.insert(id, session);
        if let Some(before) = before {
            self.with_conn(before, |_, conn| conn.kill());
        }
        (conn.phase, conn.session, conn.timeout_ms) = (Phase::Open, id, timeout_ms);
        (conn.is_local, conn.established) = (true, self.now);
        Some(ConnectResponse {
            protocol_version: 0,
            timeout_ms: timeout_ms as i32,
            session_id: id,
            password,
            read_only: Some(true),
        })
    }

    fn local_timeout_ms(&self, wanted: i32) -> u32 {
        let (least, most) = match self.options.about.session_timeouts_ms {
            (_, 0) => TIMEOUTS_MS,
            known => known,
        };
        u32::try_from(wanted).unwrap_or(0).clamp(least, most.max(least))
    }

    /// What becomes of a request of a session that only this worker knows, unless it is a read.
    pub fn refuse_writes(&mut self, conn: &mut Conn, op: Option<OpCode>, xid: i32) -> Option<Taken> {
        use OpCode::*;
        let closes = op == Some(CloseSession);
        let writes = matches!(
            op,
            Some(
                Sync | Create
                    | Create2
                    | CreateContainer
                    | CreateTtl
                    | Delete
                    | SetData
                    | SetAcl
                    | Reconfig
                    | Multi
                    | Check
            )
        );
        if !closes && !writes {
            return None;
        }
        if !conn.is_idle() {
            return Some(Taken::Wait);
        }
        self.answer(conn, xid, if closes { Ok(()) } else { Err(ErrorCode::NotReadOnly) });
        if closes {
            self.read_only.sessions.remove(&conn.session);
            conn.phase = Phase::Closing;
            conn.drain();
        }
        Some(Taken::Yes)
    }
}
