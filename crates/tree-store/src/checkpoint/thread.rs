//! The thread that owns the checkpoint: no async task ever waits for sled or for the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::State;
use menagerie_tree::checkpoint::put_record;
use menagerie_types::LogIndex;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::handle::Request;
use super::load::{load, receive};
use super::meta::{self, META_KEY};
use super::store::{CheckpointDirectory, CheckpointStore, no_changes};
use crate::replica::Replica;
use crate::{TreeStoreError, TreeStoreOptions};

/// Size of a piece of a checkpoint stream.
const PIECE_BYTES: usize = 256 * 1024;
/// A peer that takes no piece for this long has gone.
const PEER_PATIENCE: Duration = Duration::from_secs(30);

/// What the thread owns.
pub(super) struct CheckpointThread {
    replica: Arc<Replica>,
    directory: Box<dyn CheckpointDirectory>,
    /// None after a fault: the last checkpoint on disk still counts, but no other is taken before a restart, because
    /// what failed to reach the disk once is not known to reach it the next time.
    store: Option<Box<dyn CheckpointStore>>,
    /// A rewrite has failed: it is not tried again below this size.
    rewrite_above: u64,
}

impl CheckpointThread {
    /// Opens the data directory and loads what is in it; what cannot be used is set aside.
    pub(super) fn load(options: TreeStoreOptions) -> Result<Self, TreeStoreError> {
        let mut directory = options.checkpoints.open(&options)?;
        let began = Instant::now();
        let (store, state) = match open_checkpoint(&mut *directory) {
            Err(TreeStoreError::Corrupt(reason)) => {
                directory.end_loading()?;
                directory.set_aside(&reason)?;
                open_checkpoint(&mut *directory)?
            }
            opened => opened?,
        };
        directory.end_loading()?;
        metrics::histogram!("dbinittime").record(began.elapsed().as_secs_f64() * 1e3);
        let checkpoint = state.as_ref().map_or(LogIndex(0), State::index);
        let replica = Arc::new(Replica::new(options, state.unwrap_or_else(State::new), checkpoint));
        replica.set_checkpoint_disk_bytes(store.disk_bytes().unwrap_or(0));
        Ok(Self { replica, directory, store: Some(store), rewrite_above: 0 })
    }

    pub(super) fn replica(&self) -> Arc<Replica> {
        Arc::clone(&self.replica)
    }

