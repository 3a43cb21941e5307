//! [`TreeStore`] with the call layers around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_types::NodeId;
use menagerie_types::command::registration::Role;

use super::{
    BackupRecords, CheckpointStream, Directory, LinkHello, Registered, RestoreBegin, RestoreSteps, StoreLink,
    TreeStore, TreeStoreStatus,
};
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

    /// As [`Self::restore`].
    async fn backup(&self, stale_ok: bool) -> ServiceResult<CheckpointStream> {
        self.inner.backup(stale_ok).await
    }

    /// Nobody but an operator asks for it, and takes the time it needs.
    async fn restore(&self, begin: RestoreBegin, records: BackupRecords) -> ServiceResult<RestoreSteps> {
        self.inner.restore(begin, records).await
    }

    async fn abort_restore(&self) -> ServiceResult<bool> {
        self.inner.abort_restore().await
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.directory().await }
        };
        self.stack.once("directory", run).await
    }

    async fn register(&self, component: Registered) -> ServiceResult<()> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let (inner, component) = (Arc::clone(&inner), component.clone());
            async move { inner.register(component).await }
        };
        self.stack.once("register", run).await
    }

    async fn unregister(&self, role: Role, id: NodeId) -> ServiceResult<bool> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.unregister(role, id).await }
        };
        self.stack.once("unregister", run).await
    }
}
