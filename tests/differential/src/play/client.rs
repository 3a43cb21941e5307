//! One client of a case.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use menagerie_client::RawConnection;
use menagerie_jute::{ConnectRequest, ConnectResponse, PASSWORD_LEN, Reader, ReplyHeader, frame, xid};
use menagerie_types::{ErrorCode, OpCode, SessionId, Zxid};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::Play;
use crate::case::{Body, CLIENTS, Connect, Damage, Request, Text, readable, readable_reply};
use crate::decode::{Tokens, error_name};
use crate::encode::{self, Context};
use crate::transcript::Token;

/// For every answer, and for every end of a connection that is due.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The number of the request that makes sure of what is under way.
const BARRIER_XID: i32 = 0x7fff_fff0;
const TIMEOUT_MS: i32 = 30_000;

/// What is needed to come back.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    id: SessionId,
    password: [u8; PASSWORD_LEN],
}

/// A client with its session and connection, if it has them.
pub struct Client {
    index: usize,
    connection: Option<RawConnection>,
    session: Option<Session>,
    ended: Option<Session>,
    xid: i32,
    last_seen: i64,
    leaves_out_missed: bool,
}

enum Frame {
    Payload(Bytes),
    End,
    Silence,
}

impl Client {
    pub fn new(index: usize) -> Self {
        Self {
            index,
            connection: None,
            session: None,
            ended: None,
            xid: 0,
            last_seen: 0,
            leaves_out_missed: false,
        }
    }

    pub fn of(index: usize, session: Session) -> Self {
        Self { session: Some(session), ..Self::new(index) }
    }

    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    pub fn session(&self) -> Option<Session> {
        self.session
    }

    pub fn drop_connection(&mut self) {
        self.connection = None;
    }

    /// Opens a connection; the one before is then read to its end, which ZooKeeper makes if they share the session.
    pub async fn connect(&mut self, play: &mut Play<'_>, how: Connect) -> io::Result<()> {
        let before = self.connection.take();
        let mut connection = open(play.addr, self.index).await?;
        let request = self.connect_request(how);
        let mut bytes = BytesMut::new();
        let mark = frame::begin(&mut bytes);
        request.encode(&mut bytes);
        if let Connect::Cut(len) = how {
            bytes.truncate(mark + frame::PREFIX_LEN + len);
        }
        frame::end(&mut bytes, mark);
        // It may have been closed already; reading tells.
        let _ = connection.write(&bytes).await;
        let answer = match read(&mut connection).await {
            Frame::Payload(payload) => payload,
            Frame::End => {
                play.record_text(self.index, "connecting: closed");
                self.connection = before;
                return Ok(());
            }
            Frame::Silence => {
                play.record_text(self.index, "connecting: no answer");
                self.connection = before;
                return Ok(());
            }
        };
        self.connected(play, how, connection, &answer, before).await;
        Ok(())
    }

    async fn connected(
        &mut self,
        play: &mut Play<'_>,
        how: Connect,
        connection: RawConnection,
        answer: &[u8],
        before: Option<RawConnection>,
    ) {
        let Ok(response) = ConnectResponse::decode(&mut Reader::new(answer)) else {
            play.record_text(self.index, &format!("connecting: {}", readable(Some(answer))));
            self.connection = before;
            return;
        };
        let ConnectResponse { timeout_ms, session_id, read_only, password, protocol_version } = response;
        self.connection = Some(connection);
        if timeout_ms <= 0 {
            play.record_text(
                self.index,
                &format!(
                    "refused: version={protocol_version} timeout={timeout_ms} session={} password={} readOnly={read_only:?}",
                    session_id.0,
                    if password == [0; PASSWORD_LEN] { "zeros" } else { "some" }
                ),
            );
            self.expect_end(play).await;
            self.connection = before;
            // Of a session that is gone there is no use.
            if matches!(how, Connect::Attach) {
                self.session = None;
            }
            return;
        }
        play.opened(session_id.0);
        let text =
            format!("connected: version={protocol_version} timeout={timeout_ms} readOnly={read_only:?} ");
        play.record(self.index, vec![Token::Text(text), Token::Session(session_id.0)]);
        let session = Session { id: session_id, password };
        let earlier = self.session.replace(session);
        match earlier {
            Some(earlier) if earlier.id != session.id => play.left.push((self.index, earlier)),
            Some(_) => {
                let now = self.connection.take();
                self.connection = before;
                if self.is_connected() {
                    self.expect_end(play).await;
                }
                self.connection = now;
            }
            None => (),
        }
    }

