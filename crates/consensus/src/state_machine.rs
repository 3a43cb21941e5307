//! The log has no state machine of its own: applying only tells the tails how far it is committed.

use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use menagerie_types::LogIndex;
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::watch;

use crate::storage::Store;
use crate::types::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig, outer_id};

/// What is known of the committed log: its end, the time there, and the membership.
pub(crate) struct StateMachine {
    store: Arc<Store>,
    applied: Option<LogId>,
    /// The one at the last snapshot and all since, the current one last.
    memberships: Vec<StoredMembership>,
    time_ms: i64,
    /// The last committed index, as the outside counts.
    committed: watch::Sender<LogIndex>,
}

impl StateMachine {
    pub(crate) fn new(store: Arc<Store>, committed: watch::Sender<LogIndex>) -> Self {
        Self { store, applied: None, memberships: Vec::new(), time_ms: 0, committed }
    }

    fn membership(&self) -> StoredMembership {
        self.memberships.last().cloned().unwrap_or_default()
    }

    /// What a snapshot says that ends where the log is to be truncated, and not where it is applied: a member that gets
    /// it must not lack entries that no checkpoint covers. None if there is no such point.
    fn at_truncation_point(&mut self) -> Option<(SnapshotMeta, i64)> {
        let last = self.store.truncation_point()?;
        if self.applied.is_none_or(|applied| applied.index <= last.index) {
            return None;
        }
        let time_ms = self.store.time_at(Some(last.index)).ok()?;
        let later = self.memberships.iter().position(|known| *known.log_id() > Some(last));
        // From here on nobody asks for one from before that.
        self.memberships.drain(..later.unwrap_or(self.memberships.len()).saturating_sub(1));
        let last_membership = self.memberships.first().cloned().unwrap_or_default();
        Some((SnapshotMeta { last_log_id: Some(last), last_membership }, time_ms))
    }

    fn publish(&self) {
        let index = outer_id(self.applied.as_ref());
        metrics::gauge!("menagerie_consensus_commit_index").set(index.0 as f64);
        self.committed.send_replace(index);
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = i64;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(batch) => self.time_ms = batch.time_ms,
                EntryPayload::Membership(membership) => {
                    self.memberships.push(StoredMembership::new(Some(entry.log_id), membership));
                }
            }
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        self.publish();
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let point = self.at_truncation_point();
        let (meta, time_ms) = point.unwrap_or_else(|| {
            let meta = SnapshotMeta { last_log_id: self.applied, last_membership: self.membership() };
            (meta, self.time_ms)
        });
        Builder { store: Arc::clone(&self.store), meta, time_ms }
    }

    /// Also called at start with the snapshot found on disk.
    async fn install_snapshot(&mut self, meta: &SnapshotMeta, time_ms: i64) -> io::Result<()> {
        self.store.save_snapshot(meta.clone(), time_ms).await?;
        if let Some(last) = &meta.last_log_id {
            self.store.cover(last)?;
        }
        self.applied = meta.last_log_id;
        self.memberships = vec![meta.last_membership.clone()];
        self.time_ms = time_ms;
        self.publish();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(self.store.snapshot().map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// Makes "the log may begin behind here" durable.
pub(crate) struct Builder {
    store: Arc<Store>,
    meta: SnapshotMeta,
    time_ms: i64,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = i64;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        self.store.save_snapshot(self.meta.clone(), self.time_ms).await?;
        Ok(Snapshot { meta: self.meta.clone(), snapshot: self.time_ms })
    }
}
