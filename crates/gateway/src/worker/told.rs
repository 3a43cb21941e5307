//! What a connection was told of, handed on to the next one of its session.

use menagerie_jute::{Reader, SetWatches2, repaired};
use menagerie_types::{OpCode, SessionId, WatchKinds, Zxid};

use super::conn::{Conn, Phase};
use super::core::{Core, Holder};

impl Core {
    /// A connection that holds its session ends, and the session lives on.
    pub fn note_told(&mut self, conn: &Conn) {
        if conn.phase != Phase::Open || conn.is_local {
            return;
        }
        if let Some(zxid) = self.told_to(conn) {
            self.told.lock().note(conn.session, self.proposer.incarnation(), zxid);
        }
    }

    /// The same, for a session that another connection takes over.
    pub fn note_told_of(&mut self, session: SessionId) {
        if let Some(Holder::Conn(token)) = self.sessions.get(&session) {
            self.with_conn(*token, |core, conn| core.note_told(conn));
        }
    }

    /// Up to where the events of persistent watches have left for the client.
    fn told_to(&self, conn: &Conn) -> Option<Zxid> {
        let stays = |path: &str| self.watchers.kinds(conn.token, path).intersect(WatchKinds::PERSISTENT);
        if conn.watches.iter().all(|path| stays(path).is_empty()) {
            return conn.told;
        }
        Some(if conn.output.is_empty() && !conn.is_cut { self.zxid } else { conn.sent_to })
    }

    /// The session of `conn` has lived on without a connection. If nobody here knows what it was told, what it missed
    /// counts from the last reply it saw: rather something twice than anything not at all.
    pub fn recall_told(&mut self, conn: &mut Conn) {
        conn.told = self.told.lock().take(conn.session);
        conn.sent_to = conn.told.unwrap_or_default().min(self.zxid);
    }
}

/// The record of a setWatches2 as the replica takes it: without what trails it, and with what was told already.
pub fn set_watches2(body: &[u8], told: Option<Zxid>) -> Vec<u8> {
    let repaired = repaired(OpCode::SetWatches2, body);
    let body = repaired.as_deref().unwrap_or(body);
    let mut reader = Reader::new(body);
    if SetWatches2::decode(&mut reader).is_err() {
        // The replica says so.
        return body.to_vec();
    }
    let mut record = body[..body.len() - reader.remaining().len()].to_vec();
    record.extend(told.iter().flat_map(|zxid| zxid.0.to_be_bytes()));
    record
}
