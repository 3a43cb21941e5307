//! The crate's one error type.

use std::io;
use std::path::{Path, PathBuf};

/// Why the log refuses.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Bytes that were once durable are damaged or missing: rebuild this member from its peers.
    #[error("log file {} is corrupt at offset {offset}: {what}", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by a newer version of this program: upgrade, nothing was changed.
    #[error("log file {} has format {found}, this version reads up to {known}", file.display())]
    NewerFormat {
        /// The file with the newer header.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version this code reads.
        known: u32,
    },
    /// The file system failed; while the log is open this also poisons it.
    #[error("log file {}: {source}", file.display())]
    Io {
        /// File or directory.
        file: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// An earlier write or sync failed, so nothing can be promised any more: stop the member.
    #[error("log is poisoned by an earlier failure: {0}")]
    Poisoned(String),
    /// The wanted entries were purged: use a checkpoint instead.
    #[error("log entries before {first_index} are purged")]
    Purged {
        /// First index that can still be read.
        first_index: u64,
    },
    /// The appended index does not follow the last one: a mistake of the caller, nothing was changed.
    #[error("log expects index {expected}, got {got}")]
    Gap {
        /// The index that would follow.
        expected: u64,
        /// The index given.
        got: u64,
    },
    /// A payload or value above the limit: a mistake of the caller, nothing was changed.
    #[error("log record of {len} bytes exceeds the limit of {max}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A setting is out of range.
    #[error("log option {0}")]
    Options(&'static str),
}

impl LogError {
    pub(crate) fn io(file: &Path) -> impl FnOnce(io::Error) -> LogError {
        let file = file.to_path_buf();
        move |source| LogError::Io { file, source }
    }

    pub(crate) fn corrupt(file: &Path, offset: u64, what: impl Into<String>) -> LogError {
        LogError::Corrupt { file: file.to_path_buf(), offset, what: what.into() }
    }

    /// The same failure for a callback; the kind is kept where there is one.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self {
            LogError::Io { source, .. } => source.kind(),
            LogError::Gap { .. } | LogError::TooLarge { .. } => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self.to_string())
    }
}
