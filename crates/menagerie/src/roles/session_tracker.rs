//! `menagerie session-tracker`: one tracker among several.

use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::SessionTrackerArgs;
use crate::error::Result;
use crate::grpc::GrpcServer;
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
    let line = component::introduce("session-tracker", id, &internal);
    let mut process = Process::new(recorder);
    let backends = (remote::ensemble(&args.consensus, None)?, remote::stores(&args.stores, None)?);
    let part = session_tracker::start(&mut process, (options, OnStop::Release), backends);
    part.serve_on(GrpcServer::new()).serve(internal, process.board.ready(), process.grpc_stop())?;
    process.run(admin, move || println!("{line}")).await
}