    fn connect_request(&self, how: Connect) -> ConnectRequest<'_> {
        let (session_id, password) = match &self.session {
            Some(session) => (session.id, Some(session.password.as_slice())),
            None => (SessionId::NONE, None),
        };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: TIMEOUT_MS,
            session_id,
            password,
            read_only: Some(false),
        };
        const ZEROS: &[u8] = &[0; 2 * PASSWORD_LEN];
        match how {
            Connect::Attach | Connect::Cut(_) => request,
            Connect::New { timeout_ms, read_only } => ConnectRequest {
                session_id: SessionId::NONE,
                password: None,
                timeout_ms,
                read_only,
                ..request
            },
            Connect::WrongPassword => ConnectRequest { password: Some(&ZEROS[..PASSWORD_LEN]), ..request },
            Connect::OddPassword(len) => ConnectRequest { password: len.map(|len| &ZEROS[..len]), ..request },
            Connect::Unknown => {
                let password = Some(&ZEROS[..PASSWORD_LEN]);
                ConnectRequest { session_id: SessionId(0x1234_5678), password, ..request }
            }
            Connect::Ended => {
                let (id, password) = self
                    .ended
                    .as_ref()
                    .map_or((SessionId(0x1234), &[0; PASSWORD_LEN]), |ended| (ended.id, &ended.password));
                ConnectRequest { session_id: id, password: Some(password), ..request }
            }
            Connect::Ahead => ConnectRequest { last_zxid_seen: Zxid(i64::MAX), ..request },
        }
    }

    /// Sends a frame that lies about its length, or is too short; the connection has to end.
    pub async fn frame(&mut self, play: &mut Play<'_>, len: i32, payload: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        let mut bytes = BytesMut::new();
        bytes.put_i32(len);
        bytes.put_slice(payload);
        let _ = connection.write(&bytes).await;
        self.expect_end(play).await;
    }

    /// Sends `requests` in one write and reads a reply to each.
    pub async fn exchange(&mut self, play: &mut Play<'_>, requests: &[Request]) {
        let context = Context { own: play.own, last_seen: self.last_seen };
        let mut bytes = BytesMut::new();
        let mut xids = Vec::with_capacity(requests.len());
        for request in requests {
            self.xid += 1;
            let xid = request.xid.unwrap_or(self.xid);
            encode::request(&mut bytes, request, xid, &context);
            xids.push(xid);
        }
        if let Some(connection) = &mut self.connection {
            let _ = connection.write(&bytes).await;
        }
        for (request, sent) in requests.iter().zip(xids) {
            if !self.answer(play, request, sent).await {
                break;
            }
        }
    }

    // False once the connection has ended.
    async fn answer(&mut self, play: &mut Play<'_>, request: &Request, sent: i32) -> bool {
        self.leaves_out_missed = has_persistent(&request.body);
        let reply = self.next_reply(play).await;
        self.leaves_out_missed = false;
        let Some((header, body)) = reply else { return false };
        let own = play.own;
        let mut tokens = Tokens::about(&request.body);
        let expected = if request.op == OpCode::Ping.code() { xid::PING } else { sent };
        if header.xid != expected {
            tokens.text(format!("xid {} for {expected} ", header.xid));
        }
        let is_write = OpCode::from_code(request.op).is_some_and(OpCode::is_write);
        let fresh = play.saw(header.zxid);
        tokens.text(format!("{} at ", error_name(header.err)));
        tokens.push(match (is_write, header.err) {
            (true, 0) => Token::Write(header.zxid),
            _ => Token::Header(header.zxid),
        });
        // Whether one that cannot be decoded takes a zxid is up to the server.
        let is_decoded = header.err != ErrorCode::MarshallingError.code();
        if is_write && header.err != 0 && is_decoded {
            tokens.text(if fresh { ", a zxid of its own" } else { ", no zxid of its own" });
        }
        if request.op == OpCode::CloseSession.code() && header.err == 0 {
            play.transcript.closes.insert(header.zxid);
            self.ended = self.session.take();
        }
        self.last_seen = self.last_seen.max(header.zxid);
        if header.err == 0 || !is_garbled_multi_read(request) {
            tokens.body(request.op, header.err, &body, own);
        }
        play.record(self.index, tokens.into_inner());
        if ends(request.op, header.err) {
            self.expect_end(play).await;
        }
        self.is_connected()
    }

    /// Reads what was under way to this client before.
    pub async fn barrier(&mut self, play: &mut Play<'_>) {
        let request = Request::new(OpCode::Exists.code(), Body::Read(Text::new("/"), 0));
        let context = Context { own: play.own, last_seen: 0 };
        let mut bytes = BytesMut::new();
        encode::request(&mut bytes, &request, BARRIER_XID, &context);
        if let Some(connection) = &mut self.connection {
            let _ = connection.write(&bytes).await;
        }
        if let Some((header, _)) = self.next_reply(play).await
            && header.xid != BARRIER_XID
        {
            play.record_text(self.index, "a reply too many");
        }
    }

    // Records events up to the next reply. None once the connection has ended, which is recorded too.
    async fn next_reply(&mut self, play: &mut Play<'_>) -> Option<(ReplyHeader, Bytes)> {
        loop {
            let connection = self.connection.as_mut()?;
            let text = match read(connection).await {
                Frame::Payload(payload) => {
                    let Ok(header) = ReplyHeader::decode(&mut Reader::new(&payload)) else {
                        play.record_text(self.index, "a frame without a header");
                        continue;
                    };
                    let body = payload.slice(ReplyHeader::LEN..);
                    if header.xid != xid::NOTIFICATION {
                        return Some((header, body));
                    }
                    self.event(play, header, &body);
                    continue;
                }
                Frame::End => "closed",
                Frame::Silence => "no answer",
            };
            play.record_text(self.index, text);
            self.connection = None;
        }
    }

    // By hand: the path may be no UTF-8.
    fn event(&self, play: &mut Play<'_>, header: ReplyHeader, body: &[u8]) {
        let mut reader = Reader::new(body);
        let (Ok(event_type), Ok(state), Ok(path)) = (reader.i32(), reader.i32(), reader.buffer()) else {
            return play.record_text(self.index, "an event that cannot be read");
        };
        // What ZooKeeper makes up for setWatches2 has no zxid; what a persistent watch has missed it does not send.
        if self.leaves_out_missed && header.zxid > 0 {
            return;
        }
        let name = match event_type {
            1 => "NodeCreated",
            2 => "NodeDeleted",
            3 => "NodeDataChanged",
            4 => "NodeChildrenChanged",
            _ => "odd type",
        };
        let text =
            format!("event {name}({event_type}) {} state={state} err={} ", readable_reply(path), header.err);
        play.record_event(self.index, vec![Token::Text(text), Token::Exact(header.zxid)], header.zxid);
    }

    // Reads to the end of the connection, which is due.
    async fn expect_end(&mut self, play: &mut Play<'_>) {
        let Some(mut connection) = self.connection.take() else { return };
        let text = match read(&mut connection).await {
            Frame::End => "closed",
            Frame::Silence => "stays open",
            Frame::Payload(_) => "says something instead of closing",
        };
        play.record_text(self.index, text);
    }
}

