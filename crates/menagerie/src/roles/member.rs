//! All four components in one process: what `standalone` and `server` have in common.
//!
//! Consensus, the tree store's apply loop and the calls of other members share one thread, so that a commit is
//! applied without a hand-over. Gateway workers have threads of their own; the rest is on the main runtime.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use menagerie_gateway::GatewayOptions;
use menagerie_gateway::Trackers;
use menagerie_link::{Ensemble, Stores};
use menagerie_proto::consensus::Member;
use menagerie_session_tracker::SessionTrackerOptions;
use menagerie_tree_store::LoadedTreeStore;
use menagerie_types::NodeId;
use menagerie_types::command::registration::Role;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::warn;

use crate::cli::{self, Members};
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::listen::{Bound, bind};
use crate::parts::cluster::{self, Component, Following, Own, Seeds, StoreList};
use crate::parts::consensus::{ConsensusPart, Founding};
use crate::parts::gateway::{Backends, with_smallest_timeout};
use crate::parts::session_tracker::{OnStop, SessionTrackerPart};
use crate::parts::tree_store::TreeStorePart;
use crate::parts::{consensus, gateway, public_api, remote, session_tracker, tree_store};
use crate::process::Process;
use crate::threads::RuntimeThread;

/// Where `menagerie admin` looks if it is told nothing else.
const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2888);

/// One member with all components.
pub struct Plan {
    /// What it calls itself in the line it prints.
    pub name: &'static str,
    /// Its id among `members`.
    pub id: NodeId,
    /// The members to begin with, this one too.
    pub members: Vec<Member>,
    /// Those that found the ensemble; without this one, it waits to be added.
    pub founders: Vec<Member>,
    /// Where the log is.
    pub log_dir: PathBuf,
    /// Where the checkpoint is.
    pub tree_dir: PathBuf,
    /// How sessions are timed.
    pub tracker: SessionTrackerOptions,
    /// Client connections.
    pub gateway: GatewayOptions,
    /// There may be other members, now or later.
    pub ensemble: bool,
    /// For the other members, and for `menagerie admin`.
    pub internal: Option<Bound>,
    /// For gRPC clients.
    pub grpc: Option<Bound>,
    /// For metrics and status.
    pub admin: Option<Bound>,
}

/// Runs the member until a signal ends it.
pub async fn run(plan: Plan, recorder: PrometheusHandle) -> Result<()> {
    let mut process = Process::new(recorder);
    let thread = RuntimeThread::start("consensus")?;
    let id = plan.id;
    let others: Members = plan.members.iter().map(|m| (m.id, m.address.clone())).collect();
    let own = plan.members.iter().find(|member| member.id == id).cloned().unwrap_or_default();
    let founding = Founding { id, members: plan.founders, joins: true, dir: plan.log_dir };
    let address = if plan.ensemble { own.address.clone() } else { String::new() };
    // The log is read while the checkpoint is: both take their time.
    let loading = tree_store::load((id, address.clone(), plan.tree_dir));
    let (consensus, loaded) = tokio::join!(consensus::start(&mut process, &thread, founding), loading);
    let (consensus, loaded) = (consensus?, loaded?);
    let (tree_store, store_ensemble, peers) =
        start_store(&mut process, &thread, (id, loaded), (&consensus, &others)).await?;
    consensus.hand_over_on_stop(&mut process, &thread);
    let ensemble = local_first(&consensus, &others)?;
    let first = Own::First((id, tree_store.handle()));
    let list = StoreList { stores: Stores::new(Vec::new()), own: first, spread: id.0 };
    list.stores.set(list.ordered(remote::stores(&others)?));
    if plan.ensemble {
        let client = plan.gateway.client_addr.map_or_else(String::new, |address| address.to_string());
        let roles = [(Role::SessionTracker, address), (Role::Gateway, client)];
        for (role, address) in roles {
            cluster::register(&mut process, Component { role, id, address }, list.stores.clone());
        }
    }
    let (least, trackers) = (plan.tracker.min_timeout, Trackers::default());
    let (for_tracker, on_stop) =
        ((ensemble.clone(), list.stores.clone()), OnStop::ReleaseToOthers(trackers.clone()));
    let tracker = session_tracker::start(&mut process, (plan.tracker, on_stop), for_tracker);
    let own_tracker = (id, tracker.handle());
    trackers.set(std::iter::once(own_tracker.clone()).chain(remote::trackers(&others, id)?).collect());
    if plan.ensemble {
        let following = Following {
            seeds: Seeds {
                consensus: others.clone(),
                stores: others.clone(),
                trackers: Some(cli::Trackers::List(others)),
            },
            consensus: Some(consensus.local.clone()),
            store: Some(tree_store.local.clone()),
            ensembles: vec![ensemble.clone(), store_ensemble],
            stores: vec![list.clone(), peers],
            trackers: Some((trackers.clone(), Some(own_tracker))),
            classic: Some(own),
        };
        cluster::follow(&process, following);
    }
    let options = with_smallest_timeout(plan.gateway, least);
    let backends = Backends { ensemble, stores: list.stores, trackers };
    let gateway = gateway::start(&mut process, options, backends)?;
    let mut line = format!("menagerie {} is serving: {}", plan.name, gateway.addresses());
    if let Some(bound) = plan.grpc {
        line += &format!(", grpc {}", bound.address);
        public_api::serve(&process, &gateway, bound)?;
    }
    if let Some(bound) = &plan.admin {
        line += &format!(", admin http://{}", bound.address);
    }
    if let Some(bound) = plan.internal {
        if !plan.ensemble {
            line += &format!(", internal {}", bound.address);
        }
        serve_members(&process, &thread, bound, (&consensus, &tree_store, &tracker)).await?;
    }
    process.run(plan.admin, line).await
}

