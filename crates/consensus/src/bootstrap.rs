//! What a member does on its own after a start: founding an ensemble, leading when it is alone.
//!
//! An ensemble is founded once, when a majority of its voters is there and nobody who answers has a log: as with
//! ZooKeeper, two of three servers are enough for the first start. Of those that are there, the one with the lowest id
//! founds; should two do so at once, they write the same first entry, which Raft allows. A member that lost its disk
//! finds a peer with a log and waits for the leader to send it. (If a majority lost their disks at once, nothing is
//! left to tell them from a new ensemble; that is why the rest must not be started without them.)

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use menagerie_host::Host;
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, Member};
use menagerie_types::NodeId;
use openraft::{BasicNode, ReadPolicy};

use crate::ConsensusOptions;
use crate::types::{Raft, node};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);

/// Founds the ensemble if that is this member's to do. Returns when there is nothing (more) to do.
pub(crate) async fn run(raft: Raft, options: ConsensusOptions) {
    elect_lone_voter(&raft, options.id.0).await;
    if !options.voters().any(|voter| voter == options.id.0) {
        return;
    }
    let others: Vec<Member> =
        options.members.iter().filter(|member| member.voter && member.id != options.id).cloned().collect();
    let mut reported = false;
    while matches!(raft.is_initialized().await, Ok(false)) {
        match ask(&*options.host, &others).await {
            Answers::Empty(lowest) if lowest.is_none_or(|lowest| options.id < lowest) => {
                return found(&raft, &options).await;
            }
            // That one founds, and then asks for this one's vote.
            Answers::Empty(_) => {}
            Answers::Founded => {
                return tracing::info!("a peer has a log: waiting for the leader to send it");
            }
            Answers::TooFew => {
                if !std::mem::replace(&mut reported, true) {
                    tracing::info!("waiting for a majority of the voters to found the ensemble");
                }
            }
        }
        tokio::time::sleep(RETRY).await;
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

enum Answers {
    /// A majority is there and no ensemble can exist; the lowest id among the others that answered.
    Empty(Option<NodeId>),
    /// An ensemble exists.
    Founded,
    TooFew,
}

async fn ask(host: &dyn Host, others: &[Member]) -> Answers {
    let answers = join_all(others.iter().map(|member| is_empty(host, member))).await;
    if answers.contains(&Some(false)) {
        return Answers::Founded;
    }
    let empty =
        others.iter().zip(answers).filter(|(_, empty)| *empty == Some(true)).map(|(member, _)| member.id);
    let empty: Vec<_> = empty.collect();
    let voters = others.len() + 1;
    if empty.len() + 1 > voters / 2 { Answers::Empty(empty.into_iter().min()) } else { Answers::TooFew }
}

/// Whether a member has never been part of an ensemble; nothing if it does not say.
async fn is_empty(host: &dyn Host, member: &Member) -> Option<bool> {
    let client = ConsensusClient::new(channel::lazy_from(host, &member.address).ok()?);
    let status = tokio::time::timeout(ANSWER_TIMEOUT, client.status()).await.ok()?.ok()?;
    if status.id != member.id {
        tracing::warn!(expected = %member.id, found = %status.id, address = member.address, "wrong member answers");
        return None;
    }
    Some(status.last_index.0 == 0 && status.term == 0)
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
