//! A replica of the tree.

use std::path::PathBuf;
use std::sync::Arc;

use menagerie_link::{Ensemble, Stores};
use menagerie_proto::tree_store::{TreeStore, TreeStoreServer, TreeStoreStatus};
use menagerie_tree_store::{LoadedTreeStore, LocalTreeStore, TreeStoreOptions};
use menagerie_types::NodeId;
use serde_json::{Value, json};
use tracing::error;

use crate::board::{Condition, unknown};
use crate::error::{Error, Result};
use crate::grpc::GrpcServer;
use crate::process::Process;
use crate::threads::RuntimeThread;

const NAME: &str = "tree-store";
/// Events remembered where no link comes from another replica, only clients that were away.
const ALONE_HISTORY_BYTES: usize = 4 * 1024 * 1024;

/// A replica whose apply loop runs on a thread's runtime.
pub struct TreeStorePart {
    /// The replica.
    pub local: LocalTreeStore,
}

/// Loads the checkpoint in `dir` of replica `id`, which is called at `address`.
pub async fn load((id, address, dir): (NodeId, String, PathBuf)) -> Result<LoadedTreeStore> {
    let is_alone = address.is_empty();
    let mut options = TreeStoreOptions { address, ..TreeStoreOptions::new(id, dir) };
    if is_alone {
        options.event_history_bytes = ALONE_HISTORY_BYTES;
    }
    menagerie_tree_store::load(options).await.map_err(|error| Error::component(NAME, error))
}

/// Starts a loaded replica; it applies the log on `thread`.
pub fn start(
    process: &mut Process,
    thread: &RuntimeThread,
    loaded: LoadedTreeStore,
    (ensemble, peers): (Ensemble, Stores),
) -> TreeStorePart {
    let (local, apply) = loaded.follow(ensemble, peers);
    let applying = thread.handle().spawn(apply);
    let (fatal, stopping, applied) = (process.fatal(), process.stop_token(), local.clone());
    tokio::spawn(async move {
        let outcome = applying.await;
        if !stopping.is_cancelled() {
            let advice = "start this process again; if it recurs, `menagerie admin rebuild` has the replica rebuilt from its peers";
            let ended = || applied.fault().unwrap_or_else(|| "its apply loop ended".to_owned());
            let problem = match outcome {
                Ok(Some(removed)) => removed,
                Ok(None) => format!("{}; {advice}", ended()),
                Err(error) => format!("{error}; {advice}"),
            };
            let _ = fatal.send(Error::component(NAME, problem)).await;
        }
    });
    let looked_at = local.clone();
    process.board.add(NAME, move || look(looked_at.clone()));
    let stopped = local.clone();
    process.on_stop(NAME, async move {
        if let Err(error) = stopped.shutdown().await {
            error!(%error, "no last checkpoint; the next start replays more of the log");
        }
    });
    TreeStorePart { local }
}

impl TreeStorePart {
    /// Adds the replica's service to the port that the other components call.
    pub fn serve_on(&self, server: GrpcServer) -> GrpcServer {
        server.with(TreeStoreServer::service(Arc::new(self.local.clone())))
    }

    /// The replica as callers in this process hold it.
    pub fn handle(&self) -> Arc<dyn TreeStore> {
        super::remote::layered_store(Arc::new(self.local.clone()))
    }
}

async fn look(local: LocalTreeStore) -> Condition {
    match local.status().await {
        Ok(status) => Condition { ready: status.serving, status: shown(&status) },
        Err(error) => unknown(error),
    }
}

fn shown(status: &TreeStoreStatus) -> Value {
    json!({
        "id": status.id.0,
        "serving": status.serving,
        "applied_index": status.applied_index.0,
        "checkpoint_index": status.checkpoint_index.0,
        "zxid": status.zxid.to_string(),
        "digest": format!("0x{:016x}", status.digest),
        "znodes": status.znode_count,
        "sessions": status.session_count,
        "ephemerals": status.ephemeral_count,
        "watches": status.watch_count,
        "data_bytes": status.data_bytes,
        "checkpoint_disk_bytes": status.checkpoint_disk_bytes,
        "restoring": (status.restoring_id != 0).then(|| json!({
            "records": status.restoring_records,
            "problem": status.restoring_problem,
        })),
        "fault": status.fault,
    })
}
