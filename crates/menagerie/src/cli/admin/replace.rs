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
        change(admin, move |now| plan(now, id, &spec), force, &done).await
    }
}

/// What was begun before, when the leader changed meanwhile, is completed: the new member is there then, as a learner.
fn plan(now: &Wanted, id: NodeId, spec: &MemberSpec) -> Result<Option<Wanted>> {
    let new = spec.id();
    if new == id {
        return Err(Error::command(format!(
            "a member with an empty directory is another one: give it an id of its own ({} is free)",
            now.free_id()
        )));
    }
    let known = now.find(new);
    if known.is_some() && now.find(id).is_none() {
        return Ok(None);
    }
    let member = spec.member(now.member(id)?.voter, now.is_classic())?;
    if known.is_some_and(|known| known.address != member.address) {
        return Err(Error::command(format!(
            "member {new} is another one, which is there already; give the new one an id of its own ({} is free)",
            now.free_id()
        )));
    }
    let mut wanted = now.clone();
    wanted.members.retain(|member| member.id != id && member.id != new);
    wanted.members.push(member);
    Ok(Some(wanted))
}

#[cfg(test)]
mod tests {
    use menagerie_proto::consensus::Member;

    use super::*;

    #[test]
    fn what_was_begun_is_completed() {
        let member = |id: u64, voter| Member {
            id: NodeId(id),
            address: format!("m{id}:1"),
            voter,
            ..Member::default()
        };
        let spec: MemberSpec = "5=m5:1".parse().expect("a member");
        let done = Wanted { members: vec![member(1, true), member(2, true), member(5, true)] };
        let before = Wanted { members: vec![member(1, true), member(2, true), member(3, true)] };
        assert_eq!(plan(&before, NodeId(3), &spec).expect("possible"), Some(done.clone()));
        let mut begun = before.clone();
        begun.members.push(member(5, false));
        assert_eq!(plan(&begun, NodeId(3), &spec).expect("possible"), Some(done.clone()));
        assert_eq!(plan(&done, NodeId(3), &spec).expect("done"), None);
        let other: MemberSpec = "2=elsewhere:1".parse().expect("a member");
        assert!(plan(&before, NodeId(3), &other).is_err(), "2 is another one");
    }
}
