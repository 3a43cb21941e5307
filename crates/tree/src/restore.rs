//! A backup on its way into an empty state.
//!
//! It comes through the log in parts, so every replica takes in the same, and durability and replication are the log's.
//! The records build up a state of their own beside this one. The last command puts it into place, if it gives the very
//! digest that the backup was made with; until then nobody is served. What belongs to the log of this cluster stays: the
//! incarnations, the lease, the replicas, the ensemble that `/zookeeper/config` shows.

use menagerie_types::command::internal::{FinishRestore, RestoreBegin, RestoreRecords};
use menagerie_types::command::{Command, MalformedChunk};
use menagerie_types::{ErrorCode, LogIndex, OpCode, Zxid};

use crate::checkpoint::{Loader, take_record};
use crate::history::EventHistory;
use crate::row_hash::row_hash;
use crate::tree::special::CONFIG;
use crate::{CheckpointError, Meta, State};

/// An unfinished restore.
#[derive(Clone, Debug)]
pub(crate) struct Restore {
    id: u64,
    meta: Meta,
    loader: Loader,
    parts: u64,
    records: u64,
    /// Why it cannot be finished.
    failed: Option<CheckpointError>,
}

/// How far an unfinished restore is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// Which one.
    pub id: u64,
    /// Records taken in.
    pub records: u64,
    /// Why it cannot be finished.
    pub failed: Option<CheckpointError>,
}

/// A restore that this state went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Which one.
    pub id: u64,
    /// The entry that ended it.
    pub index: LogIndex,
    /// The digest of the backup, which was also that of what was restored.
    pub digest: u64,
}

impl Restore {
    pub(crate) fn digest(&self) -> u64 {
        row_hash(b'R', &[self.id, self.parts, self.records, self.meta.digest])
    }
}

impl State {
    /// The unfinished restore. While there is one, nobody must be served.
    pub fn restoring(&self) -> Option<Restoring> {
        self.restore.as_ref().map(|restore| Restoring {
            id: restore.id,
            records: restore.records,
            failed: restore.failed.clone(),
        })
    }

    /// True while a restore is unfinished.
    pub fn is_restoring(&self) -> bool {
        self.restore.is_some()
    }

    /// The last restore that was finished since this replica started.
    pub fn restored(&self) -> Option<Restored> {
        self.restored
    }

    /// True if there is nothing but ZooKeeper's own znodes.
    pub fn is_empty(&self) -> bool {
        self.tree.arena.len() == crate::tree::special::COUNT && self.sessions.len() == 0
    }

    /// Carries out one of the restore commands. On an error of the records the restore stays, as failed.
    pub(crate) fn restore(&mut self, command: &Command<'_>) -> Result<(), ErrorCode> {
        let malformed = |_: MalformedChunk| ErrorCode::MarshallingError;
        match command.op {
            OpCode::RestoreBegin => {
                self.begin_restore(&RestoreBegin::decode(command.body).map_err(malformed)?)
            }
            OpCode::RestoreRecords => {
                let (id, part, records) = RestoreRecords::decode(command.body).map_err(malformed)?;
                self.restore_records(id, part, records)
            }
            OpCode::RestoreEnd => {
                self.end_restore(FinishRestore::decode(command.body).map_err(malformed)?.id)
            }
            OpCode::RestoreAbort => {
                let id = FinishRestore::decode(command.body).map_err(malformed)?.id;
                self.unfinished(id)?;
                self.restore = None;
                Ok(())
            }
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn begin_restore(&mut self, request: &RestoreBegin) -> Result<(), ErrorCode> {
        let meta = Meta::decode(&request.meta).map_err(|_| ErrorCode::BadArguments)?;
        if request.id == 0 {
            return Err(ErrorCode::BadArguments);
        }
        if !self.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        if self.restore.as_ref().is_some_and(|unfinished| unfinished.id != request.replaces) {
            return Err(ErrorCode::NodeExists);
        }
        let (id, loader) = (request.id, Loader::new());
        self.restore = Some(Box::new(Restore { id, meta, loader, parts: 0, records: 0, failed: None }));
        Ok(())
    }

    fn unfinished(&mut self, id: u64) -> Result<&mut Restore, ErrorCode> {
        self.restore.as_deref_mut().filter(|restore| restore.id == id).ok_or(ErrorCode::NoNode)
    }

    fn restore_records(&mut self, id: u64, part: u64, mut records: &[u8]) -> Result<(), ErrorCode> {
        let restore = self.unfinished(id)?;
        if restore.failed.is_some() {
            return Err(ErrorCode::BadArguments);
        }
        if part != restore.parts {
            return Err(ErrorCode::BadVersion);
        }
        restore.parts += 1;
        while !records.is_empty() {
            let taken = match take_record(&mut records) {
                Some((key, value)) => restore.loader.record(key, value),
                None => Err(CheckpointError::Mismatch("a record is cut short")),
            };
            if let Err(error) = taken {
                restore.failed = Some(error);
                return Err(ErrorCode::BadArguments);
            }
            restore.records += 1;
        }
        Ok(())
    }

    fn end_restore(&mut self, id: u64) -> Result<(), ErrorCode> {
        let restore = self.unfinished(id)?;
        if restore.failed.is_some() {
            return Err(ErrorCode::BadArguments);
        }
        let loader = std::mem::replace(&mut restore.loader, Loader::new());
        let meta = restore.meta;
        match loader.finish(&meta) {
            Ok(state) => self.take_over(id, state, &meta),
            Err(error) => {
                restore.failed = Some(error);
                return Err(ErrorCode::BadArguments);
            }
        }
        Ok(())
    }

    /// Takes tree and sessions from what was restored. Transactions go on above those of the backup and of this state, so
    /// that no client of either sees them go back.
    fn take_over(&mut self, id: u64, from: State, meta: &Meta) {
        let mut tree = from.tree;
        tree.adopt(CONFIG, &self.tree);
        self.tree = tree;
        self.sessions = from.sessions;
        self.zxid = Zxid(self.zxid.0.max(meta.zxid.0.saturating_add(1)));
        let mut history = EventHistory::new(self.zxid);
        history.set_len_max(self.history.len_max(), self.zxid);
        self.history = history;
        self.restore = None;
        self.restored = Some(Restored { id, index: self.index, digest: meta.digest });
        self.whole = true;
        self.takeovers += 1;
    }
}
