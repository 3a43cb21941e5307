//! What the parts of a replica share: the state, the links, and where the replica stands.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use menagerie_link::Proposer;
use menagerie_proto::consensus::LogEntry;
use menagerie_proto::tree_store::{LinkHello, LinkQueue, TreeStoreStatus};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::{ApplyError, Record, State};
use menagerie_types::command::Command;
use menagerie_types::command::registration::Register;
use menagerie_types::{LogIndex, OpCode, SessionId, Zxid};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};
use tokio::sync::{Notify, watch};
use tracing::error;

use crate::links::{LinkKey, Links};
use crate::run::digests::DigestRing;
use crate::{TreeStoreError, TreeStoreOptions};

/// Records copied out of the state under one hold of its lock: well under a millisecond.
const SLICE_RECORDS: usize = 500;
const RESTORING: &str = "a backup is being restored";

/// Lock order: state, then links, then the rest. No lock is held across an await or a file operation.
pub(crate) struct Replica {
    pub(crate) options: TreeStoreOptions,
    pub(crate) state: RwLock<State>,
    pub(crate) links: Mutex<Links>,
    pub(crate) digests: Mutex<DigestRing>,
    /// The replica's own commands.
    pub(crate) proposer: Proposer,
    /// Wakes those who wait for the state to move on.
    progress: Notify,
    caught_up: AtomicBool,
    /// Why the replica stopped serving, for good.
    fault: OnceLock<String>,
    checkpoint_index: AtomicU64,
    checkpoint_disk_bytes: AtomicU64,
    /// The tree was replaced by what was restored: the log should not have to keep that for long.
    new_tree: AtomicBool,
    /// A checkpoint has become durable.
    pub(crate) checkpointed: Notify,
    /// Bytes of log applied since the last checkpoint began.
    log_bytes: AtomicU64,
    /// Bytes of log applied since the start.
    log_bytes_total: AtomicU64,
    stop: watch::Sender<bool>,
}

impl Replica {
    pub(crate) fn new(options: TreeStoreOptions, mut state: State, checkpoint: LogIndex) -> Self {
        state.set_event_history_bytes(options.event_history_bytes);
        let proposer = Proposer::new(menagerie_link::new_incarnation());
        let links = Links::new(options.result_bytes_max, proposer.clone());
        Self {
            options,
            state: RwLock::new(state),
            links: Mutex::new(links),
            digests: Mutex::new(DigestRing::default()),
            proposer,
            progress: Notify::new(),
            caught_up: AtomicBool::new(false),
            fault: OnceLock::new(),
            checkpoint_index: AtomicU64::new(checkpoint.0),
            checkpoint_disk_bytes: AtomicU64::new(0),
            new_tree: AtomicBool::new(false),
            checkpointed: Notify::new(),
            log_bytes: AtomicU64::new(0),
            log_bytes_total: AtomicU64::new(0),
            stop: watch::Sender::new(false),
        }
    }

    /// Applies one entry and delivers what it does. `queues` is scratch memory.
    pub(crate) fn apply(&self, entry: &LogEntry, queues: &mut Vec<Arc<LinkQueue>>) -> Result<(), ApplyError> {
        let mut state = self.state.write();
        let mut links = self.links.lock();
        let before = (state.is_restoring(), state.takeovers());
        state.apply_entry(entry.index, entry.time_ms, &entry.chunks, &mut *links)?;
        links.tell_applied(state.index(), state.zxid());
        if before != (state.is_restoring(), state.takeovers()) {
            // The tree that they were about is not there any more, or not yet.
            links.close_all(&ServiceError::Unavailable(RESTORING.into()));
            self.new_tree.store(!state.is_restoring() && state.needs_whole_checkpoint(), Ordering::Relaxed);
        }
        links.drain_touched(queues);
        self.digests.lock().push(state.index(), state.digest());
        drop(links);
        drop(state);
        wake(queues);
        self.progress.notify_waiters();
        Ok(())
    }

