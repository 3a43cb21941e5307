//! Whether this member counts.
//!
//! A member that begins without a log may be new, or one that has lost its disk, with all that it had promised: entries
//! that it acknowledged, votes that it gave. The two cannot be told from one another by what they have. Until it has
//! found out ([`crate::bootstrap`]) such a member votes for nobody, stands for no election and takes no entries; until it
//! has all that a majority may have counted on, it takes entries only from leaders that cannot be outdated, and still
//! does not vote. A file in the log's directory keeps this over restarts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use menagerie_log::{Fs, LogError};
use tokio::sync::watch;
use tonic::Status;

const MARKER: &str = "rejoining";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is known yet.
    Unknown,
    /// Entries of leaders of this term and later ones are taken.
    Rejoining { term: u64 },
    /// It votes and takes entries.
    Full,
}

/// See the module.
pub(crate) struct Standing {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    state: watch::Sender<State>,
}

impl Standing {
    /// Of the member whose log is in `dir`. One with an empty log is marked, durably, before it can take part.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: &Path, log_is_empty: bool) -> Result<Arc<Self>, LogError> {
        let io = |source: io::Error| LogError::Io { file: dir.join(MARKER), source };
        let marked = fs.list(dir).map_err(io)?.iter().any(|name| name == MARKER);
        if log_is_empty && !marked {
            fs.open(&dir.join(MARKER), true).and_then(|_| fs.sync_dir(dir)).map_err(io)?;
        }
        let state = if log_is_empty || marked { State::Unknown } else { State::Full };
        Ok(Arc::new(Self { fs, dir: dir.to_path_buf(), state: watch::Sender::new(state) }))
    }

    pub(crate) fn is_full(&self) -> bool {
        *self.state.borrow() == State::Full
    }

    /// From now on, entries of leaders of `term` and later ones are taken.
    pub(crate) fn rejoin(&self, term: u64) {
        self.state.send_replace(State::Rejoining { term });
    }

    /// From now on this member counts. What it counts for must be durable.
    pub(crate) fn settle(&self) -> io::Result<()> {
        if !self.is_full() {
            self.fs.remove(&self.dir.join(MARKER))?;
            self.fs.sync_dir(&self.dir)?;
            self.state.send_replace(State::Full);
        }
        Ok(())
    }

    /// Waits until this member counts.
    pub(crate) async fn full(&self) {
        // The sender is in `self`, so the wait ends with a value.
        let _ = self.state.subscribe().wait_for(|state| *state == State::Full).await;
    }

    /// Refuses what only a member that counts may answer: votes, and taking over leadership.
    pub(crate) fn may_vote(&self) -> Result<(), Status> {
        match self.is_full() {
            true => Ok(()),
            false => Err(Status::unavailable(
                "this member began without a log and does not vote before it has caught up",
            )),
        }
    }

    /// Refuses entries of a leader of `term` that may be outdated without this member being able to tell.
    pub(crate) fn may_follow(&self, term: u64) -> Result<(), Status> {
        let least = match *self.state.borrow() {
            State::Full => return Ok(()),
            State::Rejoining { term } => Some(term),
            State::Unknown => None,
        };
        if least.is_some_and(|least| term >= least) {
            return Ok(());
        }
        Err(Status::unavailable("this member began without a log and does not know yet whom to follow"))
    }
}
