//! Checkpoints: the state as records under keys that sort parents before children.
//!
//! A checkpoint holds what has changed since the one before it; written over each other in a key-value store, they
//! are the whole state. Making one takes slices between which entries are applied; the records are those of its
//! begin nevertheless.

mod changes;
mod loader;
mod meta;
pub(crate) mod record;
mod records;
mod rows;
mod sum;

pub(crate) use changes::{Changes, Mark};
pub use loader::Loader;
pub use meta::Meta;
pub use records::{RECORD_LEN_MAX, put_record, take_record};
pub(crate) use rows::{RowChanges, RowKey};
pub use sum::Sum;

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

impl CheckpointError {
    pub(crate) fn record(key: &[u8], reason: &'static str) -> Self {
        Self::Record { key: String::from_utf8_lossy(key).escape_debug().collect(), reason }
    }
}

impl State {
    /// True until the next checkpoint has been taken from its beginning, into an empty store: the state was put into
    /// place as a whole, so that what changed since the last checkpoint does not tell the difference.
    pub fn needs_whole_checkpoint(&self) -> bool {
        self.whole
    }

    /// Rises when the tree is put into place as a whole: a checkpoint begun before must be given up.
    pub fn takeovers(&self) -> u64 {
        self.takeovers
    }

    /// As [`Self::begin_checkpoint`], but the checkpoint holds everything. To be written into an empty store.
    pub fn begin_whole_checkpoint(&mut self) -> Meta {
        self.tree.list_all();
        self.mark_all_rows();
        self.begin_checkpoint()
    }

    /// The last checkpoint begun holds everything, and is where it belongs.
    pub fn whole_checkpoint_done(&mut self) {
        self.whole = false;
        self.checkpoint_stored();
    }

    /// Starts a checkpoint of the state as it is now. One that was begun before and not sliced to its end is
    /// aborted; one that was sliced to its end counts as stored ([`Self::checkpoint_stored`]).
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

    /// The last checkpoint begun is where it belongs: what it would take to give it up is forgotten.
    pub fn checkpoint_stored(&mut self) {
        self.rows.stored();
        self.tree.checkpoint_stored();
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
