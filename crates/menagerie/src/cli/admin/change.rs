//! Changing the ensemble: what is there, what it shall be, and the leader's answer.

use std::collections::BTreeSet;
use std::time::Duration;

use menagerie_proto::ServiceError;
use menagerie_proto::consensus::{Consensus, Member};
use menagerie_types::NodeId;
use tokio::time::Instant;

use super::Admin;
use super::cluster::Cluster;
use super::members;
use super::output::Output;
use crate::error::{Error, Result};

const RETRY: Duration = Duration::from_millis(200);

/// The members of an ensemble, as they are or as they shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// All of them.
    pub members: Vec<Member>,
}

impl Wanted {
    /// The member with the id.
    pub fn find(&self, id: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// As [`Self::find`]; an error that names the others if there is none.
    pub fn member(&self, id: NodeId) -> Result<&Member> {
        self.find(id).ok_or_else(|| {
            let ids: Vec<_> = self.members.iter().map(|member| member.id.to_string()).collect();
            Error::command(format!("there is no member {id}; there are {}", ids.join(", ")))
        })
    }

    /// Members that show a `server.N` line to clients.
    pub fn is_classic(&self) -> bool {
        self.members.iter().any(|member| !member.info.is_empty())
    }

    /// The lowest id that no member has.
    pub fn free_id(&self) -> NodeId {
        let taken: BTreeSet<NodeId> = self.members.iter().map(|member| member.id).collect();
        (1..).map(NodeId).find(|id| !taken.contains(id)).unwrap_or_default()
    }

    fn voters(&self) -> BTreeSet<NodeId> {
        self.members.iter().filter(|member| member.voter).map(|member| member.id).collect()
    }
}

/// Has the leader make the ensemble what `plan` makes of it; nothing is to be done when that gives nothing. What was
/// begun is gone on with after a change of the leader. `done` is what can be said then.
pub async fn change(
    admin: &Admin,
    plan: impl Fn(&Wanted) -> Result<Option<Wanted>>,
    force: bool,
    done: &str,
) -> Result<Output> {
    let deadline = Instant::now() + admin.timeout;
    loop {
        let cluster = Cluster::with_leader(admin).await?;
        let now = Wanted { members: cluster.view.members.clone() };
        let Some(wanted) = plan(&now)? else { break };
        let answering: BTreeSet<NodeId> = cluster.answers.keys().copied().collect();
        check_quorum(&now, &wanted, &answering, force)?;
        let leader = cluster.leading()?;
        let call = leader.change_membership(cluster.view.membership_index, wanted.members);
        let problem = match tokio::time::timeout_at(deadline, call).await {
            Ok(Ok(_)) => break,
            Ok(Err(error)) => error,
            Err(_) => ServiceError::Deadline,
        };
        if !may_try_again(&problem) {
            return Err(refused(&problem));
        }
        if Instant::now() + RETRY >= deadline {
            return Err(Error::command(format!(
                "not done in time ({problem}); part of it may have been: see `menagerie admin members`, and type the same \
                 again to complete it"
            )));
        }
        tokio::time::sleep(RETRY).await;
    }
    let cluster = Cluster::look(admin).await?;
    let mut output = members::show(&cluster);
    output.text = format!("{done}\n\n{}", output.text);
    if let Some(object) = output.json.as_object_mut() {
        object.insert("done".into(), done.into());
    }
    Ok(output)
}

/// Another leader, another change at the same time, or a lost call: the next look tells.
fn may_try_again(error: &ServiceError) -> bool {
    matches!(
        error,
        ServiceError::NotLeader { .. }
            | ServiceError::InProgress(_)
            | ServiceError::Unavailable(_)
            | ServiceError::Deadline
    )
}

fn refused(error: &ServiceError) -> Error {
    Error::command(match error {
        ServiceError::NotInSync(why) => format!(
            "nothing was changed: {why}. A new member must run, with an empty directory, before it is added; one that has \
             much to catch up with is better added with --learner, and promoted when `menagerie admin members` shows \
             that it has"
        ),
        error => format!("the leader refused: {error}"),
    })
}

/// Refuses what leaves the ensemble without a majority that answers. New members are called on by the leader.
fn check_quorum(now: &Wanted, wanted: &Wanted, answering: &BTreeSet<NodeId>, force: bool) -> Result<()> {
    let (before, voters) = (now.voters(), wanted.voters());
    if voters.is_empty() {
        return Err(Error::command("this would leave no voter, and all data with it; nothing was changed"));
    }
    let is_there = |id: &&NodeId| answering.contains(id) || now.find(**id).is_none();
    let (there, needed) = (voters.iter().filter(is_there).count(), voters.len() / 2 + 1);
    if voters == before || there >= needed || force {
        return Ok(());
    }
    let silent: Vec<_> = voters.iter().filter(|id| !is_there(id)).map(ToString::to_string).collect();
    Err(Error::command(format!(
        "this would leave {} voters, of which {} must answer and {there} do; {} does not. Start it, or replace it \
         (`menagerie admin replace`), first. With --force the change is made all the same: then no write succeeds and no \
         session is opened until {needed} of them run",
        voters.len(),
        needed,
        silent.join(", "),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ensemble(voters: &[u64]) -> Wanted {
        let member = |id: &u64| Member { id: NodeId(*id), voter: true, ..Member::default() };
        Wanted { members: voters.iter().map(member).collect() }
    }

    fn check(now: &[u64], wanted: &[u64], answering: &[u64]) -> bool {
        let answering = answering.iter().copied().map(NodeId).collect();
        check_quorum(&ensemble(now), &ensemble(wanted), &answering, false).is_ok()
    }

    #[test]
    fn what_would_lose_the_quorum_is_refused() {
        assert!(check(&[1, 2, 3], &[1, 2], &[1, 2, 3]));
        assert!(check(&[1, 2, 3], &[1, 2], &[1, 2]), "a dead voter may go");
        assert!(!check(&[1, 2, 3], &[1, 3], &[1, 2]), "the living one may not");
        assert!(check(&[1, 2, 3], &[1, 2, 4], &[1, 2]), "a dead voter may be replaced");
        assert!(check(&[1], &[1, 2, 3], &[1]), "the leader calls on new members");
        assert!(!check(&[1], &[], &[1]));
        let answering = [1, 2].map(NodeId).into();
        assert!(check_quorum(&ensemble(&[1, 2, 3]), &ensemble(&[1, 3]), &answering, true).is_ok());
        assert!(
            check_quorum(&ensemble(&[1]), &ensemble(&[]), &answering, true).is_err(),
            "not even with --force"
        );
    }

    #[test]
    fn a_free_id_is_offered() {
        assert_eq!(ensemble(&[1, 2, 4]).free_id(), NodeId(3));
        let problem = ensemble(&[1, 2]).member(NodeId(3)).expect_err("none").to_string();
        assert_eq!(problem, "there is no member 3; there are 1, 2");
    }
}
