//! Why the program did not start, or had to stop.

use std::path::{Path, PathBuf};

/// Result of anything that can end the program.
pub type Result<T> = std::result::Result<T, Error>;

/// The reasons, by what the operator does next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Change the command line, environment or file. Nothing was bound or written.
    #[error("{place}: {problem}")]
    Config {
        /// File with line and key, or the flag.
        place: String,
        /// What is wrong, and what to type instead.
        problem: String,
    },
    /// Look at the data directory.
    #[error("data directory {}: {problem}", dir.display())]
    DataDir {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Free the address, or choose another one.
    #[error("cannot listen on {address} for {purpose}: {source}")]
    Bind {
        /// Where.
        address: String,
        /// What for.
        purpose: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A component could not start, or stopped for good.
    #[error("{component}: {problem}")]
    Component {
        /// Which one.
        component: &'static str,
        /// Its reason, with what to do.
        problem: String,
    },
    /// A command on a running cluster was refused or failed.
    #[error("{0}")]
    Command(String),
    /// The system refused a thread or a signal handler.
    #[error("the system refused {what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// A configuration error at `place`.
    pub fn config(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { place: place.into(), problem: problem.into() }
    }

    /// Something wrong with the data directory `dir`.
    pub fn data_dir(dir: &Path, problem: impl Into<String>) -> Self {
        Self::DataDir { dir: dir.to_owned(), problem: problem.into() }
    }

    /// A component that cannot go on.
    pub fn component(component: &'static str, problem: impl ToString) -> Self {
        Self::Component { component, problem: problem.to_string() }
    }

    /// A command that was refused or failed, with what to do instead.
    pub fn command(problem: impl Into<String>) -> Self {
        Self::Command(problem.into())
    }

    /// 2 for a usage error, as every other command line program; 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. } => 2,
            _ => 1,
        }
    }
}
