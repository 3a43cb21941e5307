use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use menagerie_proto::pb::v1::{self as pb, menagerie_server::Menagerie, watch_event::Type};
use menagerie_proto::session_tracker::{Attempt, Established};
use menagerie_types::{EventType, OpCode, SessionId, WatchKind, Zxid};
use tokio::sync::mpsc;
use tonic::{Code, Request, Status};

use crate::api::{ApiCall, ApiHandle, ApiReply, ApiSession, EVENTS_MAX};
use crate::grpc::GrpcApi;
use crate::grpc::sessions;
use crate::{ApiEvent, grpc};

const SESSION: i64 = 7;
const FRAME_LEN_MAX: usize = 1000;

type Calls = mpsc::Receiver<ApiCall>;

/// The service, and what its workers are asked.
fn service(workers: usize) -> (GrpcApi, ApiHandle, Vec<Calls>) {
    let (senders, receivers) = (0..workers).map(|_| mpsc::channel(100)).unzip();
    let api = ApiHandle::new(senders, FRAME_LEN_MAX);
    (GrpcApi::new(api.clone()), api, receivers)
}

fn no_such_node() -> ApiReply {
    ApiReply { zxid: Zxid(42), err: -101, body: Bytes::new() }
}

/// Opens a session at the one worker, which holds the returned end of it.
async fn open(service: &GrpcApi, calls: &mut Calls) -> ApiSession {
    let session = ApiSession::new(10_000, Instant::now());
    let request = Request::new(pb::OpenSessionRequest { timeout_ms: 10_000 });
    let (opened, ()) = tokio::join!(service.open_session(request), async {
        match calls.recv().await {
            Some(ApiCall::Open(attempt, reply)) => {
                assert_eq!(attempt, Attempt { timeout_ms: 10_000, ..Attempt::default() });
                let _ = reply.send(Some(established()));
            }
            other => panic!("{other:?}"),
        }
        match calls.recv().await {
            Some(ApiCall::Follow(_, reply)) => drop(reply.send(Some(session.follow()))),
            other => panic!("{other:?}"),
        }
    });
    let opened = opened.expect("a session").into_inner();
    assert_eq!((opened.session, opened.timeout_ms, opened.zxid), (SESSION, 10_000, 5));
    assert_eq!(opened.password, vec![1; 16]);
    session
}

fn established() -> Established {
    Established { session: SessionId(SESSION), password: [1; 16], timeout_ms: 10_000, zxid: Zxid(5) }
}

fn get(session: i64, linearizable: bool) -> Request<pb::GetRequest> {
    Request::new(pb::GetRequest { path: "/a".into(), session, linearizable })
}

fn watch(session: i64) -> Request<pb::WatchRequest> {
    let target = pb::watch_request::Target { path: "/a".into(), node: true, children: false };
    Request::new(pb::WatchRequest { targets: vec![target], session })
}

