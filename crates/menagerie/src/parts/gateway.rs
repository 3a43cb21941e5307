//! A gateway for clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use menagerie_gateway::{ApiHandle, Gateway, GatewayOptions, Trackers};
use menagerie_link::{Ensemble, Stores};
use menagerie_proto::session_tracker::SessionTracker;
use menagerie_proto::tree_store::TreeStore;
use serde_json::json;
use tokio::task::JoinSet;

use crate::board::Condition;
use crate::cli::ClientLimits;
use crate::error::{Error, Result};
use crate::process::Process;
use crate::settings::{self, Settings};

const NAME: &str = "gateway";

/// Reports to the tracker, and doubts of it, come this many times within the smallest session timeout. A third of that is
/// what clients can wait: a report apart, an election, and a change of the tracker must fit in, when both hang at once.
const TOUCHES_PER_TIMEOUT: u32 = 20;
const CHALLENGE_PART: u32 = 8;
const INTERVAL_MIN: Duration = Duration::from_millis(20);

/// What a gateway talks to, each list in order of preference.
pub struct Backends {
    /// The log.
    pub ensemble: Ensemble,
    /// Replicas of the tree.
    pub stores: Stores,
    /// Session trackers.
    pub trackers: Trackers,
}

/// A gateway that accepts clients.
pub struct GatewayPart {
    /// Where clients connect, without TLS and with it; the real ports.
    pub client_addrs: (Option<SocketAddr>, Option<SocketAddr>),
    /// The way in for the gRPC API.
    pub api: ApiHandle,
}

impl GatewayPart {
    /// Its addresses, for the line that the process prints.
    pub fn addresses(&self) -> String {
        let (plain, secure) = self.client_addrs;
        let plain = plain.map(|address| format!("client {address}"));
        let secure = secure.map(|address| format!("secure client {address}"));
        plain.into_iter().chain(secure).collect::<Vec<_>>().join(", ")
    }
}

/// Starts a gateway on the runtime that calls; its workers have threads of their own.
pub fn start(process: &mut Process, options: GatewayOptions, backends: Backends) -> Result<GatewayPart> {
    let (stores, trackers) = (backends.stores.clone(), backends.trackers.clone());
    let gateway = menagerie_gateway::start(options, backends.ensemble, backends.stores, backends.trackers);
    let gateway = Arc::new(gateway.map_err(|error| Error::component(NAME, error))?);
    let part = GatewayPart { client_addrs: gateway.client_addrs(), api: gateway.api() };
    let looked_at = Arc::downgrade(&gateway);
    process.board.add(NAME, move || {
        let (gateway, stores, trackers) = (looked_at.upgrade(), stores.clone(), trackers.clone());
        look(gateway, stores, trackers)
    });
    process.on_stop(NAME, async move {
        // A look at the gateway holds it for a moment.
        let mut gateway = gateway;
        loop {
            match Arc::try_unwrap(gateway) {
                Ok(owned) => return owned.stop().await,
                Err(shared) => gateway = shared,
            }
            tokio::task::yield_now().await;
        }
    });
    Ok(part)
}

/// Clients can be served when a replica serves and an active tracker is known.
async fn look(gateway: Option<Arc<Gateway>>, stores: Stores, trackers: Trackers) -> Condition {
    let serves = |store: Arc<dyn TreeStore>| async move { store.status().await.is_ok_and(|s| s.serving) };
    let active =
        |tracker: Arc<dyn SessionTracker>| async move { tracker.status().await.is_ok_and(|s| s.active) };
    let store = any(stores.list().iter().map(|(_, store)| serves(Arc::clone(store)))).await;
    let tracker = any(trackers.list().iter().map(|(_, tracker)| active(Arc::clone(tracker)))).await;
    let (mode, connections) = match &gateway {
        Some(gateway) => (gateway.facts().mode, gateway.stats().connections()),
        None => (String::new(), 0),
    };
    Condition {
        ready: store && tracker && gateway.is_some_and(|gateway| gateway.stats().is_serving()),
        status: json!({"mode": mode, "connections": connections, "tree_store": store, "session_tracker": tracker}),
    }
}

/// All at once: one that does not answer must not hide another that says yes.
async fn any(questions: impl Iterator<Item = impl Future<Output = bool> + Send + 'static>) -> bool {
    let mut asked: JoinSet<bool> = questions.collect();
    while let Some(answer) = asked.join_next().await {
        if answer.is_ok_and(|yes| yes) {
            return true;
        }
    }
    false
}

/// Options with what is set, and the flags, which come first.
pub fn options(settings: &Settings, limits: &ClientLimits) -> Result<GatewayOptions> {
    let mut options = settings::gateway_options(GatewayOptions::default(), settings)?;
    options.threads = limits.gateway_threads.map_or(options.threads, usize::from);
    options.jute_max_buffer = limits.jute_maxbuffer.map_or(options.jute_max_buffer, |bytes| bytes as usize);
    options.max_client_cnxns =
        limits.max_client_cnxns.map_or(options.max_client_cnxns, |count| count as usize);
    if let Some(words) = &limits.four_letter_words {
        options.four_letter_words.clone_from(&words.0);
    }
    Ok(options)
}

/// Shortens the intervals of `options` where sessions may be short.
pub fn with_smallest_timeout(options: GatewayOptions, timeout: Duration) -> GatewayOptions {
    GatewayOptions {
        touch_interval: options.touch_interval.min(timeout / TOUCHES_PER_TIMEOUT).max(INTERVAL_MIN),
        challenge_after: options.challenge_after.min(timeout / CHALLENGE_PART).max(INTERVAL_MIN),
        ..options
    }
}
