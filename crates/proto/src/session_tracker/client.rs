//! [`SessionTracker`] over gRPC, the caller's side.

use async_trait::async_trait;
use bytes::Bytes;
use menagerie_types::{IncarnationId, NodeId, SessionId, Zxid};
use tonic::transport::Channel;

use super::{Attempt, Established, SessionTracker, SessionTrackerStatus, Touched};
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::session_tracker as pb;
use crate::pb::session_tracker::session_tracker_client::SessionTrackerClient as Stub;
use crate::{ServiceError, ServiceResult};

/// A tracker reached over gRPC.
#[derive(Clone, Debug)]
pub struct SessionTrackerClient {
    stub: Stub<Channel>,
}

impl SessionTrackerClient {
    /// Uses `channel`, which may not be connected yet.
    pub fn new(channel: Channel) -> Self {
        let stub = Stub::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self { stub }
    }
}

#[async_trait]
impl SessionTracker for SessionTrackerClient {
    async fn establish(
        &self,
        owner: IncarnationId,
        attempts: Vec<Attempt>,
    ) -> ServiceResult<Vec<Option<Established>>> {
        let count = attempts.len();
        let attempts = attempts.into_iter().map(|a| pb::establish_request::Attempt {
            session: a.session.0,
            password: Bytes::from(a.password),
            timeout_ms: a.timeout_ms,
        });
        let request = pb::EstablishRequest { incarnation: owner.0, attempts: attempts.collect() };
        let sessions = self.stub.clone().establish(request).await?.into_inner().sessions;
        if sessions.len() != count {
            return Err(ServiceError::Internal("the tracker answered another number of attempts".into()));
        }
        sessions.into_iter().map(established).collect()
    }

    async fn touch(&self, owner: IncarnationId, sessions: Vec<SessionId>) -> ServiceResult<Touched> {
        let sessions = sessions.into_iter().map(|s| s.0).collect();
        let request = pb::TouchRequest { incarnation: owner.0, sessions };
        let response = self.stub.clone().touch(request).await?.into_inner();
        let unknown = response.unknown.into_iter().map(SessionId).collect();
        Ok(Touched { unknown, epoch: response.epoch })
    }

    async fn status(&self) -> ServiceResult<SessionTrackerStatus> {
        let s = self.stub.clone().status(pb::StatusRequest {}).await?.into_inner();
        Ok(SessionTrackerStatus {
            id: NodeId(s.id),
            active: s.active,
            epoch: s.epoch,
            active_tracker: (s.active_tracker != 0).then_some(NodeId(s.active_tracker)),
            sessions: s.sessions,
            min_timeout_ms: s.min_timeout_ms,
            max_timeout_ms: s.max_timeout_ms,
        })
    }
}

fn established(session: pb::establish_response::Session) -> ServiceResult<Option<Established>> {
    if session.session == 0 {
        return Ok(None);
    }
    let password = session.password[..].try_into();
    Ok(Some(Established {
        session: SessionId(session.session),
        password: password.map_err(|_| ServiceError::Internal("password of another length".into()))?,
        timeout_ms: session.timeout_ms as u32,
        zxid: Zxid(session.zxid),
    }))
}
