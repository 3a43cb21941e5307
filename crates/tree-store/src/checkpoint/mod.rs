//! The durable copy of the state: taken on a thread of its own, always rebuildable.

mod block;
mod direct;
mod directory;
mod handle;
mod load;
mod merge;
mod meta;
mod pending;
mod run_file;
mod runs;
mod sled_db;
mod sled_store;
mod store;
mod stream;
mod survey;
mod thread;
mod unsorted;

/// The threads that call sled, which panics on damaged files: their panics must not end the process.
pub const CHECKPOINT_THREAD: &str = "checkpoint";

pub(crate) use directory::SledStorage;
pub(crate) use handle::Checkpointer;
pub use store::{
    ChangeSource, CheckpointDirectory, CheckpointStorage, CheckpointStore, Pieces, RecordVisitor,
};
pub use stream::{CheckpointReader, StreamItem};
pub use survey::{TreeSurvey, survey};
