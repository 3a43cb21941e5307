//! `menagerie admin add`: a new member of the log.

use clap::Args;

use super::Admin;
use super::change::{Wanted, change};
use super::output::Output;
use super::spec::MemberSpec;
use crate::error::{Error, Result};

/// `menagerie admin add`.
///
/// The member must run already: `menagerie consensus --id N --join ...` with an empty directory, or in a classic ensemble
/// `menagerie server` with menagerie.join=true in its zoo.cfg. Stores, session trackers and gateways register
/// themselves when they start.
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// The new member; of a classic ensemble its whole line, server.N=HOST:PORT:PORT:ROLE;CLIENTPORT
    #[arg(value_name = "N=HOST:PORT")]
    pub member: MemberSpec,
    /// It gets the log and does not vote
    #[arg(long)]
    pub learner: bool,
}

impl AddArgs {
    /// Adds the member; it votes once it has the log.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let (spec, learner) = (self.member, self.learner);
        let done = format!("member {} {}", spec.id(), if learner { "learns" } else { "votes" });
        let plan = move |now: &Wanted| {
            let member = spec.member(!learner, now.is_classic())?;
            match now.find(member.id) {
                Some(known) if *known == member => return Ok(None),
                // Begun before, or a learner that is to vote.
                Some(known) if known.address == member.address && member.voter => {}
                Some(known) => {
                    let (id, address) = (known.id, &known.address);
                    return Err(Error::command(format!(
                        "member {id} is there already, at {address}; give the new one an id of its own ({} is free), \
                         or see `menagerie admin promote` and `menagerie admin replace`",
                        now.free_id()
                    )));
                }
                None => {}
            }
            let mut wanted = now.clone();
            wanted.members.retain(|known| known.id != member.id);
            wanted.members.push(member);
            Ok(Some(wanted))
        };
        change(admin, plan, true, &done).await
    }
}
