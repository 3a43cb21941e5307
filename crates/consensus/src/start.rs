//! Puts a member together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use menagerie_log::{Fs, LogOptions};
use menagerie_types::LogIndex;
use openraft::{Config, SnapshotPolicy};
use tokio::sync::{mpsc, watch};

use crate::barrier;
use crate::bootstrap;
use crate::local::{Inner, LocalConsensus};
use crate::network::Network;
use crate::observer;
use crate::pacing::{self, SyncTimes};
use crate::proposer::{OPENINGS, Proposer};
use crate::service::{Calls, RaftEndpoint};
use crate::standing::Standing;
use crate::state_machine::StateMachine;
use crate::storage::{LogStorage, MeteredFs, Store, StoreOptions};
use crate::succession;
use crate::types::Raft;
use crate::{ConsensusError, ConsensusOptions, RaftService};

/// Starts a member on the current runtime, which must be a `current_thread` one of the log's own: Raft, the
/// proposer and the calls between members all run there. Serve the returned service on it, and the `Consensus`
/// service on the same address: the first start of an ensemble asks the other members for their status.
///
/// Returns as soon as the member runs; it need not have a leader yet.
pub async fn start(options: ConsensusOptions) -> Result<(LocalConsensus, RaftService), ConsensusError> {
    options.check()?;
    let log = LogOptions {
        segment_bytes: options.segment_bytes,
        spare_segments: options.spare_segments,
        background_fill: true,
        cache_bytes: options.log_cache_bytes,
        inline: true,
    };
    let times = Arc::new(SyncTimes::default());
    let fs: Arc<dyn Fs> = Arc::new(MeteredFs(Arc::clone(&options.fs), Arc::clone(&times)));
    let store = Store::open(Arc::clone(&fs), &options.data_dir, StoreOptions { id: options.id.0, log })?;
    let standing = Standing::open(fs, &options.data_dir, store.is_empty())?;
    let (committed_sender, committed) = watch::channel(LogIndex(0));
    let state_machine = StateMachine::new(Arc::clone(&store), committed_sender);
    let config = Arc::new(Config { enable_elect: standing.is_full(), ..config(&options)? });
    let log_storage = LogStorage(Arc::clone(&store));
    let raft =
        Raft::new(options.id.0, config, Network::new(Arc::clone(&options.host)), log_storage, state_machine)
            .await
            .map_err(|error| ConsensusError::Storage(error.to_string()))?;
    let pacing =
        pacing::run(raft.clone(), options.id.0, (Arc::clone(&standing), times), options.election_timeout);
    Ok(assemble(options, raft, (store, standing), committed, pacing))
}

fn assemble(
    options: ConsensusOptions,
    raft: Raft,
    (store, standing): (Arc<Store>, Arc<Standing>),
    committed: watch::Receiver<LogIndex>,
    pacing: impl Future<Output = ()> + Send + 'static,
) -> (LocalConsensus, RaftService) {
    let (openings, opened) = mpsc::channel(OPENINGS);
    let (barriers, callers) = mpsc::channel(barrier::CALLERS);
    let (ended_sender, ended) = watch::channel(None);
    tokio::spawn(observer::run(raft.clone(), Arc::clone(&store), ended_sender));
    let proposer = Proposer::new(raft.clone(), Arc::clone(&store), Arc::clone(&options.clock), opened);
    tokio::spawn(proposer.run());
    while_running(&ended, barrier::run(raft.clone(), callers));
    while_running(&ended, bootstrap::run(raft.clone(), options.clone(), Arc::clone(&standing)));
    while_running(&ended, pacing);
    let calls = Arc::new(Calls::default());
    let succession = succession::run(raft.clone(), options.id.0, Arc::clone(&options.host));
    let counts = Arc::clone(&standing);
    while_running(&ended, async move {
        counts.full().await;
        succession.await;
    });
    let service = RaftEndpoint::service(raft.clone(), Arc::clone(&calls), Arc::clone(&standing));
    let inner = Inner {
        id: options.id,
        raft,
        store,
        committed,
        openings,
        barriers,
        ended,
        calls,
        standing,
        host: options.host,
        transfer_timeout: options.election_timeout.1 * 3,
        join_timeout: options.join_timeout,
    };
    (LocalConsensus { inner: Arc::new(inner) }, service)
}

/// Runs a task that must not outlive Raft.
fn while_running(
    ended: &watch::Receiver<Option<ConsensusError>>,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let mut ended = ended.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = task => {}
            _ = ended.wait_for(Option::is_some) => {}
        }
    });
}

fn config(options: &ConsensusOptions) -> Result<Config, ConsensusError> {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: "menagerie".into(),
        heartbeat_interval: ms(options.heartbeat),
        election_timeout_min: ms(options.election_timeout.0),
        election_timeout_max: ms(options.election_timeout.1),
        install_snapshot_timeout: ms(Duration::from_secs(2)),
        // Checkpoints of the tree decide what the log may drop: `truncate`, and nothing else.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        // A snapshot holds no data, so a follower always catches up by log if the log is there.
        replication_lag_threshold: u64::MAX,
        // Followers hear of an entry while the leader still syncs it.
        broadcast_submitted_on_append: Some(true),
        enable_pre_vote: Some(true),
        // Followers may hold entries of this term that a crash took from the leader's own log: leading on in the same
        // term, it would give their positions to others. Nor would it know what it had acknowledged.
        enable_leader_restore: Some(false),
        // A follower that lost its disk comes back with an empty log; the default is that the leader panics.
        allow_log_reversion: Some(true),
        backoff: "50ms 100ms 200ms ...1000ms".into(),
        ..Config::default()
    };
    config.validate().map_err(|error| ConsensusError::Options(error.to_string()))
}

#[cfg(test)]
mod tests;
