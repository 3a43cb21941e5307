//! What the client must do, against a server that each test plays.

mod replies;
mod sessions;

use std::time::Duration;

use bytes::BytesMut;
use menagerie_jute::{
    ConnectRequest, ConnectResponse, Reader, RequestHeader, begin_reply, end_reply, error_reply, notification,
};
use menagerie_types::{ErrorCode, EventType, OpCode, SessionId, Zxid};
use tokio::net::TcpListener;

use crate::{Client, ConnectOptions, RawConnection};

const PASSWORD: [u8; 16] = *b"sixteen bytes pw";

/// A server whose every move the test makes.
struct Server {
    listener: TcpListener,
    host: String,
}

/// What the server saw of a connect request.
#[derive(Debug, PartialEq)]
struct Asked {
    session: SessionId,
    password: Vec<u8>,
    last_zxid: Zxid,
    timeout_ms: i32,
}

/// Fails a test that would hang.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("done before the deadline")
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("bound").to_string();
        Self { listener, host }
    }

    async fn accept(&self) -> RawConnection {
        let (stream, _) = self.listener.accept().await.expect("a client connects");
        RawConnection::from_stream(stream).expect("a live socket")
    }

    /// Accepts a client and grants it session `0x77` with `timeout_ms`; 0 says that the session is gone.
    async fn welcome(&self, timeout_ms: i32) -> (RawConnection, Asked) {
        let mut peer = self.accept().await;
        let frame = peer.read_frame().await.expect("readable").expect("a connect request");
        let request = ConnectRequest::decode(&mut Reader::new(&frame)).expect("a connect request");
        let asked = Asked {
            session: request.session_id,
            password: request.password.expect("a password").to_vec(),
            last_zxid: request.last_zxid_seen,
            timeout_ms: request.timeout_ms,
        };
        let granted = ConnectResponse {
            protocol_version: 0,
            timeout_ms,
            session_id: SessionId(0x77),
            password: PASSWORD,
            read_only: Some(false),
        };
        let response = if timeout_ms > 0 { granted } else { ConnectResponse::invalid(Some(false)) };
        peer.write_frame(|out| response.encode(out)).await.expect("writable");
        (peer, asked)
    }

    /// A client of this server, and the server's end.
    async fn pair(&self, options: ConnectOptions) -> (Client, RawConnection) {
        let hosts = [self.host.clone()];
        let (client, (peer, _)) =
            within(async { tokio::join!(Client::connect_with(&hosts, options), self.welcome(30_000)) }).await;
        (client.expect("the server lets it in"), peer)
    }
}

async fn request(peer: &mut RawConnection) -> (RequestHeader, Vec<u8>) {
    let frame = peer.read_frame().await.expect("readable").expect("a request");
    let mut reader = Reader::new(&frame);
    let header = RequestHeader::decode(&mut reader).expect("a header");
    (header, reader.remaining().to_vec())
}

async fn reply(peer: &mut RawConnection, xid: i32, zxid: i64, body: impl FnOnce(&mut BytesMut)) {
    let mut out = BytesMut::new();
    let mark = begin_reply(&mut out, xid, Zxid(zxid), 0);
    body(&mut out);
    end_reply(&mut out, mark);
    peer.write(&out).await.expect("writable");
}

async fn refuse(peer: &mut RawConnection, xid: i32, code: ErrorCode) {
    let mut out = BytesMut::new();
    error_reply(&mut out, xid, Zxid(1), code);
    peer.write(&out).await.expect("writable");
}

async fn notify(peer: &mut RawConnection, path: &str) {
    let mut out = BytesMut::new();
    notification(&mut out, 9, EventType::NodeDataChanged, path);
    peer.write(&out).await.expect("writable");
}

fn code(op: OpCode) -> i32 {
    op.code()
}
