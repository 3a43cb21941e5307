//! What a replica delivers over a link.

use bytes::Bytes;
use menagerie_types::command::internal::Password;
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, SessionId, WatchKind, Zxid};

/// Watches that a read registered.
pub type WatchSet = Vec<(WatchKind, Box<str>)>;

/// One delivery. The order on a link is the order of the log; reads stand where they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkItem {
    /// The first item: where the replica stands, and which sessions this incarnation owns there.
    Start {
        /// Applied log index.
        index: LogIndex,
        /// Applied transaction.
        zxid: Zxid,
        /// Sessions owned by the link's incarnation.
        owned: Vec<SessionId>,
        /// False when the replica no longer knows all that happened since the hello's zxid: persistent watches may
        /// have missed events.
        events_complete: bool,
    },
    /// Results of the link's own proposals, numbers `first_seq..first_seq + count`.
    Results {
        /// Number of the first.
        first_seq: u64,
        /// How many.
        count: u32,
        /// That many reply frames, each with its length prefix, xid and zxid, ready to be sent to a client.
        frames: Bytes,
    },
    /// Proposals were refused because numbers before them are missing: send again from here.
    Refused {
        /// The number the state machine expects next.
        expected_seq: u64,
    },
    /// Watches fired, at the path or (recursive ones) above it. The one-shot registrations that the event fires are
    /// gone from the replica.
    Event {
        /// The transaction.
        zxid: Zxid,
        /// What happened.
        event: EventType,
        /// Where.
        path: Box<str>,
        /// Who may see it: the znode's ACL (of children events, the parent's) in its jute encoding with its count;
        /// `None` when anyone may.
        acl: Option<Bytes>,
    },
    /// The answer to a read that could not be given at once.
    ReadReply {
        /// As given with the read.
        token: u64,
        /// Whole frames.
        frames: Bytes,
        /// Registered with the read.
        watches: WatchSet,
    },
    /// The index asked for with `await_applied` is reached; or, now and then, just how far the replica is.
    Applied {
        /// Applied log index.
        index: LogIndex,
        /// Applied transaction.
        zxid: Zxid,
    },
    /// The tracker lease, at the start of a link and at each change (not at renewals).
    Lease(Lease),
    /// The session table (only with `follow_sessions`, after `Start`).
    Sessions(Vec<SessionInfo>),
    /// A change of a session: of those the link's incarnation owns (or owned until then), or of all with
    /// `follow_sessions`.
    Session(SessionEvent),
}

/// Who is the active session tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Raised whenever the holder changes.
    pub epoch: u64,
    /// None when challenged away or never held.
    pub holder: Option<NodeId>,
    /// How long a renewal holds, ms.
    pub ttl_ms: u32,
}

/// A row of the session table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Which session.
    pub session: SessionId,
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// Re-attaches it.
    pub password: Password,
    /// The gateway worker that holds its connection.
    pub owner: IncarnationId,
}

/// A change of the session table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Made, or moved to another owner, by this transaction.
    Attached(SessionInfo, Zxid),
    /// Ended by its client, or (`expired`) because its client was gone.
    Closed {
        /// Which session.
        session: SessionId,
        /// True for an expiry.
        expired: bool,
    },
}
