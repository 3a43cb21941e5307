//! [`TreeStore`] with the call layers around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CheckpointStream, LinkHello, StoreLink, TreeStore, TreeStoreStatus};
use crate::ServiceResult;
use crate::stack::Stack;

const DEADLINE: Duration = Duration::from_secs(5);

/// Any [`TreeStore`], local or remote, as callers hold it.
#[derive(Clone)]
pub struct LayeredTreeStore {
    inner: Arc<dyn TreeStore>,
    stack: Stack,
}

impl LayeredTreeStore {
    /// Puts the layers around `inner`.
    pub fn new(inner: Arc<dyn TreeStore>) -> Self {
        Self { inner, stack: Stack::new("tree_store", DEADLINE) }
    }
}

#[async_trait]
impl TreeStore for LayeredTreeStore {
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let (inner, hello) = (Arc::clone(&inner), hello.clone());
            async move { inner.link(hello).await }
        };
        self.stack.once("link", run).await
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.fetch_checkpoint().await }
        };
        self.stack.once("fetch_checkpoint", run).await
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.status().await }
        };
        self.stack.idempotent("status", run).await
    }
}
