//! What a connection sends: handshake, four-letter words, requests. A request that must wait stays in the input,
//! unread: the order of a session's requests is the order of its bytes.

use bytes::{Buf, BytesMut};
use menagerie_jute::four_letter::FourLetterWord;
use menagerie_jute::frame::{self, PREFIX_LEN};
use menagerie_jute::{Reader, RequestHeader, four_letter};
use menagerie_proto::session_tracker::Attempt;
use menagerie_types::command::Command;
use menagerie_types::mutation::planted;
use menagerie_types::{OpCode, SessionId};
use tracing::{debug, info};

use super::conn::{Conn, ConnToken, Connecting, OUTPUT_SOFT_MAX, Phase, READS_MAX, WRITES_MAX};
use super::core::{Core, PendingSync, SyncTarget};
use super::reads::Asked;
use super::sessions::EstablishTarget;
use super::told;

/// The word and the mask behind it.
const STMK_LEN: usize = 12;

/// What became of a request.
pub enum Taken {
    /// It is on its way, or answered.
    Yes,
    /// It must wait for something; it stays in the input.
    Wait,
}

impl Core {
    /// Takes what can be taken of a connection's input.
    pub fn advance(&mut self, token: ConnToken) {
        self.with_conn(token, |core, conn| {
            conn.ready = false;
            let mut input = std::mem::take(&mut conn.input);
            let used = core.take_frames(conn, &input);
            input.advance(used);
            core.note_held_back(conn, input.len());
            // An idle connection keeps no buffer.
            conn.input = if input.is_empty() { BytesMut::new() } else { input };
        });
    }

