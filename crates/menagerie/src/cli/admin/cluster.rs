//! The members of a running cluster, found from the addresses that were given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusClient, ConsensusStatus, Member};
use menagerie_types::NodeId;
use tokio::task::JoinSet;

use super::Admin;
use crate::error::{Error, Result};

/// A member that takes longer to say how it is counts as not answering.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon members without a leader are asked again.
const RETRY: Duration = Duration::from_millis(200);

/// The log's members, as they say of themselves.
#[derive(Debug)]
pub struct Cluster {
    /// What the leader says; what any other member says when there is none.
    pub view: ConsensusStatus,
    /// What each member says that answered.
    pub answers: BTreeMap<NodeId, ConsensusStatus>,
    /// Why the others did not.
    pub silent: BTreeMap<NodeId, String>,
}

impl Cluster {
    /// Asks the given servers, and then all members that they name.
    pub async fn look(admin: &Admin) -> Result<Self> {
        let (mut first, mut problems) = (None::<ConsensusStatus>, Vec::new());
        for (server, answer) in ask_all(&admin.servers).await {
            match answer {
                Ok(status) if first.as_ref().is_none_or(|f| rank(f) < rank(&status)) => first = Some(status),
                Ok(_) => {}
                Err(problem) => problems.push(format!("{server}: {problem}")),
            }
        }
        let first = first.ok_or_else(|| nobody(&problems))?;
        Ok(Self::ask_members(first).await)
    }

    /// As [`Self::look`], until a leader is there that knows it leads.
    pub async fn with_leader(admin: &Admin) -> Result<Self> {
        let search = async {
            loop {
                let cluster = Self::look(admin).await?;
                if cluster.leader().is_some() {
                    return Ok(cluster);
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        tokio::time::timeout(admin.timeout, search).await.unwrap_or_else(|_| {
            Err(Error::command("no member leads: a majority of the voters must run; `menagerie admin members` shows who answers"))
        })
    }

    /// The leader, if one says that it leads.
    pub fn leader(&self) -> Option<&Member> {
        let id = self.view.leader.filter(|id| self.answers.get(id).is_some_and(|s| s.state == "leader"))?;
        self.view.members.iter().find(|member| member.id == id)
    }

    /// The leader's client. To be called on a cluster [`Self::with_leader`].
    pub fn leading(&self) -> Result<ConsensusClient> {
        let leader = self.leader().ok_or_else(|| Error::command("no member leads; try again"))?;
        client(&leader.address).map_err(Error::command)
    }

    async fn ask_members(first: ConsensusStatus) -> Self {
        let mut view = first;
        // Whoever knows a later ensemble, or a later leader, is asked about its members in turn.
        loop {
            let by_address: BTreeMap<&str, NodeId> =
                view.members.iter().map(|m| (m.address.as_str(), m.id)).collect();
            let addresses: Vec<String> = by_address.keys().map(|address| (*address).to_owned()).collect();
            let (mut answers, mut silent) = (BTreeMap::new(), BTreeMap::new());
            for (address, answer) in ask_all(&addresses).await {
                let Some(id) = by_address.get(address.as_str()).copied() else { continue };
                match answer {
                    Ok(status) if status.id == id => drop(answers.insert(id, status)),
                    Ok(status) => drop(silent.insert(id, format!("member {} answers there", status.id))),
                    Err(problem) => drop(silent.insert(id, problem)),
                }
            }
            let best = answers.values().max_by_key(|status| rank(status)).cloned();
            match best {
                Some(best) if rank(&best) >= rank(&view) => {
                    let settled = ids(&best) == ids(&view);
                    view = best;
                    if settled {
                        return Self { view, answers, silent };
                    }
                }
                _ => return Self { view, answers, silent },
            }
        }
    }
}

fn ids(status: &ConsensusStatus) -> BTreeSet<NodeId> {
    status.members.iter().map(|member| member.id).collect()
}

/// Whose view of the ensemble counts most.
fn rank(status: &ConsensusStatus) -> (u64, bool, u64) {
    (status.term, status.state == "leader", status.membership_index.0)
}

/// A client of a member.
pub fn client(address: &str) -> std::result::Result<ConsensusClient, String> {
    let channel = channel::lazy(address).map_err(|error| format!("{address} is no address: {error}"))?;
    Ok(ConsensusClient::new(channel))
}

async fn ask_all(addresses: &[String]) -> Vec<(String, std::result::Result<ConsensusStatus, String>)> {
    let mut asked = JoinSet::new();
    for address in addresses.iter().cloned() {
        asked.spawn(async move {
            let answer = ask(&address).await;
            (address, answer)
        });
    }
    asked.join_all().await
}

async fn ask(address: &str) -> std::result::Result<ConsensusStatus, String> {
    let client = client(address)?;
    match tokio::time::timeout(ANSWER_TIMEOUT, client.status()).await {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".into()),
    }
}

fn nobody(problems: &[String]) -> Error {
    Error::command(format!(
        "no member answers ({}); give one with --server HOST:PORT: the address of a consensus member, or in a classic \
         ensemble the first port of server.N",
        problems.join("; ")
    ))
}
