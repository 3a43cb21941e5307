//! The service, called in the same process or behind gRPC.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_link::{Ensemble, Stores};
use menagerie_proto::session_tracker::{Attempt, Established, SessionTracker, SessionTrackerStatus, Touched};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::{IncarnationId, SessionId};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

use crate::core::Core;
use crate::{SessionTrackerOptions, driver};

/// A tracker in this process. Cheap to clone; works while the future that came with it is polled.
#[derive(Clone)]
pub struct LocalSessionTracker {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) core: Mutex<Core>,
    /// The next thing to do may be due earlier than the timer thinks.
    pub(crate) rescheduled: Notify,
    /// There is something to ask over the link.
    pub(crate) asked: Notify,
    started: Instant,
    lease_ttl: Duration,
}

impl Shared {
    /// The monotonic clock on which this tracker counts.
    pub(crate) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// Makes a tracker that proposes to `ensemble` and follows one of `stores`, in order of preference. The future does
/// the work; it ends only by being dropped, after which all calls fail with [`ServiceError::Unavailable`].
pub fn start(
    options: SessionTrackerOptions,
    ensemble: Ensemble,
    stores: Stores,
) -> (LocalSessionTracker, impl Future<Output = ()> + Send + 'static) {
    let shared = Arc::new(Shared {
        lease_ttl: Duration::from_millis(options.lease_ttl_ms().into()),
        core: Mutex::new(Core::new(options)),
        rescheduled: Notify::new(),
        asked: Notify::new(),
        started: Instant::now(),
    });
    let driver = driver::drive(Arc::clone(&shared), ensemble, stores);
    (LocalSessionTracker { shared }, driver)
}

impl LocalSessionTracker {
    /// Gives up the lease, for good, so that a standby takes over at once; calls fail with
    /// [`ServiceError::NotActive`] from now on. Returns when the log has it, or after one lease time.
    ///
    /// The log then refuses this tracker's id for one lease time: where there is no other tracker, a restart is
    /// served sooner without this call.
    pub async fn release(&self) {
        let released = self.shared.core.lock().release();
        if let Some(released) = released {
            match tokio::time::timeout(self.shared.lease_ttl, released).await {
                Ok(Ok(())) => info!("the lease is released"),
                // Too late is as good as never: the lease has run out then.
                Ok(Err(_)) | Err(_) => info!("the lease was not released in time: it runs out by itself"),
            }
        }
    }
}

#[async_trait]
impl SessionTracker for LocalSessionTracker {
    async fn establish(
        &self,
        owner: IncarnationId,
        attempts: Vec<Attempt>,
    ) -> ServiceResult<Vec<Option<Established>>> {
        let answers = self.shared.core.lock().establish(self.shared.now_ms(), owner, &attempts)?;
        answers.await.unwrap_or_else(|_| Err(ServiceError::Unavailable("session tracker stopped".into())))
    }

    async fn touch(&self, _owner: IncarnationId, sessions: Vec<SessionId>) -> ServiceResult<Touched> {
        self.shared.core.lock().touch(self.shared.now_ms(), &sessions)
    }

    async fn status(&self) -> ServiceResult<SessionTrackerStatus> {
        Ok(self.shared.core.lock().status(self.shared.now_ms()))
    }
}

#[cfg(test)]
impl LocalSessionTracker {
    /// Proposals without a result.
    pub(crate) fn pending(&self) -> usize {
        self.shared.core.lock().pending()
    }
}
