//! `menagerie admin promote` and `demote`: who votes.

use clap::Args;
use menagerie_types::NodeId;

use super::Admin;
use super::change::{Wanted, change};
use super::output::Output;
use super::spec::{member_id, with_vote};
use crate::error::Result;

/// `menagerie admin promote`.
#[derive(Clone, Debug, Args)]
pub struct PromoteArgs {
    /// The learner that shall vote
    #[arg(value_name = "ID", value_parser = member_id)]
    pub id: NodeId,
}

/// `menagerie admin demote`.
#[derive(Clone, Debug, Args)]
pub struct DemoteArgs {
    /// The voter that shall learn only; if it leads, it hands over first
    #[arg(value_name = "ID", value_parser = member_id)]
    pub id: NodeId,
    /// Do it although the other voters that answer are no majority: then no write succeeds until enough of them run
    #[arg(long)]
    pub force: bool,
}

impl PromoteArgs {
    /// Gives the learner a vote, once it has the log.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let id = self.id;
        change(admin, move |now| voting(now, id, true), false, &format!("member {id} votes")).await
    }
}

impl DemoteArgs {
    /// Takes the voter's vote.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let id = self.id;
        change(admin, move |now| voting(now, id, false), self.force, &format!("member {id} learns")).await
    }
}

fn voting(now: &Wanted, id: NodeId, votes: bool) -> Result<Option<Wanted>> {
    if now.member(id)?.voter == votes {
        return Ok(None);
    }
    let mut wanted = now.clone();
    for member in wanted.members.iter_mut().filter(|member| member.id == id) {
        *member = with_vote(member, votes);
    }
    Ok(Some(wanted))
}
