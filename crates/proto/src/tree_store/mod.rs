//! A replica of the tree, as gateways and session trackers use it: a link that answers reads and delivers results,
//! watch events and session events in log order.

mod client;
mod item;
mod layered;
mod queue;
mod registered;
mod restore;
mod server;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use menagerie_types::command::Command;
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId, WatchKind, WatchKinds, Zxid};

use crate::{ServiceError, ServiceResult};

pub use client::TreeStoreClient;
pub use item::{Lease, LinkItem, SessionEvent, SessionInfo, WatchSet};
pub use layered::LayeredTreeStore;
pub use queue::LinkQueue;
pub use registered::{Directory, Registered};
pub use restore::{BackupRecords, RestoreBegin, RestoreOutcome, RestoreStep, RestoreSteps, RestoredReplica};
pub use server::TreeStoreServer;

/// How a link begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkHello {
    /// Whose proposals' results are wanted, and who owns the sessions whose events are wanted.
    pub incarnation: IncarnationId,
    /// The link starts no earlier than this: the last zxid the caller has seen.
    pub zxid: Zxid,
    /// Results up to this number have been received; what follows is delivered again.
    pub acked_seq: u64,
    /// Watches, registered as of `zxid`: what has happened since fires, in order, as over a link that stood all the
    /// time. Where the replica does not remember all of it, one-shot watches fire if their znode has changed, and
    /// [`LinkItem::Start`] says that persistent ones have lost events.
    pub watches: Vec<(WatchKind, String)>,
    /// Deliver the session table and all its changes (session trackers).
    pub follow_sessions: bool,
}

/// What became of a read.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The whole reply frame was appended to `out`; these watches are registered.
    Answered(WatchSet),
    /// The reply will come as [`LinkItem::ReadReply`].
    Queued,
    /// The link is broken; nothing will come.
    Closed,
}

/// What became of a read that is to be answered after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPlacement {
    /// It has its place: the reply will come as [`LinkItem::ReadReply`], between the results of the command and of the
    /// next one, whatever is proposed meanwhile.
    Placed,
    /// The reply will come, but what its session proposes before it may overtake the read.
    Queued,
    /// It has no place: ask with [`StoreLink::read`] when the command's result has come.
    Refused,
    /// The link is broken; nothing will come.
    Closed,
}

/// The caller's end of a link. What is asked and what is delivered keep their order.
pub trait StoreLink: Send {
    /// Answers a read: at once, if nothing is waiting in the queue before it, or through the queue.
    /// A watch it asks for is registered atomically with the read.
    /// `out` gets whole jute frames: for setWatches the events, then the reply.
    fn read(&mut self, token: u64, read: &Command<'_>, out: &mut BytesMut) -> ReadOutcome;

    /// Answers a read as soon as command `seq` of the link's own incarnation has been applied, always through the queue:
    /// behind the results up to that one. To be called before its session proposes anything after `seq`. Replies come
    /// in the order of their commands, so not always in the order in which they were asked for: the `token` tells which
    /// is which. Links that cannot do it refuse.
    fn read_after(&mut self, _seq: u64, _token: u64, _read: &Command<'_>) -> ReadPlacement {
        ReadPlacement::Refused
    }

    /// Nobody behind this link needs these watches any more.
    fn unwatch(&mut self, path: &str, kinds: WatchKinds);

    /// Asks for one [`LinkItem::Applied`] as soon as the replica has applied `index`.
    fn await_applied(&mut self, index: LogIndex);

    /// Hands on what was asked since the last flush.
    fn flush(&mut self);

    /// What the replica delivers.
    fn queue(&self) -> &Arc<LinkQueue>;
}

/// A stream of a whole state; layout in the crate `tree-store`, module `checkpoint::stream`.
pub type CheckpointStream = BoxStream<'static, ServiceResult<Bytes>>;

/// What one replica says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeStoreStatus {
    /// This replica.
    pub id: NodeId,
    /// Last log index applied.
    pub applied_index: LogIndex,
    /// Last transaction applied.
    pub zxid: Zxid,
    /// Running digest of the tree at `zxid`.
    pub digest: u64,
    /// Index of the last durable checkpoint.
    pub checkpoint_index: LogIndex,
    /// Znodes.
    pub znode_count: u64,
    /// Sessions.
    pub session_count: u64,
    /// Ephemeral znodes.
    pub ephemeral_count: u64,
    /// Registered watches (one for each link, path and kind).
    pub watch_count: u64,
    /// Bytes of paths and data.
    pub data_bytes: u64,
    /// False while catching up, during a restore, or after a digest mismatch.
    pub serving: bool,
    /// The unfinished restore, or 0.
    pub restoring_id: u64,
    /// How many of its records are there.
    pub restoring_records: u64,
    /// Why the unfinished restore cannot be finished, or empty.
    pub restoring_problem: String,
    /// The last restore that this replica finished since it started, or 0.
    pub restored_id: u64,
    /// Bytes on disk of the checkpoint.
    pub checkpoint_disk_bytes: u64,
    /// Why the replica has stopped serving for good, or empty.
    pub fault: String,
}

/// A replica of the tree.
#[async_trait]
pub trait TreeStore: Send + Sync + 'static {
    /// Opens a link. Waits for the replica to reach `hello.zxid` a short while, then fails with
    /// [`crate::ServiceError::Behind`]; fails with [`crate::ServiceError::HistoryGone`] when results can no longer be had here.
    /// The queue begins with [`LinkItem::Start`].
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>>;

    /// The whole state as of one log index.
    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream>;

    /// The same for a backup: it holds every write acknowledged before the call. With `stale_ok`, just what this replica
    /// has: for when the log has no leader.
    async fn backup(&self, stale_ok: bool) -> ServiceResult<CheckpointStream> {
        let _ = stale_ok;
        Err(ServiceError::Invalid("this replica gives no backup".into()))
    }

    /// What this replica says of itself.
    async fn status(&self) -> ServiceResult<TreeStoreStatus>;

    /// Puts a backup's records into an empty cluster, through the log. `_records` are pieces of whole records in the order
    /// of their keys; a piece is at most a few MiB, and each is taken when there is room for it. An error in them,
    /// or a caller that goes away, leaves the restore unfinished. [`crate::ServiceError::Invalid`] if the cluster is not empty, or if a restore is unfinished and
    /// `_begin` does not say that it is to be replaced.
    async fn restore(&self, _begin: RestoreBegin, _records: BackupRecords) -> ServiceResult<RestoreSteps> {
        Err(ServiceError::Invalid("this replica takes no backup".into()))
    }

    /// Gives an unfinished restore up; false if there is none.
    async fn abort_restore(&self) -> ServiceResult<bool> {
        Err(ServiceError::Invalid("this replica takes no backup".into()))
    }

    /// Which tree stores, session trackers and gateways there are, as this replica has applied it.
    async fn directory(&self) -> ServiceResult<Directory>;

    /// Enters a session tracker or gateway into the directory, or says that it is still there; a store registers
    /// itself. Returns when this replica has applied it.
    async fn register(&self, component: Registered) -> ServiceResult<()>;

    /// Takes a component out of the directory; false if it was not there. A store that runs then ends. Returns when
    /// this replica has applied it.
    async fn unregister(&self, role: Role, id: NodeId) -> ServiceResult<bool>;
}

#[cfg(test)]
mod tests;
