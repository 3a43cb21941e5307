//! What a member of an ensemble does about changes of that ensemble: it calls new members, shows the ensemble to
//! clients, and ends when it was removed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use menagerie_consensus::LocalConsensus;
use menagerie_gateway::{Tracker, Trackers};
use menagerie_link::{Ensemble, LogMember};
use menagerie_proto::ServiceResult;
use menagerie_proto::consensus::{Consensus, ConsensusStatus, Member};
use menagerie_tree_store::LocalTreeStore;
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::server::Server;
use menagerie_types::{LogIndex, NodeId};
use tracing::{info, warn};

use super::remote;
use crate::error::Error;
use crate::process::Process;

/// How soon a change is noticed.
const INTERVAL: Duration = Duration::from_millis(250);
/// Others are asked about the ensemble when this member has heard of no leader for so many intervals.
const LEADERLESS_MAX: u32 = 8;
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Whoever must know the members.
pub struct Follower {
    /// This member of the log.
    pub consensus: LocalConsensus,
    /// This member's replica, which publishes.
    pub store: LocalTreeStore,
    /// Lists of the log's members to be kept up to date, this one first.
    pub ensembles: Vec<Ensemble>,
    /// The list of trackers to be kept up to date, and this member's.
    pub trackers: (Trackers, Tracker),
}

/// Follows the ensemble until the process ends.
pub fn follow(process: &Process, follower: Follower) {
    let fatal = process.fatal();
    tokio::spawn(async move {
        let why = follower.run().await;
        // Nobody listens any more when the process is stopping anyway.
        let _ = fatal.send(why).await;
    });
}

impl Follower {
    /// Ends with the reason why this process must.
    async fn run(&self) -> Error {
        let mut known = Known::default();
        loop {
            if let Ok(status) = self.consensus.status().await {
                if status.membership_index > known.at {
                    known.at = status.membership_index;
                    self.adopt(&status, &mut known);
                }
                if status.state == "leader" {
                    self.publish(&status);
                }
                known.leaderless = if status.leader.is_some() { 0 } else { known.leaderless + 1 };
                if let Some(at) = self.removed(&status, &known).await {
                    return removed_error(self.consensus.id(), at);
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Calls the members that the log names. Those that stay keep their connections.
    fn adopt(&self, status: &ConsensusStatus, known: &mut Known) {
        let own = self.consensus.id();
        known.was_member |= status.members.iter().any(|member| member.id == own);
        let others: BTreeMap<NodeId, String> =
            status.members.iter().filter(|m| m.id != own).map(|m| (m.id, m.address.clone())).collect();
        if others == known.others {
            return;
        }
        info!(at = %status.membership_index, members = ?status.members, "the ensemble is another one");
        match self.connect(&others) {
            Ok((log, trackers)) => {
                for (ensemble, members) in self.ensembles.iter().zip(log) {
                    ensemble.set_members(members);
                }
                self.trackers.0.set(trackers);
                known.others = others;
            }
            Err(error) => warn!(%error, "cannot call the new members"),
        }
    }

    /// The log's members for each list, and the trackers.
    fn connect(
        &self,
        others: &BTreeMap<NodeId, String>,
    ) -> Result<(Vec<Vec<LogMember>>, Vec<Tracker>), Error> {
        let mut lists = Vec::new();
        for ensemble in &self.ensembles {
            let before = ensemble.members();
            let mut members: Vec<LogMember> = before.first().cloned().into_iter().collect();
            for (id, address) in others {
                members.push((*id, remote::log_member(address)?));
            }
            lists.push(members);
        }
        let mut trackers = vec![self.trackers.1.clone()];
        for (id, address) in others {
            trackers.push((*id, remote::layered_tracker(Arc::new(remote::tracker(address)?))));
        }
        Ok((lists, trackers))
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
        if status.commit_index >= status.membership_index && !lines.is_empty() && !on_trial {
            let membership_index = status.membership_index;
            self.store.publish_config(&PublishConfig { membership_index, text: lines.join("\n") });
        }
    }

    /// Where this member was removed. The log tells a removed member no more, so it asks the others, once it is cut
    /// off from them.
    async fn removed(&self, status: &ConsensusStatus, known: &Known) -> Option<LogIndex> {
        let own = self.consensus.id();
        if !known.was_member {
            return None;
        }
        if lacks(&status.members, own) && status.commit_index >= status.membership_index {
            return Some(status.membership_index);
        }
        if known.leaderless < LEADERLESS_MAX {
            return None;
        }
        for (id, member) in self.ensembles.first()?.members().iter().filter(|(id, _)| *id != own) {
            let answer: ServiceResult<_> = match tokio::time::timeout(ANSWER_TIMEOUT, member.status()).await {
                Ok(answer) => answer,
                Err(_) => continue,
            };
            let Ok(answer) = answer else { continue };
            let later = answer.id == *id && answer.membership_index > status.membership_index;
            if later && answer.commit_index >= answer.membership_index && lacks(&answer.members, own) {
                return Some(answer.membership_index);
            }
        }
        None
    }
}

/// What was seen of the ensemble so far.
#[derive(Default)]
struct Known {
    at: LogIndex,
    others: BTreeMap<NodeId, String>,
    /// A member that never was one is waiting to be added.
    was_member: bool,
    /// Intervals without a leader.
    leaderless: u32,
}

/// Says that it votes, and does not yet (or no longer).
fn is_on_trial(member: &Member) -> bool {
    let value = member.info.split_once('=').map(|(_, value)| value);
    let server = value.and_then(|value| Server::parse(member.id.0, value).ok());
    server.is_some_and(|server| server.votes != member.voter)
}

fn lacks(members: &[Member], id: NodeId) -> bool {
    !members.is_empty() && members.iter().all(|member| member.id != id)
}

fn removed_error(id: NodeId, at: LogIndex) -> Error {
    Error::component(
        "membership",
        format!(
            "member {id} was removed from the ensemble by entry {at}; to add it again, empty its data directory, \
             start it, and reconfigure"
        ),
    )
}
