//! Components in other processes. Channels connect when first used, so the others need not be up yet.

use std::sync::Arc;

use menagerie_gateway::Tracker;
use menagerie_link::{Ensemble, LogMember, StoreReplica};
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, LayeredConsensus};
use menagerie_proto::session_tracker::{LayeredSessionTracker, SessionTracker, SessionTrackerClient};
use menagerie_proto::tree_store::{LayeredTreeStore, TreeStore, TreeStoreClient};
use menagerie_types::NodeId;

use super::per_thread::PerThread;
use crate::cli::Members;
use crate::error::{Error, Result};

/// The log's members: `local` first if there is one, then the others over gRPC.
pub fn ensemble(members: &Members, local: Option<LogMember>) -> Result<Ensemble> {
    let mut all: Vec<LogMember> = Vec::new();
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

/// Replicas of the tree over gRPC, by id.
pub fn stores(members: &Members) -> Result<Vec<StoreReplica>> {
    members.iter().map(|(id, address)| Ok((id, store(address)?))).collect()
}

/// A replica of the tree over gRPC.
pub fn store(address: &str) -> Result<Arc<dyn TreeStore>> {
    Ok(layered_store(Arc::new(PerThread::new(address, TreeStoreClient::new).map_err(wrong(address))?)))
}

/// A replica with the call layers around it.
pub fn layered_store(store: Arc<dyn TreeStore>) -> Arc<dyn TreeStore> {
    Arc::new(LayeredTreeStore::new(store))
}

/// A tracker with the call layers around it.
pub fn layered_tracker(tracker: Arc<dyn SessionTracker>) -> Arc<dyn SessionTracker> {
    Arc::new(LayeredSessionTracker::new(tracker))
}

/// Session trackers over gRPC, by id, other than `except`.
pub fn trackers(members: &Members, except: NodeId) -> Result<Vec<Tracker>> {
    let others = members.iter().filter(|(id, _)| *id != except);
    others.map(|(id, address)| Ok((id, tracker(address)?))).collect()
}

/// A session tracker over gRPC.
pub fn tracker(address: &str) -> Result<Arc<dyn SessionTracker>> {
    let client = SessionTrackerClient::new(channel::lazy(address).map_err(wrong(address))?);
    Ok(layered_tracker(Arc::new(client)))
}

fn wrong(address: &str) -> impl FnOnce(tonic::transport::Error) -> Error {
    move |error| Error::config(address.to_owned(), format!("is no address for gRPC: {error}"))
}
