//! A replica of the tree in this process.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use menagerie_link::{Ensemble, Stores};
use menagerie_proto::tree_store::{
    BackupRecords, CheckpointStream, Directory, LinkHello, Registered, RestoreBegin, RestoreSteps, StoreLink,
    TreeStore, TreeStoreStatus,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::{Registration, State};
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::command::registration::{ADDRESS_LEN_MAX, Register, Role, Unregister};
use menagerie_types::{LogIndex, NodeId, OpCode};
use tracing::info;

use crate::checkpoint::Checkpointer;
use crate::link::LocalLink;
use crate::replica::Replica;
use crate::restore;
use crate::run::{self, Context};
use crate::{TreeStoreError, TreeStoreOptions};

/// How long a backup waits to learn how far the log is, and then for the replica to be that far.
const BACKUP_BARRIER: Duration = Duration::from_secs(10);
/// Commands for others that may wait for the log.
const PROPOSED_BYTES_MAX: usize = 1 << 20;

/// A replica that applies the log, answers reads and keeps a checkpoint. Cheap to clone.
#[derive(Clone)]
pub struct LocalTreeStore {
    replica: Arc<Replica>,
    checkpointer: Checkpointer,
    ensemble: Ensemble,
    peers: Stores,
}

/// A replica whose checkpoint is loaded, and which follows no log yet.
pub struct LoadedTreeStore {
    replica: Arc<Replica>,
    checkpointer: Checkpointer,
}

/// Opens the data directory and loads the checkpoint, on a thread of its own. It needs no other component, so a log can
/// be opened meanwhile.
///
/// Errors are those of the data directory. A damaged checkpoint is none: it is set aside and rebuilt.
pub async fn load(options: TreeStoreOptions) -> Result<LoadedTreeStore, TreeStoreError> {
    let (replica, checkpointer) = Checkpointer::start(options).await?;
    let (index, zxid) = {
        let state = replica.state.read();
        (state.index(), state.zxid())
    };
    info!(replica = %replica.options.id, %index, %zxid, "tree store loaded");
    Ok(LoadedTreeStore { replica, checkpointer })
}

impl LoadedTreeStore {
    /// The future returned applies the log, takes part in the ensemble's housekeeping, and ends after
    /// [`LocalTreeStore::shutdown`], or with the reason when the replica was taken out of the directory. It must be
    /// spawned; in one process with consensus on that runtime, so that a commit is applied without a thread hand-over.
    /// `peers` are the other replicas.
    pub fn follow(
        self,
        ensemble: Ensemble,
        peers: Stores,
    ) -> (LocalTreeStore, impl Future<Output = Option<String>> + Send + 'static) {
        let Self { replica, checkpointer } = self;
        let context = Context {
            replica: Arc::clone(&replica),
            checkpointer: checkpointer.clone(),
            ensemble: ensemble.clone(),
            peers: peers.clone(),
        };
        (LocalTreeStore { replica, checkpointer, ensemble, peers }, run::run(context))
    }
}

/// [`load`], then [`LoadedTreeStore::follow`].
pub async fn open(
    options: TreeStoreOptions,
    ensemble: Ensemble,
    peers: Stores,
) -> Result<(LocalTreeStore, impl Future<Output = Option<String>> + Send + 'static), TreeStoreError> {
    Ok(load(options).await?.follow(ensemble, peers))
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
        replica.propose_internal(OpCode::PublishConfig, &config.encode());
    }

    /// Which tree stores, session trackers and gateways there are, as this replica has applied it.
    pub fn known(&self) -> Directory {
        let state = self.replica.state.read();
        let checkpoints: BTreeMap<NodeId, LogIndex> = state.replicas().collect();
        let component = |(role, id, row): (Role, NodeId, &Registration)| Registered {
            role,
            id,
            address: row.address.clone(),
            life: row.life,
            seen_ms: row.seen_ms,
            checkpoint: match role {
                Role::TreeStore => checkpoints.get(&id).copied().unwrap_or_default(),
                Role::SessionTracker | Role::Gateway => LogIndex(0),
            },
        };
        Directory { components: state.directory().map(component).collect(), time_ms: state.time_ms() }
    }

    /// Commands for others are taken by a replica that follows the log, and not without bound.
    fn check_proposes(&self) -> ServiceResult<()> {
        self.replica.check_fault()?;
        if !self.replica.is_caught_up() {
            return Err(ServiceError::Unavailable("the replica is catching up".into()));
        }
        match self.replica.proposer.unacknowledged_bytes() {
            0..PROPOSED_BYTES_MAX => Ok(()),
            _ => Err(ServiceError::Overloaded("commands wait for the log".into())),
        }
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
        restore::begin(Arc::clone(&self.replica), self.peers.clone(), begin, records).await
    }

    async fn abort_restore(&self) -> ServiceResult<bool> {
        restore::abort(Arc::clone(&self.replica)).await
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        Ok(self.replica.status())
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        self.replica.check_fault()?;
        match self.replica.is_caught_up() {
            true => Ok(self.known()),
            false => Err(ServiceError::Unavailable("the replica is catching up".into())),
        }
    }

    async fn register(&self, component: Registered) -> ServiceResult<()> {
        let Registered { role, id, address, life, .. } = component;
        if role == Role::TreeStore {
            return Err(ServiceError::Invalid("tree stores register themselves".into()));
        }
        if address.len() > ADDRESS_LEN_MAX {
            return Err(ServiceError::Invalid("the address is too long".into()));
        }
        self.check_proposes()?;
        let checkpoint = LogIndex(0);
        self.replica.propose(&Register { role, id, life, join: true, checkpoint, address });
        self.replica
            .wait_shortly(|state| state.registration(role, id).is_some_and(|row| row.life == life))
            .await
    }

    async fn unregister(&self, role: Role, id: NodeId) -> ServiceResult<bool> {
        self.check_proposes()?;
        let is_gone = |state: &State| {
            let checkpoint = role == Role::TreeStore && state.replicas().any(|(replica, _)| replica == id);
            !checkpoint && state.registration(role, id).is_none()
        };
        if is_gone(&self.replica.state.read()) {
            return Ok(false);
        }
        self.replica.propose_internal(OpCode::Unregister, &Unregister { role, id }.encode());
        self.replica.wait_shortly(is_gone).await.map(|()| true)
    }
}
