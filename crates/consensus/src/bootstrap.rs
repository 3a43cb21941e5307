//! What a member does on its own after a start: founding an ensemble, finding out whether it counts, leading when it is
//! alone.
//!
//! An ensemble is founded once, when a majority of its voters is there and nobody who answers has a log: as with
//! ZooKeeper, two of three servers are enough for the first start. Of those that are there, the one with the lowest id
//! founds; should two do so at once, they write the same first entry, which Raft allows.
//!
//! A member without a log that finds one elsewhere may have lost its disk, and with it what it promised. It then asks so
//! many of the others that every majority it may have been part of has one among them (two of three, three of five), for
//! their terms and how far their logs reach. It follows no leader of an earlier term, and counts again once its own log
//! reaches as far and is durable. So a lost disk costs nothing that was acknowledged, whoever else is away for a while;
//! and where too few others are there, it waits for them. (If a majority lost their disks at once, nothing is left to
//! tell them from a new ensemble; that is why the rest must not be started without them.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use menagerie_host::Host;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, ConsensusStatus, Member};
use menagerie_types::{LogIndex, NodeId};
use openraft::raft::FlushPoint;
use openraft::{BasicNode, ReadPolicy};

use crate::ConsensusOptions;
use crate::standing::Standing;
use crate::types::{Raft, TypeConfig, node, outer_id};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);

/// Raft's first entry is the membership that the founder writes; nobody has led before there is a second one.
const FOUNDING: LogIndex = LogIndex(1);

