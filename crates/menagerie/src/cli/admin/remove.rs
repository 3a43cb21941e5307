//! `menagerie admin remove`: a member of the log, or a component of the directory, that shall not be there any more.

use std::cell::Cell;

use clap::{ArgGroup, Args};
use menagerie_types::NodeId;
use menagerie_types::command::registration::Role;
use serde_json::json;

use super::Admin;
use super::change::{Wanted, change};
use super::cluster::Cluster;
use super::components::Components;
use super::output::Output;
use super::spec::member_id;
use crate::error::{Error, Result};

/// `menagerie admin remove`.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).args(["id", "store", "tracker", "gateway"]))]
pub struct RemoveArgs {
    /// The member of the log that goes; if it leads, it hands over first. Its process ends by itself
    #[arg(value_name = "ID", value_parser = member_id)]
    pub id: Option<NodeId>,
    /// The tree store that is to be forgotten: the log is not kept for it any more
    #[arg(long, value_name = "ID", value_parser = member_id)]
    pub store: Option<NodeId>,
    /// The session tracker that is to be forgotten
    #[arg(long, value_name = "ID", value_parser = member_id)]
    pub tracker: Option<NodeId>,
    /// The gateway that is to be forgotten
    #[arg(long, value_name = "ID", value_parser = member_id)]
    pub gateway: Option<NodeId>,
    /// Do it although the voters that answer would be no majority: then no write succeeds until enough of them run; or
    /// although it is the last store, or a tracker or gateway that runs
    #[arg(long)]
    pub force: bool,
}

impl RemoveArgs {
    /// Removes the member, or takes the component out of the directory.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let components = [
            (Role::TreeStore, self.store),
            (Role::SessionTracker, self.tracker),
            (Role::Gateway, self.gateway),
        ];
        for (role, id) in components {
            if let Some(id) = id {
                return forget(admin, role, id, self.force).await;
            }
        }
        let Some(id) = self.id else { return Err(Error::command("give the ID of a member")) };
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

/// Of a classic ensemble, a server goes as a whole.
async fn forget(admin: &Admin, role: Role, id: NodeId, force: bool) -> Result<Output> {
    let cluster = Cluster::look(admin).await.ok();
    let members = cluster.as_ref().map(|cluster| Wanted { members: cluster.view.members.clone() });
    if members.is_some_and(|members| members.is_classic() && members.find(id).is_some()) {
        let name = role.name();
        return Err(Error::command(format!(
            "{name} {id} is a part of server {id}; to take the whole server away type `menagerie admin remove {id}`"
        )));
    }
    let view = cluster.as_ref().map(|cluster| &cluster.view);
    let components = Components::look(admin, view).await.ok_or_else(|| {
        Error::command("no tree store answers; give one with --server HOST:PORT, which takes the other out of the directory")
    })?;
    let text = components.remove(role, id, force).await?;
    Ok(Output { json: json!({"done": text}), text })
}
