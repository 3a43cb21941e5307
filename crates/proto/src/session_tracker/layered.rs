//! [`SessionTracker`] with the call layers around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_types::{IncarnationId, SessionId};

use super::{Attempt, Established, SessionTracker, SessionTrackerStatus, Touched};
use crate::ServiceResult;
use crate::stack::Stack;

const DEADLINE: Duration = Duration::from_secs(2);

/// Any [`SessionTracker`], local or remote, as callers hold it.
#[derive(Clone)]
pub struct LayeredSessionTracker {
    inner: Arc<dyn SessionTracker>,
    stack: Stack,
}

impl LayeredSessionTracker {
    /// Puts the layers around `inner`.
    pub fn new(inner: Arc<dyn SessionTracker>) -> Self {
        Self { inner, stack: Stack::new("session_tracker", DEADLINE) }
    }
}

#[async_trait]
impl SessionTracker for LayeredSessionTracker {
    async fn establish(
        &self,
        owner: IncarnationId,
        attempts: Vec<Attempt>,
    ) -> ServiceResult<Vec<Option<Established>>> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let (inner, attempts) = (Arc::clone(&inner), attempts.clone());
            async move { inner.establish(owner, attempts).await }
        };
        // A session made twice would only expire unused, but the caller decides whom to ask next.
        self.stack.once("establish", run).await
    }

    async fn touch(&self, owner: IncarnationId, sessions: Vec<SessionId>) -> ServiceResult<Touched> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let (inner, sessions) = (Arc::clone(&inner), sessions.clone());
            async move { inner.touch(owner, sessions).await }
        };
        self.stack.once("touch", run).await
    }

    async fn status(&self) -> ServiceResult<SessionTrackerStatus> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let inner = Arc::clone(&inner);
            async move { inner.status().await }
        };
        self.stack.idempotent("status", run).await
    }
}
