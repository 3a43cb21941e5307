//! What members of a classic ensemble do besides: the leader shows the ensemble to clients, and takes the parts of
//! removed members out of the directory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use menagerie_consensus::LocalConsensus;
use menagerie_proto::consensus::{Consensus, ConsensusStatus, Member};
use menagerie_proto::tree_store::TreeStore;
use menagerie_tree_store::LocalTreeStore;
use menagerie_types::NodeId;
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::server::Server;
use tracing::{info, warn};

/// The address of a member that nobody calls: it is alone.
pub const NO_ADDRESS: &str = "localhost:0";
/// The process of a removed member has ended by then, and has said so itself.
const GONE_FOR: Duration = Duration::from_secs(5);
/// Taking a part out is tried again with the next look.
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(2);

/// This process's part.
pub(super) struct Classic {
    /// This member, as its configuration says.
    pub(super) own: Member,
    /// Its replica, which publishes.
    pub(super) store: LocalTreeStore,
    /// Since when this leader has seen components of members that there are not.
    pub(super) gone: BTreeMap<NodeId, Instant>,
}

impl Classic {
    /// Does what is the leader's to do, and nothing elsewhere.
    pub(super) async fn tend(&mut self, consensus: &LocalConsensus, status: &ConsensusStatus) {
        if status.state != "leader" || status.commit_index < status.membership_index {
            return;
        }
        self.name_itself(consensus, status).await;
        self.publish(status);
        self.clear_directory(status).await;
    }

    /// A server that was alone had no address; with one in its configuration, others can join it.
    async fn name_itself(&self, consensus: &LocalConsensus, status: &ConsensusStatus) {
        let named = status.members.iter().any(|m| m.id == self.own.id && m.address == NO_ADDRESS);
        if !named || self.own.address == NO_ADDRESS {
            return;
        }
        let renamed =
            |member: &Member| if member.id == self.own.id { self.own.clone() } else { member.clone() };
        let members = status.members.iter().map(renamed).collect();
        match consensus.change_membership(status.membership_index, members).await {
            Ok(_) => info!(address = self.own.address, "this member can be called by others from now on"),
            Err(error) => warn!(%error, "this member's address is not in the log yet"),
        }
    }

    /// Shows the ensemble in `/zookeeper/config` once it is settled: no member is on trial. Members that say nothing of
    /// themselves are not for clients.
    fn publish(&self, status: &ConsensusStatus) {
        let lines: Vec<&str> = status
            .members
            .iter()
            .map(|member| member.info.as_str())
            .filter(|info| !info.is_empty())
            .collect();
        let on_trial = status.members.iter().any(is_on_trial);
        if !lines.is_empty() && !on_trial {
            let membership_index = status.membership_index;
            self.store.publish_config(&PublishConfig { membership_index, text: lines.join("\n") });
        }
    }

    /// Stores, trackers and gateways have the ids of their members. Whoever registers is a member already: it has the
    /// log from the leader.
    async fn clear_directory(&mut self, status: &ConsensusStatus) {
        let Ok(directory) = self.store.directory().await else { return };
        let gone = directory.components.iter().filter(|c| status.members.iter().all(|m| m.id != c.id));
        let gone: Vec<_> = gone.map(|component| (component.role, component.id)).collect();
        self.gone.retain(|id, _| gone.iter().any(|(_, known)| known == id));
        for (role, id) in gone {
            if self.gone.entry(id).or_insert_with(Instant::now).elapsed() < GONE_FOR {
                continue;
            }
            let taken = tokio::time::timeout(UNREGISTER_TIMEOUT, self.store.unregister(role, id)).await;
            if matches!(taken, Ok(Ok(true))) {
                info!(role = role.name(), %id, "taken out of the directory: the member was removed");
            }
        }
    }
}

/// Says that it votes, and does not yet (or no longer).
fn is_on_trial(member: &Member) -> bool {
    let value = member.info.split_once('=').map(|(_, value)| value);
    let server = value.and_then(|value| Server::parse(member.id.0, value).ok());
    server.is_some_and(|server| server.votes != member.voter)
}
