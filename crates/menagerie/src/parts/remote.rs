//! Components in other processes. Channels connect when first used, so the others need not be up yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use menagerie_gateway::{Tracker, Trackers};
use menagerie_link::Ensemble;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, LayeredConsensus};
use menagerie_proto::session_tracker::{LayeredSessionTracker, SessionTracker, SessionTrackerClient};
use menagerie_proto::tree_store::{LayeredTreeStore, TreeStore, TreeStoreClient};
use menagerie_types::NodeId;
use tracing::{debug, info, warn};

use super::per_thread::PerThread;
use crate::cli::{self, Members};
use crate::error::{Error, Result};

/// How soon a tracker under another address is known.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(1);
const ID_TIMEOUT: Duration = Duration::from_millis(500);

/// The log's members: `local` first if there is one, then the others over gRPC.
pub fn ensemble(members: &Members, local: Option<(NodeId, Arc<dyn Consensus>)>) -> Result<Ensemble> {
    let mut all: Vec<(NodeId, Arc<dyn Consensus>)> = Vec::new();
    let here = local.as_ref().map(|(id, _)| *id);
    all.extend(local.map(|(id, member)| (id, Arc::new(LayeredConsensus::new(member)) as _)));
    for (id, address) in members.iter().filter(|(id, _)| Some(*id) != here) {
        all.push((id, log_member(address)?));
    }
    Ok(if here.is_some() { Ensemble::with_local_first(all) } else { Ensemble::new(all) })
}

/// A member of the log over gRPC.
pub fn log_member(address: &str) -> Result<Arc<dyn Consensus>> {
    let client = Arc::new(PerThread::new(address, ConsensusClient::new).map_err(wrong(address))?);
    Ok(Arc::new(LayeredConsensus::new(client)))
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

/// The session trackers other than `except`, over gRPC.
pub fn trackers(members: &Members, except: Option<NodeId>) -> Result<Vec<Tracker>> {
    members
        .iter()
        .filter(|(id, _)| Some(*id) != except)
        .map(|(id, address)| Ok((id, layered_tracker(Arc::new(tracker(address)?)))))
        .collect()
}

/// A session tracker over gRPC.
pub fn tracker(address: &str) -> Result<SessionTrackerClient> {
    Ok(SessionTrackerClient::new(channel::lazy(address).map_err(wrong(address))?))
}

/// The trackers of the list, or those that the name resolves to, now and from then on: where trackers are replaced they
/// come back under other addresses.
pub fn known_trackers(given: &cli::Trackers) -> Result<Trackers> {
    match given {
        cli::Trackers::List(members) => Ok(Trackers::new(trackers(members, None)?)),
        cli::Trackers::Dns(name) => {
            let known = Trackers::default();
            tokio::spawn(follow(name.clone(), known.clone()));
            Ok(known)
        }
    }
}

/// Resolves the name again and again; addresses that go on being there keep their connections and ids.
async fn follow(name: String, known: Trackers) {
    let mut by_address: BTreeMap<String, Tracker> = BTreeMap::new();
    loop {
        match tokio::net::lookup_host(&name).await {
            Ok(found) => {
                let found: BTreeSet<_> = found.map(|address| address.to_string()).collect();
                if !found.iter().eq(by_address.keys()) {
                    info!(name, addresses = ?found, "session trackers resolved");
                }
                by_address.retain(|address, _| found.contains(address));
                for address in found {
                    if !by_address.contains_key(&address)
                        && let Ok(client) = tracker(&address)
                    {
                        by_address.insert(address, (NodeId(0), layered_tracker(Arc::new(client))));
                    }
                }
            }
            Err(error) if by_address.is_empty() => warn!(name, %error, "session trackers do not resolve yet"),
            // Those known so far may well be there still.
            Err(error) => debug!(name, %error, "session trackers do not resolve now"),
        }
        learn_ids(by_address.values_mut()).await;
        known.set(by_address.values().cloned().collect());
        tokio::time::sleep(RESOLVE_INTERVAL).await;
    }
}

/// The log names the active tracker by its id, which an address does not tell.
async fn learn_ids(trackers: impl Iterator<Item = &mut Tracker>) {
    for (id, tracker) in trackers.filter(|(id, _)| id.0 == 0) {
        if let Ok(Ok(status)) = tokio::time::timeout(ID_TIMEOUT, tracker.status()).await {
            *id = status.id;
        }
    }
}

fn wrong(address: &str) -> impl FnOnce(tonic::transport::Error) -> Error {
    move |error| Error::config(address.to_owned(), format!("is no address for gRPC: {error}"))
}
