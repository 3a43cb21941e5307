//! A member of the log, called in its own process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use menagerie_host::Host;
use menagerie_proto::consensus::{
    Consensus, ConsensusStatus, Leaders, Member, PROPOSAL_QUEUE, Proposals, Tail,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{LogIndex, NodeId};
use openraft::RaftMetrics;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::{mpsc, oneshot, watch};

use crate::barrier::Caller;
use crate::leadership::Leadership;
use crate::proposer::Opening;
use crate::service::Calls;
use crate::standing::Standing;
use crate::storage::Store;
use crate::types::{self, Raft, TypeConfig, outer_index};
use crate::{ConsensusError, RaftCalls, tail};

/// How long a truncation may take; then the caller is told how far it came.
const TRUNCATE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Handle on the member that [`crate::start`] started. Cheap to clone, callable from any thread and runtime.
#[derive(Clone)]
pub struct LocalConsensus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub id: NodeId,
    pub raft: Raft,
    pub store: Arc<Store>,
    pub committed: watch::Receiver<LogIndex>,
    pub openings: mpsc::Sender<Opening>,
    pub barriers: mpsc::Sender<Caller>,
    pub ended: watch::Receiver<Option<ConsensusError>>,
    pub calls: Arc<Calls>,
    pub standing: Arc<Standing>,
    /// From where new members are called.
    pub host: Arc<dyn Host>,
    /// How long a transfer of leadership may take.
    pub transfer_timeout: Duration,
    /// How long a new voter may take to catch up.
    pub join_timeout: Duration,
}

impl LocalConsensus {
    /// This member.
    pub fn id(&self) -> NodeId {
        self.inner.id
    }

    /// Resolves when this member can no longer take part: its log failed, or Raft ended, also by
    /// [`LocalConsensus::shutdown`]. The process must then stop; a failed write or sync is never tried again.
    pub async fn ended(&self) -> ConsensusError {
        let mut ended = self.inner.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_else(|| ConsensusError::Stopped("ended".into())),
            Err(_) => ConsensusError::Stopped("its runtime has ended".into()),
        }
    }

    /// Stops taking part, writes what is queued, lets go of the directory. Streams and tails end.
    pub async fn shutdown(&self) {
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "raft did not end in order");
        }
        self.inner.store.close();
    }

    /// Hands leadership to `to`, or to the voter whose log is the most complete; returns when this member no longer
    /// leads. Does nothing when it does not lead or is the only voter. From then on it takes no proposals.
    pub async fn transfer_leadership(&self, to: Option<NodeId>) -> Result<(), ConsensusError> {
        let Some(target) = self.successor(to)? else { return Ok(()) };
        let raft = &self.inner.raft;
        raft.trigger()
            .transfer_leader(target)
            .await
            .map_err(|error| ConsensusError::Stopped(error.to_string()))?;
        let id = self.inner.id.0;
        let moved =
            move |now: &RaftMetrics<TypeConfig>| now.current_leader.is_some_and(|leader| leader != id);
        let wait = raft.wait(Some(self.inner.transfer_timeout));
        wait.metrics(moved, "another leader")
            .await
            .map_err(|error| ConsensusError::Transfer(error.to_string()))?;
        tracing::info!(asked = target, "leadership is handed over");
        Ok(())
    }

    fn successor(&self, to: Option<NodeId>) -> Result<Option<u64>, ConsensusError> {
        let watched = self.inner.raft.metrics();
        let now = watched.borrow_watched();
        let id = self.inner.id.0;
        if now.state != ServerState::Leader {
            return Ok(None);
        }
        let voters: Vec<u64> = now.membership_config.voter_ids().filter(|voter| *voter != id).collect();
        if let Some(to) = to.filter(|to| to.0 != id) {
            let known = voters.contains(&to.0);
            return if known { Ok(Some(to.0)) } else { Err(ConsensusError::NoSuccessor(to)) };
        }
        drop(now);
        Ok(self.most_complete(voters.into_iter()))
    }

    /// The member, other than this one, whose log is the most complete as far as this leader knows.
    pub(crate) fn most_complete(&self, members: impl Iterator<Item = u64>) -> Option<u64> {
        let watched = self.inner.raft.metrics();
        let now = watched.borrow_watched();
        let matched =
            |member: &u64| now.replication.as_ref().and_then(|all| all.get(member).cloned().flatten());
        members.filter(|member| *member != self.inner.id.0).max_by_key(matched)
    }

    /// How often the other members have called this one.
    pub fn raft_calls(&self) -> RaftCalls {
        self.inner.calls.read()
    }

    /// Tells whether the log syncs on Raft's own thread, as it does while this member is the only voter.
    pub fn syncs_inline(&self) -> bool {
        self.inner.store.is_inline()
    }

    /// A member that does not count yet says so, whatever Raft makes of it.
    fn state_name(&self, state: ServerState) -> String {
        match self.inner.standing.is_full() {
            true => format!("{state:?}").to_lowercase(),
            false => "rejoining".into(),
        }
    }

    pub(crate) fn not_leader(&self) -> ServiceError {
        ServiceError::NotLeader { leader: Leadership::new(&self.inner.raft).leader() }
    }

    fn first_index(&self) -> LogIndex {
        outer_index(self.inner.store.first_index())
    }
}

