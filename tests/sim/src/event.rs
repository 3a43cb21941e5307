//! What is observed: by the clients, at the seams around the components, on the disks.

use menagerie_types::{EventType, Stat};

/// A client's number, from 0.
pub type ClientId = usize;
/// Numbers the connections of all clients, from 1.
pub type ConnectionId = u64;

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// setData with any version.
    Set { path: String, value: String },
    /// getData, perhaps with a watch.
    Get { path: String, watch: bool },
    /// create, persistent.
    Create { path: String },
    /// create, persistent and sequential; `value` is used once.
    CreateSequential { prefix: String, value: String },
    /// create, ephemeral.
    CreateEphemeral { path: String },
    /// getChildren.
    Children { path: String },
    /// sync.
    Sync { path: String },
    /// setWatches for data watches.
    SetWatches { paths: Vec<String> },
    /// closeSession.
    Close,
}

impl Op {
    /// True for what goes through the log.
    pub fn is_write(&self) -> bool {
        !matches!(
            self,
            Self::Get { .. } | Self::Children { .. } | Self::Sync { .. } | Self::SetWatches { .. }
        )
    }
}

/// What a reply without an error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but that it is done.
    Done,
    /// The path of what was created.
    Path(String),
    /// Of a set.
    Stat(Stat),
    /// Of a get.
    Data { value: String, stat: Stat },
    /// Names.
    Names(Vec<String>),
}

/// One entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId {
    pub index: u64,
    pub term: u64,
    /// Of everything in it.
    pub hash: u64,
}

/// Something that has been seen. All of it is in the trace and its hash.
#[allow(dead_code)] // some of it is only shown
#[derive(Clone, Debug)]
pub enum Event {
    /// A node starts with what its disk holds.
    Started { node: &'static str },
    /// A node has stopped by itself.
    Ended { node: &'static str, why: String },
    /// The machine of a node has crashed.
    Crashed { node: &'static str, how: String },
    /// A machine has got an empty disk; what each store's disk held durably before, in order of the stores.
    Wiped { node: &'static str, checkpoints: Vec<u64> },
    /// Something is done to the cluster.
    Fault { what: String },
    /// All faults have ended.
    Healing,
    /// A member says that it leads.
    Leads { node: &'static str, term: u64 },
    /// A store takes a committed entry from a member's tail.
    Committed { store: u64, from: u64, entry: EntryId },
    /// A committed entry says that a session has expired; that may be refused still.
    ExpiryInLog { session: i64 },
    /// The state of a store after an entry.
    Applied { store: u64, index: u64, digest: u64 },
    /// A store has taken over a peer's state.
    Rebuilt { store: u64, index: u64 },
    /// A store has declared its own state wrong.
    Disowned { store: u64, why: String },
    /// What is durable in the log of a member's disk, in order; `first` is what may precede the entries.
    DurableLog { node: &'static str, entries: Vec<EntryId> },
    /// A member's log begins at `first`; what each store's disk holds durably then, in order of the stores.
    LogBegins { node: &'static str, first: u64, checkpoints: Vec<u64> },

    /// A client has a session, new or again, on a new connection; `sent_ms` is when it asked for that.
    Attached {
        client: ClientId,
        connection: ConnectionId,
        session: i64,
        timeout_ms: u64,
        is_new: bool,
        sent_ms: u64,
    },
    /// A client sends a request.
    Sent { client: ClientId, connection: ConnectionId, xid: i32, op: Op },
    /// A client gets the reply to a request; `sent_ms` is when that was sent.
    Replied {
        client: ClientId,
        connection: ConnectionId,
        xid: i32,
        zxid: i64,
        sent_ms: u64,
        answer: Result<Answer, i32>,
    },
    /// The answer to a ping.
    Pong { client: ClientId, connection: ConnectionId, sent_ms: u64 },
    /// A watch event.
    Notified { client: ClientId, connection: ConnectionId, zxid: i64, event: EventType, path: String },
    /// A connection is gone; what was not answered has an unknown outcome.
    Lost { client: ClientId, connection: ConnectionId, why: &'static str },
    /// A client is told that its session is gone.
    Expired { client: ClientId, session: i64 },
    /// A client forgets its session without telling anybody.
    Abandoned { client: ClientId, session: i64 },
    /// A client's last look at a znode, behind a sync: data and Stat, or an error.
    LastLook { client: ClientId, path: String, answer: Result<Answer, i32> },
}
