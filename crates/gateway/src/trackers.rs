//! The session trackers a gateway knows.

use std::sync::Arc;

use menagerie_proto::session_tracker::SessionTracker;
use menagerie_types::NodeId;
use parking_lot::RwLock;

/// A tracker and the id under which the log names it.
pub type Tracker = (NodeId, Arc<dyn SessionTracker>);

/// The session trackers; they may change while the gateway runs. Cheap to clone.
#[derive(Clone, Default)]
pub struct Trackers {
    list: Arc<RwLock<Arc<[Tracker]>>>,
}

impl Trackers {
    /// These, until told otherwise.
    pub fn new(trackers: Vec<Tracker>) -> Self {
        Self { list: Arc::new(RwLock::new(trackers.into())) }
    }

    /// From now on these.
    pub fn set(&self, trackers: Vec<Tracker>) {
        *self.list.write() = trackers.into();
    }

    /// Those of now.
    pub fn list(&self) -> Arc<[Tracker]> {
        Arc::clone(&self.list.read())
    }

    /// The tracker with the id, else the `n`-th in turn; none if none is known.
    pub(crate) fn pick(&self, id: Option<NodeId>, n: usize) -> Option<Arc<dyn SessionTracker>> {
        let list = self.list.read();
        let held = id.and_then(|id| list.iter().find(|(known, _)| *known == id));
        let picked = held.or_else(|| list.get(n % list.len().max(1)));
        picked.map(|(_, tracker)| Arc::clone(tracker))
    }
}
