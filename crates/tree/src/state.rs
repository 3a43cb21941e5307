//! The replicated state.

use std::collections::BTreeMap;

use bytes::Bytes;
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, SessionId, Zxid};

use crate::checkpoint::{RowChanges, RowKey};
use crate::directory::Directory;
use crate::exactly_once::Incarnations;
use crate::history::EventHistory;
use crate::lease::{Lease, LeaseState};
use crate::restore::{Restore, Restored};
use crate::row_hash::row_hash;
use crate::sessions::{Session, Sessions};
use crate::tree::Tree;

/// Everything that the log determines.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) index: LogIndex,
    pub(crate) time_ms: i64,
    pub(crate) zxid: Zxid,
    pub(crate) tree: Tree,
    pub(crate) sessions: Sessions,
    pub(crate) incarnations: Incarnations,
    pub(crate) lease: LeaseState,
    pub(crate) replicas: BTreeMap<NodeId, LogIndex>,
    pub(crate) directory: Directory,
    /// The entry that made the ensemble which `/zookeeper/config` shows; 0 for none yet.
    pub(crate) ensemble: LogIndex,
    pub(crate) rows: RowChanges,
    /// A backup on its way into this state.
    pub(crate) restore: Option<Box<Restore>>,
    /// The last one that arrived, for whoever wants to know; no part of the digest or of checkpoints.
    pub(crate) restored: Option<Restored>,
    /// See [`State::needs_whole_checkpoint`]. Not replicated.
    pub(crate) whole: bool,
    /// How often the tree was put into place as a whole: what was begun before means another tree. Not replicated.
    pub(crate) takeovers: u64,
    /// Not replicated.
    pub(crate) history: EventHistory,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The state before the first entry: ZooKeeper's special znodes and nothing else.
    pub fn new() -> Self {
        Self::with_tree(Tree::new())
    }

    /// Not even that, for a loader.
    pub(crate) fn empty() -> Self {
        Self::with_tree(Tree::empty())
    }

    fn with_tree(tree: Tree) -> Self {
        Self {
            index: LogIndex(0),
            time_ms: 0,
            zxid: Zxid(0),
            tree,
            sessions: Sessions::default(),
            incarnations: Incarnations::default(),
            lease: LeaseState::default(),
            replicas: BTreeMap::new(),
            directory: Directory::new(),
            ensemble: LogIndex(0),
            rows: RowChanges::default(),
            restore: None,
            restored: None,
            whole: false,
            takeovers: 0,
            history: EventHistory::new(Zxid(0)),
        }
    }

    /// Last entry applied.
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// Last transaction applied.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// The log's clock: the time of the last entry, ms since 1970.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// A sum over all znodes and rows; equal on all replicas that have applied the same commands.
    pub fn digest(&self) -> u64 {
        let parts = [
            self.tree.digest(),
            self.sessions.digest(),
            self.incarnations.digest(),
            self.lease.digest(),
            // Nothing until there is one: so it was before there were any.
            if self.ensemble.0 == 0 { 0 } else { row_hash(b'c', &[self.ensemble.0]) },
            self.restore.as_ref().map_or(0, |restore| restore.digest()),
        ];
        let replicas = self.replicas.iter().map(|(id, checkpoint)| row_hash(b'r', &[id.0, checkpoint.0]));
        let directory = self.directory().map(|(role, id, registration)| registration.digest(role, id));
        parts.into_iter().chain(replicas).chain(directory).fold(0, u64::wrapping_add)
    }

    /// Number of znodes, the root counted once.
    pub fn znode_count(&self) -> u64 {
        self.tree.arena.len()
    }

    /// Number of ephemeral znodes.
    pub fn ephemeral_count(&self) -> u64 {
        self.tree.ephemeral_count()
    }

    /// Bytes of paths and data (ZooKeeper's approximate data size).
    pub fn data_bytes(&self) -> u64 {
        self.tree.data_bytes()
    }

    /// About how many bytes the records of a checkpoint have.
    pub fn record_bytes(&self) -> u64 {
        const ZNODE: u64 = 128;
        const ROW: u64 = 64;
        let rows = self.sessions.len() + self.incarnations.len() + self.replicas.len();
        self.data_bytes() + ZNODE * self.znode_count() + ROW * rows as u64
    }

    /// A session.
    pub fn session(&self, id: SessionId) -> Option<Session> {
        self.sessions.get(id).copied()
    }

    /// All sessions, by id.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, Session)> {
        self.sessions.iter()
    }

    /// Number of sessions.
    pub fn session_count(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Sessions held by one gateway worker, by id.
    pub fn owned_by(&self, owner: IncarnationId) -> impl Iterator<Item = SessionId> {
        self.sessions.owned_by(owner)
    }

    /// The tracker lease.
    pub fn lease(&self) -> Lease {
        self.lease.lease
    }

    /// Number of the last command applied of an incarnation; `None` if it is unknown (or was forgotten).
    pub fn last_seq(&self, incarnation: IncarnationId) -> Option<u64> {
        self.incarnations.get(incarnation).map(|row| row.last_seq)
    }

    /// The entry that made the ensemble which `/zookeeper/config` shows; 0 when it shows none.
    pub fn published_ensemble(&self) -> LogIndex {
        self.ensemble
    }

    /// Lets the state remember its last events in as many bytes, 16 MiB unless set; 0 switches that off.
    pub fn set_event_history_bytes(&mut self, len_max: usize) {
        self.history.set_len_max(len_max, self.zxid);
    }

    /// All events after `zxid`, in order, as [`crate::Effects::watch_event`] reported them; `None` if the state does
    /// not remember them all. One that was loaded or cloned remembers those since.
    pub fn events_since(
        &self,
        zxid: Zxid,
    ) -> Option<impl Iterator<Item = (Zxid, EventType, &str, Option<&Bytes>)>> {
        self.history.since(zxid)
    }

    /// Registered tree stores with their durable checkpoints, by id.
    pub fn replicas(&self) -> impl Iterator<Item = (NodeId, LogIndex)> {
        self.replicas.iter().map(|(id, checkpoint)| (*id, *checkpoint))
    }

    /// The index that durable checkpoints of a majority of the registered replicas cover; 0 for none.
    pub fn safe_truncation(&self) -> LogIndex {
        let mut checkpoints: Vec<_> = self.replicas.values().copied().collect();
        checkpoints.sort_unstable_by(|a, b| b.cmp(a));
        checkpoints.get(checkpoints.len() / 2).copied().unwrap_or_default()
    }

    /// The index that at least one registered replica's durable checkpoint covers; 0 for none.
    pub fn newest_checkpoint(&self) -> LogIndex {
        self.replicas.values().copied().max().unwrap_or_default()
    }

    pub(crate) fn set_replica(&mut self, replica: NodeId, checkpoint: LogIndex) {
        self.replicas.insert(replica, checkpoint);
        self.rows.mark(RowKey::Replica(replica));
    }
}