    /// Serves requests and takes a checkpoint at every interval, until stopped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let (interval, pause) = {
            let options = &self.replica.options;
            (options.checkpoint_interval, options.checkpoint_pause)
        };
        let mut began = None;
        let mut due = Instant::now() + interval;
        loop {
            match tokio::time::timeout_at(due, requests.recv()).await {
                Ok(Some(Request::Stop(done))) => {
                    let result = self.checkpoint().map(drop);
                    // The directory is free for others before the caller hears of it.
                    drop(self);
                    let _ = done.send(result);
                    return;
                }
                Ok(Some(Request::CheckpointSoon)) => {
                    due = due.min(began.map_or_else(Instant::now, |began| began + pause));
                }
                Ok(Some(request)) => self.serve(request).await,
                Ok(None) => return,
                Err(_) => {
                    began = Some(Instant::now());
                    drop(self.checkpoint_and_tidy());
                    due = Instant::now() + interval;
                }
            }
        }
    }

    async fn serve(&mut self, request: Request) {
        match request {
            Request::Checkpoint(done) => drop(done.send(self.checkpoint_and_tidy())),
            Request::Stream(pieces) => self.stream(&pieces).await,
            Request::Install(mut pieces, done) => drop(done.send(self.install(&mut pieces).await)),
            Request::Verify(done) => drop(done.send(self.verify())),
            Request::SetAside(reason) => {
                self.store = None;
                if let Err(error) = self.directory.set_aside(&reason) {
                    error!(%error, "a checkpoint that must not be used could not be set aside");
                }
            }
            Request::CheckpointSoon | Request::Stop(_) => {}
        }
    }

    /// Makes what was applied so far durable and lets it count. Does nothing if nothing was applied.
    fn checkpoint(&mut self) -> Result<LogIndex, TreeStoreError> {
        if let Some(fault) = self.replica.fault() {
            return Err(TreeStoreError::OutOfService(fault.into()));
        }
        let (index, restoring, whole) = {
            let state = self.replica.state.read();
            (state.index(), state.is_restoring(), state.needs_whole_checkpoint())
        };
        let last = self.replica.checkpoint_index();
        if restoring {
            return Err(TreeStoreError::Restoring);
        }
        if last > LogIndex(0) && index == last {
            return Ok(last);
        }
        let began = Instant::now();
        self.replica.reset_log_bytes();
        let written = if whole { self.write_whole() } else { self.write_changes() };
        match written {
            Ok(index) => {
                metrics::histogram!("snapshottime").record(began.elapsed().as_secs_f64() * 1e3);
                debug!(%index, whole, elapsed = ?began.elapsed(), "checkpoint is durable");
                self.replica.set_checkpoint_index(index);
                Ok(index)
            }
            Err(TreeStoreError::Restoring) => Err(TreeStoreError::Restoring),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// What failed to reach the disk once is not known to reach it the next time, and without checkpoints the log grows until it
    /// fills the disk: whoever starts this replica again has looked at the disk.
    fn failed(&mut self, error: TreeStoreError) -> TreeStoreError {
        metrics::counter!("menagerie_tree_store_checkpoint_failures_total").increment(1);
        self.store = None;
        self.replica.fail(format!("the checkpoint cannot be written: {}", chain(&error)));
        error
    }

    /// As [`Self::checkpoint`], with the work that a checkpoint leaves behind.
    fn checkpoint_and_tidy(&mut self) -> Result<LogIndex, TreeStoreError> {
        let index = self.checkpoint()?;
        let needed = self.replica.state.read().record_bytes();
        let tidied = self.store.as_mut().map_or(Ok(()), |store| store.tidy(needed));
        match tidied {
            Ok(()) => self.keep_small(),
            // What is in memory is whole.
            Err(TreeStoreError::Corrupt(damage)) => {
                error!(damage, "the checkpoint is damaged, writing it anew");
                match self.write_whole() {
                    Ok(index) => self.replica.set_checkpoint_index(index),
                    // What is restored is written as a whole.
                    Err(TreeStoreError::Restoring) => {}
                    Err(error) => return Err(self.failed(error)),
                }
            }
            Err(error) => return Err(self.failed(error)),
        }
        Ok(index)
    }

    /// Adds what has changed to the checkpoint.
    fn write_changes(&mut self) -> Result<LogIndex, TreeStoreError> {
        let Some(store) = &mut self.store else { return Err(TreeStoreError::Stopping) };
        let (meta, takeovers) = {
            let mut state = self.replica.state.write();
            (state.begin_checkpoint(), state.takeovers())
        };
        let (replica, mut more) = (&self.replica, true);
        let mut slices = || {
            let mut slice = Vec::new();
            let there = std::mem::take(&mut more);
            if there {
                more = replica.checkpoint_slice(takeovers, &mut slice)?;
            }
            Ok(there.then_some(slice))
        };
        let written = store.commit(&mut slices, &meta).and_then(|()| self.directory.set_index(meta.index));
        let mut state = self.replica.state.write();
        match written {
            Ok(()) => state.checkpoint_stored(),
            Err(_) => state.abort_checkpoint(),
        }
        written.map(|()| meta.index)
    }

    /// Writes all of the state into an empty checkpoint, which then takes the place of the current one.
    fn write_whole(&mut self) -> Result<LogIndex, TreeStoreError> {
        let mut store = self.directory.next()?;
        let (meta, takeovers) = {
            let mut state = self.replica.state.write();
            (state.begin_whole_checkpoint(), state.takeovers())
        };
        let filled = self.fill(&mut *store, takeovers);
        let written = filled
            .and_then(|()| store.commit(&mut no_changes, &meta))
            .and_then(|()| self.directory.adopt_next(meta.index));
        if let Err(error) = written {
            self.replica.state.write().abort_checkpoint();
            return Err(error);
        }
        self.store = Some(store);
        self.replica.state.write().whole_checkpoint_done();
        Ok(meta.index)
    }

    fn fill(&self, store: &mut dyn CheckpointStore, takeovers: u64) -> Result<(), TreeStoreError> {
        let mut more = true;
        while more {
            let mut records = Vec::new();
            more = self.replica.checkpoint_slice(takeovers, &mut records)?;
            let mut there = records.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            there.try_for_each(|(key, value)| store.fill(key, value))?;
        }
        Ok(())
    }

    /// Writes the checkpoint's records into an empty one if it takes far more room than it needs. When that fails the current one still counts,
    /// and has grown by nothing.
    fn keep_small(&mut self) {
        let Some(store) = &self.store else { return };
        let bytes = match store.disk_bytes() {
            Ok(bytes) => bytes,
            Err(error) => return warn!(%error, "the checkpoint's size is not known"),
        };
        self.replica.set_checkpoint_disk_bytes(bytes);
        let options = &self.replica.options;
        let needed = self.replica.state.read().record_bytes();
        let limit = (needed * options.checkpoint_disk_factor).max(options.checkpoint_disk_min);
        if bytes <= limit.max(self.rewrite_above) {
            return;
        }
        let began = Instant::now();
        let next = match self.rewritten() {
            Ok(next) => next,
            Err(error) => {
                self.rewrite_above = bytes + bytes / 4;
                return warn!(bytes, needed, error = %chain(&error), "checkpoint not written anew; it is tried again when it has grown by a quarter");
            }
        };
        if let Err(error) = self.directory.adopt_next(self.replica.checkpoint_index()) {
            // Which of the two counts is not known any more.
            let error = self.failed(error);
            return error!(%error, "checkpoint written anew, but not in its place");
        }
        let after = next.disk_bytes().unwrap_or(0);
        (self.store, self.rewrite_above) = (Some(next), 0);
        self.replica.set_checkpoint_disk_bytes(after);
        metrics::counter!("menagerie_tree_store_checkpoint_rewrites_total").increment(1);
        info!(before = bytes, after, needed, elapsed = ?began.elapsed(), "checkpoint written anew, it had grown");
    }

    /// The same records in the next directory, without a look at the state.
    fn rewritten(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError> {
        let stored = self.store.as_ref().ok_or(TreeStoreError::Stopping)?;
        let meta = stored.meta()?.ok_or(TreeStoreError::Stopping)?;
        let mut next = self.directory.next()?;
        stored.for_each(&mut |key, value| next.fill(key, value))?;
        next.commit(&mut no_changes, &meta)?;
        Ok(next)
    }

    /// Sends the whole checkpoint; the next one waits meanwhile, so that all records are of the same index.
    async fn stream(&mut self, pieces: &mpsc::Sender<ServiceResult<Bytes>>) {
        let sent = match self.checkpoint() {
            Ok(_) => self.send_records(pieces).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            warn!(%error, "a peer did not get the checkpoint");
            let _ = pieces.try_send(Err(ServiceError::Unavailable(error.to_string())));
        }
    }

    async fn send_records(&self, pieces: &mpsc::Sender<ServiceResult<Bytes>>) -> Result<(), TreeStoreError> {
        let Some(store) = &self.store else { return Err(TreeStoreError::Stopping) };
        let Some(meta) = store.meta()? else { return Err(TreeStoreError::Stopping) };
        for piece in store.pieces(PIECE_BYTES)? {
            send(pieces, piece?).await?;
        }
        let mut piece = BytesMut::new();
        put_record(&mut piece, META_KEY, &meta::encode(&meta));
        send(pieces, piece.freeze()).await
    }

    /// Replaces checkpoint and state by a peer's, unless that is not further than this replica.
    async fn install(&mut self, pieces: &mut mpsc::Receiver<Bytes>) -> Result<LogIndex, TreeStoreError> {
        let mut store = self.directory.next()?;
        let state = receive(pieces, &mut *store, &self.replica.options.data_dir).await?;
        let (index, applied) = (state.index(), self.replica.state.read().index());
        if index <= applied {
            return Err(TreeStoreError::Peer(ServiceError::Invalid(format!(
                "its checkpoint covers index {index}, this replica has applied {applied}"
            ))));
        }
        self.store = None;
        self.directory.adopt_next(index)?;
        self.store = Some(store);
        self.replica.replace_state(state);
        info!(%index, "replica rebuilt from a peer's checkpoint");
        Ok(index)
    }

    fn verify(&mut self) -> Result<(), TreeStoreError> {
        self.checkpoint()?;
        match &self.store {
            Some(store) => load(&**store).map(drop),
            None => Err(TreeStoreError::Stopping),
        }
    }
}

/// The checkpoint that the directory names, with the state in it if there is one.
pub(super) fn open_checkpoint(
    directory: &mut dyn CheckpointDirectory,
) -> Result<(Box<dyn CheckpointStore>, Option<State>), TreeStoreError> {
    if !directory.begin_loading()? {
        return Err(TreeStoreError::Corrupt("opening it brought the process down too often".into()));
    }
    let store = directory.current()?;
    let state = load(&*store)?;
    let (found, expected) = (state.as_ref().map_or(LogIndex(0), State::index), directory.index());
    if found < expected {
        return Err(TreeStoreError::Corrupt(format!("it reached index {expected} and is back at {found}")));
    }
    Ok((store, state))
}

/// The error with its causes.
fn chain(error: &TreeStoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// Waits for room, but not for a peer that has gone.
async fn send(pieces: &mpsc::Sender<ServiceResult<Bytes>>, piece: Bytes) -> Result<(), TreeStoreError> {
    match tokio::time::timeout(PEER_PATIENCE, pieces.send(Ok(piece))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(TreeStoreError::Peer(ServiceError::Unavailable("the peer stopped reading".into()))),
    }
}
