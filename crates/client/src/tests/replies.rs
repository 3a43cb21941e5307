//! Requests, replies and events on one connection.

use menagerie_jute::{DeleteRequest, MultiOp, multi_reply, write};
use menagerie_types::{EventType, Stat};

use super::*;
use crate::{ClientError, MultiOutcome, WatchEvent};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let mut pending = Vec::new();
    for body in [b"a", b"b", b"c"] {
        pending.push(client.send(code(OpCode::Sync), body).await.expect("sent"));
    }
    for (xid, body) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        let seen = within(request(&mut peer)).await;
        assert_eq!(seen, (RequestHeader { xid, op: code(OpCode::Sync) }, body.to_vec()));
        reply(&mut peer, xid, 40 + i64::from(xid), |out| out.extend_from_slice(body)).await;
    }
    for (pending, body) in pending.into_iter().zip([b"a", b"b", b"c"]) {
        let reply = within(pending).await.expect("a reply");
        assert_eq!(reply.into_body().expect("no error")[..], body[..]);
    }
    assert_eq!(client.session().last_zxid, Zxid(43));
}

#[tokio::test]
async fn a_reply_out_of_order_ends_the_connection() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let first = client.send(code(OpCode::Sync), b"").await.expect("sent");
    let second = client.send(code(OpCode::Sync), b"").await.expect("sent");
    reply(&mut peer, 2, 1, |_| {}).await;
    for pending in [first, second] {
        assert!(matches!(within(pending).await, Err(ClientError::Protocol(_))));
    }
    assert!(matches!(within(client.disconnected()).await, ClientError::Protocol(_)));
    assert!(within(peer.read_frame()).await.expect("both requests").is_some(), "the requests were sent");
}

#[tokio::test]
async fn error_codes_become_errors_and_a_missing_znode_does_not_exist() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let serve = async {
        for xid in [1, 2] {
            request(&mut peer).await;
            refuse(&mut peer, xid, ErrorCode::NoNode).await;
        }
    };
    let ask = async { (client.exists("/a").await, client.get("/a").await) };
    let ((exists, get), ()) = within(async { tokio::join!(ask, serve) }).await;
    assert_eq!(exists.expect("an answer"), None);
    assert_eq!(get.expect_err("no data").code(), Some(ErrorCode::NoNode));
}

#[tokio::test]
async fn null_and_empty_data_differ() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let serve = async {
        for (xid, data) in [(1, None), (2, Some(&b""[..]))] {
            request(&mut peer).await;
            reply(&mut peer, xid, 5, |out| {
                write::buffer(out, data);
                write::stat(out, &Stat::default());
            })
            .await;
        }
    };
    let ask = async { (client.get("/a").await, client.get("/a").await) };
    let ((null, empty), ()) = within(async { tokio::join!(ask, serve) }).await;
    assert_eq!(null.expect("data").0, None);
    assert_eq!(empty.expect("data").0.as_deref(), Some(&b""[..]));
}

#[tokio::test]
async fn a_failed_multi_tells_each_outcome() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let serve = async {
        request(&mut peer).await;
        reply(&mut peer, 1, 5, |out| {
            multi_reply::error_result(out, 0);
            multi_reply::error_result(out, -101);
            multi_reply::end(out);
        })
        .await;
    };
    let delete = MultiOp::Delete(DeleteRequest { path: "/a", version: -1 });
    let ops = [delete, delete];
    let (outcomes, ()) = within(async { tokio::join!(client.multi(&ops), serve) }).await;
    assert_eq!(outcomes.expect("a result"), [MultiOutcome::Failed(0), MultiOutcome::Failed(-101)]);
}

#[tokio::test]
async fn an_auth_reply_may_overtake() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let first = client.send(code(OpCode::Sync), b"").await.expect("sent");
    let serve = async {
        request(&mut peer).await;
        let (header, _) = request(&mut peer).await;
        assert_eq!(header, RequestHeader { xid: -4, op: code(OpCode::Auth) });
        reply(&mut peer, -4, 0, |_| {}).await;
        reply(&mut peer, 1, 3, |_| {}).await;
    };
    let (auth, ()) = within(async { tokio::join!(client.add_auth("digest", b"a:b"), serve) }).await;
    auth.expect("accepted");
    within(first).await.expect("a reply");
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let server = Server::start().await;
    let options = ConnectOptions { in_flight_max: 1, ..ConnectOptions::default() };
    let (client, mut peer) = server.pair(options).await;
    let first = client.send(code(OpCode::Sync), b"").await.expect("sent");
    let second = client.send(code(OpCode::Sync), b"");
    tokio::pin!(second);
    tokio::select! {
        biased;
        _ = &mut second => panic!("sent beyond the bound"),
        seen = within(request(&mut peer)) => assert_eq!(seen.0.xid, 1),
    }
    reply(&mut peer, 1, 1, |_| {}).await;
    within(first).await.expect("a reply");
    drop(within(second).await.expect("sent once there was room"));
    assert_eq!(within(request(&mut peer)).await.0.xid, 2);
}

#[tokio::test]
async fn watch_events_come_in_order_and_too_many_end_the_connection() {
    let server = Server::start().await;
    let options = ConnectOptions { events_max: 2, ..ConnectOptions::default() };
    let (client, mut peer) = server.pair(options).await;
    for path in ["/a", "/b", "/c"] {
        notify(&mut peer, path).await;
    }
    assert!(matches!(within(client.disconnected()).await, ClientError::EventsOverflow));
    for (path, arrival) in [("/a", 0), ("/b", 1)] {
        let (event_type, path) = (EventType::NodeDataChanged, path.to_owned());
        let event = WatchEvent { zxid: Zxid(9), event_type, path, arrival };
        assert_eq!(within(client.next_event()).await, Some(event));
    }
    assert_eq!(client.try_event().await, None);
}

#[tokio::test]
async fn raw_connections_send_anything_and_read_frames_however_they_are_cut() {
    let server = Server::start().await;
    let (client, mut peer) =
        within(async { tokio::join!(RawConnection::connect(&server.host), server.accept()) }).await;
    let mut client = client.expect("connected");
    client.write(b"ruok\n").await.expect("sent");
    client.shutdown().await.expect("half closed");
    assert_eq!(within(peer.read_to_end()).await.expect("readable")[..], b"ruok\n"[..]);
    peer.write(&[0, 0, 0, 1, 7, 0, 0]).await.expect("sent");
    assert_eq!(within(client.read_frame()).await.expect("readable").as_deref(), Some(&[7][..]));
    peer.write(&[0, 0]).await.expect("sent");
    assert_eq!(within(client.read_frame()).await.expect("readable").as_deref(), Some(&[][..]));
    peer.write(&[0]).await.expect("sent");
    drop(peer);
    assert!(matches!(within(client.read_frame()).await, Err(ClientError::ConnectionLoss)));
}
