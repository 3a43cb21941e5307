//! What a replica does of itself: follow the log, propose its registration, compare digests, keep figures.

mod bootstrap;
mod compare;
pub(crate) mod digests;
mod follow;
mod housekeeping;
mod retained;

use std::sync::Arc;

use menagerie_link::Ensemble;
use menagerie_proto::tree_store::TreeStore;
use tokio::task::JoinSet;

use crate::checkpoint::Checkpointer;
use crate::replica::Replica;

/// What the tasks of a replica work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) replica: Arc<Replica>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) ensemble: Ensemble,
    pub(crate) peers: Vec<Arc<dyn TreeStore>>,
}

/// Runs until the replica is stopped. The log is followed by the caller's task itself; the rest gets tasks on the same
/// runtime, which end with it.
pub(crate) async fn run(context: Context) {
    let mut tasks = JoinSet::new();
    tasks.spawn(context.replica.proposer.clone().run(context.ensemble.clone()));
    tasks.spawn(housekeeping::run(context.clone()));
    tasks.spawn(compare::run(context.clone()));
    tokio::select! {
        biased;
        () = context.replica.stopped() => {}
        () = follow::run(&context) => {}
    }
}
