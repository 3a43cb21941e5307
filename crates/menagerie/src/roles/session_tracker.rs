//! `menagerie session-tracker`: one tracker among several.

use metrics_exporter_prometheus::PrometheusHandle;

use super::component;
use crate::cli::SessionTrackerArgs;
use crate::error::Result;
use crate::grpc::GrpcServer;
use crate::parts::remote;
use crate::parts::session_tracker::{self, OnStop, Times};
use crate::process::Process;

/// Runs until a signal.
pub async fn run(args: &SessionTrackerArgs, recorder: PrometheusHandle) -> Result<()> {
    let (internal, admin) = component::bind(&args.common)?;
    let id = args.id.node_id();
    let line = component::introduce("session-tracker", id, &internal);
    let mut process = Process::new(recorder);
    let (min_timeout_ms, max_timeout_ms) = args.timeouts_ms();
    let times = Times { tick_ms: args.tick_time, min_timeout_ms, max_timeout_ms };
    let backends = (remote::ensemble(&args.consensus, None)?, remote::stores(&args.stores, None)?);
    let part = session_tracker::start(&mut process, (id, times, OnStop::Release), backends);
    part.serve_on(GrpcServer::new()).serve(internal, process.board.ready(), process.grpc_stop())?;
    process.run(admin, move || println!("{line}")).await
}