    /// Puts another state in the place of this one. The links end: they have missed what lies between.
    pub(crate) fn replace_state(&self, mut new: State) {
        new.set_event_history_bytes(self.options.event_history_bytes);
        let mut state = self.state.write();
        let mut links = self.links.lock();
        links.tell_progress(state.index(), state.zxid());
        links.close_all(&ServiceError::Unavailable("the replica was rebuilt from a peer".into()));
        links.clear_history();
        self.digests.lock().clear();
        self.set_checkpoint_index(new.index());
        *state = new;
        drop(links);
        drop(state);
        self.progress.notify_waiters();
    }

    /// Opens a link at the state as it is now.
    pub(crate) fn open_link(&self, hello: &LinkHello) -> ServiceResult<(LinkKey, Arc<LinkQueue>)> {
        self.with_links(|state, links| {
            // Under the lock: whoever sets these closes all links under it afterwards.
            self.check_fault()?;
            if state.is_restoring() {
                return Err(ServiceError::Unavailable(RESTORING.into()));
            }
            if *self.stop.borrow() {
                return Err(ServiceError::Unavailable("the replica is shutting down".into()));
            }
            links.open(state, hello)
        })
    }

    /// Runs `f` while nothing is applied; what it pushes is delivered.
    pub(crate) fn with_links<T>(&self, f: impl FnOnce(&State, &mut Links) -> T) -> T {
        let state = self.state.read();
        let mut links = self.links.lock();
        let done = f(&state, &mut links);
        let mut queues = Vec::new();
        links.drain_touched(&mut queues);
        drop(links);
        drop(state);
        wake(&mut queues);
        done
    }

    /// Waits until `holds` says so of the state, for as long as it takes. An error when the replica stops before.
    pub(crate) async fn wait_until<T>(&self, mut holds: impl FnMut(&State) -> Option<T>) -> ServiceResult<T> {
        let reached = async {
            loop {
                let mut moved = std::pin::pin!(self.progress.notified());
                moved.as_mut().enable();
                self.check_fault()?;
                if let Some(seen) = holds(&self.state.read()) {
                    return Ok(seen);
                }
                moved.await;
            }
        };
        tokio::select! {
            () = self.stopped() => Err(ServiceError::Unavailable("the replica is shutting down".into())),
            seen = reached => seen,
        }
    }

    /// Copies records of the checkpoint begun out of the state; true if there are more. An error if the tree was replaced
    /// since it was begun: then it is the checkpoint of a tree that is no more.
    pub(crate) fn checkpoint_slice(
        &self,
        takeovers: u64,
        out: &mut Vec<Record>,
    ) -> Result<bool, TreeStoreError> {
        let mut state = self.state.write();
        if state.takeovers() != takeovers {
            return Err(TreeStoreError::Restoring);
        }
        let more = state.checkpoint_slice(SLICE_RECORDS, out);
        // Whoever waits for the lock gets it before the next slice.
        RwLockWriteGuard::unlock_fair(state);
        Ok(more)
    }

    /// Waits until the replica has caught up with the log and has reached `zxid`, but not for long.
    pub(crate) async fn wait_for(&self, zxid: Zxid) -> ServiceResult<()> {
        let reached = async {
            loop {
                let mut moved = std::pin::pin!(self.progress.notified());
                moved.as_mut().enable();
                self.check_fault()?;
                if self.caught_up.load(Ordering::Acquire) && self.state.read().zxid() >= zxid {
                    return Ok(());
                }
                moved.await;
            }
        };
        let behind = |_| ServiceError::Behind { applied: self.state.read().zxid() };
        tokio::time::timeout(self.options.link_wait, reached).await.map_err(behind)?
    }

    /// Proposes a registration.
    pub(crate) fn propose(&self, register: &Register) {
        self.propose_internal(OpCode::Register, &register.encode());
    }

    /// Proposes a command of this replica's own.
    pub(crate) fn propose_internal(&self, op: OpCode, body: &[u8]) {
        self.proposer.push(&Command { op, session: SessionId::NONE, xid: 0, auth: &[], body });
        self.proposer.wake();
    }

    /// As [`Self::wait_until`], but not for long.
    pub(crate) async fn wait_shortly(&self, reached: impl Fn(&State) -> bool) -> ServiceResult<()> {
        let waited = self.wait_until(|state| reached(state).then_some(()));
        tokio::time::timeout(self.options.link_wait, waited).await.unwrap_or(Err(ServiceError::Deadline))
    }

