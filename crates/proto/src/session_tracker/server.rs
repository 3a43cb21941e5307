//! [`SessionTracker`] over gRPC, the callee's side.

use std::sync::Arc;

use bytes::Bytes;
use menagerie_types::{IncarnationId, SessionId};
use tonic::{Request, Response, Status};

use super::{Attempt, SessionTracker};
use crate::channel::MAX_MESSAGE_BYTES;
use crate::pb::session_tracker as pb;
use crate::pb::session_tracker::session_tracker_server::{
    SessionTracker as Service, SessionTrackerServer as Stub,
};

/// Serves a [`SessionTracker`] over gRPC.
pub struct SessionTrackerServer<T> {
    inner: Arc<T>,
}

impl<T: SessionTracker> SessionTrackerServer<T> {
    /// The tonic service for `inner`.
    pub fn service(inner: Arc<T>) -> Stub<Self> {
        Stub::new(Self { inner })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[tonic::async_trait]
impl<T: SessionTracker> Service for SessionTrackerServer<T> {
    async fn establish(
        &self,
        request: Request<pb::EstablishRequest>,
    ) -> Result<Response<pb::EstablishResponse>, Status> {
        let request = request.into_inner();
        let attempts = request.attempts.into_iter().map(|a| Attempt {
            session: SessionId(a.session),
            password: a.password.to_vec(),
            timeout_ms: a.timeout_ms,
        });
        let answers = self.inner.establish(IncarnationId(request.incarnation), attempts.collect()).await?;
        let sessions = answers.into_iter().map(|answer| match answer {
            Some(e) => pb::establish_response::Session {
                session: e.session.0,
                password: Bytes::copy_from_slice(&e.password),
                timeout_ms: e.timeout_ms as i32,
                zxid: e.zxid.0,
            },
            None => pb::establish_response::Session::default(),
        });
        Ok(Response::new(pb::EstablishResponse { sessions: sessions.collect() }))
    }

    async fn touch(&self, request: Request<pb::TouchRequest>) -> Result<Response<pb::TouchResponse>, Status> {
        let request = request.into_inner();
        let sessions = request.sessions.into_iter().map(SessionId).collect();
        let touched = self.inner.touch(IncarnationId(request.incarnation), sessions).await?;
        let unknown = touched.unknown.into_iter().map(|s| s.0).collect();
        Ok(Response::new(pb::TouchResponse { unknown, epoch: touched.epoch }))
    }

    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        let s = self.inner.status().await?;
        Ok(Response::new(pb::StatusResponse {
            id: s.id.0,
            active: s.active,
            epoch: s.epoch,
            active_tracker: s.active_tracker.map_or(0, |a| a.0),
            sessions: s.sessions,
            min_timeout_ms: s.min_timeout_ms,
            max_timeout_ms: s.max_timeout_ms,
        }))
    }
}
