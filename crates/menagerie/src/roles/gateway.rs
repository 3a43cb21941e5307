//! `menagerie gateway`: one gateway for clients.

use menagerie_gateway::Trackers;
use menagerie_types::command::registration::Role;
use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::GatewayArgs;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::listen::bind;
use crate::parts::cluster::{self, Component, Following, Seeds};
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
    let (ensemble, trackers) = (remote::ensemble(&args.consensus, None)?, Trackers::default());
    let list = component::stores(&args.stores, id)?;
    // Nobody calls it; this is where clients do.
    let component = Component { role: Role::Gateway, id, address: args.client_addr.to_string() };
    cluster::register(&mut process, component, list.stores.clone());
    let (stores, known) = (list.stores.clone(), trackers.clone());
    let part =
        gateway::start(&mut process, options, Backends { ensemble: ensemble.clone(), stores, trackers })?;
    let following = Following {
        seeds: Seeds {
            consensus: args.consensus.clone(),
            stores: args.stores.clone(),
            trackers: args.trackers.clone(),
        },
        consensus: None,
        store: None,
        ensembles: vec![ensemble],
        stores: vec![list],
        trackers: Some((known, None)),
        classic: None,
    };
    cluster::follow(&process, following);
    line += &format!(", {}", part.addresses());
    if let Some(bound) = grpc {
        line += &format!(", grpc {}", bound.address);
        public_api::serve(&process, &part, bound)?;
    }
    GrpcServer::new().serve(internal, process.board.ready(), process.grpc_stop())?;
    process.run(admin, line).await
}
