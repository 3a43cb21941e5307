//! Why a backup cannot be written or used.

use std::io;
use std::path::{Path, PathBuf};

/// Faults, by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file was damaged, cut short, or never finished: use another backup.
    #[error("backup {} is damaged at offset {offset}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Not a backup at all: another file was meant.
    #[error("{} is not a backup of Menagerie", .0.display())]
    NotABackup(PathBuf),
    /// Written by a newer version: use that one.
    #[error("backup {} has format {found}, written by a newer version; this one reads up to {known}", file.display())]
    NewerFormat {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The newest one this version reads.
        known: u32,
    },
    /// The file is there already: choose another name, or say that it may be replaced.
    #[error("{} is there already; give another name, or --force to replace it", .0.display())]
    Exists(PathBuf),
    /// What came from the replica is not a whole state: back up again, from another replica.
    #[error("the replica sent no whole state: {0}")]
    Source(String),
    /// The file system failed.
    #[error("{doing} {}: {source}", file.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BackupError {
    pub(crate) fn io(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let file = file.to_path_buf();
        move |source| Self::Io { doing, file, source }
    }
}
