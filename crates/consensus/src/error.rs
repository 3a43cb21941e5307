//! The crate's one error type.

use menagerie_log::LogError;
use menagerie_types::NodeId;

/// Why a member of the log cannot start, or had to stop.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsensusError {
    /// The options contradict themselves: correct them.
    #[error("consensus option {0}")]
    Options(String),
    /// The log on disk is damaged: rebuild this member from its peers (an empty directory, see the crate docs).
    #[error("{0}")]
    Corrupt(String),
    /// The log cannot be opened, read or written: stop the process, and look at the disk.
    #[error("{0}")]
    Storage(String),
    /// Raft has ended: stop the process.
    #[error("raft ended: {0}")]
    Stopped(String),
    /// Leadership cannot be handed to a member that does not vote.
    #[error("member {0} does not vote")]
    NoSuccessor(NodeId),
    /// Leadership was not handed over in time; it is safe to stop all the same.
    #[error("leadership not handed over: {0}")]
    Transfer(String),
}

impl From<LogError> for ConsensusError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt { .. } => Self::Corrupt(error.to_string()),
            LogError::Options(what) => Self::Options(what.into()),
            _ => Self::Storage(error.to_string()),
        }
    }
}