/// Does what this member has to do before it counts. Returns when there is nothing (more) to do.
pub(crate) async fn run(raft: Raft, options: ConsensusOptions, standing: Arc<Standing>) {
    elect_lone_voter(&raft, options.id.0).await;
    let is_other = |member: &Member| member.voter && member.id != options.id;
    let mut others: Vec<Member> = options.members.iter().filter(|m| is_other(m)).cloned().collect();
    let votes = options.voters().any(|voter| voter == options.id.0);
    let mut told = false;
    while let Ok(initialized) = raft.is_initialized().await
        && !(initialized && standing.is_full())
    {
        let answers = ask(&*options.host, &others).await;
        match judge(options.id, &answers, &others, !initialized) {
            Finding::Nothing { lowest } => {
                let first = votes && lowest.is_none_or(|lowest| options.id < lowest);
                if settle(&raft, &standing) && first {
                    return found(&raft, &options).await;
                }
                // That one founds, and then asks for this one's vote.
            }
            Finding::Founded => {
                settle(&raft, &standing);
                return;
            }
            Finding::Begun { .. } if standing.is_full() => return,
            Finding::Begun { term, last } => return rejoin(&raft, &standing, term, last).await,
            Finding::Voters(voters) => others = voters,
            Finding::TooFew { what } => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("waiting for more of the voters {what}");
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// This member counts from now on; false if that cannot be kept, and then it does not.
fn settle(raft: &Raft, standing: &Standing) -> bool {
    match standing.settle() {
        Ok(()) => raft.runtime_config().elect(true),
        Err(error) => tracing::error!(%error, "this member does not vote: start it again"),
    }
    standing.is_full()
}

/// Follows leaders of `term` and later ones until all up to `last` is here, and durable.
async fn rejoin(raft: &Raft, standing: &Standing, term: u64, last: LogIndex) {
    tracing::info!(
        term,
        last = last.0,
        "this member has no log, others have one: it votes again when it has caught up"
    );
    standing.rejoin(term);
    let reached = move |flushed: &Option<FlushPoint<TypeConfig>>| {
        flushed.as_ref().is_some_and(|point| {
            let led = point.vote.is_committed() && point.vote.leader_id().term >= term;
            led && outer_id(point.last_log_id.as_ref()) >= last
        })
    };
    if raft.watch_log_progress().wait_until(reached).await.is_ok() && settle(raft, standing) {
        tracing::info!("this member has caught up and votes again");
    }
}
/// Spares a restarted member that has nobody to ask the wait for its election timeout.
async fn elect_lone_voter(raft: &Raft, id: u64) {
    let alone =
        raft.with_raft_state(move |state| state.membership_state.effective().voter_ids().eq([id])).await;
    if matches!(alone, Ok(true))
        && let Err(error) = raft.trigger().elect(false).await
    {
        tracing::warn!(%error, "no election");
    }
}

/// What the answers of the other voters come to.
#[derive(Debug, PartialEq)]
enum Finding {
    /// With this member a majority, and nobody has a log; the lowest id among those that answered.
    Nothing {
        lowest: Option<NodeId>,
    },
    /// Somebody has founded the ensemble, and nobody has led it.
    Founded,
    /// There are other voters to be asked than those that were.
    Voters(Vec<Member>),
    /// Enough have answered: nothing was acknowledged in a later term, or behind that entry.
    Begun {
        term: u64,
        last: LogIndex,
    },
    TooFew {
        what: &'static str,
    },
}

/// Tells what to do from what the voters other than `own` say; `empty` if that one has no log at all.
fn judge(own: NodeId, answers: &[ConsensusStatus], others: &[Member], empty: bool) -> Finding {
    let is_empty = |status: &ConsensusStatus| status.last_index == LogIndex(0) && status.term == 0;
    if answers.iter().all(is_empty) {
        return match empty && answers.len() + 1 > others.len().div_ceil(2) {
            true => Finding::Nothing { lowest: answers.iter().map(|status| status.id).min() },
            false => Finding::TooFew { what: "to found the ensemble" },
        };
    }
    if empty && answers.iter().all(|status| status.last_index <= FOUNDING) {
        return Finding::Founded;
    }
    let term = answers.iter().map(|status| status.term).max().unwrap_or_default();
    let newest = answers.iter().max_by_key(|status| (status.membership_index, status.last_index));
    let members = newest.map(|status| status.members.as_slice()).unwrap_or_default();
    let voters = || members.iter().filter(|member| member.voter && member.id != own);
    let ids = |ids: &mut dyn Iterator<Item = &Member>| ids.map(|member| member.id).collect::<BTreeSet<_>>();
    if !members.is_empty() && ids(&mut voters()) != ids(&mut others.iter()) {
        return Finding::Voters(voters().cloned().collect());
    }
    // One more than may be missing from a majority of all voters, this one among them.
    if answers.len() < (others.len() + 1).div_ceil(2) {
        return Finding::TooFew { what: "to tell how far the log reaches" };
    }
    let last = answers.iter().map(|status| status.last_index).max().unwrap_or_default();
    Finding::Begun { term, last }
}

async fn ask(host: &dyn Host, others: &[Member]) -> Vec<ConsensusStatus> {
    join_all(others.iter().map(|member| status(host, member))).await.into_iter().flatten().collect()
}

/// What a member says of itself; nothing if it does not answer.
async fn status(host: &dyn Host, member: &Member) -> Option<ConsensusStatus> {
    let client = ConsensusClient::new(channel::lazy_from(host, &member.address).ok()?);
    let status = tokio::time::timeout(ANSWER_TIMEOUT, client.status()).await.ok()?.ok()?;
    if status.id != member.id {
        tracing::warn!(expected = %member.id, found = %status.id, address = member.address, "wrong member answers");
        return None;
    }
    Some(status)
}

/// All initial voters vote, all other initial members are learners.
async fn found(raft: &Raft, options: &ConsensusOptions) {
    let voters: BTreeMap<u64, BasicNode> = options
        .members
        .iter()
        .filter(|member| member.voter)
        .map(|member| (member.id.0, node(member)))
        .collect();
    match raft.initialize(voters).await {
        Ok(()) => tracing::info!("ensemble founded"),
        Err(error) => return tracing::info!(%error, "ensemble not founded"),
    }
    add_learners(raft, options).await;
}

/// The founder leads first, as nobody else knows of the ensemble before it asks for their votes. Learners can be
/// added once what it begins with is committed.
async fn add_learners(raft: &Raft, options: &ConsensusOptions) {
    while let Err(error) = raft.ensure_linearizable(ReadPolicy::ReadIndex).await {
        let elsewhere = raft.current_leader().await.is_some_and(|leader| leader != options.id.0);
        if elsewhere || error.fatal().is_some() {
            return tracing::warn!(%error, "learners not added");
        }
        tokio::time::sleep(RETRY).await;
    }
    for learner in options.members.iter().filter(|member| !member.voter) {
        if let Err(error) = raft.add_learner(learner.id.0, node(learner), false).await {
            tracing::warn!(%error, learner = %learner.id, "learner not added");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId(9);

    fn member(id: u64) -> Member {
        Member { id: NodeId(id), address: format!("host:{id}"), voter: true, info: String::new() }
    }

    fn members(ids: impl IntoIterator<Item = u64>) -> Vec<Member> {
        ids.into_iter().map(member).collect()
    }

    /// Of a member of an ensemble of `ids`; one that knows of none has no log.
    fn says(id: u64, (term, last): (u64, u64), ids: &[u64]) -> ConsensusStatus {
        ConsensusStatus {
            id: NodeId(id),
            state: "follower".into(),
            term,
            leader: None,
            first_index: LogIndex(1),
            last_index: LogIndex(last),
            commit_index: LogIndex(0),
            members: members(ids.iter().copied()),
            membership_index: LogIndex(ids.len() as u64),
        }
    }

    #[test]
    fn where_nobody_has_a_log_a_majority_is_enough() {
        let others = members([1, 2]);
        let empty = |id| says(id, (0, 0), &[]);
        let (few, enough) = (judge(OWN, &[], &others, true), judge(OWN, &[empty(2)], &others, true));
        assert!(matches!(few, Finding::TooFew { .. }), "{few:?}");
        assert_eq!(enough, Finding::Nothing { lowest: Some(NodeId(2)) });
        let own_log = judge(OWN, &[empty(1), empty(2)], &others, false);
        assert!(matches!(own_log, Finding::TooFew { .. }), "only this member has one: {own_log:?}");
    }

    #[test]
    fn an_ensemble_that_was_only_founded_has_nothing_to_lose() {
        let founder = says(1, (1, 1), &[1, 2, 9]);
        assert_eq!(judge(OWN, &[founder], &members([1, 2]), true), Finding::Founded);
    }

    #[test]
    fn so_many_must_answer_that_every_majority_has_one_of_them() {
        for (voters, needed) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
            let ids: Vec<u64> = (1..voters).chain([9]).collect();
            let others = members(1..voters);
            let answers: Vec<_> = (1..voters).map(|id| says(id, (id, 100 - id), &ids)).collect();
            let few = judge(OWN, &answers[..needed - 1], &others, false);
            assert!(matches!(few, Finding::TooFew { .. }), "{voters}: {few:?}");
            let found = judge(OWN, &answers[..needed], &others, false);
            assert_eq!(found, Finding::Begun { term: needed as u64, last: LogIndex(99) }, "{voters}");
        }
    }

    #[test]
    fn the_voters_asked_are_those_of_the_newest_ensemble() {
        let answers = [says(1, (3, 50), &[1, 2, 9]), says(2, (3, 60), &[2, 3, 4, 9])];
        let found = judge(OWN, &answers, &members([1, 2]), true);
        assert_eq!(found, Finding::Voters(members([2, 3, 4])));
    }
}
