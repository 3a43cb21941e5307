//! Components in other processes. Channels connect when first used, so the others need not be up yet.

use std::sync::Arc;
use std::time::Duration;

use menagerie_link::{Backoff, Ensemble};
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, LayeredConsensus};
use menagerie_proto::session_tracker::{LayeredSessionTracker, SessionTracker, SessionTrackerClient};
use menagerie_proto::tree_store::{LayeredTreeStore, TreeStore, TreeStoreClient};
use menagerie_types::NodeId;
use tracing::{info, warn};

use super::per_thread::PerThread;
use crate::cli::{Members, Trackers};
use crate::error::{Error, Result};

const RESOLVE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The log's members: `local` first if there is one, then the others over gRPC.
pub fn ensemble(members: &Members, local: Option<(NodeId, Arc<dyn Consensus>)>) -> Result<Ensemble> {
    let mut all: Vec<(NodeId, Arc<dyn Consensus>)> = Vec::new();
    let here = local.as_ref().map(|(id, _)| *id);
    all.extend(local.map(|(id, member)| (id, Arc::new(LayeredConsensus::new(member)) as _)));
    for (id, address) in members.iter().filter(|(id, _)| Some(*id) != here) {
        let client = Arc::new(PerThread::new(address, ConsensusClient::new).map_err(wrong(address))?);
        all.push((id, Arc::new(LayeredConsensus::new(client))));
    }
    Ok(Ensemble::new(all))
}

/// The replicas of the tree other than `except`, over gRPC.
pub fn stores(members: &Members, except: Option<NodeId>) -> Result<Vec<Arc<dyn TreeStore>>> {
    let mut all: Vec<Arc<dyn TreeStore>> = Vec::new();
    for (_, address) in members.iter().filter(|(id, _)| Some(*id) != except) {
        let client = PerThread::new(address, TreeStoreClient::new).map_err(wrong(address))?;
        all.push(layered_store(Arc::new(client)));
    }
    Ok(all)
}

/// A replica with the call layers around it.
pub fn layered_store(store: Arc<dyn TreeStore>) -> Arc<dyn TreeStore> {
    Arc::new(LayeredTreeStore::new(store))
}

/// A tracker with the call layers around it.
pub fn layered_tracker(tracker: Arc<dyn SessionTracker>) -> Arc<dyn SessionTracker> {
    Arc::new(LayeredSessionTracker::new(tracker))
}

/// Session trackers by id, as gateways want them.
pub type TrackersById = Vec<(NodeId, Arc<dyn SessionTracker>)>;

/// The session trackers other than `except`, over gRPC.
pub fn trackers(members: &Members, except: Option<NodeId>) -> Result<TrackersById> {
    members
        .iter()
        .filter(|(id, _)| Some(*id) != except)
        .map(|(id, address)| {
            let channel = channel::lazy(address).map_err(wrong(address))?;
            Ok((id, layered_tracker(Arc::new(SessionTrackerClient::new(channel)))))
        })
        .collect()
}

/// The list, or what the name resolves to: then ids are only positions, and hints at ids lead nowhere.
pub async fn tracker_members(trackers: &Trackers) -> Members {
    match trackers {
        Trackers::List(members) => members.clone(),
        Trackers::Dns(name) => resolve(name).await,
    }
}

/// Tries until the name resolves: the trackers may start later than this process.
async fn resolve(name: &str) -> Members {
    let mut backoff = Backoff::new(RESOLVE_PAUSE.0, RESOLVE_PAUSE.1);
    loop {
        let problem = match tokio::net::lookup_host(name).await {
            Ok(addresses) => {
                let mut addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
                addresses.sort();
                addresses.dedup();
                if !addresses.is_empty() {
                    info!(name, ?addresses, "session trackers resolved");
                    return (1..).map(NodeId).zip(addresses).collect();
                }
                "no address".to_owned()
            }
            Err(error) => error.to_string(),
        };
        warn!(name, problem, "session trackers do not resolve; trying again");
        backoff.pause().await;
    }
}

fn wrong(address: &str) -> impl FnOnce(tonic::transport::Error) -> Error {
    move |error| Error::config(address.to_owned(), format!("is no address for gRPC: {error}"))
}
