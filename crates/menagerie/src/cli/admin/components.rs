//! Stores, session trackers and gateways: whoever has registered.

use std::time::Duration;

use menagerie_proto::channel;
use menagerie_proto::consensus::ConsensusStatus;
use menagerie_proto::tree_store::{Directory, Registered, TreeStore, TreeStoreClient};
use menagerie_types::NodeId;
use menagerie_types::command::registration::Role;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Admin;
use super::output::Table;
use crate::error::{Error, Result};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// A component says that it is there every 30 to 60 s.
const SILENT_MS: i64 = 130_000;

/// The directory, and the store that told it.
pub struct Components {
    /// Who has registered.
    pub directory: Directory,
    store: TreeStoreClient,
}

impl Components {
    /// Asks all servers that were given, and the members of the log, which in a classic ensemble are stores as well. None
    /// if no store is among them.
    pub async fn look(admin: &Admin, view: Option<&ConsensusStatus>) -> Option<Self> {
        let members = view.into_iter().flat_map(|view| &view.members).map(|member| &member.address);
        let mut asked = JoinSet::new();
        for address in admin.servers.iter().chain(members) {
            let Ok(channel) = channel::lazy(address) else { continue };
            asked.spawn(async move {
                let store = TreeStoreClient::new(channel);
                let answer = tokio::time::timeout(ANSWER_TIMEOUT, store.directory()).await;
                Some(Self { directory: answer.ok()?.ok()?, store })
            });
        }
        // The latest that is told is the one that counts.
        asked.join_all().await.into_iter().flatten().max_by_key(|found| found.directory.time_ms)
    }

    /// Takes a component out of the directory. A store that runs ends; a tracker or gateway that runs would come back, so
    /// that is refused.
    pub async fn remove(&self, role: Role, id: NodeId, force: bool) -> Result<String> {
        let name = role.name();
        let Some(found) = self.directory.of(role).find(|component| component.id == id) else {
            let ids: Vec<_> = self.directory.of(role).map(|component| component.id.to_string()).collect();
            let there = if ids.is_empty() {
                "none has registered".into()
            } else {
                format!("there are {}", ids.join(", "))
            };
            return Err(Error::command(format!("there is no {name} {id}; {there}")));
        };
        let stores = self.directory.of(Role::TreeStore).count();
        if role == Role::TreeStore && stores == 1 && !force {
            return Err(Error::command(format!(
                "{name} {id} is the only one: without it nobody reads and nobody writes. With --force it is taken out all \
                 the same; its data stays in its directory, and it comes back when it is started again"
            )));
        }
        if role != Role::TreeStore && self.silent_ms(found) < SILENT_MS && !force {
            return Err(Error::command(format!(
                "{name} {id} was heard of {} s ago: stop it, and it takes itself out. With --force it is taken out all the \
                 same, and comes back within a minute if it runs",
                self.silent_ms(found) / 1000
            )));
        }
        let taken = self.store.unregister(role, id).await;
        taken
            .map_err(|error| Error::command(format!("{name} {id} was not taken out: {error}; try again")))?;
        Ok(match role {
            Role::TreeStore => format!(
                "{name} {id} is forgotten: nobody calls it, and the log is not kept for it; its process ends by itself, and \
                 comes back when it is started again"
            ),
            Role::SessionTracker | Role::Gateway => format!("{name} {id} is forgotten"),
        })
    }

    /// One line for each.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["ROLE", "ID", "ADDRESS", "CHECKPOINT", "HEARD OF"]);
        for component in &self.directory.components {
            let checkpoint = match component.role {
                Role::TreeStore => component.checkpoint.to_string(),
                Role::SessionTracker | Role::Gateway => String::new(),
            };
            let (role, id) = (component.role.name().to_owned(), component.id.to_string());
            let heard = format!("{} s ago", self.silent_ms(component) / 1000);
            table.row([role, id, component.address.clone(), checkpoint, heard]);
        }
        table
    }

    /// The same for scripts.
    pub fn json(&self) -> Vec<Value> {
        let component = |component: &Registered| {
            json!({
                "role": component.role.name(),
                "id": component.id.0,
                "address": component.address,
                "checkpoint_index": component.checkpoint.0,
                "silent_ms": self.silent_ms(component),
            })
        };
        self.directory.components.iter().map(component).collect()
    }

    fn silent_ms(&self, component: &Registered) -> i64 {
        self.directory.time_ms.saturating_sub(component.seen_ms).max(0)
    }
}
