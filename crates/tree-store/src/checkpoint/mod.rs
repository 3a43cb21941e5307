//! The durable copy of the state: taken on a thread of its own, always rebuildable.

mod directory;
mod handle;
mod load;
mod meta;
mod pending;
mod sled_store;
mod store;
mod stream;
mod survey;
mod thread;

pub(crate) use directory::SledStorage;
pub(crate) use handle::Checkpointer;
pub use store::{ChangeSource, CheckpointDirectory, CheckpointStorage, CheckpointStore, RecordVisitor};
pub use stream::{CheckpointReader, StreamItem};
pub use survey::{TreeSurvey, survey};
