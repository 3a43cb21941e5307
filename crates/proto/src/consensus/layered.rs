//! [`Consensus`] with the call layers around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_types::LogIndex;

use super::{Consensus, ConsensusStatus, Proposals, Tail};
use crate::ServiceResult;
use crate::stack::Stack;

const DEADLINE: Duration = Duration::from_secs(2);

/// Any [`Consensus`], local or remote, as callers hold it.
#[derive(Clone)]
pub struct LayeredConsensus {
    inner: Arc<dyn Consensus>,
    stack: Stack,
}

impl LayeredConsensus {
    /// Puts the layers around `inner`.
    pub fn new(inner: Arc<dyn Consensus>) -> Self {
        Self { inner, stack: Stack::new("consensus", DEADLINE) }
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

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.status().await }
        };
        self.stack.idempotent("status", run).await
    }
}
