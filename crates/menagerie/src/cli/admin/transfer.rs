//! `menagerie admin transfer`: another leader.

use std::time::Duration;

use clap::Args;
use menagerie_proto::ServiceError;
use menagerie_proto::consensus::Consensus;
use menagerie_types::NodeId;
use serde_json::json;
use tokio::time::Instant;

use super::Admin;
use super::change::Wanted;
use super::cluster::Cluster;
use super::output::Output;
use super::spec::member_id;
use crate::error::{Error, Result};

const RETRY: Duration = Duration::from_millis(200);

/// `menagerie admin transfer`.
#[derive(Clone, Debug, Args)]
pub struct TransferArgs {
    /// The voter that shall lead [default: the one whose log is the most complete]
    #[arg(value_name = "ID", value_parser = member_id)]
    pub to: Option<NodeId>,
}

impl TransferArgs {
    /// Hands leadership over; writes wait for as long as that takes, which is no election.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        let deadline = Instant::now() + admin.timeout;
        let mut from = None;
        loop {
            let cluster = Cluster::with_leader(admin).await?;
            let leader = cluster.leader().map(|leader| leader.id).unwrap_or_default();
            let from = *from.get_or_insert(leader);
            if let Some(to) = self.to {
                let now = Wanted { members: cluster.view.members.clone() };
                if !now.member(to)?.voter {
                    return Err(Error::command(format!(
                        "member {to} does not vote, so it cannot lead; type `menagerie admin promote {to}` first"
                    )));
                }
            }
            let there = self.to.map_or(leader != from, |to| to == leader);
            if there {
                return Ok(moved(from, leader));
            }
            if self.to.is_none() && cluster.view.members.iter().filter(|member| member.voter).count() < 2 {
                return Err(Error::command(format!(
                    "member {leader} is the only voter: nobody else can lead"
                )));
            }
            let call = cluster.leading()?;
            let problem = match tokio::time::timeout_at(deadline, call.transfer_leadership(self.to)).await {
                Ok(Ok(leader)) => return Ok(moved(from, leader)),
                Ok(Err(error)) => error,
                Err(_) => ServiceError::Deadline,
            };
            if Instant::now() + RETRY >= deadline {
                return Err(Error::command(format!(
                    "leadership was not handed over: {problem}; `menagerie admin members` shows how far the others are"
                )));
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

fn moved(from: NodeId, to: NodeId) -> Output {
    let text = match from == to {
        true => format!("member {to} leads already"),
        false => format!("member {to} leads, member {from} did before"),
    };
    Output { text, json: json!({"leader": to.0, "before": from.0}) }
}
