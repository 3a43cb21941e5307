//! All four components in one process: what `standalone` and `server` have in common.
//!
//! Consensus, the tree store's apply loop and the calls of other members share one thread, so that a commit is
//! applied without a hand-over. Gateway workers have threads of their own; the rest is on the main runtime.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use menagerie_gateway::GatewayOptions;
use menagerie_gateway::Trackers;
use menagerie_link::Ensemble;
use menagerie_proto::consensus::Member;
use menagerie_session_tracker::SessionTrackerOptions;
use menagerie_types::NodeId;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::warn;

use crate::cli::Members;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::listen::{Bound, bind};
use crate::parts::consensus::ConsensusPart;
use crate::parts::gateway::{Backends, with_smallest_timeout};
use crate::parts::session_tracker::{OnStop, SessionTrackerPart};
use crate::parts::tree_store::TreeStorePart;
use crate::parts::{consensus, gateway, membership, public_api, remote, session_tracker, tree_store};
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
    /// The ensemble.
    pub members: Vec<Member>,
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
    let others: Members = plan.members.iter().map(|m| (m.id, m.address.clone())).collect();
    let log = (plan.id, plan.members, plan.log_dir);
    let consensus = consensus::start(&mut process, &thread, log).await?;
    let (tree_store, store_ensemble) =
        start_store(&mut process, &thread, (plan.id, plan.tree_dir), (&consensus, &others)).await?;
    consensus.hand_over_on_stop(&mut process, &thread);
    let ensemble = local_first(&consensus, &others)?;
    let mut stores = vec![tree_store.handle()];
    stores.extend(remote::stores(&others, Some(plan.id))?);
    let on_stop = if others.iter().count() > 1 { OnStop::Release } else { OnStop::Keep };
    let least = plan.tracker.min_timeout;
    let for_tracker = (ensemble.clone(), stores.clone());
    let tracker = session_tracker::start(&mut process, (plan.tracker, on_stop), for_tracker);
    let mut trackers = vec![(plan.id, tracker.handle())];
    trackers.extend(remote::trackers(&others, Some(plan.id))?);
    let options = with_smallest_timeout(plan.gateway, least);
    let own_tracker = (plan.id, tracker.handle());
    let trackers = Trackers::new(trackers);
    if plan.ensemble {
        let ensembles = vec![ensemble.clone(), store_ensemble];
        let (consensus, store) = (consensus.local.clone(), tree_store.local.clone());
        let trackers = (trackers.clone(), own_tracker);
        membership::follow(&process, membership::Follower { consensus, store, ensembles, trackers });
    }
    let backends = Backends { ensemble, stores, trackers };
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
    process.run(plan.admin, move || println!("{line}")).await
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
    (id, dir): (NodeId, PathBuf),
    (consensus, others): (&ConsensusPart, &Members),
) -> Result<(TreeStorePart, Ensemble)> {
    let (local, members) = (consensus.local.clone(), others.clone());
    let connected = thread.run(async move {
        let ensemble = remote::ensemble(&members, Some((local.id(), Arc::new(local))))?;
        Ok((ensemble, remote::stores(&members, Some(id))?))
    });
    let (ensemble, peers): (Ensemble, _) = connected.await??;
    let part = tree_store::start(process, thread, (id, dir), (ensemble.clone(), peers)).await?;
    Ok((part, ensemble))
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
