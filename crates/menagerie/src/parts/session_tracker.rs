//! A session tracker.

use std::sync::Arc;
use std::time::Duration;

use menagerie_gateway::Trackers;
use menagerie_link::{Ensemble, Stores};
use menagerie_proto::session_tracker::{SessionTracker, SessionTrackerServer, SessionTrackerStatus};
use menagerie_session_tracker::{LocalSessionTracker, SessionTrackerOptions};
use menagerie_types::NodeId;
use serde_json::{Value, json};

use crate::board::{Condition, unknown};
use crate::error::{Error, Result};
use crate::grpc::GrpcServer;
use crate::process::Process;
use crate::settings::{self, Settings};

const NAME: &str = "session-tracker";

/// Options of tracker `id` with a tick, the smallest and the largest session timeout, and what else is set.
pub fn options(
    id: NodeId,
    tick_ms: u32,
    (least_ms, most_ms): (u32, u32),
    settings: &Settings,
) -> Result<SessionTrackerOptions> {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let options = SessionTrackerOptions {
        min_timeout: ms(least_ms),
        max_timeout: ms(most_ms),
        ..SessionTrackerOptions::new(id, ms(tick_ms))
    };
    settings::with_container(options, settings)
}

/// What becomes of the lease when the process stops.
#[derive(Clone)]
pub enum OnStop {
    /// Another tracker takes over at once.
    Release,
    /// The same, unless this tracker is the only one of these then: its next start goes on with the lease.
    ReleaseToOthers(Trackers),
}

impl OnStop {
    fn releases(&self) -> bool {
        match self {
            Self::Release => true,
            Self::ReleaseToOthers(trackers) => trackers.list().len() > 1,
        }
    }
}

/// A tracker that works on the runtime it was started on.
pub struct SessionTrackerPart {
    local: LocalSessionTracker,
}

/// Starts a tracker on the runtime that calls. It becomes active when the lease is free.
pub fn start(
    process: &mut Process,
    (options, on_stop): (SessionTrackerOptions, OnStop),
    (ensemble, stores): (Ensemble, Stores),
) -> SessionTrackerPart {
    let (local, driver) = menagerie_session_tracker::start(options, ensemble, stores);
    let driving = tokio::spawn(driver);
    let (abort, fatal) = (driving.abort_handle(), process.fatal());
    tokio::spawn(async move {
        let outcome = driving.await;
        if !outcome.as_ref().is_err_and(tokio::task::JoinError::is_cancelled) {
            let why = outcome.err().map_or_else(|| "its driver ended".to_owned(), |error| error.to_string());
            let _ = fatal.send(Error::component(NAME, format!("{why}; start this process again"))).await;
        }
    });
    let looked_at = local.clone();
    process.board.add(NAME, move || look(looked_at.clone()));
    let stopped = local.clone();
    process.on_stop(NAME, async move {
        if on_stop.releases() {
            stopped.release().await;
        }
        abort.abort();
    });
    SessionTrackerPart { local }
}

impl SessionTrackerPart {
    /// Adds the tracker's service to the port that the other components call.
    pub fn serve_on(&self, server: GrpcServer) -> GrpcServer {
        server.with(SessionTrackerServer::service(Arc::new(self.local.clone())))
    }

    /// The tracker as callers in this process hold it.
    pub fn handle(&self) -> Arc<dyn SessionTracker> {
        super::remote::layered_tracker(Arc::new(self.local.clone()))
    }
}

/// A standby is ready too, once it follows the log and so knows who is active.
async fn look(local: LocalSessionTracker) -> Condition {
    match local.status().await {
        Ok(status) => {
            Condition { ready: status.active || status.active_tracker.is_some(), status: shown(&status) }
        }
        Err(error) => unknown(error),
    }
}

fn shown(status: &SessionTrackerStatus) -> Value {
    json!({
        "id": status.id.0,
        "active": status.active,
        "epoch": status.epoch,
        "active_tracker": status.active_tracker.map(|active| active.0),
        "sessions": status.sessions,
        "min_timeout_ms": status.min_timeout_ms,
        "max_timeout_ms": status.max_timeout_ms,
    })
}
