//! `menagerie session-tracker`: one tracker among several.

use menagerie_types::command::registration::Role;
use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::{SessionTrackerArgs, advertised};
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::parts::cluster::{self, Component, Following, Seeds};
use crate::parts::remote;
use crate::parts::session_tracker::{self, OnStop};
use crate::process::Process;
use crate::settings::Scope;

/// Runs until a signal.
pub async fn run(args: &SessionTrackerArgs, recorder: PrometheusHandle) -> Result<()> {
    let id = args.id.node_id();
    let settings = super::settings(&args.properties, &[Scope::Tracker])?;
    let options = session_tracker::options(id, args.tick_time, args.timeouts_ms(&settings)?, &settings)?;
    let (internal, admin) = component::bind(&args.common)?;
    let address = advertised(args.advertise.as_deref(), None, internal.address)?;
    let line = component::introduce("session-tracker", id, &internal);
    let mut process = Process::new(recorder);
    let ensemble = remote::ensemble(&args.consensus, None)?;
    let list = component::stores(&args.stores, id)?;
    let role = Role::SessionTracker;
    cluster::register(&mut process, Component { role, id, address }, list.stores.clone());
    let backends = (ensemble.clone(), list.stores.clone());
    let part = session_tracker::start(&mut process, (options, OnStop::Release), backends);
    let seeds = Seeds { consensus: args.consensus.clone(), stores: args.stores.clone(), trackers: None };
    let following = Following {
        seeds,
        consensus: None,
        store: None,
        ensembles: vec![ensemble],
        stores: vec![list],
        trackers: None,
        classic: None,
    };
    cluster::follow(&process, following);
    part.serve_on(GrpcServer::new()).serve(internal, process.board.ready(), process.grpc_stop())?;
    process.run(admin, line).await
}
