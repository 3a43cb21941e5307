//! Keeps a session tracker or gateway in the directory. Stores keep themselves there.

use std::time::Duration;

use menagerie_link::{Backoff, Stores, new_incarnation};
use menagerie_proto::ServiceResult;
use menagerie_proto::tree_store::Registered;
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId};
use tracing::{debug, info, warn};

use crate::process::Process;

/// Well below the time after which the log forgets a component.
const REFRESH: Duration = Duration::from_secs(30);
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// A stopping process does not wait longer than that for a log that cannot take it out.
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(2);
/// Nor for one store: another may answer.
const UNREGISTER_ONE_TIMEOUT: Duration = Duration::from_millis(700);

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
        if tokio::time::timeout(UNREGISTER_TIMEOUT, take_out(role, id, &stores)).await.is_err() {
            warn!(
                role = role.name(), %id,
                "no tree store has taken it out of the directory; the log forgets it after a while"
            );
        }
    });
}

/// Until one of the stores has done it.
async fn take_out(role: Role, id: NodeId, stores: &Stores) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    loop {
        for (_, store) in stores.list().iter() {
            match tokio::time::timeout(UNREGISTER_ONE_TIMEOUT, store.unregister(role, id)).await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => debug!(%error, "not taken out of the directory yet"),
                Err(_) => {
                    debug!("a store does not answer; the next is asked to take it out of the directory")
                }
            }
        }
        backoff.pause().await;
    }
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
