//! The replicas of the tree, and opening a link to one of them.

use std::sync::Arc;

use menagerie_proto::tree_store::{LinkHello, StoreLink, TreeStore};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::NodeId;
use tokio::sync::watch;

/// A replica of the tree, local or remote.
pub type StoreReplica = (NodeId, Arc<dyn TreeStore>);

/// All replicas that can be linked to, in order of preference; they may change. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    list: watch::Sender<Arc<[StoreReplica]>>,
}

impl Stores {
    /// These, until told otherwise.
    pub fn new(stores: Vec<StoreReplica>) -> Self {
        Self { list: watch::Sender::new(stores.into()) }
    }

    /// From now on these.
    pub fn set(&self, stores: Vec<StoreReplica>) {
        self.list.send_replace(stores.into());
    }

    /// Those of now.
    pub fn list(&self) -> Arc<[StoreReplica]> {
        Arc::clone(&self.list.borrow())
    }

    /// Tells of every later change.
    pub fn changes(&self) -> watch::Receiver<Arc<[StoreReplica]>> {
        self.list.subscribe()
    }

    /// Tries every replica once, in order but beginning behind `after`, the one that was lost last; returns which one
    /// it is linked to.
    ///
    /// [`ServiceError::HistoryGone`] is returned only if every replica that answered said so: then the results that
    /// are missing cannot be had, and the outcome of those commands stays unknown.
    pub async fn link(
        &self,
        after: Option<NodeId>,
        hello: &LinkHello,
    ) -> ServiceResult<(NodeId, Box<dyn StoreLink>)> {
        let stores = self.list();
        let lost = after.and_then(|id| stores.iter().position(|(known, _)| *known == id));
        let first = lost.map_or(0, |at| at + 1);
        let mut error = ServiceError::Unavailable("no tree store is known".into());
        let mut all_gone = true;
        for offset in 0..stores.len() {
            let (id, store) = &stores[(first + offset) % stores.len()];
            match store.link(hello.clone()).await {
                Ok(link) => return Ok((*id, link)),
                Err(e) => {
                    all_gone &= matches!(e, ServiceError::HistoryGone(_));
                    if all_gone || !matches!(e, ServiceError::HistoryGone(_)) {
                        error = e;
                    }
                }
            }
        }
        Err(error)
    }
}
