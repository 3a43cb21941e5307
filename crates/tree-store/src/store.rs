//! A replica of the tree in this process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use menagerie_link::Ensemble;
use menagerie_proto::tree_store::{
    BackupRecords, CheckpointStream, LinkHello, RestoreBegin, RestoreSteps, StoreLink, TreeStore,
    TreeStoreStatus,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::command::Command;
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::{LogIndex, OpCode, SessionId};
use tracing::info;

use crate::checkpoint::Checkpointer;
use crate::link::LocalLink;
use crate::replica::Replica;
use crate::restore;
use crate::run::{self, Context};
use crate::{TreeStoreError, TreeStoreOptions};

/// How long a backup waits to learn how far the log is, and then for the replica to be that far.
const BACKUP_BARRIER: Duration = Duration::from_secs(10);

/// A replica that applies the log, answers reads and keeps a checkpoint. Cheap to clone.
#[derive(Clone)]
pub struct LocalTreeStore {
    replica: Arc<Replica>,
    checkpointer: Checkpointer,
    ensemble: Ensemble,
    peers: Arc<[Arc<dyn TreeStore>]>,
}

/// Opens the data directory and loads the checkpoint, on a thread of its own.
///
/// The future returned applies the log, takes part in the ensemble's housekeeping, and ends after
/// [`LocalTreeStore::shutdown`]. It must be spawned; in one process with consensus on that runtime, so that a commit
/// is applied without a thread hand-over. `peers` are the other replicas.
///
/// Errors are those of the data directory. A damaged checkpoint is none: it is set aside and rebuilt.
pub async fn open(
    options: TreeStoreOptions,
    ensemble: Ensemble,
    peers: Vec<Arc<dyn TreeStore>>,
) -> Result<(LocalTreeStore, impl Future<Output = ()> + Send + 'static), TreeStoreError> {
    let (replica, checkpointer) = Checkpointer::start(options).await?;
    let (index, zxid) = {
        let state = replica.state.read();
        (state.index(), state.zxid())
    };
    info!(replica = %replica.options.id, %index, %zxid, "tree store loaded");
    let context = Context {
        replica: Arc::clone(&replica),
        checkpointer: checkpointer.clone(),
        ensemble: ensemble.clone(),
        peers: peers.clone(),
    };
    let task = run::run(context);
    Ok((LocalTreeStore { replica, checkpointer, ensemble, peers: peers.into() }, task))
}

impl LocalTreeStore {
    /// Ends the links and the apply loop and takes a last checkpoint. Returns when that is on stable storage, with
    /// the data directory released.
    pub async fn shutdown(&self) -> Result<(), TreeStoreError> {
        self.replica.stop();
        self.checkpointer.stop().await
    }

    /// Has `/zookeeper/config` show an ensemble, unless it shows that one or a later one already, or a proposal of
    /// this replica is still on its way: call it again.
    pub fn publish_config(&self, config: &PublishConfig) {
        let replica = &self.replica;
        let shown = replica.state.read().published_ensemble();
        if !replica.is_caught_up()
            || shown >= config.membership_index
            || replica.proposer.has_unacknowledged()
        {
            return;
        }
        let (body, session) = (config.encode(), SessionId::NONE);
        replica.proposer.push(&Command {
            op: OpCode::PublishConfig,
            session,
            xid: 0,
            auth: &[],
            body: &body,
        });
        replica.proposer.wake();
    }

    /// The state's digest after the entry at `index`, if that was applied here and not too long ago.
    pub fn digest_at(&self, index: LogIndex) -> Option<u64> {
        self.replica.digests.lock().at(index)
    }

    /// Why the replica has stopped serving for good, if it has.
    pub fn fault(&self) -> Option<String> {
        self.replica.fault().map(str::to_owned)
    }

    /// Takes a checkpoint now, if anything was applied since the last one. Returns when it is on stable storage.
    pub async fn checkpoint(&self) -> Result<(), TreeStoreError> {
        self.checkpointer.checkpoint().await.map(drop)
    }
}

impl LocalTreeStore {
    fn checkpoint_stream(&self) -> ServiceResult<CheckpointStream> {
        let pieces = self.checkpointer.stream()?;
        Ok(stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) }).boxed())
    }
}

fn no_leader() -> ServiceError {
    ServiceError::Unavailable("the log has no leader, so nobody knows what the last write is".into())
}

#[async_trait]
impl TreeStore for LocalTreeStore {
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        self.replica.wait_for(hello.zxid).await?;
        let (key, queue) = self.replica.open_link(&hello)?;
        Ok(Box::new(LocalLink { replica: Arc::clone(&self.replica), key, queue }))
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        self.replica.check_fault()?;
        self.checkpoint_stream()
    }

    async fn backup(&self, stale_ok: bool) -> ServiceResult<CheckpointStream> {
        self.replica.check_fault()?;
        if !stale_ok {
            let index = self.ensemble.barrier(BACKUP_BARRIER).await.map_err(|_| no_leader())?;
            let reached = restore::reached(&self.replica, index);
            tokio::time::timeout(BACKUP_BARRIER, reached).await.map_err(|_| ServiceError::Deadline)??;
        }
        self.checkpoint_stream()
    }

    async fn restore(&self, begin: RestoreBegin, records: BackupRecords) -> ServiceResult<RestoreSteps> {
        restore::begin(Arc::clone(&self.replica), Arc::clone(&self.peers), begin, records).await
    }

    async fn abort_restore(&self) -> ServiceResult<bool> {
        restore::abort(Arc::clone(&self.replica)).await
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        Ok(self.replica.status())
    }
}
