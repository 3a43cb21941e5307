//! Liveness of sessions, as gateways use it.

mod client;
mod layered;
mod server;

use async_trait::async_trait;
use menagerie_types::command::internal::Password;
use menagerie_types::{IncarnationId, NodeId, SessionId, Zxid};

use crate::ServiceResult;

pub use client::SessionTrackerClient;
pub use layered::LayeredSessionTracker;
pub use server::SessionTrackerServer;

/// A client's wish to open a session, or to go on with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// [`SessionId::NONE`] for a new session.
    pub session: SessionId,
    /// As the client sent it; checked when going on.
    pub password: Vec<u8>,
    /// As asked; the tracker negotiates.
    pub timeout_ms: i32,
}

/// A session that its gateway may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established {
    /// Its id.
    pub session: SessionId,
    /// Re-attaches it.
    pub password: Password,
    /// Negotiated.
    pub timeout_ms: u32,
    /// The transaction that made or moved it.
    pub zxid: Zxid,
}

/// The confirmation of a touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those of the reported that do not exist (any more).
    pub unknown: Vec<SessionId>,
    /// The lease under which the others are confirmed alive.
    pub epoch: u64,
}

/// What one tracker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionTrackerStatus {
    /// This tracker.
    pub id: NodeId,
    /// Holds the lease.
    pub active: bool,
    /// Epoch of the current lease.
    pub epoch: u64,
    /// Who holds it.
    pub active_tracker: Option<NodeId>,
    /// Sessions in the table.
    pub sessions: u64,
    /// Smallest timeout granted.
    pub min_timeout_ms: u32,
    /// Largest timeout granted.
    pub max_timeout_ms: u32,
}

/// A session tracker. All calls but `status` fail with [`crate::ServiceError::NotActive`] on a standby.
#[async_trait]
pub trait SessionTracker: Send + Sync + 'static {
    /// Opens or re-attaches sessions for the gateway worker `owner`; one answer for each attempt, in order, `None`
    /// when refused (unknown, expired or wrong password). Answered once the log has them.
    async fn establish(
        &self,
        owner: IncarnationId,
        attempts: Vec<Attempt>,
    ) -> ServiceResult<Vec<Option<Established>>>;

    /// Reports sessions heard from; the answer confirms them.
    async fn touch(&self, owner: IncarnationId, sessions: Vec<SessionId>) -> ServiceResult<Touched>;

    /// What this tracker says of itself.
    async fn status(&self) -> ServiceResult<SessionTrackerStatus>;
}
