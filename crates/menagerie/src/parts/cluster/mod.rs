//! What a process does about a cluster that changes while it runs: it calls the log's members that there are now, and
//! the stores and trackers that have registered; a member of a classic ensemble also shows the ensemble to clients; one
//! that was removed ends.
//!
//! Flags and files are where it begins. From then on the log's membership and the directory say who is there.

mod calls;
mod classic;
mod lists;
mod registrar;
mod removal;
mod sources;

use std::collections::BTreeMap;
use std::time::Duration;

use menagerie_consensus::LocalConsensus;
use menagerie_gateway::{Tracker, Trackers};
use menagerie_link::{Ensemble, StoreReplica, Stores};
use menagerie_tree_store::LocalTreeStore;
use menagerie_types::NodeId;

pub use classic::NO_ADDRESS;
pub use registrar::{Component, register};

use self::classic::Classic;
use self::lists::Lists;
use self::removal::Removal;
use self::sources::{DirectorySource, MembershipSource, TrackerSeeds};
use crate::cli::{self, Members};
use crate::error::Error;
use crate::process::Process;

/// How soon a change is noticed.
const INTERVAL: Duration = Duration::from_millis(250);

/// Who the process was told of when it started.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    /// Members of the log.
    pub consensus: Members,
    /// Replicas of the tree.
    pub stores: Members,
    /// Session trackers, where they matter.
    pub trackers: Option<cli::Trackers>,
}

/// A list of stores to be kept up to date.
#[derive(Clone)]
pub struct StoreList {
    /// The list.
    pub stores: Stores,
    /// The replica in this process: it is the first, or no one's peer.
    pub own: Own,
    /// The others are rotated by this, so that not all callers prefer the same one.
    pub spread: u64,
}

/// The part that the process's own replica plays in a list of stores.
#[derive(Clone)]
pub enum Own {
    /// There is none.
    None,
    /// It comes first.
    First(StoreReplica),
    /// It is left out.
    LeftOut(NodeId),
}

/// Whoever must know of changes, and what this process has of its own to learn them from.
pub struct Following {
    /// Where it begins.
    pub seeds: Seeds,
    /// This process's member of the log.
    pub consensus: Option<LocalConsensus>,
    /// This process's replica.
    pub store: Option<LocalTreeStore>,
    /// Lists of the log's members; a local member stays first.
    pub ensembles: Vec<Ensemble>,
    /// Lists of stores.
    pub stores: Vec<StoreList>,
    /// The list of trackers, with this process's own.
    pub trackers: Option<(Trackers, Option<Tracker>)>,
    /// This is a member of a classic ensemble, with this `server.N` line.
    pub classic: Option<menagerie_proto::consensus::Member>,
}

/// Follows the cluster until the process ends.
pub fn follow(process: &Process, following: Following) {
    let fatal = process.fatal();
    tokio::spawn(async move {
        let why = run(following).await;
        // Nobody listens any more when the process is stopping anyway.
        let _ = fatal.send(why).await;
    });
}

/// Ends with the reason why this process must.
async fn run(following: Following) -> Error {
    let Following { seeds, consensus, store, ensembles, stores, trackers, classic } = following;
    let mut membership = MembershipSource::new(&seeds.consensus, consensus.clone());
    let mut directories = DirectorySource::new(&seeds.stores, store.clone());
    let own = consensus.as_ref().map(LocalConsensus::id);
    let mut lists = Lists::new(ensembles, stores, trackers, own, &seeds);
    let mut trackers = TrackerSeeds::new(seeds.trackers);
    let mut removal = consensus.clone().map(Removal::new);
    let mut classic = classic.zip(store).map(|(own, store)| Classic { own, store, gone: BTreeMap::new() });
    lists.set_tracker_seeds(trackers.find().await);
    loop {
        let (status, directory) = tokio::join!(membership.look(), directories.look());
        if let Some(status) = &status {
            lists.adopt_members(status);
        }
        if let Some(directory) = &directory {
            lists.adopt_directory(directory);
        }
        if lists.lacks_trackers() {
            lists.set_tracker_seeds(trackers.find().await);
        }
        if let (Some(classic), Some(consensus), Some(status)) = (&mut classic, &consensus, &status) {
            classic.tend(consensus, status).await;
        }
        if let (Some(removal), Some(status)) = (&mut removal, &status)
            && let Some(at) = removal.found(status, &lists.members()).await
        {
            return removal.error(at);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
