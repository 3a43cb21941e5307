//! A replica of the tree: applies the replicated log in order, answers reads, fires watches, hands each proposer its
//! results, and keeps a checkpoint in sled.
//!
//! It holds no truth of its own: what it has lost it reads again from the log, or from a peer when the log begins too
//! late. What a command means is the crate `tree`'s affair, what lies between it and a client the gateway's.

mod checkpoint;
mod error;
mod link;
mod links;
mod options;
mod replica;
mod restore;
mod run;
mod store;

pub use checkpoint::{CHECKPOINT_THREAD, CheckpointReader, StreamItem, TreeSurvey, survey};
pub use checkpoint::{
    ChangeSource, CheckpointDirectory, CheckpointStorage, CheckpointStore, Pieces, RecordVisitor,
};
pub use error::TreeStoreError;
pub use options::TreeStoreOptions;
pub use store::{LoadedTreeStore, LocalTreeStore, load, open};