/// Starts a watch, which the worker arms.
async fn armed(
    service: &GrpcApi,
    calls: &mut Calls,
    session: i64,
) -> (<GrpcApi as Menagerie>::WatchStream, mpsc::Sender<ApiEvent>) {
    let (stream, events) = tokio::join!(service.watch(watch(session)), async {
        match calls.recv().await {
            Some(ApiCall::Watch(targets, events, armed)) => {
                assert_eq!(targets, [(WatchKind::Data, "/a".into())]);
                let _ = armed.send(Zxid(9));
                events
            }
            other => panic!("{other:?}"),
        }
    });
    let mut stream = stream.expect("a stream").into_inner();
    let first = stream.next().await.expect("an event").expect("no failure");
    assert_eq!((first.r#type(), first.path.as_str(), first.zxid), (Type::Armed, "", 9));
    (stream, events)
}

fn changed() -> ApiEvent {
    ApiEvent { zxid: Zxid(10), event: EventType::NodeDataChanged, path: "/a".into() }
}

#[tokio::test]
async fn an_error_of_zookeeper_is_the_status_of_the_call() {
    let (service, _, mut workers) = service(1);
    let (got, ()) = tokio::join!(service.get(get(0, false)), async {
        match workers[0].recv().await {
            Some(ApiCall::Execute { session: SessionId::NONE, op: OpCode::GetData, reply, .. }) => {
                let _ = reply.send(no_such_node());
            }
            other => panic!("{other:?}"),
        }
    });
    let status = got.expect_err("no such node");
    assert_eq!((status.code(), status.message()), (Code::NotFound, "NoNode for /a"));
}

#[tokio::test]
async fn a_linearizable_read_is_made_where_its_sync_was() {
    let (service, _, mut workers) = service(2);
    for at in [0, 1] {
        let (got, ()) = tokio::join!(service.get(get(0, true)), async {
            match workers[at].recv().await {
                Some(ApiCall::Sync(done)) => drop(done.send(())),
                other => panic!("{other:?}"),
            }
            match workers[at].recv().await {
                Some(ApiCall::Execute { reply, .. }) => drop(reply.send(no_such_node())),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(got.expect_err("no such node").code(), Code::NotFound);
    }
}

#[tokio::test]
async fn a_lost_answer_is_unavailable_with_the_outcome_unknown() {
    let (service, _, mut workers) = service(1);
    let delete = Request::new(pb::DeleteRequest { path: "/a".into(), ..Default::default() });
    let (deleted, ()) = tokio::join!(service.delete(delete), async { drop(workers[0].recv().await) });
    let status = deleted.expect_err("no answer");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("outcome is unknown"), "{}", status.message());
}

#[tokio::test]
async fn a_session_that_is_not_held_here_reaches_no_worker() {
    let (service, _, mut workers) = service(1);
    let refused = [
        service.get(get(SESSION, false)).await.map(drop),
        service.watch(watch(SESSION)).await.map(drop),
        service.close_session(Request::new(pb::CloseSessionRequest { session: SESSION })).await.map(drop),
    ];
    for refused in refused {
        let status = refused.expect_err("not held");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains("0x7"), "{}", status.message());
    }
    assert!(workers[0].try_recv().is_err());
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_held_any_more() {
    let (service, api, mut workers) = service(1);
    let session = open(&service, &mut workers[0]).await;
    assert!(api.follow(SessionId(SESSION)).is_some());
    session.end();
    assert!(api.follow(SessionId(SESSION)).is_none());

    let dropped = open(&service, &mut workers[0]).await;
    assert!(api.follow(SessionId(SESSION)).is_some());
    drop(dropped);
    assert!(api.follow(SessionId(SESSION)).is_none());
}

#[tokio::test]
async fn a_request_longer_than_a_zookeeper_client_may_send_is_refused() {
    let (service, _, mut workers) = service(1);
    let data = Bytes::from(vec![0; FRAME_LEN_MAX]);
    let set = pb::SetRequest { path: "/a".into(), data, ..Default::default() };
    let status = service.set(Request::new(set)).await.expect_err("too long");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("1000 allowed"), "{}", status.message());
    assert!(workers[0].try_recv().is_err());
}

#[tokio::test]
async fn a_session_is_brought_here_with_its_password_and_timeout() {
    let (_, api, mut workers) = service(1);
    let request = pb::KeepAliveRequest { session: SESSION, password: vec![1; 16].into(), timeout_ms: 8_000 };
    for (password, timeout_ms, code) in
        [(vec![], 8_000, Code::FailedPrecondition), (vec![1; 16], 0, Code::InvalidArgument)]
    {
        let lacking = pb::KeepAliveRequest { password: password.into(), timeout_ms, ..request.clone() };
        let (refused, ()) = tokio::join!(sessions::renew(&api, &lacking), not_held(&mut workers[0]));
        assert_eq!(Status::from(refused.expect_err("something lacks")).code(), code);
    }
    for answer in [Some(established()), None] {
        let session = ApiSession::new(10_000, Instant::now());
        let (renewed, ()) = tokio::join!(sessions::renew(&api, &request), async {
            not_held(&mut workers[0]).await;
            match workers[0].recv().await {
                Some(ApiCall::Open(attempt, reply)) => {
                    let expected =
                        Attempt { session: SessionId(SESSION), password: vec![1; 16], timeout_ms: 8_000 };
                    assert_eq!(attempt, expected);
                    let _ = reply.send(answer);
                }
                other => panic!("{other:?}"),
            }
            if answer.is_some() {
                match workers[0].recv().await {
                    Some(ApiCall::Follow(_, reply)) => drop(reply.send(Some(session.follow()))),
                    other => panic!("{other:?}"),
                }
            }
        });
        match answer {
            Some(_) => assert_eq!(renewed, Ok((Zxid(5), 10_000))),
            None => assert_eq!(renewed.expect_err("refused").code, -112),
        }
    }
}

async fn not_held(calls: &mut Calls) {
    match calls.recv().await {
        Some(ApiCall::Touch(_, reply)) => drop(reply.send(Ok(None))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_tells_what_the_worker_tells_and_never_ends_silently() {
    let (service, _, mut workers) = service(1);
    let (mut stream, events) = armed(&service, &mut workers[0], 0).await;
    events.try_send(changed()).expect("room");
    drop(events);
    let event = stream.next().await.expect("an event").expect("no failure");
    assert_eq!((event.r#type(), event.path.as_str(), event.zxid), (Type::NodeDataChanged, "/a", 10));
    let end = stream.next().await.expect("a status").expect_err("the end");
    assert_eq!(end.code(), Code::Unavailable);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_watch_that_falls_behind_says_so_after_its_last_event() {
    let (service, _, mut workers) = service(1);
    let (mut stream, events) = armed(&service, &mut workers[0], 0).await;
    while events.try_send(changed()).is_ok() {}
    drop(events);
    for _ in 0..EVENTS_MAX {
        assert!(stream.next().await.expect("an event").is_ok());
    }
    let end = stream.next().await.expect("a status").expect_err("the end");
    assert_eq!(end.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_watch_ends_with_its_session() {
    let (service, _, mut workers) = service(1);
    let session = open(&service, &mut workers[0]).await;
    let (mut stream, events) = armed(&service, &mut workers[0], SESSION).await;
    events.try_send(changed()).expect("room");
    session.end();
    assert!(stream.next().await.expect("an event").is_ok(), "what happened before is told before");
    let end = stream.next().await.expect("a status").expect_err("the end");
    assert_eq!(end.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn the_worker_learns_that_nobody_watches_any_more() {
    let (service, _, mut workers) = service(1);
    let (stream, events) = armed(&service, &mut workers[0], 0).await;
    drop(stream);
    assert!(events.is_closed());
}

#[tokio::test]
async fn a_call_that_its_caller_gave_up_leaves_a_closed_reply() {
    let (service, _, mut workers) = service(1);
    let gave_up = tokio::time::timeout(std::time::Duration::ZERO, service.get(get(0, false))).await;
    assert!(gave_up.is_err());
    match workers[0].recv().await {
        Some(ApiCall::Execute { reply, .. }) => assert!(reply.is_closed()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_service_can_be_added_to_a_server() {
    let (_, api, _) = service(1);
    let _ = tonic::service::Routes::new(grpc::service(api));
}
