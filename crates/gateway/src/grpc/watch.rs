//! Watch streams: every change of the targets, until the stream ends, which is never silent.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use menagerie_proto::pb::v1::{self as pb, watch_event::Type};
use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, WatchKind};
use tokio::sync::{mpsc, watch};
use tonic::Status;

use super::failure::Failure;
use super::{requests, sessions};
use crate::api::EVENTS_MAX;
use crate::{ApiEvent, ApiHandle};

struct WatchEvents {
    events: mpsc::Receiver<ApiEvent>,
    session: Option<(SessionId, watch::Receiver<bool>)>,
    /// As many events waited as may.
    was_full: bool,
}

/// Answers once the watches are set, with a stream that begins by saying so.
pub async fn watch(
    api: &ApiHandle,
    request: &pb::WatchRequest,
) -> Result<BoxStream<'static, Result<pb::WatchEvent, Status>>, Failure> {
    let targets = requests::targets(request)?;
    let session = SessionId(request.session);
    let followed = match session {
        SessionId::NONE => None,
        _ => Some((session, api.follow(session).ok_or_else(|| Failure::not_held(session))?)),
    };
    let (zxid, events) = match api.watch(session, targets.clone()).await {
        Ok(armed) => armed,
        Err(error) => return Err(refusal(api, session, &targets).await.unwrap_or(error.into())),
    };
    let armed = pb::WatchEvent { r#type: Type::Armed.into(), path: String::new(), zxid: zxid.0 };
    let changes = stream::try_unfold(
        WatchEvents { events, session: followed, was_full: false },
        |mut events| async move {
            let event = events.next().await?;
            Ok(Some((event, events)))
        },
    );
    Ok(stream::once(async { Ok(armed) }).chain(changes).boxed())
}

impl WatchEvents {
    async fn next(&mut self) -> Result<pb::WatchEvent, Status> {
        self.was_full |= self.events.len() >= EVENTS_MAX;
        let event = tokio::select! {
            biased;
            // The session's end takes its ephemerals along: those changes are told first.
            event = self.events.recv() => event,
            session = sessions::end_of(&mut self.session) => return Err(Failure::not_held(session).into()),
        };
        event.map(|event| changed(&event)).ok_or_else(|| self.end().into())
    }

    fn end(&self) -> Failure {
        if self.was_full {
            let message = format!("the watch fell behind by {EVENTS_MAX} events; watch and read again");
            return Failure::new(ErrorCode::ThrottledOp, message);
        }
        let message = "the gateway has let the watch go; watch and read again, here or at another one";
        Failure::new(ErrorCode::ConnectionLoss, message)
    }
}

fn changed(event: &ApiEvent) -> pb::WatchEvent {
    let kind = match event.event {
        EventType::NodeCreated => Type::NodeCreated,
        EventType::NodeDeleted => Type::NodeDeleted,
        EventType::NodeDataChanged => Type::NodeDataChanged,
        EventType::NodeChildrenChanged => Type::NodeChildrenChanged,
    };
    pb::WatchEvent { r#type: kind.into(), path: event.path.to_string(), zxid: event.zxid.0 }
}

/// Why the watches cannot be set, when it is the targets' fault: children can be watched only where they can be read.
async fn refusal(api: &ApiHandle, session: SessionId, targets: &[(WatchKind, Arc<str>)]) -> Option<Failure> {
    for (_, path) in targets.iter().filter(|(kind, _)| *kind == WatchKind::Child) {
        let body = requests::read(path).ok()?;
        let reply = api.execute(session, OpCode::GetChildren2, body).await.ok()?;
        if reply.err != 0 && reply.err != ErrorCode::NoNode.code() {
            return Some(Failure::reported(reply.err, path, reply.zxid));
        }
    }
    None
}
