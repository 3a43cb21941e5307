//! What a replica does of itself: follow the log, register, compare digests, keep figures.

mod bootstrap;
mod compare;
pub(crate) mod digests;
mod follow;
mod housekeeping;
mod registration;
mod retained;

use std::sync::Arc;

use menagerie_link::{Ensemble, Stores};
use tokio::task::JoinSet;

use crate::checkpoint::Checkpointer;
use crate::replica::Replica;

/// What the tasks of a replica work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) replica: Arc<Replica>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) ensemble: Ensemble,
    /// The other replicas.
    pub(crate) peers: Stores,
}

/// Runs until the replica is stopped, or taken out of the directory: then says so. The log is followed by the caller's
/// task itself; the rest gets tasks on the same runtime, which end with it.
pub(crate) async fn run(context: Context) -> Option<String> {
    let mut tasks = JoinSet::new();
    tasks.spawn(context.replica.proposer.clone().run(context.ensemble.clone()));
    tasks.spawn(compare::run(context.clone()));
    let mut kept = JoinSet::new();
    kept.spawn(housekeeping::run(context.clone()));
    tokio::select! {
        biased;
        () = context.replica.stopped() => None,
        () = follow::run(&context) => None,
        Some(Ok(removed)) = kept.join_next() => Some(removed),
    }
}
