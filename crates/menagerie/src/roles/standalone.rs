//! `menagerie standalone`: everything in one process, one voter.

use menagerie_gateway::About;
use menagerie_proto::consensus::Member;
use menagerie_types::NodeId;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::info;

use super::member::{self, Plan};
use crate::cli::StandaloneArgs;
use crate::data_dir::DataDir;
use crate::error::Result;
use crate::listen::bind;
use crate::parts::cluster::NO_ADDRESS;
use crate::parts::{gateway, session_tracker};
use crate::settings::{Scope, session_timeouts};

/// The only member.
const ID: NodeId = NodeId(1);

/// Runs until a signal.
pub async fn run(args: &StandaloneArgs, recorder: PrometheusHandle) -> Result<()> {
    let settings = super::settings(&args.properties, &[Scope::Tracker, Scope::Gateway])?;
    let mut options = gateway::options(&settings, &args.clients)?;
    (options.client_addr, options.standalone) = (Some(args.client_addr), true);
    let timeouts = session_timeouts(&settings, args.tick_time)?;
    let dir = std::path::absolute(&args.data_dir).unwrap_or_else(|_| args.data_dir.clone());
    options.about = About {
        tick_time_ms: args.tick_time,
        session_timeouts_ms: timeouts,
        data_dir: dir.clone(),
        log_dir: dir,
        ..About::default()
    };
    let tracker = session_tracker::options(ID, args.tick_time, timeouts, &settings)?;
    let grpc = bind(args.grpc_addr, "gRPC clients")?;
    let admin = bind(args.admin_addr, "the admin server")?;
    let data = DataDir::open(&args.data_dir)?;
    info!(version = env!("CARGO_PKG_VERSION"), data_dir = %args.data_dir.display(), "standalone starts");
    let members = vec![Member { id: ID, address: NO_ADDRESS.into(), voter: true, info: String::new() }];
    let plan = Plan {
        name: "standalone",
        id: ID,
        founders: members.clone(),
        members,
        log_dir: data.log(),
        tree_dir: data.tree(),
        tracker,
        gateway: options,
        ensemble: false,
        internal: member::internal_alone(args.listen)?,
        grpc: Some(grpc),
        admin: Some(admin),
    };
    member::run(plan, recorder).await
}
