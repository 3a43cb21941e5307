//! The replicated state.

use bytes::{Bytes, BytesMut};
use menagerie_types::command::Command;
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, SessionId, WatchKind, Zxid};

use crate::{ApplyError, Effects, Lease, Loader, Meta, Record, Session};

/// Everything that the log determines.
#[derive(Clone, Debug, Default)]
pub struct State {
    index: LogIndex,
}

impl State {
    /// The state before the first entry: ZooKeeper's special znodes and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one entry and reports to `effects`.
    ///
    /// Indexes must rise; entries without commands may be left out. On an error nothing was changed or reported.
    pub fn apply_entry<E: Effects>(
        &mut self,
        index: LogIndex,
        _time_ms: i64,
        _chunks: &[Bytes],
        _effects: &mut E,
    ) -> Result<(), ApplyError> {
        self.index = index;
        Ok(())
    }

    /// Answers a read: whole frames are appended to `out`, the reply last, with the zxid of the state.
    /// Returns the watches to register (empty, without an allocation, when there are none).
    pub fn read(&self, _read: &Command<'_>, _out: &mut BytesMut) -> Vec<(WatchKind, Box<str>)> {
        Vec::new()
    }

    /// What has happened to a watch since `since`: it fires now with the event, or (`None`) is to be registered.
    /// The rules of setWatches (reference 2.14).
    pub fn missed(&self, _kind: WatchKind, _path: &str, _since: Zxid) -> Option<EventType> {
        None
    }

    /// Last entry applied.
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// Last transaction applied.
    pub fn zxid(&self) -> Zxid {
        Zxid(0)
    }

    /// The log's clock: the time of the last entry, ms since 1970.
    pub fn time_ms(&self) -> i64 {
        0
    }

    /// Equal on all replicas that have applied the same entries.
    pub fn digest(&self) -> u64 {
        0
    }

    /// Number of znodes, the root counted once.
    pub fn znode_count(&self) -> u64 {
        0
    }

    /// Number of ephemeral znodes.
    pub fn ephemeral_count(&self) -> u64 {
        0
    }

    /// Bytes of paths and data (ZooKeeper's approximate data size).
    pub fn data_bytes(&self) -> u64 {
        0
    }

    /// A session.
    pub fn session(&self, _id: SessionId) -> Option<Session> {
        None
    }

    /// All sessions, by id.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, Session)> {
        std::iter::empty()
    }

    /// Sessions held by one gateway worker, by id.
    pub fn owned_by(&self, _owner: IncarnationId) -> impl Iterator<Item = SessionId> {
        std::iter::empty()
    }

    /// The tracker lease.
    pub fn lease(&self) -> Lease {
        Lease::default()
    }

    /// Number of the last command applied of an incarnation; `None` if it is unknown (or was forgotten).
    pub fn last_seq(&self, _incarnation: IncarnationId) -> Option<u64> {
        None
    }

    /// Registered tree stores with their durable checkpoints, by id.
    pub fn replicas(&self) -> impl Iterator<Item = (NodeId, LogIndex)> {
        std::iter::empty()
    }

    /// The index that durable checkpoints of a majority of the registered replicas cover; 0 for none.
    pub fn safe_truncation(&self) -> LogIndex {
        LogIndex(0)
    }

    /// Starts a checkpoint of the state as it is now. One that was begun before and not sliced to its end is
    /// aborted; one that was sliced to its end counts as stored.
    pub fn begin_checkpoint(&mut self) -> Meta {
        Meta {
            index: self.index,
            time_ms: 0,
            zxid: Zxid(0),
            digest: 0,
            znodes: 0,
            sessions: 0,
            incarnations: 0,
            replicas: 0,
        }
    }

    /// Appends up to `max` records that changed between the checkpoint before and the begin of this one, as they were
    /// at its begin. Returns whether there are more. Entries may be applied between slices.
    pub fn checkpoint_slice(&mut self, _max: usize, _out: &mut Vec<Record>) -> bool {
        false
    }

    /// Gives up the last checkpoint begun, also after its last slice: its records are in the next one again.
    pub fn abort_checkpoint(&mut self) {}

    /// Rebuilds a state from a checkpoint.
    pub fn loader() -> Loader {
        Loader::new()
    }
}
