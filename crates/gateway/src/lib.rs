//! Client connections: the ZooKeeper protocol, and the way in for the gRPC API.
//!
//! A gateway holds no state that a client would miss. It decodes requests, proposes writes to the log, asks a tree
//! store for reads, and delivers results and watch events in each session's order. Sessions are the tracker's.

mod api;
mod four_letter;
pub mod grpc;
mod listener;
mod options;
mod stats;
mod trackers;
mod worker;

use std::sync::Arc;

use menagerie_link::Ensemble;
use menagerie_proto::tree_store::TreeStore;
use parking_lot::Mutex;

pub use api::{ApiEvent, ApiHandle, ApiReply};
pub use listener::{Gateway, GatewayError, start};
pub use options::GatewayOptions;
pub use stats::{Facts, Stats};
pub use trackers::{Tracker, Trackers};

/// What the workers of a gateway share.
pub(crate) struct Shared {
    pub options: Arc<GatewayOptions>,
    pub stats: Arc<Stats>,
    pub facts: Arc<Mutex<Facts>>,
    pub ensemble: Ensemble,
    pub stores: Vec<Arc<dyn TreeStore>>,
    pub trackers: Trackers,
}