/// Where a member that has no others listens for `menagerie admin`. The default is where `menagerie admin` looks; of several
/// such servers on one machine, the others go without.
pub fn internal_alone(given: Option<SocketAddr>) -> Result<Option<Bound>> {
    const PURPOSE: &str = "menagerie admin";
    if let Some(address) = given {
        return bind(address, PURPOSE).map(Some);
    }
    match bind(ADMIN_DEFAULT, PURPOSE) {
        Ok(bound) => Ok(Some(bound)),
        Err(error) => {
            warn!("{error}; going on without it (set --listen)");
            Ok(None)
        }
    }
}

/// The store calls the other members from the thread that applies.
async fn start_store(
    process: &mut Process,
    thread: &RuntimeThread,
    (id, loaded): (NodeId, LoadedTreeStore),
    (consensus, others): (&ConsensusPart, &Members),
) -> Result<(TreeStorePart, Ensemble, StoreList)> {
    let (local, members) = (consensus.local.clone(), others.clone());
    let connected = thread.run(async move {
        let ensemble = remote::ensemble(&members, Some((local.id(), Arc::new(local))))?;
        Ok((ensemble, remote::stores(&members)?))
    });
    let (ensemble, replicas) = connected.await??;
    let peers = StoreList { stores: Stores::new(Vec::new()), own: Own::LeftOut(id), spread: id.0 };
    peers.stores.set(peers.ordered(replicas));
    let backends = (ensemble.clone(), peers.stores.clone());
    let part = tree_store::start(process, thread, loaded, backends);
    Ok((part, ensemble, peers))
}

fn local_first(consensus: &ConsensusPart, others: &Members) -> Result<Ensemble> {
    let local = consensus.local.clone();
    remote::ensemble(others, Some((local.id(), Arc::new(local))))
}

async fn serve_members(
    process: &Process,
    thread: &RuntimeThread,
    bound: Bound,
    (consensus, tree_store, tracker): (&ConsensusPart, &TreeStorePart, &SessionTrackerPart),
) -> Result<()> {
    let server = tracker.serve_on(tree_store.serve_on(consensus.serve_on(GrpcServer::new())));
    let (ready, stop) = (process.board.ready(), process.grpc_stop());
    thread.run(async move { server.serve(bound, ready, stop).map(drop) }).await?
}