// The server closes the connection after such a reply.
fn ends(op: i32, err: i32) -> bool {
    let op = OpCode::from_code(op).filter(|op| op.code() < 1000);
    match op {
        Some(OpCode::CloseSession) => err == 0,
        Some(OpCode::Auth | OpCode::Sasl) => err != 0,
        Some(OpCode::Check) | None => true,
        Some(_) => false,
    }
}

// ZooKeeper decodes all of it before it stumbles over a null path, and sends no results behind the error if it cannot.
fn is_garbled_multi_read(request: &Request) -> bool {
    let is_read = |op: i32| matches!(OpCode::from_code(op), Some(OpCode::GetData | OpCode::GetChildren));
    request.op == OpCode::MultiRead.code()
        && match &request.body {
            Body::Multi(ops) => {
                !matches!(request.damage, Damage::None) || !ops.iter().all(|(op, _)| is_read(*op))
            }
            _ => true,
        }
}

fn has_persistent(body: &Body) -> bool {
    matches!(body, Body::SetWatches(_, lists) if lists.iter().skip(3).any(|paths| !paths.is_empty()))
}

async fn read(connection: &mut RawConnection) -> Frame {
    match timeout(ANSWER_WITHIN, connection.read_frame()).await {
        Ok(Ok(Some(payload))) => Frame::Payload(payload),
        // A reset is an end.
        Ok(_) => Frame::End,
        Err(_) => Frame::Silence,
    }
}

// The last client comes from another address, for the ACLs of scheme ip.
async fn open(addr: SocketAddr, index: usize) -> io::Result<RawConnection> {
    if index + 1 < CLIENTS {
        return RawConnection::connect(addr).await.map_err(io::Error::other);
    }
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into())?;
    RawConnection::from_stream(socket.connect(addr).await?).map_err(io::Error::other)
}
