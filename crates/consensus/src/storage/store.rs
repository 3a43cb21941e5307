//! The log and the values beside it, shared by Raft's log storage, its readers, the state machine and the tails.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use menagerie_log::{Durable, Fs, Log, LogError, LogOptions, LogReader, MetaKind, Record, Recovered};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::encoding::{self, Decoded, HardState};
use crate::types::{Entry, LogId, Membership, SnapshotMeta, Vote, log_id};

/// Settings of a store.
pub(crate) struct StoreOptions {
    /// This member.
    pub id: u64,
    /// The log's.
    pub log: LogOptions,
}

/// One member's log.
///
/// The lock order is state, then log. While this member is the only voter the log syncs on the caller's thread,
/// otherwise on a thread of its own.
pub(crate) struct Store {
    id: u64,
    reader: LogReader,
    state: Mutex<HardState>,
    /// None after [`Store::close`].
    log: Mutex<Option<Log>>,
    committed: Mutex<Option<LogId>>,
    /// Where the log is to be truncated next, once a snapshot says so.
    truncation_point: AtomicU64,
    last_time: AtomicI64,
}

impl Store {
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: &Path, options: StoreOptions) -> Result<Arc<Self>, LogError> {
        let damaged =
            |error: io::Error| LogError::Corrupt { file: dir.into(), offset: 0, what: error.to_string() };
        let (log, recovered) = Log::open(fs, dir, options.log)?;
        let Recovered { vote, committed, last, .. } = recovered;
        let state = vote.map(HardState::decode).transpose().map_err(damaged)?.unwrap_or_default();
        let committed = committed.map(encoding::decode_committed).transpose().map_err(damaged)?;
        let store = Arc::new(Self {
            id: options.id,
            reader: log.reader(),
            state: Mutex::new(state),
            log: Mutex::new(Some(log)),
            committed: Mutex::new(committed),
            truncation_point: AtomicU64::new(u64::MAX),
            last_time: AtomicI64::new(0),
        });
        let time = store.time_at(last.map(|(index, _)| index)).map_err(damaged)?;
        store.last_time.store(time, Ordering::Release);
        Ok(store)
    }

    /// The time of the last entry in the log; nothing may be proposed with an older one.
    pub(crate) fn last_time(&self) -> i64 {
        self.last_time.load(Ordering::Acquire)
    }

    /// Last entry, or last purged one if there is none.
    pub(crate) fn last_id(&self) -> Option<LogId> {
        self.reader.last().map(|(index, term)| log_id(term, index))
    }

    /// Whether nothing is kept here that this member may have promised.
    pub(crate) fn is_empty(&self) -> bool {
        self.last_id().is_none() && self.state.lock().vote.is_none()
    }

    pub(crate) fn purged_id(&self) -> Option<LogId> {
        self.reader.purged().map(|(index, term)| log_id(term, index))
    }

    /// Raft's index of the first entry that is, or will be, in the log.
    pub(crate) fn first_index(&self) -> u64 {
        let begins = || self.reader.purged().map_or(0, |(index, _)| index + 1);
        self.reader.first_index().unwrap_or_else(begins)
    }

    /// Consecutive entries from the start of the range, at least one if it is there, about `max_bytes` of them.
    pub(crate) fn read(
        &self,
        range: std::ops::Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<Decoded>, LogError> {
        let records = self.reader.read(range, max_bytes)?;
        let decoded: io::Result<Vec<_>> = records.into_iter().map(encoding::decode).collect();
        decoded.map_err(|error| LogError::Poisoned(error.to_string()))
    }

    /// The time of an entry in the log, or of the snapshot's last one.
    pub(crate) fn time_at(&self, index: Option<u64>) -> io::Result<i64> {
        let Some(index) = index else { return Ok(0) };
        if index >= self.first_index() {
            let entries = self.read(index..index + 1, 1).map_err(io::Error::other)?;
            return Ok(entries.first().map_or(0, |decoded| decoded.time_ms));
        }
        Ok(self.state.lock().snapshot.as_ref().map_or(0, |(_, time_ms)| *time_ms))
    }

    pub(super) fn append(&self, entries: impl Iterator<Item = Entry>, done: Durable) -> io::Result<()> {
        let mut time = self.last_time();
        let mut bytes = 0;
        let records: Vec<Record> = entries
            .map(|entry| {
                let (record, time_ms) = encoding::encode(entry, time);
                time = time_ms;
                bytes += record.payload_len();
                record
            })
            .collect();
        metrics::histogram!("menagerie_consensus_append_bytes").record(bytes as f64);
        let mut guard = self.log.lock();
        let Some(log) = guard.as_mut() else {
            done(Err(closed()));
            return Err(closed());
        };
        self.last_time.store(time, Ordering::Release);
        log.append(records, done).map_err(io::Error::other)
    }

    /// Chooses where the log syncs, by who votes now: on the caller's thread while nobody else does.
    pub(crate) fn adopt(&self, membership: &Membership) -> io::Result<()> {
        let inline = membership.voter_ids().eq([self.id]);
        self.log()?.run(|log| log.set_inline(inline))
    }

    pub(super) fn truncate_after(&self, keep: Option<u64>) -> io::Result<()> {
        self.log()?.run(|log| log.truncate_after(keep, menagerie_log::unobserved()))?;
        let last = self.reader.last().map(|(index, _)| index);
        self.last_time.store(self.time_at(last)?, Ordering::Release);
        Ok(())
    }

    pub(super) fn purge(&self, id: &LogId) -> io::Result<()> {
        let (index, term) = (id.index, id.leader_id.term);
        self.log()?.run(|log| log.purge(index, term, menagerie_log::unobserved()))
    }

    pub(super) fn vote(&self) -> Option<Vote> {
        self.state.lock().vote
    }

    /// Returns when the vote is durable.
    pub(super) async fn save_vote(&self, vote: Vote) -> io::Result<()> {
        self.save_state(|state| state.vote = Some(vote)).await
    }

    /// The last snapshot and the time at its end.
    pub(crate) fn snapshot(&self) -> Option<(SnapshotMeta, i64)> {
        self.state.lock().snapshot.clone()
    }

    /// Returns when the snapshot is durable. An older one than the last is forgotten.
    pub(crate) async fn save_snapshot(&self, meta: SnapshotMeta, time_ms: i64) -> io::Result<()> {
        let known = self.snapshot();
        if known.is_some_and(|(known, _)| known.last_log_id >= meta.last_log_id) {
            return Ok(());
        }
        self.save_state(|state| state.snapshot = Some((meta, time_ms))).await
    }

    async fn save_state(&self, change: impl FnOnce(&mut HardState)) -> io::Result<()> {
        let (sender, durable) = oneshot::channel();
        {
            // Submitted under the lock, so that the newest state is the one that stays.
            let mut state = self.state.lock();
            change(&mut state);
            let done: Durable = Box::new(move |result| drop(sender.send(result)));
            self.log()?.run(|log| log.save_meta(MetaKind::Vote, state.encode(), done))?;
        }
        durable.await.map_err(|_| closed())?
    }

    /// Drops what a snapshot covers unless the log agrees with it; then no reader can take an entry that was never
    /// committed for one that was.
    pub(crate) fn cover(&self, id: &LogId) -> io::Result<()> {
        if self.reader.term_of(id.index) == Some(id.leader_id.term) {
            return Ok(());
        }
        self.purge(id)?;
        self.last_time.store(self.time_at(Some(id.index))?, Ordering::Release);
        Ok(())
    }

    /// The log will be truncated behind the entry at `index`.
    pub(crate) fn set_truncation_point(&self, index: u64) {
        self.truncation_point.store(index, Ordering::Release);
    }

    /// The last entry to be dropped next, if it is still there.
    pub(crate) fn truncation_point(&self) -> Option<LogId> {
        let index = self.truncation_point.load(Ordering::Acquire);
        self.reader.term_of(index).map(|term| log_id(term, index))
    }

    pub(super) fn committed(&self) -> Option<LogId> {
        *self.committed.lock()
    }

    /// Durable with whatever is written next.
    pub(super) fn save_committed(&self, id: LogId) -> io::Result<()> {
        *self.committed.lock() = Some(id);
        self.log()?.run(|log| log.defer_meta(MetaKind::Committed, encoding::encode_committed(&id)))
    }

    /// Tells whether the log syncs on the caller's thread.
    pub(crate) fn is_inline(&self) -> bool {
        self.log.lock().as_ref().is_some_and(Log::is_inline)
    }

    /// Writes what is queued and lets go of the directory.
    pub(crate) fn close(&self) {
        drop(self.log.lock().take());
    }

    fn log(&self) -> io::Result<OpenLog<'_>> {
        let guard = self.log.lock();
        if guard.is_none() { Err(closed()) } else { Ok(OpenLog(guard)) }
    }
}

/// The log, locked.
struct OpenLog<'a>(MutexGuard<'a, Option<Log>>);

impl OpenLog<'_> {
    fn run(&mut self, call: impl FnOnce(&mut Log) -> Result<(), LogError>) -> io::Result<()> {
        self.0.as_mut().map_or_else(|| Err(closed()), |log| call(log).map_err(io::Error::other))
    }
}

fn closed() -> io::Error {
    io::Error::other("the log is closed")
}
