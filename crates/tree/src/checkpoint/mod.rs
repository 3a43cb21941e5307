//! Checkpoints: the state as records under keys that sort parents before children.
//!
//! A checkpoint holds what has changed since the one before it; written over each other in a key-value store, they
//! are the whole state. Making one takes slices between which entries are applied; the records are those of its
//! begin nevertheless.

mod changes;
mod loader;
mod meta;
pub(crate) mod record;
mod rows;

pub(crate) use changes::Changes;
pub use loader::Loader;
pub use meta::Meta;
pub(crate) use rows::{RowChanges, RowKey};

use crate::State;

/// A key and its value; `None` deletes the key.
pub type Record = (Vec<u8>, Option<Vec<u8>>);

/// A checkpoint that cannot be used: it must be thrown away and rebuilt from a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The meta record is damaged or of another format.
    #[error("bad checkpoint meta: {0}")]
    Meta(&'static str),
    /// A record is damaged or of another format.
    #[error("bad checkpoint record {key}: {reason}")]
    Record {
        /// The key, printable.
        key: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The records do not add up to what the meta says.
    #[error("checkpoint does not add up: {0}")]
    Mismatch(&'static str),
}

impl State {
    /// Starts a checkpoint of the state as it is now. One that was begun before and not sliced to its end is
    /// aborted; one that was sliced to its end counts as stored.
    pub fn begin_checkpoint(&mut self) -> Meta {
        if self.rows.is_unfinished() || self.tree.checkpoint_unfinished() {
            self.abort_checkpoint();
        }
        self.tree.begin_checkpoint();
        self.begin_rows();
        self.meta()
    }

    /// Appends up to `max` records that changed between the checkpoint before and the begin of this one, as they were
    /// at its begin, in no particular order. Returns whether there are more.
    pub fn checkpoint_slice(&mut self, max: usize, out: &mut Vec<Record>) -> bool {
        let end = out.len() + max;
        self.rows.slice(max, out);
        self.tree.checkpoint_slice(end - out.len(), out);
        self.rows.is_unfinished() || self.tree.checkpoint_unfinished()
    }

    /// Gives up the last checkpoint begun, also after its last slice: what it held is in the next one again.
    pub fn abort_checkpoint(&mut self) {
        self.rows.abort();
        self.tree.abort_checkpoint();
    }

    /// Rebuilds a state from a checkpoint.
    pub fn loader() -> Loader {
        Loader::new()
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta {
            index: self.index,
            time_ms: self.time_ms,
            zxid: self.zxid,
            digest: self.digest(),
            znodes: self.znode_count(),
            sessions: self.sessions.len() as u64,
            incarnations: self.incarnations.len() as u64,
            replicas: self.replicas.len() as u64,
        }
    }
}
