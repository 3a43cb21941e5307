//! What a gateway knows of the components behind it.

use std::sync::Arc;
use std::time::Duration;

use menagerie_proto::consensus::Consensus;
use menagerie_types::Zxid;

use crate::Shared;

/// What `srvr` and others tell of the other components; as of the last time they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `standalone`, `leader`, `follower`, `observer`; empty until known.
    pub mode: String,
    /// Members of the log, and those that vote.
    pub members: usize,
    /// See [`Self::members`].
    pub voters: usize,
    /// Znodes in the linked replica.
    pub znode_count: u64,
    /// Ephemerals among them.
    pub ephemeral_count: u64,
    /// Bytes of paths and data.
    pub data_bytes: u64,
    /// Sessions.
    pub session_count: u64,
    /// The last transaction there.
    pub zxid: Zxid,
    /// The digest as of that.
    pub digest: u64,
}

impl Shared {
    /// Asks the other components.
    pub(crate) async fn refresh_facts(&self) {
        let mut facts = self.facts.lock().clone();
        if self.options.standalone {
            facts.mode = "standalone".into();
        } else if let Some((_, member)) = self.ensemble.members().first()
            && let Ok(status) = member.status().await
        {
            // ZooKeeper's words: whoever does not lead a quorum follows.
            facts.mode = match status.state.as_str() {
                "leader" => "leader",
                "learner" => "observer",
                _ => "follower",
            }
            .into();
            facts.members = status.members.len();
            facts.voters = status.members.iter().filter(|member| member.voter).count();
        }
        for (_, store) in self.stores.list().iter() {
            if let Ok(status) = store.status().await {
                facts.znode_count = status.znode_count;
                facts.ephemeral_count = status.ephemeral_count;
                facts.data_bytes = status.data_bytes;
                facts.session_count = status.session_count;
                (facts.zxid, facts.digest) = (status.zxid, status.digest);
                break;
            }
        }
        *self.facts.lock() = facts;
    }

    /// Followers and observers that answer within `deadline` and know who leads.
    pub(crate) async fn synced(&self, deadline: Duration) -> (usize, usize) {
        let members = self.ensemble.members();
        let ask = |member: &Arc<dyn Consensus>| {
            let member = Arc::clone(member);
            async move { tokio::time::timeout(deadline, member.status()).await }
        };
        let statuses = futures::future::join_all(members.iter().map(|(_, member)| ask(member))).await;
        let following: Vec<_> =
            statuses.into_iter().flatten().flatten().filter(|status| status.leader.is_some()).collect();
        let count = |state: &str| following.iter().filter(|status| status.state == state).count();
        (count("follower"), count("learner"))
    }
}
