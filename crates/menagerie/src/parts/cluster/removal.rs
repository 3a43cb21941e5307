//! Finding out that this process's member of the log was removed.

use std::time::Duration;

use menagerie_consensus::LocalConsensus;
use menagerie_link::LogMember;
use menagerie_proto::consensus::{ConsensusStatus, Member};
use menagerie_types::{LogIndex, NodeId};

use crate::error::Error;

/// Others are asked when this member has heard of no leader, or has had no vote, for so many looks.
const DOUBTFUL_MAX: u32 = 8;
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// What was seen of the ensemble so far.
pub(super) struct Removal {
    own: NodeId,
    /// A member that never was one is waiting to be added.
    was_member: bool,
    was_voter: bool,
    /// Looks without a leader or a vote. A learner that is cut off still knows of the leader that it had.
    doubtful: u32,
}

impl Removal {
    pub(super) fn new(consensus: LocalConsensus) -> Self {
        Self { own: consensus.id(), was_member: false, was_voter: false, doubtful: 0 }
    }

    /// Where this member was removed. The log tells a removed member no more, so it asks the others: at once when it has
    /// ceased to vote, which comes before, otherwise when it is cut off from them.
    pub(super) async fn found(&mut self, status: &ConsensusStatus, others: &[LogMember]) -> Option<LogIndex> {
        let own = self.own;
        let me = status.members.iter().find(|member| member.id == own);
        self.was_member |= me.is_some();
        self.was_voter |= me.is_some_and(|me| me.voter);
        let doubtful = status.leader.is_none() || me.is_some_and(|me| !me.voter);
        self.doubtful = if doubtful { self.doubtful + 1 } else { 0 };
        if !self.was_member {
            return None;
        }
        if lacks(&status.members, own) && status.commit_index >= status.membership_index {
            return Some(status.membership_index);
        }
        let votes_no_more = self.was_voter && me.is_some_and(|me| !me.voter);
        if !votes_no_more && self.doubtful < DOUBTFUL_MAX {
            return None;
        }
        self.doubtful = 0;
        for (id, member) in others.iter().filter(|(id, _)| *id != own) {
            let Ok(Ok(answer)) = tokio::time::timeout(ANSWER_TIMEOUT, member.status()).await else {
                continue;
            };
            let later = answer.id == *id && answer.membership_index > status.membership_index;
            if later && answer.commit_index >= answer.membership_index && lacks(&answer.members, own) {
                return Some(answer.membership_index);
            }
        }
        None
    }

    pub(super) fn error(&self, at: LogIndex) -> Error {
        let id = self.own;
        Error::component(
            "membership",
            format!(
                "member {id} was removed from the ensemble by entry {at} of the log; to add it again, empty its data \
                 directory, start it, and type `menagerie admin add` (or reconfig)"
            ),
        )
    }
}

fn lacks(members: &[Member], id: NodeId) -> bool {
    !members.is_empty() && members.iter().all(|member| member.id != id)
}