    /// The replica has applied what was committed when it asked.
    pub(crate) fn set_caught_up(&self) {
        if !self.caught_up.swap(true, Ordering::AcqRel) {
            self.progress.notify_waiters();
        }
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    /// Stops serving for good: the state cannot be trusted, or cannot go on.
    pub(crate) fn fail(&self, reason: String) {
        error!(replica = %self.options.id, %reason, "this replica stops serving");
        let ended = ServiceError::Unavailable(format!("replica {} is out of service", self.options.id));
        let _ = self.fault.set(reason);
        self.links.lock().close_all(&ended);
        self.progress.notify_waiters();
    }

    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    pub(crate) fn check_fault(&self) -> ServiceResult<()> {
        match self.fault() {
            Some(reason) => Err(ServiceError::Unavailable(format!("out of service: {reason}"))),
            None => Ok(()),
        }
    }

    pub(crate) fn checkpoint_index(&self) -> LogIndex {
        LogIndex(self.checkpoint_index.load(Ordering::Acquire))
    }

    /// What the checkpoint takes on disk.
    pub(crate) fn set_checkpoint_disk_bytes(&self, bytes: u64) {
        self.checkpoint_disk_bytes.store(bytes, Ordering::Relaxed);
        metrics::gauge!("menagerie_tree_store_checkpoint_disk_bytes").set(bytes as f64);
    }

    /// A checkpoint up to `index` is on stable storage.
    pub(crate) fn set_checkpoint_index(&self, index: LogIndex) {
        self.checkpoint_index.store(index.0, Ordering::Release);
        self.checkpointed.notify_one();
    }

    /// Counts applied bytes of log; true once when it is time for a checkpoint.
    pub(crate) fn count_log_bytes(&self, bytes: u64) -> bool {
        self.log_bytes_total.fetch_add(bytes, Ordering::Relaxed);
        let before = self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
        let max = self.options.checkpoint_bytes;
        before < max && before + bytes >= max
    }

    /// Bytes of log applied since the start.
    pub(crate) fn log_bytes_total(&self) -> u64 {
        self.log_bytes_total.load(Ordering::Relaxed)
    }

    /// True once after a restore.
    pub(crate) fn has_new_tree(&self) -> bool {
        self.new_tree.load(Ordering::Relaxed) && self.new_tree.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn reset_log_bytes(&self) {
        self.log_bytes.store(0, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        self.with_links(|state, links| {
            links.tell_progress(state.index(), state.zxid());
            links.close_all(&ServiceError::Unavailable("the replica is shutting down".into()));
        });
    }

    pub(crate) async fn stopped(&self) {
        // The sender lives in `self`: the wait cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    pub(crate) fn status(&self) -> TreeStoreStatus {
        let state = self.state.read();
        let (_, watch_count, _) = self.links.lock().sizes();
        let restoring = state.restoring();
        TreeStoreStatus {
            id: self.options.id,
            applied_index: state.index(),
            zxid: state.zxid(),
            digest: state.digest(),
            checkpoint_index: self.checkpoint_index(),
            znode_count: state.znode_count(),
            session_count: state.session_count(),
            ephemeral_count: state.ephemeral_count(),
            watch_count: watch_count as u64,
            data_bytes: state.data_bytes(),
            serving: self.is_caught_up() && self.fault().is_none() && !state.is_restoring(),
            restoring_id: restoring.as_ref().map_or(0, |restoring| restoring.id),
            restoring_records: restoring.as_ref().map_or(0, |restoring| restoring.records),
            restoring_problem: restoring
                .and_then(|restoring| restoring.failed)
                .map_or_else(String::new, |error| error.to_string()),
            restored_id: state.restored().map_or(0, |restored| restored.id),
            checkpoint_disk_bytes: self.checkpoint_disk_bytes.load(Ordering::Relaxed),
            fault: self.fault().unwrap_or_default().to_owned(),
        }
    }
}

fn wake(queues: &mut Vec<Arc<LinkQueue>>) {
    for queue in queues.drain(..) {
        queue.wake();
    }
}
