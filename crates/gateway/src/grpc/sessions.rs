//! Sessions of gRPC clients. They are ZooKeeper sessions; calls instead of a connection keep them alive.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use menagerie_proto::pb::v1 as pb;
use menagerie_proto::session_tracker::Attempt;
use menagerie_types::{ErrorCode, SessionId, Zxid};
use tokio::sync::watch;
use tonic::{Status, Streaming};

use super::failure::Failure;
use crate::ApiHandle;

/// The session that a call names: none, or one that this gateway holds for the API. One of a ZooKeeper client, or of
/// another gateway, is refused: only its password makes it usable here.
pub fn held(api: &ApiHandle, session: i64) -> Result<SessionId, Failure> {
    let session = SessionId(session);
    if session != SessionId::NONE && api.follow(session).is_none() {
        return Err(Failure::not_held(session));
    }
    Ok(session)
}

/// Opens a session.
pub async fn open(
    api: &ApiHandle,
    request: &pb::OpenSessionRequest,
) -> Result<pb::OpenSessionResponse, Failure> {
    let attempt = Attempt { timeout_ms: request.timeout_ms, ..Attempt::default() };
    let Some(established) = api.open(attempt).await? else {
        let message = "the session tracker refused a new session";
        return Err(Failure::new(ErrorCode::ConnectionLoss, message));
    };
    Ok(pb::OpenSessionResponse {
        session: established.session.0,
        password: established.password.to_vec().into(),
        timeout_ms: millis(established.timeout_ms),
        zxid: established.zxid.0,
    })
}

/// What a keepalive stream is doing.
struct KeepAlive {
    api: ApiHandle,
    incoming: Streaming<pb::KeepAliveRequest>,
    /// The session last kept alive, and what tells of its end.
    session: Option<(SessionId, watch::Receiver<bool>)>,
}

/// An answer to each message. The first failure ends the stream; so does the end of the session, at once.
pub fn keep_alive(
    api: ApiHandle,
    incoming: Streaming<pb::KeepAliveRequest>,
) -> BoxStream<'static, Result<pb::KeepAliveResponse, Status>> {
    let start = KeepAlive { api, incoming, session: None };
    stream::try_unfold(start, |mut keep_alive| async move {
        let response = keep_alive.next().await?;
        Ok(response.map(|response| (response, keep_alive)))
    })
    .boxed()
}

impl KeepAlive {
    async fn next(&mut self) -> Result<Option<pb::KeepAliveResponse>, Status> {
        let request = tokio::select! {
            biased;
            request = self.incoming.message() => request?,
            session = end_of(&mut self.session) => return Err(Failure::not_held(session).into()),
        };
        let Some(request) = request else { return Ok(None) };
        let (zxid, timeout_ms) = renew(&self.api, &request).await?;
        let session = SessionId(request.session);
        self.session = self.api.follow(session).map(|ended| (session, ended));
        Ok(Some(pb::KeepAliveResponse { zxid: zxid.0, timeout_ms: millis(timeout_ms) }))
    }
}

/// Resolves when the session has ended; never, if there is none.
pub async fn end_of(session: &mut Option<(SessionId, watch::Receiver<bool>)>) -> SessionId {
    match session {
        Some((session, ended)) => {
            // An error says that the worker has dropped the session.
            let _ = ended.wait_for(|ended| *ended).await;
            *session
        }
        None => std::future::pending().await,
    }
}

/// Touches a session that is held here; with its password, one that is not is brought here.
pub async fn renew(api: &ApiHandle, request: &pb::KeepAliveRequest) -> Result<(Zxid, u32), Failure> {
    let session = SessionId(request.session);
    if session == SessionId::NONE {
        return Err(Failure::invalid("no session is named"));
    }
    if let Some(held) = api.touch(session).await? {
        return Ok(held);
    }
    if request.password.is_empty() {
        return Err(Failure::not_held(session));
    }
    if request.timeout_ms <= 0 {
        return Err(Failure::invalid("to bring a session here, name the timeout it is to have"));
    }
    let attempt = Attempt { session, password: request.password.to_vec(), timeout_ms: request.timeout_ms };
    match api.open(attempt).await? {
        Some(established) => Ok((established.zxid, established.timeout_ms)),
        None => {
            let message = format!("session {session} has ended, or the password is not its own");
            Err(Failure::new(ErrorCode::SessionExpired, message))
        }
    }
}

fn millis(timeout_ms: u32) -> i32 {
    i32::try_from(timeout_ms).unwrap_or(i32::MAX)
}
