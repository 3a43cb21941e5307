//! `menagerie gateway`: one gateway for clients.

use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::GatewayArgs;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::listen::bind;
use crate::parts::gateway::{self, Backends};
use crate::parts::{public_api, remote};
use crate::process::Process;
use crate::settings::Scope;

/// Runs until a signal.
pub async fn run(args: &GatewayArgs, recorder: PrometheusHandle) -> Result<()> {
    let settings = super::settings(&args.properties, &[Scope::Gateway])?;
    let mut options = gateway::options(&settings, &args.clients)?;
    options.client_addr = Some(args.client_addr);
    let (internal, admin) = component::bind(&args.common)?;
    let grpc = args.grpc_addr.map(|address| bind(address, "gRPC clients")).transpose()?;
    let id = args.id.node_id();
    let mut line = component::introduce("gateway", id, &internal);
    let mut process = Process::new(recorder);
    let trackers = remote::known_trackers(&args.trackers)?;
    let mut stores = remote::stores(&args.stores, None)?;
    // Gateways spread over the replicas by their ids.
    let first = usize::try_from(id.0.wrapping_sub(1) % stores.len().max(1) as u64).unwrap_or(0);
    stores.rotate_left(first);
    let backends = Backends { ensemble: remote::ensemble(&args.consensus, None)?, stores, trackers };
    let part = gateway::start(&mut process, options, backends)?;
    line += &format!(", {}", part.addresses());
    if let Some(bound) = grpc {
        line += &format!(", grpc {}", bound.address);
        public_api::serve(&process, &part, bound)?;
    }
    GrpcServer::new().serve(internal, process.board.ready(), process.grpc_stop())?;
    process.run(admin, move || println!("{line}")).await
}
