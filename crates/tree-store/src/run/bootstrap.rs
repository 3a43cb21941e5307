//! Rebuilding a replica for which the log begins too late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::TreeStore;
use menagerie_types::LogIndex;
use tracing::{error, info, warn};

use super::Context;
use crate::TreeStoreError;

/// A peer first takes a checkpoint, which may take a while; longer silence means that it has gone.
const PEER_PATIENCE: Duration = Duration::from_secs(60);

/// What cannot be mended without somebody's help is said this often.
const ALARM_INTERVAL: Duration = Duration::from_secs(30);

/// When it was last said that there is no way on.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    last: Option<Instant>,
}

impl Alarm {
    /// True if it is time to say it (again).
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= ALARM_INTERVAL);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

/// Takes the state of a peer that is further than this replica. False if no peer gave one.
pub(super) async fn run(context: &Context, first: LogIndex, alarm: &mut Alarm) -> bool {
    let applied = context.replica.state.read().index();
    let sources = sources(context, first).await;
    if sources.is_empty() && alarm.is_due() {
        match context.peers.list().len() {
            0 => error!(
                %applied, %first,
                "nothing is left of the tree: the log begins after what this replica has, and there is no other replica; put a copy of its checkpoint back, or empty the data directory and restore a backup"
            ),
            peers => {
                error!(%applied, %first, peers, "the log begins after what this replica has, and no peer offers a checkpoint")
            }
        }
    }
    for peer in sources {
        info!(%applied, %first, "the log begins too late, fetching a checkpoint from a peer");
        match fetch(context, &peer).await {
            Ok(index) => {
                info!(%index, "bootstrapped");
                return true;
            }
            Err(error) => warn!(%error, "could not bootstrap from a peer"),
        }
    }
    false
}

/// Peers from which the log goes on without a gap, the furthest first.
async fn sources(context: &Context, first: LogIndex) -> Vec<Arc<dyn TreeStore>> {
    let peers = context.peers.list();
    let statuses = join_all(peers.iter().map(|(_, peer)| peer.status())).await;
    let mut able: Vec<_> = statuses
        .into_iter()
        .zip(peers.iter())
        .filter_map(|(status, (_, peer))| Some((status.ok()?.applied_index, peer)))
        .filter(|(applied, _)| applied.next() >= first)
        .collect();
    able.sort_by_key(|(applied, _)| std::cmp::Reverse(*applied));
    able.into_iter().map(|(_, peer)| Arc::clone(peer)).collect()
}

async fn fetch(context: &Context, peer: &Arc<dyn TreeStore>) -> Result<LogIndex, TreeStoreError> {
    let mut stream = peer.fetch_checkpoint().await.map_err(TreeStoreError::Peer)?;
    let (pieces, outcome) = context.checkpointer.install()?;
    let silent = |_| TreeStoreError::Peer(ServiceError::Deadline);
    while let Some(piece) = tokio::time::timeout(PEER_PATIENCE, stream.next()).await.map_err(silent)? {
        if pieces.send(piece.map_err(TreeStoreError::Peer)?).await.is_err() {
            break;
        }
    }
    // The end of the stream; whether it was whole is seen at the other end.
    drop(pieces);
    outcome.await.map_err(|_| TreeStoreError::Stopping)?
}
