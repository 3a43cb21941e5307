//! Starts the parts of a node, in the order and with the connections that `menagerie server` and the single roles have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use menagerie_consensus::{ConsensusOptions, LocalConsensus};
use menagerie_gateway::{GatewayOptions, Trackers};
use menagerie_host::Host;
use menagerie_link::{Ensemble, LogMember, StoreReplica, Stores};
use menagerie_proto::channel;
use menagerie_proto::consensus::{ConsensusClient, ConsensusServer, LayeredConsensus, Member};
use menagerie_proto::session_tracker::{
    LayeredSessionTracker, SessionTracker, SessionTrackerClient, SessionTrackerServer,
};
use menagerie_proto::tree_store::{LayeredTreeStore, TreeStore, TreeStoreClient, TreeStoreServer};
use menagerie_session_tracker::SessionTrackerOptions;
use menagerie_tree_store::{LocalTreeStore, TreeStoreOptions};
use menagerie_types::NodeId;
use tokio::sync::mpsc;
use tonic::service::Routes;

use super::{CLIENT_PORT, INTERNAL_PORT, Machine, Surroundings, watch};
use crate::checkpoints::SimCheckpoints;
use crate::disk::Mounted;
use crate::host::{self, SimHost};
use crate::layout::NodeSpec;

/// The binary's `parts/gateway.rs` shortens the gateway's intervals in these proportions.
const TOUCHES_PER_TIMEOUT: u32 = 10;
const CHALLENGE_PART: u32 = 8;

/// Why the process has to end.
type Fatal = mpsc::Sender<String>;

struct Starting<'a> {
    machine: &'a Arc<Machine>,
    around: &'a Surroundings,
    host: Arc<dyn Host>,
    fs: Arc<Mounted>,
    fatal: Fatal,
    routes: tonic::service::RoutesBuilder,
}

/// Starts everything that the node's spec names. What comes from the channel ends the process.
pub async fn start(machine: &Arc<Machine>, around: &Surroundings) -> anyhow::Result<mpsc::Receiver<String>> {
    let (fatal, ended) = mpsc::channel(8);
    let routes = Routes::builder();
    let (host, fs) = (SimHost::start(), machine.disk.mount());
    let mut starting = Starting { machine, around, host, fs, fatal, routes };
    let spec = &machine.spec;
    let consensus = if spec.consensus { Some(starting.consensus().await?) } else { None };
    let store = if spec.store { Some(starting.store(consensus.as_ref()).await?) } else { None };
    let ensemble = starting.ensemble(consensus.as_ref())?;
    let stores = starting.stores(store.as_ref())?;
    let mut trackers = Vec::new();
    if spec.tracker {
        trackers.push(starting.tracker(ensemble.clone(), Stores::new(stores.clone())));
    }
    if spec.gateway {
        trackers.extend(starting.other_trackers()?);
        starting.gateway(ensemble, Stores::new(stores), trackers)?;
    }
    starting.serve().await?;
    Ok(ended)
}

