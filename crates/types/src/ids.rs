//! Numbers that order and name things. Each is its own type so that they cannot be mixed up.

use std::fmt;

/// A znode transaction id: one per applied command, never reset. Clients only compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

/// A client session. Never 0, never with a top byte of 0x80 or 0xff (ZooKeeper's container and TTL owners).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// The position of an entry in the replicated log; the first is 1, 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u64);

/// One life of a proposer (a gateway worker, a session tracker, a tree store): random at each start.
/// A session's owner is the incarnation of the gateway worker that holds its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncarnationId(pub u64);

/// A configured member: `server.N`, or the `--id` of one component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl Zxid {
    /// The next transaction id.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl LogIndex {
    /// The index that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl SessionId {
    /// "No session": a request made outside any session.
    pub const NONE: Self = Self(0);

    /// True for ids that a tracker may hand out.
    pub fn is_assignable(self) -> bool {
        let top = (self.0 as u64) >> 56;
        self.0 != 0 && top != 0x80 && top != 0xff
    }
}

macro_rules! display {
    ($type:ident, $format:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }
    };
}

display!(Zxid, "0x{:x}");
display!(SessionId, "0x{:x}");
display!(LogIndex, "{}");
display!(IncarnationId, "{:016x}");
display!(NodeId, "{}");
