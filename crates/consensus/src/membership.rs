//! Changing who belongs to the ensemble (Raft section 6, joint consensus).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use menagerie_host::Host;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, Member};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::raft::Precondition;
use openraft::{BasicNode, ChangeMembers, RaftMetrics};
use tracing::{info, warn};

use crate::LocalConsensus;
use crate::leadership::Leadership;
use crate::types::{LogId, TypeConfig, node, outer_id};

/// A new member must answer a first call by then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// It may just be starting.
const CALL_AGAIN: Duration = Duration::from_millis(100);
/// More members make writes slower and nothing safer.
const MEMBERS_MAX: usize = 255;

type WriteError = RaftError<TypeConfig, ClientWriteError<TypeConfig>>;

impl LocalConsensus {
    /// See [`menagerie_proto::consensus::Consensus::change_membership`].
    pub(crate) async fn change(&self, expected: LogIndex, members: &[Member]) -> ServiceResult<LogIndex> {
        check(members)?;
        if Leadership::new(&self.inner.raft).term().is_none() {
            return Err(self.not_leader());
        }
        let now = self.effective();
        if expected.0 != 0 && outer_id(now.at.as_ref()) != expected {
            return Err(ServiceError::InProgress(format!(
                "it stands at entry {}, not at {expected}",
                outer_id(now.at.as_ref())
            )));
        }
        let wanted: BTreeMap<u64, BasicNode> = members.iter().map(|m| (m.id.0, node(m))).collect();
        let voters: BTreeSet<u64> = members.iter().filter(|m| m.voter).map(|m| m.id.0).collect();
        self.leave_to_a_successor(&now, &voters).await?;
        let new: Vec<u64> = wanted.keys().filter(|id| !now.nodes.contains_key(id)).copied().collect();
        let mut at = now.at;
        self.call_on(members, &new).await?;
        let promoted: Vec<u64> = voters.difference(&now.voters).copied().collect();
        if new.is_empty() {
            self.await_in_sync(at, promoted).await?;
        } else {
            at = self.add(at, &new, &wanted, promoted).await?;
        }
        info!(?voters, members = wanted.len(), "the ensemble changes");
        let changed: BTreeMap<u64, BasicNode> = wanted
            .iter()
            .filter(|(id, node)| now.nodes.get(id).is_some_and(|known| known != *node))
            .map(|(id, node)| (*id, node.clone()))
            .collect();
        if !changed.is_empty() {
            at = self.step(at, ChangeMembers::SetNodes(changed)).await?;
        }
        if voters != now.voters {
            at = self.step(at, ChangeMembers::ReplaceAllVoters(voters)).await?;
        }
        let gone: BTreeSet<u64> = now.nodes.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        if !gone.is_empty() {
            at = self.step(at, ChangeMembers::RemoveNodes(gone)).await?;
        }
        Ok(outer_id(at.as_ref()))
    }

    fn effective(&self) -> Effective {
        let watched = self.inner.raft.metrics();
        let metrics = watched.borrow_watched();
        let membership = &metrics.membership_config;
        Effective {
            at: *membership.log_id(),
            voters: membership.voter_ids().collect(),
            nodes: membership.nodes().map(|(id, node)| (*id, node.clone())).collect(),
        }
    }

    /// A leader that is to vote no more hands over first, so that nobody waits for an election; the caller goes on
    /// with the new leader.
    async fn leave_to_a_successor(&self, now: &Effective, voters: &BTreeSet<u64>) -> ServiceResult<()> {
        let own = self.inner.id.0;
        if voters.contains(&own) {
            return Ok(());
        }
        let Some(successor) = self.most_complete(now.voters.intersection(voters).copied()) else {
            return Ok(());
        };
        LocalConsensus::transfer_leadership(self, Some(NodeId(successor)))
            .await
            .map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        Err(self.not_leader())
    }

    /// Whoever does not answer now will not be brought up to date soon: nothing is changed then.
    async fn call_on(&self, members: &[Member], new: &[u64]) -> ServiceResult<()> {
        let joining = members.iter().filter(|member| new.contains(&member.id.0));
        let calls =
            joining.map(|member| tokio::time::timeout(ANSWER_TIMEOUT, answers(&*self.inner.host, member)));
        match join_all(calls).await.iter().all(Result::is_ok) {
            true => Ok(()),
            false => Err(ServiceError::NotInSync(format!(
                "not all of the members {new:?} answer at their address"
            ))),
        }
    }

