//! Keeps a session tracker or gateway in the directory. Stores keep themselves there.

use std::time::Duration;

use menagerie_link::{Backoff, Stores, new_incarnation};
use menagerie_proto::ServiceResult;
use menagerie_proto::tree_store::Registered;
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId};
use tracing::{debug, info};

use crate::process::Process;

/// Well below the time after which the log forgets a component.
const REFRESH: Duration = Duration::from_secs(30);
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// A stopping process does not wait long for that.
const UNREGISTER_TIMEOUT: Duration = Duration::from_millis(500);

/// What is registered.
#[derive(Clone, Debug)]
pub struct Component {
    /// What it is.
    pub role: Role,
    /// Its id.
    pub id: NodeId,
    /// Where it is called.
    pub address: String,
}

/// Registers the component, through any of the stores, for as long as the process runs; takes it out when the process
/// stops. To be called before the component's part starts: what starts last stops first.
pub fn register(process: &mut Process, component: Component, stores: Stores) {
    let life = new_incarnation();
    let task = tokio::spawn(keep(component.clone(), life, stores.clone()));
    process.on_stop("registration", async move {
        task.abort();
        let (role, id) = (component.role, component.id);
        let taken = async {
            for (_, store) in stores.list().iter() {
                if store.unregister(role, id).await.is_ok() {
                    return;
                }
            }
        };
        if tokio::time::timeout(UNREGISTER_TIMEOUT, taken).await.is_err() {
            debug!(role = role.name(), %id, "not taken out of the directory; it is forgotten after a while");
        }
    });
}

async fn keep(component: Component, life: IncarnationId, stores: Stores) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    let mut registered = false;
    loop {
        match once(&component, life, &stores).await {
            Ok(()) => {
                backoff.reset();
                if !std::mem::replace(&mut registered, true) {
                    let Component { role, id, address } = &component;
                    info!(role = role.name(), %id, address, "registered");
                }
                tokio::time::sleep(REFRESH).await;
            }
            Err(error) => {
                debug!(%error, "not registered yet");
                backoff.pause().await;
            }
        }
    }
}

/// Through the first store that takes it.
async fn once(component: &Component, life: IncarnationId, stores: &Stores) -> ServiceResult<()> {
    let Component { role, id, address } = component.clone();
    let registered = Registered { role, id, address, life, seen_ms: 0, checkpoint: LogIndex(0) };
    let mut outcome = Err(menagerie_proto::ServiceError::Unavailable("no tree store is known".into()));
    for (_, store) in stores.list().iter() {
        outcome = store.register(registered.clone()).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
