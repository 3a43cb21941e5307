//! `menagerie admin remove`: a member of the log that shall not belong to it any more.

use std::cell::Cell;

use clap::Args;
use menagerie_types::NodeId;

use super::Admin;
use super::change::{Wanted, change};
use super::output::Output;
use super::spec::member_id;
use crate::error::Result;

/// `menagerie admin remove`.
#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// The member that goes; if it leads, it hands over first. Its process ends by itself
    #[arg(value_name = "ID", value_parser = member_id)]
    pub id: NodeId,
    /// Do it although the voters that answer would be no majority: then no write succeeds until enough of them run
    #[arg(long)]
    pub force: bool,
}

impl RemoveArgs {
    /// Removes the member.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let id = self.id;
        let was_there = Cell::new(false);
        let plan = move |now: &Wanted| {
            if was_there.replace(true) && now.find(id).is_none() {
                return Ok(None);
            }
            now.member(id)?;
            let mut wanted = now.clone();
            wanted.members.retain(|member| member.id != id);
            Ok(Some(wanted))
        };
        let done = format!(
            "member {id} does not belong to the log; its process ends by itself, and may be started again with an empty \
             directory only"
        );
        change(admin, plan, self.force, &done).await
    }
}