    fn take_frames(&mut self, conn: &mut Conn, input: &[u8]) -> usize {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            if conn.dead || conn.draining || conn.phase == Phase::Closing {
                return input.len();
            }
            if conn.phase == Phase::Fresh
                && let Some(taken) = self.four_letter_word(conn, rest)
            {
                return if matches!(taken, Taken::Yes) { input.len() } else { used };
            }
            let len = match frame::peek(rest, self.options.jute_max_buffer) {
                _ if self.is_too_large(conn, rest) => {
                    info!(session = %conn.session, "closing a connection: too many large requests at a time");
                    conn.kill();
                    return input.len();
                }
                Ok(Some(len)) => len,
                Ok(None) => return used,
                Err(error) => {
                    debug!(session = %conn.session, %error, "closing the connection");
                    conn.kill();
                    return input.len();
                }
            };
            match self.take_frame(conn, &rest[PREFIX_LEN..len]) {
                Taken::Yes => used += len,
                Taken::Wait => return used,
            }
        }
    }

    fn take_frame(&mut self, conn: &mut Conn, frame: &[u8]) -> Taken {
        match conn.phase {
            Phase::Fresh => self.connect(conn, frame),
            Phase::Connecting(_) | Phase::Closing => return Taken::Wait,
            Phase::Open => return self.request(conn, frame),
        }
        Taken::Yes
    }

    /// Takes a word, if the connection begins with one.
    fn four_letter_word(&mut self, conn: &mut Conn, input: &[u8]) -> Option<Taken> {
        let first = input.first_chunk::<4>()?;
        if *first == four_letter::TELNET_CLOSE {
            conn.kill();
            return Some(Taken::Yes);
        }
        let word = four_letter::recognise(first)?;
        if word == FourLetterWord::Stmk && input.len() < STMK_LEN {
            return Some(Taken::Wait);
        }
        self.stats.received(1);
        if crate::four_letter::asks_others(word) {
            conn.phase = Phase::Closing;
            self.words.push((conn.token, word));
            self.signals.words.notify_one();
        } else {
            let text = crate::four_letter::answer_at_once(self, word, &input[4..]);
            self.say(conn, &text);
        }
        Some(Taken::Yes)
    }

    /// The first frame asks for a session.
    fn connect(&mut self, conn: &mut Conn, frame: &[u8]) {
        let mut reader = Reader::new(frame);
        let Ok(request) = menagerie_jute::ConnectRequest::decode(&mut reader) else {
            debug!("closing a connection that began with garbage");
            return conn.kill();
        };
        if self.stopping || !self.admits(request.session_id) {
            return conn.kill();
        }
        if self.read_only.is_on() {
            self.stats.received(1);
            return self.connect_read_only(conn, &request);
        }
        let attempt = Attempt {
            session: request.session_id,
            password: request.password.unwrap_or_default().to_vec(),
            timeout_ms: request.timeout_ms,
        };
        conn.phase = Phase::Connecting(Connecting {
            read_only: request.read_only,
            is_new: request.session_id == SessionId::NONE,
        });
        self.stats.received(1);
        if request.last_zxid_seen > self.zxid && !planted("stale-read") {
            let target = SyncTarget::Ahead(conn.token, request.last_zxid_seen, attempt);
            self.syncs.push(PendingSync { target, index: None });
            self.signals.sync.notify_one();
        } else {
            self.establish(EstablishTarget::Conn(conn.token), attempt);
        }
    }

    fn request(&mut self, conn: &mut Conn, frame: &[u8]) -> Taken {
        let mut reader = Reader::new(frame);
        let Ok(header) = RequestHeader::decode(&mut reader) else {
            conn.kill();
            return Taken::Yes;
        };
        let body = &frame[RequestHeader::LEN..];
        self.hear(conn);
        let op = OpCode::from_code(header.op);
        if !self.is_let_in(conn, op, header.xid) {
            return Taken::Yes;
        }
        if let Some(taken) = self.hold_back(conn, op, header.xid, frame.len()) {
            return taken;
        }
        if conn.is_local
            && let Some(taken) = self.refuse_writes(conn, op, header.xid)
        {
            return taken;
        }
        let taken = match op {
            Some(OpCode::Ping) => self.ping(conn),
            Some(OpCode::Sync) => self.sync(conn, header.xid, body),
            Some(OpCode::Reconfig) => self.reconfig(conn, header.xid, body),
            Some(OpCode::Auth) => self.auth(conn, header.xid, body),
            Some(OpCode::Sasl) => self.sasl(conn, header.xid, body),
            Some(OpCode::WhoAmI) => self.who_am_i(conn, header.xid),
            Some(op @ (OpCode::CheckWatches | OpCode::RemoveWatches)) => {
                self.watch_request(conn, op, header.xid, body)
            }
            Some(op) if is_client_write(op) => self.write(conn, op, header.xid, body),
            Some(op) if is_client_read(op) => self.read(conn, op, header.xid, body),
            _ => self.unknown(conn, header),
        };
        if matches!(taken, Taken::Yes) {
            conn.received += 1;
            conn.noted.asked(op, header.xid);
            self.stats.received(1);
        }
        taken
    }

    fn write(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Taken {
        // A write may not overtake a read: the read would show it. Unless the read has its place.
        if conn.reads > 0 || conn.exclusive {
            return Taken::Wait;
        }
        if conn.writes >= WRITES_MAX || conn.output.len() > OUTPUT_SOFT_MAX {
            return Taken::Wait;
        }
        if self.proposer.unacknowledged_bytes() > self.options.outstanding_bytes {
            self.throttled.push(conn.token);
            return Taken::Wait;
        }
        let auth = conn.identities.encoded().clone();
        self.propose_for(conn, &Command { op, session: conn.session, xid, auth: &auth, body });
        self.note_large(RequestHeader::LEN + body.len());
        if op == OpCode::CloseSession {
            conn.phase = Phase::Closing;
        }
        Taken::Yes
    }

    fn read(&mut self, conn: &mut Conn, op: OpCode, xid: i32, body: &[u8]) -> Taken {
        if conn.exclusive || conn.reads + conn.placed >= READS_MAX || conn.output.len() > OUTPUT_SOFT_MAX {
            return Taken::Wait;
        }
        let record;
        let body = if op == OpCode::SetWatches2 {
            record = told::set_watches2(body, conn.told);
            &record
        } else {
            body
        };
        // A read sees the session's earlier writes, and none of the later ones.
        let asked = if conn.writes > 0 || conn.placed > 0 {
            self.read_in_place(conn, op, xid, body)
        } else {
            self.read_for(conn, op, xid, body)
        };
        match asked {
            Asked::Taken => Taken::Yes,
            Asked::NotNow => Taken::Wait,
        }
    }
}

/// Writes that a client may send. The numbers of Menagerie's own commands are unknown to clients.
pub fn is_client_write(op: OpCode) -> bool {
    use OpCode::*;
    matches!(
        op,
        Create | Create2 | CreateContainer | CreateTtl | Delete | SetData | SetAcl | Multi | CloseSession
    )
}

/// Reads that the replica answers.
pub fn is_client_read(op: OpCode) -> bool {
    use OpCode::*;
    matches!(
        op,
        Exists
            | GetData
            | GetAcl
            | GetChildren
            | GetChildren2
            | MultiRead
            | SetWatches
            | SetWatches2
            | AddWatch
            | GetEphemerals
            | GetAllChildrenNumber
    )
}
