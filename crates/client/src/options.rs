//! How to connect.

use std::time::Duration;

use menagerie_jute::{ConnectRequest, PASSWORD_LEN};
use menagerie_types::{SessionId, Zxid};

/// A session, as a client must know it to come back to it on any connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its password.
    pub password: [u8; PASSWORD_LEN],
    /// The highest zxid the client has seen.
    pub last_zxid: Zxid,
    /// The timeout granted.
    pub timeout: Duration,
}

impl Session {
    /// What asks for a new session.
    pub(crate) fn none(timeout: Duration) -> Self {
        Self { id: SessionId::NONE, password: [0; PASSWORD_LEN], last_zxid: Zxid(0), timeout }
    }
}

/// How a [`Client`](crate::Client) connects and behaves.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The session timeout to ask for.
    pub session_timeout: Duration,
    /// How long to try the servers, all together.
    pub connect_timeout: Duration,
    /// The session to come back to, instead of a new one.
    pub session: Option<Session>,
    /// Whether a read-only server will do; `None` leaves the byte away, as old clients do.
    pub read_only: Option<bool>,
    /// Whether to ping when idle for a third of the timeout, and to give up a server that is silent for two thirds.
    pub pings: bool,
    /// How many requests may await their reply; more wait to be sent.
    pub in_flight_max: usize,
    /// How many watch events may wait to be taken; one more ends the connection.
    pub events_max: usize,
    /// The longest reply.
    pub frame_len_max: usize,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            session: None,
            read_only: Some(false),
            pings: true,
            in_flight_max: 10_000,
            events_max: 65_536,
            frame_len_max: 64 << 20,
        }
    }
}

impl ConnectOptions {
    /// The connect request for `session`.
    pub(crate) fn request<'a>(&self, session: &'a Session) -> ConnectRequest<'a> {
        ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: session.last_zxid,
            timeout_ms: i32::try_from(session.timeout.as_millis()).unwrap_or(i32::MAX),
            session_id: session.id,
            password: Some(&session.password),
            read_only: self.read_only,
        }
    }
}
