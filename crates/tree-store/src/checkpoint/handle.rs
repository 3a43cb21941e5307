//! How the rest of a replica talks to its checkpoint thread.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::LogIndex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::thread::CheckpointThread;
use crate::replica::Replica;
use crate::{TreeStoreError, TreeStoreOptions};

/// Requests that may wait for the thread.
const REQUESTS_MAX: usize = 64;
/// Pieces of a checkpoint stream that may wait for the peer.
const PIECES_MAX: usize = 4;

const FULL_PAUSE: Duration = Duration::from_millis(10);

pub(super) type Done<T> = oneshot::Sender<Result<T, TreeStoreError>>;

/// What the thread is asked to do.
pub(super) enum Request {
    /// Take a checkpoint; says which index it covers.
    Checkpoint(Done<LogIndex>),
    /// Take a checkpoint when the last one is some time ago; nobody waits for it.
    CheckpointSoon,
    /// Take a checkpoint and send it to a peer.
    Stream(mpsc::Sender<ServiceResult<Bytes>>),
    /// Replace checkpoint and state by what a peer sends.
    Install(mpsc::Receiver<Bytes>, Done<LogIndex>),
    /// Take a checkpoint, read it back and verify it against its digest.
    Verify(Done<()>),
    /// The state is wrong: the checkpoint must not be used again.
    SetAside(String),
    /// Take a last checkpoint and end.
    Stop(Done<()>),
}

/// A handle to the checkpoint thread, which ends with the last handle.
#[derive(Clone)]
pub(crate) struct Checkpointer {
    requests: mpsc::Sender<Request>,
}

impl Checkpointer {
    /// Loads the state and keeps its checkpoint from then on.
    pub(crate) async fn start(options: TreeStoreOptions) -> Result<(Arc<Replica>, Self), TreeStoreError> {
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        let (loaded, loading) = oneshot::channel();
        let (host, path) = (Arc::clone(&options.host), options.data_dir.clone());
        let run = async |options, loaded: oneshot::Sender<_>, queue| match CheckpointThread::load(options) {
            Ok(thread) => {
                if loaded.send(Ok(thread.replica())).is_ok() {
                    thread.run(queue).await;
                }
            }
            Err(error) => drop(loaded.send(Err(error))),
        };
        host.spawn(super::CHECKPOINT_THREAD, Box::new(move || run(options, loaded, queue).boxed_local()))
            .map_err(TreeStoreError::io("cannot start a thread for", path))?;
        let replica = loading.await.map_err(|_| TreeStoreError::Stopping)??;
        Ok((replica, Self { requests }))
    }

    /// Takes a checkpoint if anything was applied since the last; returns the index it covers.
    pub(crate) async fn checkpoint(&self) -> Result<LogIndex, TreeStoreError> {
        self.ask(Request::Checkpoint).await
    }

    /// Asks for a checkpoint without waiting for it. If the thread is busy, its interval will bring one.
    pub(crate) fn checkpoint_soon(&self) {
        let _ = self.requests.try_send(Request::CheckpointSoon);
    }

    /// A fresh checkpoint as a stream of pieces.
    pub(crate) fn stream(&self) -> ServiceResult<mpsc::Receiver<ServiceResult<Bytes>>> {
        let (pieces, stream) = mpsc::channel(PIECES_MAX);
        match self.requests.try_send(Request::Stream(pieces)) {
            Ok(()) => Ok(stream),
            Err(TrySendError::Full(_)) => Err(ServiceError::Overloaded("checkpoints are being taken".into())),
            Err(TrySendError::Closed(_)) => {
                Err(ServiceError::Unavailable("the replica is shutting down".into()))
            }
        }
    }

    /// Where the pieces of a peer's checkpoint go, and what comes of them.
    #[allow(clippy::type_complexity)] // a channel each way
    pub(crate) fn install(
        &self,
    ) -> Result<(mpsc::Sender<Bytes>, oneshot::Receiver<Result<LogIndex, TreeStoreError>>), TreeStoreError>
    {
        let (pieces, stream) = mpsc::channel(PIECES_MAX);
        let (done, outcome) = oneshot::channel();
        self.requests.try_send(Request::Install(stream, done)).map_err(|_| TreeStoreError::Stopping)?;
        Ok((pieces, outcome))
    }

    /// Checks that the records of the state give the digest that the state claims.
    pub(crate) async fn verify(&self) -> Result<(), TreeStoreError> {
        self.ask(Request::Verify).await
    }

    /// The state is wrong: what was saved of it must not be used again.
    pub(crate) fn set_aside(&self, reason: String) {
        let _ = self.requests.try_send(Request::SetAside(reason));
    }

    /// Takes a last checkpoint and ends the thread.
    pub(crate) async fn stop(&self) -> Result<(), TreeStoreError> {
        match self.ask(Request::Stop).await {
            Err(TreeStoreError::Stopping) => Ok(()),
            other => other,
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(Done<T>) -> Request) -> Result<T, TreeStoreError> {
        let (done, outcome) = oneshot::channel();
        let mut request = request(done);
        loop {
            request = match self.requests.try_send(request) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => back,
                Err(TrySendError::Closed(_)) => return Err(TreeStoreError::Stopping),
            };
            tokio::time::sleep(FULL_PAUSE).await;
        }
        outcome.await.map_err(|_| TreeStoreError::Stopping)?
    }
}
