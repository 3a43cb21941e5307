//! `menagerie admin replace`: a new member in the place of one that is gone.

use clap::Args;
use menagerie_types::NodeId;

use super::Admin;
use super::change::{Wanted, change};
use super::output::Output;
use super::spec::{MemberSpec, member_id};
use crate::error::{Error, Result};

/// `menagerie admin replace`.
#[derive(Clone, Debug, Args)]
pub struct ReplaceArgs {
    /// The member that goes; it need not run
    #[arg(value_name = "ID", value_parser = member_id)]
    pub id: NodeId,
    /// The member that comes, which must run already (see `menagerie admin add --help`)
    #[arg(value_name = "N=HOST:PORT")]
    pub member: MemberSpec,
    /// Do it although the voters that answer would be no majority: then no write succeeds until enough of them run
    #[arg(long)]
    pub force: bool,
}

impl ReplaceArgs {
    /// Both in one step: there is never a voter less. The new member votes if the old one did.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let Self { id, member: spec, force } = self;
        let done = format!("member {} is there in the place of {id}", spec.id());
        let plan = move |now: &Wanted| {
            let new = spec.id();
            if new == id {
                return Err(Error::command(format!(
                    "a member with an empty directory is another one: give it an id of its own ({} is free)",
                    now.free_id()
                )));
            }
            if now.find(new).is_some() {
                return match now.find(id) {
                    None => Ok(None),
                    Some(_) => Err(Error::command(format!(
                        "member {new} is there already; to take {id} away type `menagerie admin remove {id}`"
                    ))),
                };
            }
            let voter = now.member(id)?.voter;
            let mut wanted = now.clone();
            wanted.members.retain(|member| member.id != id);
            wanted.members.push(spec.member(voter, now.is_classic())?);
            Ok(Some(wanted))
        };
        change(admin, plan, force, &done).await
    }
}
