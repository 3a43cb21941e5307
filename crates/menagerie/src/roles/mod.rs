//! What a process can be; each role picks its parts, and no part knows which others share its process.

mod bench;
mod component;
mod consensus;
mod gateway;
mod member;
mod server;
mod session_tracker;
mod standalone;
mod tree_store;

use metrics_exporter_prometheus::PrometheusHandle;
use tracing::warn;

use crate::cli::{Cli, Properties, Role};
use crate::error::Result;
use crate::settings::{Scope, Settings};

/// Runs the role until a signal ends it, or the command until it is done.
pub async fn run(cli: Cli, recorder: PrometheusHandle) -> Result<()> {
    match cli.role {
        Role::Standalone(args) => standalone::run(&args, recorder).await,
        Role::Server(args) => server::run(&args, recorder).await,
        Role::Consensus(args) => consensus::run(&args, recorder).await,
        Role::TreeStore(args) => tree_store::run(&args, recorder).await,
        Role::SessionTracker(args) => session_tracker::run(&args, recorder).await,
        Role::Gateway(args) => gateway::run(&args, recorder).await,
        Role::Admin(args) => crate::cli::admin::run(args).await,
        Role::Bench(args) => bench::run(args).await,
    }
}

/// What is set for a role without zoo.cfg.
fn settings(properties: &Properties, scopes: &[Scope]) -> Result<Settings> {
    let settings = Settings::without_file(&properties.given()?, scopes)?;
    for warning in settings.warnings()? {
        warn!("{warning}");
    }
    Ok(settings)
}
