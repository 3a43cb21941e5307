//! Makes the znode that a case plays below, looks at what is left afterwards, and removes it.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use menagerie_client::RawConnection;
use menagerie_jute::{ConnectRequest, GetChildren2Response, Reader, ReplyHeader};
use menagerie_types::{OpCode, SessionId, Zxid};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Play;
use super::client::ANSWER_WITHIN;
use crate::case::{Body, Entry, Request, Text};
use crate::decode::{Tokens, error_name};
use crate::encode::{self, Context};
use crate::servers::Profile;
use crate::transcript::{OBSERVER, Token};

const TIMEOUT_MS: i32 = 40_000;
/// More znodes than a case leaves behind.
const ZNODES_MAX: usize = 1_000;

/// A session of its own on one server, for all cases.
pub struct Observer {
    addr: SocketAddr,
    connection: RawConnection,
    xid: i32,
}

impl Observer {
    /// Opens a session and presents every credential that cases use.
    pub async fn connect(addr: SocketAddr, profile: Profile) -> anyhow::Result<Self> {
        let stream = timeout(ANSWER_WITHIN, TcpStream::connect(addr)).await??;
        let mut connection = RawConnection::from_stream(stream)?;
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: TIMEOUT_MS,
            session_id: SessionId::NONE,
            password: None,
            read_only: Some(false),
        };
        let response = timeout(ANSWER_WITHIN, connection.handshake(&request)).await??;
        ensure!(response.timeout_ms > 0, "no session");
        let mut observer = Self { addr, connection, xid: 0 };
        // Where there is no super user, its credentials are good for nothing.
        for user in
            ["u1:p1", "u2:p2", "super:test"].into_iter().take(if profile == Profile::Strict { 3 } else { 2 })
        {
            let auth = Body::Auth(Text::new("digest"), Some(user.as_bytes().to_vec()));
            observer.exchange(&[Request::new(OpCode::Auth.code(), auth)]).await?;
        }
        Ok(observer)
    }

    /// The server.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) async fn begin(&mut self, play: &mut Play<'_>) -> anyhow::Result<()> {
        let open = Entry { perms: 31, scheme: Text::new("world"), id: Text::new("anyone") };
        let (path, data, acl) = (Text::new(play.own), None, Some(vec![open]));
        let body = Body::Create { path, data, acl, flags: 0, ttl: None };
        let replies = self.exchange(&[Request::new(OpCode::Create.code(), body)]).await?;
        let header = replies[0].0;
        ensure!(header.err == 0, "{} cannot be made: {}", play.own, error_name(header.err));
        play.saw(header.zxid);
        play.record(OBSERVER, vec![Token::Text("begins at ".to_owned()), Token::Write(header.zxid)]);
        Ok(())
    }

    pub(super) async fn end(&mut self, play: &mut Play<'_>) -> anyhow::Result<()> {
        let mut level = vec![play.own.to_owned(), format!("/zookeeper/quota{}", play.own)];
        let mut all = Vec::new();
        while !level.is_empty() && all.len() < ZNODES_MAX {
            let next = self.look(play, &level).await?;
            all.append(&mut level);
            level = next;
        }
        all.reverse();
        let requests: Vec<_> = all.iter().map(|path| delete(path)).collect();
        for requests in requests.chunks(100) {
            self.exchange(requests).await?;
        }
        Ok(())
    }

    // Records everything about these znodes; returns their children.
    async fn look(&mut self, play: &mut Play<'_>, paths: &[String]) -> anyhow::Result<Vec<String>> {
        let requests: Vec<_> = paths.iter().flat_map(|path| looks(path)).collect();
        let mut children = Vec::new();
        for (request, (header, body)) in requests.iter().zip(self.exchange(&requests).await?) {
            let (Body::Path(path) | Body::Read(path, _)) = &request.body else { continue };
            let path = String::from_utf8_lossy(path.0.as_deref().unwrap_or_default()).into_owned();
            if request.op == OpCode::GetChildren2.code() && header.err == 0 {
                // What cannot be read shows in the item.
                let response = GetChildren2Response::decode(&mut Reader::new(&body));
                let names = response.map(|response| response.children).unwrap_or_default();
                children.extend(names.iter().map(|name| format!("{path}/{name}")));
            }
            let mut tokens = Tokens::default();
            tokens.text(format!(
                "finds {path}: {} {}",
                crate::case::op_name(request.op),
                error_name(header.err)
            ));
            tokens.body(request.op, header.err, &body, play.own);
            play.record(OBSERVER, tokens.into_inner());
        }
        // In the order of names, which is that of neither server.
        children.sort_unstable();
        Ok(children)
    }

    async fn exchange(&mut self, requests: &[Request]) -> anyhow::Result<Vec<(ReplyHeader, Bytes)>> {
        let mut bytes = BytesMut::new();
        for request in requests {
            self.xid += 1;
            encode::request(&mut bytes, request, self.xid, &Context { own: "$", last_seen: 0 });
        }
        self.connection.write(&bytes).await?;
        let mut replies = Vec::with_capacity(requests.len());
        while replies.len() < requests.len() {
            let reply = timeout(ANSWER_WITHIN, self.connection.read_reply()).await.context("no answer")??;
            let (header, body) = reply.context("the observer's connection is closed")?;
            replies.push((header, body));
        }
        Ok(replies)
    }
}

fn looks(path: &str) -> [Request; 3] {
    [
        Request::new(OpCode::GetChildren2.code(), Body::Read(Text::new(path), 0)),
        Request::new(OpCode::GetData.code(), Body::Read(Text::new(path), 0)),
        Request::new(OpCode::GetAcl.code(), Body::Path(Text::new(path))),
    ]
}

fn delete(path: &str) -> Request {
    Request::new(OpCode::Delete.code(), Body::Number(Text::new(path), -1))
}
