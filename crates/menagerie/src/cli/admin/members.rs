//! `menagerie admin members`: who belongs to the cluster.

use clap::Args;
use menagerie_proto::consensus::Member;
use serde_json::{Value, json};

use super::Admin;
use super::cluster::Cluster;
use super::components::Components;
use super::output::{Output, Table};
use crate::error::Result;

const NO_STORE: &str = "\nTo see tree stores, session trackers and gateways, name a tree store as well: \
                        --server CONSENSUS,TREE-STORE\n";

/// `menagerie admin members`.
#[derive(Clone, Debug, Args)]
pub struct MembersArgs {}

impl MembersArgs {
    /// Shows every member and what it says of itself.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let cluster = Cluster::look(admin).await?;
        let mut output = show(&cluster);
        let components = Components::look(admin, Some(&cluster.view)).await;
        match &components {
            Some(components) => output.text += &format!("\n{}", components.table()),
            None => output.text += NO_STORE,
        }
        if let Some(object) = output.json.as_object_mut() {
            object.insert("components".into(), components.map(|components| components.json()).into());
        }
        Ok(output)
    }
}

/// The members of the log, each with what it says of itself.
pub fn show(cluster: &Cluster) -> Output {
    let mut table = Table::new(&["ID", "ADDRESS", "ROLE", "STATE", "TERM", "FIRST", "LAST", "COMMITTED"]);
    for member in &cluster.view.members {
        let role = if member.voter { "voter" } else { "learner" };
        let [state, term, first, last, committed] = condition(cluster, member);
        let (id, address) = (member.id.to_string(), member.address.clone());
        table.row([id, address, role.into(), state, term, first, last, committed]);
    }
    let json = json!({
        "leader": cluster.leader().map(|leader| leader.id.0),
        "membership_index": cluster.view.membership_index.0,
        "members": cluster.view.members.iter().map(|member| shown(cluster, member)).collect::<Vec<_>>(),
    });
    Output { text: table.to_string(), json }
}

fn condition(cluster: &Cluster, member: &Member) -> [String; 5] {
    match cluster.answers.get(&member.id) {
        Some(s) => [
            s.state.clone(),
            s.term.to_string(),
            s.first_index.to_string(),
            s.last_index.to_string(),
            s.commit_index.to_string(),
        ],
        None => {
            let why = cluster.silent.get(&member.id).map_or("", String::as_str);
            [format!("down ({why})"), String::new(), String::new(), String::new(), String::new()]
        }
    }
}

fn shown(cluster: &Cluster, member: &Member) -> Value {
    let answer = cluster.answers.get(&member.id);
    json!({
        "id": member.id.0,
        "address": member.address,
        "voter": member.voter,
        "info": member.info,
        "state": answer.map(|s| s.state.as_str()),
        "problem": cluster.silent.get(&member.id),
        "term": answer.map(|s| s.term),
        "first_index": answer.map(|s| s.first_index.0),
        "last_index": answer.map(|s| s.last_index.0),
        "commit_index": answer.map(|s| s.commit_index.0),
    })
}
