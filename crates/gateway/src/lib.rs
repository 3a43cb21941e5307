//! Client connections: the ZooKeeper protocol, and the way in for the gRPC API.
//!
//! A gateway holds no state that a client would miss. It decodes requests, proposes writes to the log, asks a tree
//! store for reads, and delivers results and watch events in each session's order. Sessions are the tracker's.

mod about;
mod api;
mod facts;
mod four_letter;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod grpc;
mod limits;
mod listener;
mod options;
mod stats;
mod throttle;
mod tls;
mod told;
mod trackers;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use menagerie_link::{Ensemble, Stores};
use parking_lot::Mutex;

use throttle::SessionThrottle;
use told::Told;

pub use about::{About, Quorum};
pub use api::{ApiEvent, ApiHandle, ApiReply};
pub use facts::Facts;
pub use limits::Limits;
pub use listener::{Gateway, GatewayError, start};
pub use options::GatewayOptions;
pub use stats::Stats;
pub use throttle::ConnectionThrottle;
pub use tls::{ClientAuth, Secure, Tls, TlsError, TlsSettings, how_to_convert};
pub use trackers::{Tracker, Trackers};

/// What the workers of a gateway share.
pub(crate) struct Shared {
    pub options: Arc<GatewayOptions>,
    pub stats: Arc<Stats>,
    pub facts: Arc<Mutex<Facts>>,
    pub ensemble: Ensemble,
    pub stores: Stores,
    pub trackers: Trackers,
    pub throttle: Arc<SessionThrottle>,
    pub told: Arc<Mutex<Told>>,
    /// Where clients connect, without and with TLS; with the real ports.
    pub addresses: OnceLock<(Option<SocketAddr>, Option<SocketAddr>)>,
}

impl Shared {
    /// What workers share that begin now.
    pub fn new(options: GatewayOptions, ensemble: Ensemble, stores: Stores, trackers: Trackers) -> Self {
        Self {
            throttle: Arc::new(SessionThrottle::new(options.limits.connection_throttle.clone())),
            options: Arc::new(options),
            stats: Arc::default(),
            told: Arc::default(),
            facts: Arc::default(),
            ensemble,
            stores,
            trackers,
            addresses: OnceLock::new(),
        }
    }

    /// Where clients connect without TLS.
    pub fn client_addr(&self) -> Option<SocketAddr> {
        self.addresses.get().and_then(|(plain, _)| *plain)
    }

    /// Where they must use TLS.
    pub fn secure_addr(&self) -> Option<SocketAddr> {
        self.addresses.get().and_then(|(_, secure)| *secure)
    }
}
