//! [`Consensus`] with the call layers around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_types::{LogIndex, NodeId};

use super::{Consensus, ConsensusStatus, Leaders, Member, Proposals, Tail};
use crate::ServiceResult;
use crate::stack::Stack;

const DEADLINE: Duration = Duration::from_secs(2);
/// New members may have to be sent the whole log.
const CHANGE_DEADLINE: Duration = Duration::from_secs(60);

/// Any [`Consensus`], local or remote, as callers hold it.
#[derive(Clone)]
pub struct LayeredConsensus {
    inner: Arc<dyn Consensus>,
    stack: Stack,
    changes: Stack,
}

impl LayeredConsensus {
    /// Puts the layers around `inner`.
    pub fn new(inner: Arc<dyn Consensus>) -> Self {
        let (stack, changes) = (Stack::new("consensus", DEADLINE), Stack::new("consensus", CHANGE_DEADLINE));
        Self { inner, stack, changes }
    }
}

#[async_trait]
impl Consensus for LayeredConsensus {
    async fn propose(&self) -> ServiceResult<Proposals> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.propose().await }
        };
        self.stack.once("propose", run).await
    }

    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.tail(from).await }
        };
        self.stack.once("tail", run).await
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.barrier().await }
        };
        self.stack.idempotent("barrier", run).await
    }

    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.truncate(index).await }
        };
        self.stack.idempotent("truncate", run).await
    }

    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let (inner, members) = (Arc::clone(&inner), members.clone());
            async move { inner.change_membership(expected, members).await }
        };
        self.changes.once("change_membership", run).await
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.leaders().await }
        };
        self.stack.once("leaders", run).await
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.transfer_leadership(to).await }
        };
        self.changes.once("transfer_leadership", run).await
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.status().await }
        };
        self.stack.idempotent("status", run).await
    }
}
