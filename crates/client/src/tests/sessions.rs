//! Sessions across connections, servers and silences.

use super::*;
use crate::{ClientError, Session};

#[tokio::test]
async fn a_lost_connection_fails_what_is_in_flight_and_the_session_moves_to_the_next_server() {
    let (first, second) = (Server::start().await, Server::start().await);
    let hosts = [first.host.clone(), second.host.clone()];
    let (client, (mut peer, asked)) =
        within(async { tokio::join!(Client::connect(&hosts, Duration::from_secs(7)), first.welcome(6_000)) })
            .await;
    let client = client.expect("connected");
    let new =
        Asked { session: SessionId::NONE, password: vec![0; 16], last_zxid: Zxid(0), timeout_ms: 7_000 };
    assert_eq!(asked, new);
    let answered = client.send(code(OpCode::Sync), b"").await.expect("sent");
    reply(&mut peer, 1, 5, |_| {}).await;
    within(answered).await.expect("a reply");
    let in_flight = client.send(code(OpCode::Sync), b"").await.expect("sent");
    drop(peer);
    assert!(matches!(within(in_flight).await, Err(ClientError::ConnectionLoss)));
    assert!(matches!(client.send(code(OpCode::Sync), b"").await, Err(ClientError::ConnectionLoss)));

    let (reconnected, (_peer, asked)) =
        within(async { tokio::join!(client.reconnect(), second.welcome(6_000)) }).await;
    reconnected.expect("the second server lets it in");
    let same = Asked {
        session: SessionId(0x77),
        password: PASSWORD.to_vec(),
        last_zxid: Zxid(5),
        timeout_ms: 6_000,
    };
    assert_eq!(asked, same);
    assert_eq!(client.host(), second.host);
    let session = Session {
        id: SessionId(0x77),
        password: PASSWORD,
        last_zxid: Zxid(5),
        timeout: Duration::from_secs(6),
    };
    assert_eq!(client.session(), session);
    assert!(client.send(code(OpCode::Sync), b"").await.is_ok());
}

#[tokio::test]
async fn a_session_that_is_gone_is_not_asked_for_elsewhere() {
    let server = Server::start().await;
    let (client, _peer) = server.pair(ConnectOptions::default()).await;
    let (reconnected, _) = within(async { tokio::join!(client.reconnect(), server.welcome(0)) }).await;
    assert!(matches!(reconnected, Err(ClientError::SessionExpired)));
}

#[tokio::test]
async fn a_server_that_closes_instead_of_answering_is_passed_over() {
    let (first, second) = (Server::start().await, Server::start().await);
    let hosts = [first.host.clone(), second.host.clone()];
    let refuse = async { drop(first.accept().await) };
    let (client, (), (_peer, _)) = within(async {
        tokio::join!(Client::connect(&hosts, Duration::from_secs(6)), refuse, second.welcome(6_000))
    })
    .await;
    assert_eq!(client.expect("connected").host(), second.host);
}

#[tokio::test]
async fn connecting_ends_when_no_server_answers_in_time() {
    let server = Server::start().await;
    let hosts = [server.host.clone()];
    let options = ConnectOptions { connect_timeout: Duration::from_millis(50), ..ConnectOptions::default() };
    let client = within(Client::connect_with(&hosts, options)).await;
    assert!(matches!(client.err(), Some(ClientError::NoServer { .. })));
    let client = within(Client::connect::<String>(&[], Duration::from_secs(1))).await;
    assert!(matches!(client.err(), Some(ClientError::NoServer { last: None })));
}

#[tokio::test]
async fn an_idle_client_pings_and_gives_up_a_server_that_does_not_answer() {
    let server = Server::start().await;
    let hosts = [server.host.clone()];
    let (client, (mut peer, _)) = within(async {
        tokio::join!(Client::connect(&hosts, Duration::from_secs(1)), server.welcome(1_500))
    })
    .await;
    let client = client.expect("connected");
    for _ in 0..2 {
        let (header, body) = within(request(&mut peer)).await;
        assert_eq!((header, body), (RequestHeader { xid: -2, op: code(OpCode::Ping) }, Vec::new()));
        reply(&mut peer, -2, 1, |_| {}).await;
    }
    assert!(matches!(within(client.disconnected()).await, ClientError::ConnectionLoss));
}

#[tokio::test]
async fn closing_ends_the_session_and_then_the_connection() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    let serve = async {
        let (header, _) = request(&mut peer).await;
        assert_eq!(header.op, code(OpCode::CloseSession));
        reply(&mut peer, header.xid, 8, |_| {}).await;
        peer.read_frame().await
    };
    let (closed, end) = within(async { tokio::join!(client.close(), serve) }).await;
    closed.expect("answered");
    assert!(!matches!(end, Ok(Some(_))), "nothing more is sent");
}

#[tokio::test]
async fn a_dropped_client_closes_its_connection_without_ending_the_session() {
    let server = Server::start().await;
    let (client, mut peer) = server.pair(ConnectOptions::default()).await;
    drop(client);
    assert!(!matches!(within(peer.read_frame()).await, Ok(Some(_))), "no closeSession is sent");
}
