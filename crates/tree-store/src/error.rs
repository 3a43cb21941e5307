//! Why a replica cannot start or go on.

use std::path::PathBuf;

use menagerie_proto::ServiceError;

/// Faults of a replica, by what its operator or its caller does next.
#[derive(Debug, thiserror::Error)]
pub enum TreeStoreError {
    /// Another process has the data directory open: stop that one, or use another directory.
    #[error("data directory {0} is in use by another process")]
    InUse(PathBuf),
    /// The data was written by a newer version: nothing was touched; start that version.
    #[error(
        "data directory {path} has format {found}, written by a newer version; this one reads up to {known}"
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The format it says.
        found: u32,
        /// The newest format this version reads.
        known: u32,
    },
    /// The data directory cannot be read or written.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The checkpoint cannot be used; it is set aside and rebuilt.
    #[error("checkpoint is unusable: {0}")]
    Corrupt(String),
    /// The checkpoint could not be written. The previous one still counts.
    #[error("checkpoint could not be written: {0}")]
    Write(String),
    /// The state does not agree with the log or with the peers; this replica no longer serves.
    #[error("replica is out of service: {0}")]
    OutOfService(String),
    /// A backup is on its way into the cluster: until it is whole, no checkpoint is taken, and none is given away.
    #[error("a backup is being restored; there is no checkpoint before it is whole")]
    Restoring,
    /// A peer did not give a checkpoint.
    #[error("peer gave no checkpoint: {0}")]
    Peer(ServiceError),
    /// A thread of the replica ended.
    #[error("the replica is shutting down")]
    Stopping,
}

impl TreeStoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