#[async_trait]
impl Consensus for LocalConsensus {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let term = Leadership::new(&self.inner.raft).term().ok_or_else(|| self.not_leader())?;
        let (sender, chunks) = mpsc::channel(PROPOSAL_QUEUE);
        let (end, ended) = oneshot::channel();
        let opening = Opening { term, chunks, ended: end };
        self.inner.openings.send(opening).await.map_err(|_| gone())?;
        Ok(Proposals { term, chunks: sender, ended })
    }

    /// Reads from wherever the stream is polled, from disk what is no longer cached. Entries of Raft's own repeat
    /// the time of the entry before them.
    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        tail::tail(Arc::clone(&self.inner.store), self.inner.committed.clone(), from)
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        let (caller, answer) = oneshot::channel();
        self.inner.barriers.try_send(caller).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ServiceError::Overloaded("barriers".into()),
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    /// Keeps what is not committed yet. A leader also keeps for a while what it is just sending to a follower: then
    /// the answer is an index below the one asked for.
    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        let upto = index.0.min(self.inner.committed.borrow().0);
        // As the outside counts from 1, `upto` is the index to begin with as Raft counts.
        if upto <= self.inner.store.first_index() {
            return Ok(self.first_index());
        }
        match tokio::time::timeout(TRUNCATE_TIMEOUT, self.truncate_before(upto)).await {
            Ok(Err(error)) => Err(ServiceError::Unavailable(error)),
            Ok(Ok(())) | Err(_) => Ok(self.first_index()),
        }
    }

    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex> {
        self.change(expected, &members).await
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        Ok(Leadership::new(&self.inner.raft).leaders().boxed())
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId> {
        if Leadership::new(&self.inner.raft).term().is_none() {
            return Err(self.not_leader());
        }
        if to != Some(self.inner.id) {
            // The inherent one, which a stopping process calls too.
            LocalConsensus::transfer_leadership(self, to).await.map_err(|error| match error {
                ConsensusError::NoSuccessor(_) => ServiceError::Invalid(error.to_string()),
                _ => ServiceError::Unavailable(error.to_string()),
            })?;
        }
        Leadership::new(&self.inner.raft).leader().ok_or_else(|| self.not_leader())
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        let watched = self.inner.raft.metrics();
        let now = watched.borrow_watched();
        let voters: Vec<u64> = now.membership_config.voter_ids().collect();
        let members = now.membership_config.nodes().map(|(id, node)| Member {
            id: NodeId(*id),
            address: types::address(node).to_owned(),
            voter: voters.contains(id),
            info: types::info(node).to_owned(),
        });
        Ok(ConsensusStatus {
            id: self.inner.id,
            state: self.state_name(now.state),
            term: now.current_term,
            leader: now.current_leader.map(NodeId),
            first_index: self.first_index(),
            last_index: crate::types::outer_id(self.inner.store.last_id().as_ref()),
            commit_index: *self.inner.committed.borrow(),
            members: members.collect(),
            membership_index: types::outer_id(now.membership_config.log_id().as_ref()),
        })
    }
}

impl LocalConsensus {
    /// A snapshot first, because Raft drops only what one covers.
    async fn truncate_before(&self, first: u64) -> Result<(), String> {
        let raft = &self.inner.raft;
        let last = first - 1;
        let covers = move |now: &RaftMetrics<TypeConfig>| now.snapshot.is_some_and(|id| id.index >= last);
        if !covers(&raft.metrics().borrow_watched()) {
            self.inner.store.set_truncation_point(last);
            raft.trigger().snapshot().await.map_err(|error| error.to_string())?;
            raft.wait(None).metrics(covers, "snapshot").await.map_err(|error| error.to_string())?;
        }
        raft.trigger().purge_log(last).await.map_err(|error| error.to_string())?;
        let dropped = move |now: &RaftMetrics<TypeConfig>| now.purged.is_some_and(|id| id.index >= last);
        raft.wait(None).metrics(dropped, "purge").await.map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn gone() -> ServiceError {
    ServiceError::Unavailable("the log is shutting down".into())
}