    /// Adds learners and waits until those that shall vote have what is committed now. If one does not get there, all
    /// that were added are removed again.
    async fn add(
        &self,
        at: Option<LogId>,
        new: &[u64],
        wanted: &BTreeMap<u64, BasicNode>,
        promoted: Vec<u64>,
    ) -> ServiceResult<Option<LogId>> {
        let nodes = new.iter().filter_map(|id| Some((*id, wanted.get(id)?.clone()))).collect();
        let added = self.step(at, ChangeMembers::AddNodes(nodes)).await?;
        if let Err(error) = self.await_in_sync(added, promoted).await {
            warn!(?new, "new members were not brought up to date, removing them again");
            self.step(added, ChangeMembers::RemoveNodes(new.iter().copied().collect())).await?;
            return Err(error);
        }
        Ok(added)
    }

    /// Waits until the members have the log up to `goal`: from then on they may be waited for by every write.
    async fn await_in_sync(&self, goal: Option<LogId>, awaited: Vec<u64>) -> ServiceResult<()> {
        if awaited.is_empty() {
            return Ok(());
        }
        let (goal, names) = (goal.map(|id| id.index), awaited.clone());
        let there = move |metrics: &RaftMetrics<TypeConfig>| {
            let Some(replication) = &metrics.replication else { return true };
            awaited.iter().all(|id| replication.get(id).is_some_and(|m| m.as_ref().map(|m| m.index) >= goal))
        };
        let limit = self.inner.join_timeout;
        let waited = self.inner.raft.wait(Some(limit)).metrics(there, "new voters in sync").await;
        match waited.is_ok() && Leadership::new(&self.inner.raft).term().is_some() {
            true => Ok(()),
            false => Err(ServiceError::NotInSync(format!("members {names:?} did not catch up in {limit:?}"))),
        }
    }

    /// One change; returns where the ensemble stands then.
    async fn step(
        &self,
        at: Option<LogId>,
        change: ChangeMembers<u64, BasicNode>,
    ) -> ServiceResult<Option<LogId>> {
        let unchanged = [Precondition::LastMembershipLogId { last_membership_log_id: at }];
        let done = self.inner.raft.change_membership_if(change, true, unchanged).await;
        done.map(|response| Some(response.log_id)).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: WriteError) -> ServiceError {
        let text = error.to_string();
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => self.not_leader(),
            RaftError::APIError(ClientWriteError::ChangeMembershipError(why)) => match why {
                ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_) => {
                    ServiceError::InProgress(text)
                }
                _ => ServiceError::Invalid(text),
            },
            RaftError::APIError(ClientWriteError::PreconditionFailed(_)) => ServiceError::InProgress(text),
            _ => ServiceError::Unavailable(text),
        }
    }
}

/// The ensemble as the last entry that tells of it has made it.
struct Effective {
    at: Option<LogId>,
    voters: BTreeSet<u64>,
    nodes: BTreeMap<u64, BasicNode>,
}

/// Resolves when the member answers at its address.
async fn answers(host: &dyn Host, member: &Member) {
    while let Ok(channel) = channel::lazy_from(host, &member.address) {
        let status = ConsensusClient::new(channel).status().await;
        if status.is_ok_and(|status| status.id == member.id) {
            return;
        }
        tokio::time::sleep(CALL_AGAIN).await;
    }
    std::future::pending().await
}

fn check(members: &[Member]) -> ServiceResult<()> {
    let wrong = |what: &str| Err(ServiceError::Invalid(what.into()));
    let ids: BTreeSet<_> = members.iter().map(|member| member.id).collect();
    let addresses: BTreeSet<_> = members.iter().map(|member| member.address.as_str()).collect();
    if !members.iter().any(|member| member.voter) {
        return wrong("no member votes");
    }
    if members.len() > MEMBERS_MAX || ids.len() != members.len() || ids.contains(&NodeId(0)) {
        return wrong("ids must be there once each, and not be 0");
    }
    if addresses.len() != members.len() {
        return wrong("two members have the same address");
    }
    match members.iter().any(|m| m.address.contains(char::is_whitespace) || m.info.contains('\n')) {
        true => wrong("an address with a space, or an info with a line break"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, voter: bool) -> Member {
        Member { id: NodeId(id), address: format!("m{id}:1"), voter, info: String::new() }
    }

    #[test]
    fn an_ensemble_needs_voters_ids_and_addresses_of_their_own() {
        assert_eq!(check(&[member(1, true), member(2, false)]), Ok(()));
        let same = Member { address: "m1:1".into(), ..member(2, true) };
        for wrong in [
            vec![],
            vec![member(1, false)],
            vec![member(1, true), member(1, true)],
            vec![member(0, true)],
            vec![member(1, true), same],
            vec![Member { address: "a b:1".into(), ..member(1, true) }],
            vec![Member { info: "a\nb".into(), ..member(1, true) }],
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
    }
}