impl Starting<'_> {
    fn id(&self) -> NodeId {
        NodeId(self.machine.spec.id)
    }

    /// Those of the layout's nodes that are `wanted`, but for this one.
    fn others(&self, wanted: fn(&NodeSpec) -> bool) -> impl Iterator<Item = (NodeId, String)> {
        let own = self.machine.spec.name;
        let others = self.around.layout.nodes.iter().filter(move |node| wanted(node) && node.name != own);
        others.map(|node| (NodeId(node.id), address(node)))
    }

    fn channel(&self, address: &str) -> anyhow::Result<tonic::transport::Channel> {
        Ok(channel::lazy_from(&*self.host, address)?)
    }

    async fn consensus(&mut self) -> anyhow::Result<LocalConsensus> {
        let tuning = &self.around.tuning;
        let (machine, world) = (Arc::clone(self.machine), self.around.world.clone());
        let members = self.around.layout.nodes.iter().filter(|node| node.consensus);
        let members = members.map(|node| Member {
            id: NodeId(node.id),
            address: address(node),
            voter: true,
            info: String::new(),
        });
        let options = ConsensusOptions {
            segment_bytes: tuning.segment_bytes,
            log_cache_bytes: tuning.log_cache_bytes,
            clock: Arc::new(move || machine.wall_clock_ms(&world)),
            fs: Arc::clone(&self.fs) as _,
            host: Arc::clone(&self.host),
            ..ConsensusOptions::new(self.id(), PathBuf::from("/log"), members.collect())
        };
        let (local, raft) = menagerie_consensus::start(options).await?;
        let (watched, fatal) = (local.clone(), self.fatal.clone());
        tokio::spawn(async move {
            let why = watched.ended().await;
            let _ = fatal.send(format!("consensus: {why}")).await;
        });
        watch::consensus(local.clone(), Arc::clone(self.machine), self.around.clone());
        self.routes.add_service(raft);
        self.routes.add_service(ConsensusServer::service(Arc::new(local.clone())));
        Ok(local)
    }

    fn log_members(&self, local: Option<&LocalConsensus>) -> anyhow::Result<Vec<LogMember>> {
        let mut members: Vec<LogMember> = Vec::new();
        if let Some(local) = local {
            members.push((local.id(), Arc::new(LayeredConsensus::new(Arc::new(local.clone())))));
        }
        for (id, address) in self.others(|node| node.consensus) {
            let client = ConsensusClient::new(self.channel(&address)?);
            members.push((id, Arc::new(LayeredConsensus::new(Arc::new(client)))));
        }
        Ok(members)
    }

    fn ensemble(&self, local: Option<&LocalConsensus>) -> anyhow::Result<Ensemble> {
        let members = self.log_members(local)?;
        Ok(if local.is_some() { Ensemble::with_local_first(members) } else { Ensemble::new(members) })
    }

    async fn store(&mut self, consensus: Option<&LocalConsensus>) -> anyhow::Result<LocalTreeStore> {
        let tuning = &self.around.tuning;
        let world = self.around.world.clone();
        let checkpoints = SimCheckpoints {
            world: world.clone(),
            disk: self.machine.disk.clone(),
            fs: Arc::clone(&self.fs),
        };
        let options = TreeStoreOptions {
            checkpoint_interval: tuning.checkpoint_interval,
            checkpoint_bytes: tuning.checkpoint_bytes,
            truncate_margin: tuning.truncate_margin,
            truncate_step: tuning.truncate_step,
            event_history_bytes: tuning.event_history_bytes,
            digest_interval: Duration::from_secs(2),
            checkpoints: Arc::new(checkpoints),
            host: Arc::clone(&self.host),
            ..TreeStoreOptions::new(self.id(), "/tree")
        };
        let members = self.log_members(consensus)?.into_iter();
        let members = members.map(|(id, member)| (id, watch::tail(member, self.id(), id, world.clone())));
        let members = members.collect();
        let local = consensus.is_some();
        let ensemble = if local { Ensemble::with_local_first(members) } else { Ensemble::new(members) };
        let peers = Stores::new(self.stores(None)?);
        let (local, apply) = menagerie_tree_store::open(options, ensemble, peers).await?;
        let (applying, fatal) = (tokio::spawn(apply), self.fatal.clone());
        tokio::spawn(async move {
            let ended = applying.await;
            let _ = fatal.send(format!("tree-store: its apply loop ended: {ended:?}")).await;
        });
        watch::store(local.clone(), self.id(), world);
        self.routes.add_service(TreeStoreServer::service(Arc::new(local.clone())));
        Ok(local)
    }

    /// The stores, the local one first; where there is none, each node begins with another one.
    fn stores(&self, local: Option<&LocalTreeStore>) -> anyhow::Result<Vec<StoreReplica>> {
        let mut stores: Vec<StoreReplica> = Vec::new();
        stores.extend(local.map(|local| (self.id(), layered(Arc::new(local.clone())))));
        for (id, address) in self.others(|node| node.store) {
            stores.push((id, layered(Arc::new(TreeStoreClient::new(self.channel(&address)?)))));
        }
        if !self.machine.spec.store && self.machine.spec.gateway {
            let count = stores.len().max(1);
            stores.rotate_left((self.machine.spec.id as usize - 1) % count);
        }
        Ok(stores)
    }

    fn tracker(&mut self, ensemble: Ensemble, stores: Stores) -> (NodeId, Arc<dyn SessionTracker>) {
        let tuning = &self.around.tuning;
        let options = SessionTrackerOptions {
            min_timeout: tuning.min_timeout,
            max_timeout: tuning.max_timeout,
            ..SessionTrackerOptions::new(self.id(), tuning.tick)
        };
        let (local, driver) = menagerie_session_tracker::start(options, ensemble, stores);
        let (driving, fatal) = (tokio::spawn(driver), self.fatal.clone());
        tokio::spawn(async move {
            let ended = driving.await;
            let _ = fatal.send(format!("session-tracker: its driver ended: {ended:?}")).await;
        });
        self.routes.add_service(SessionTrackerServer::service(Arc::new(local.clone())));
        (self.id(), Arc::new(LayeredSessionTracker::new(Arc::new(local))))
    }

    fn other_trackers(&self) -> anyhow::Result<Vec<(NodeId, Arc<dyn SessionTracker>)>> {
        let client = |(id, address): (NodeId, String)| {
            let client = SessionTrackerClient::new(self.channel(&address)?);
            Ok((id, Arc::new(LayeredSessionTracker::new(Arc::new(client))) as _))
        };
        self.others(|node| node.tracker).map(client).collect()
    }

    fn gateway(
        &mut self,
        ensemble: Ensemble,
        stores: Stores,
        trackers: Vec<(NodeId, Arc<dyn SessionTracker>)>,
    ) -> anyhow::Result<()> {
        let least = self.around.tuning.min_timeout;
        let defaults = GatewayOptions::default();
        let options = GatewayOptions {
            client_addr: Some(([0, 0, 0, 0], CLIENT_PORT).into()),
            threads: self.around.tuning.gateway_threads,
            // Virtual time stands still while anything is awake.
            attention: Duration::ZERO,
            touch_interval: defaults.touch_interval.min(least / TOUCHES_PER_TIMEOUT),
            challenge_after: defaults.challenge_after.min(least / CHALLENGE_PART),
            host: Arc::clone(&self.host),
            ..defaults
        };
        let gateway = menagerie_gateway::start(options, ensemble, stores, Trackers::new(trackers))?;
        // Held until the machine crashes: a gateway stops when it is dropped.
        let fatal = self.fatal.clone();
        tokio::spawn(async move {
            fatal.closed().await;
            drop(gateway);
        });
        Ok(())
    }

    async fn serve(self) -> anyhow::Result<()> {
        let incoming = host::incoming(INTERNAL_PORT).await.context("no port for the other components")?;
        let server = channel::server().add_routes(self.routes.routes());
        let fatal = self.fatal;
        tokio::spawn(async move {
            let ended = server.serve_with_incoming(incoming).await;
            let _ = fatal.send(format!("its gRPC server ended: {ended:?}")).await;
        });
        Ok(())
    }
}

fn address(node: &NodeSpec) -> String {
    format!("{}:{INTERNAL_PORT}", node.name)
}

fn layered(store: Arc<dyn TreeStore>) -> Arc<dyn TreeStore> {
    Arc::new(LayeredTreeStore::new(store))
}
