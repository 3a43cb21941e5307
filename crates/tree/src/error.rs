//! Why an entry cannot be applied.

use menagerie_types::LogIndex;
use menagerie_types::command::MalformedChunk;

/// The entry was not applied and the state is as before. A replica that gets one must stop serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The entry is at or before the last one applied.
    #[error("entry {index} comes after entry {applied} was applied")]
    OutOfOrder {
        /// The entry's index.
        index: LogIndex,
        /// The last one applied.
        applied: LogIndex,
    },
    /// A chunk that this version cannot read.
    #[error("entry {index}: {source}")]
    Malformed {
        /// The entry's index.
        index: LogIndex,
        /// What is wrong.
        source: MalformedChunk,
    },
}
