//! The thread that owns the checkpoint: no async task ever waits for sled or for the disk.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::State;
use menagerie_types::LogIndex;
use parking_lot::RwLockWriteGuard;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::handle::Request;
use super::load::{load, receive};
use super::meta::{self, META_KEY};
use super::store::{CheckpointDirectory, CheckpointStore};
use super::stream;
use crate::replica::Replica;
use crate::{TreeStoreError, TreeStoreOptions};

/// Records copied out of the state under one hold of its lock: well under a millisecond.
const SLICE_RECORDS: usize = 500;
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
        Ok(Self { replica, directory, store: Some(store) })
    }

    pub(super) fn replica(&self) -> Arc<Replica> {
        Arc::clone(&self.replica)
    }

    /// Serves requests and takes a checkpoint at every interval, until stopped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let interval = self.replica.options.checkpoint_interval;
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
                Ok(Some(request)) => self.serve(request).await,
                Ok(None) => return,
                Err(_) => drop(self.checkpoint()),
            }
            if due <= Instant::now() {
                due = Instant::now() + interval;
            }
        }
    }

    async fn serve(&mut self, request: Request) {
        match request {
            Request::Checkpoint(done) => {
                let result = self.checkpoint();
                if let Some(done) = done {
                    let _ = done.send(result);
                }
            }
            Request::Stream(pieces) => self.stream(&pieces).await,
            Request::Install(mut pieces, done) => drop(done.send(self.install(&mut pieces).await)),
            Request::Verify(done) => drop(done.send(self.verify())),
            Request::SetAside(reason) => {
                self.store = None;
                if let Err(error) = self.directory.set_aside(&reason) {
                    error!(%error, "a checkpoint that must not be used could not be set aside");
                }
            }
            Request::Stop(_) => {}
        }
    }

    /// Makes what was applied so far durable and lets it count. Does nothing if nothing was applied.
    fn checkpoint(&mut self) -> Result<LogIndex, TreeStoreError> {
        if let Some(fault) = self.replica.fault() {
            return Err(TreeStoreError::OutOfService(fault.into()));
        }
        let Some(store) = &mut self.store else {
            return Err(TreeStoreError::Write("an earlier checkpoint failed; restart the replica".into()));
        };
        let last = self.replica.checkpoint_index();
        if last > LogIndex(0) && self.replica.state.read().index() == last {
            return Ok(last);
        }
        let began = Instant::now();
        self.replica.reset_log_bytes();
        let meta = self.replica.state.write().begin_checkpoint();
        let mut changes = Vec::new();
        loop {
            let mut state = self.replica.state.write();
            let more = state.checkpoint_slice(SLICE_RECORDS, &mut changes);
            // Whoever waits for the lock gets it before the next slice.
            RwLockWriteGuard::unlock_fair(state);
            if !more {
                break;
            }
        }
        let records = changes.len();
        let written = store.commit(changes, &meta).and_then(|()| self.directory.set_index(meta.index));
        if let Err(error) = written {
            error!(%error, "checkpoint failed; none is taken any more until this replica is restarted");
            metrics::counter!("menagerie_tree_store_checkpoint_failures_total").increment(1);
            self.replica.state.write().abort_checkpoint();
            self.store = None;
            return Err(error);
        }
        metrics::histogram!("snapshottime").record(began.elapsed().as_secs_f64() * 1e3);
        debug!(index = %meta.index, records, elapsed = ?began.elapsed(), "checkpoint is durable");
        self.replica.set_checkpoint_index(meta.index);
        Ok(meta.index)
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
        let mut records = store.records_after(None, PIECE_BYTES)?;
        while let Some((last, _)) = records.last().cloned() {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES);
            for (key, value) in records {
                stream::put(&mut piece, &key, &value);
            }
            send(pieces, piece.freeze()).await?;
            records = store.records_after(Some(&last), PIECE_BYTES)?;
        }
        let mut piece = BytesMut::new();
        stream::put(&mut piece, META_KEY, &meta::encode(&meta));
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
fn open_checkpoint(
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

/// Waits for room, but not for a peer that has gone.
async fn send(pieces: &mpsc::Sender<ServiceResult<Bytes>>, piece: Bytes) -> Result<(), TreeStoreError> {
    match tokio::time::timeout(PEER_PATIENCE, pieces.send(Ok(piece))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(TreeStoreError::Peer(ServiceError::Unavailable("the peer stopped reading".into()))),
    }
}
