//! One connection's part of a session: requests out, replies and events in.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, ConnectRequest, ConnectResponse, CreateRequest, GetChildrenResponse, GetDataResponse,
    PathRequest, PathResponse, PathWatchRequest, Reader, ReplyHeader, RequestHeader, SetDataRequest,
    SetWatches, StatResponse, WatcherEvent, xid,
};
use menagerie_types::{CreateMode, EventType, OpCode, SessionId, Zxid};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::script::Next;
use super::{Attached, CONNECT_TIMEOUT, Client, Connection};
use crate::event::{Answer, ClientId, ConnectionId, Event, Op};
use crate::world::World;

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Why a connection is given up.
pub enum Stop {
    /// It is lost.
    Lost(&'static str),
    /// The client goes elsewhere.
    Move,
    /// The client dies.
    Die,
    /// The session was closed.
    Closed,
}

impl Stop {
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Lost(why) => why,
            Self::Move => "moves",
            Self::Die => "dies",
            Self::Closed => "closed",
        }
    }
}

struct Waiting {
    xid: i32,
    op: Op,
    sent_ms: u64,
}

/// A connection with a session.
pub struct Session {
    connection: Connection,
    pub number: ConnectionId,
    client: ClientId,
    world: World,
    timeout: Duration,
    next_xid: i32,
    waiting: VecDeque<Waiting>,
    pings: VecDeque<u64>,
    last_sent: Instant,
    last_heard: Instant,
}

impl Session {
    /// Gets a session, new or again; none if the connection fails or the session is gone.
    pub async fn establish(client: &mut Client, mut connection: Connection) -> Option<Self> {
        let known = client.attached.as_ref();
        let is_new = known.is_none();
        let (session, password, zxid) = known.map_or((0, [0; 16], 0), |a| (a.session, a.password, a.zxid));
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(zxid),
            timeout_ms: client.plan.timeout.as_millis() as i32,
            session_id: SessionId(session),
            password: Some(&password),
            read_only: Some(false),
        };
        let sent_ms = client.world.now_ms();
        connection.send(|out| request.encode(out)).await.ok()?;
        let patience = client.plan.timeout.max(CONNECT_TIMEOUT);
        let answer = timeout(patience, connection.receive()).await.ok()?.ok()?;
        let response = ConnectResponse::decode(&mut Reader::new(&answer)).ok()?;
        if response.timeout_ms <= 0 {
            client.expired();
            return None;
        }
        let (session, password) = (response.session_id.0, response.password);
        client.attached = Some(Attached { session, password, zxid });
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1;
        let (id, timeout_ms) = (client.id, response.timeout_ms as u64);
        let attached =
            Event::Attached { client: id, connection: number, session, timeout_ms, is_new, sent_ms };
        client.world.emit(attached);
        let now = Instant::now();
        Some(Self {
            connection,
            number,
            client: id,
            world: client.world.clone(),
            timeout: Duration::from_millis(timeout_ms),
            next_xid: 1,
            waiting: VecDeque::new(),
            pings: VecDeque::new(),
            last_sent: now,
            last_heard: now,
        })
    }

    /// Plays the script until the connection is given up.
    pub async fn serve(&mut self, client: &mut Client) -> Stop {
        if let Some(first) = client.first_request()
            && self.request(client, first).await.is_err()
        {
            return Stop::Lost("cannot send");
        }
        client.script.connected();
        let mut due = Instant::now();
        loop {
            let ping_at = self.last_sent + self.timeout / 3;
            let silent_at = self.last_heard + self.timeout * 2 / 3;
            let may_send = self.waiting.len() < client.plan.pipeline && !client.script.is_waiting();
            let sent = tokio::select! {
                biased;
                received = self.connection.receive() => {
                    let Ok(frame) = received else { return Stop::Lost("closed by the server") };
                    self.last_heard = Instant::now();
                    match self.take(client, &frame) {
                        Ok(None) => Ok(()),
                        Ok(Some(stop)) => return stop,
                        Err(_) => {
                            let problem = format!("client {} got an undecodable frame", self.client);
                            let now = self.world.now_ms();
                            self.world.with_observer(|observer| observer.fail("protocol", problem, now));
                            return Stop::Lost("protocol");
                        }
                    }
                }
                () = sleep_until(silent_at) => return Stop::Lost("silence"),
                () = sleep_until(due), if may_send => {
                    match client.script.next(&mut client.rng, &client.world, self.waiting.is_empty()) {
                        Next::Request(op) => self.request(client, op).await,
                        Next::Pause(pause) => {
                            due = Instant::now() + pause;
                            Ok(())
                        }
                        Next::Stop(stop) => return stop,
                    }
                }
                () = sleep_until(ping_at) => self.ping().await,
            };
            if sent.is_err() {
                return Stop::Lost("cannot send");
            }
        }
    }

    async fn ping(&mut self) -> io::Result<()> {
        self.pings.push_back(self.world.now_ms());
        let header = RequestHeader { xid: xid::PING, op: OpCode::Ping.code() };
        self.last_sent = Instant::now();
        self.connection.send(|out| header.encode(out)).await
    }

    async fn request(&mut self, client: &mut Client, op: Op) -> io::Result<()> {
        let xid = match op {
            Op::SetWatches { .. } => xid::SET_WATCHES,
            _ => {
                self.next_xid += 1;
                self.next_xid - 1
            }
        };
        let seen = client.attached.as_ref().map_or(0, |attached| attached.zxid);
        let sent_ms = self.world.now_ms();
        self.world.emit(Event::Sent { client: self.client, connection: self.number, xid, op: op.clone() });
        self.last_sent = Instant::now();
        let sent = self.connection.send(|out| encode(out, xid, &op, seen)).await;
        self.waiting.push_back(Waiting { xid, op, sent_ms });
        sent
    }

    /// Takes a frame of the server.
    fn take(&mut self, client: &mut Client, frame: &Bytes) -> Result<Option<Stop>, String> {
        let mut reader = Reader::new(frame);
        let header = ReplyHeader::decode(&mut reader).map_err(|error| error.to_string())?;
        match header.xid {
            xid::NOTIFICATION => self.notified(client, header.zxid, &mut reader).map(|()| None),
            xid::PING => {
                if let Some(sent_ms) = self.pings.pop_front() {
                    let (client, connection) = (self.client, self.number);
                    self.world.emit(Event::Pong { client, connection, sent_ms });
                }
                Ok(None)
            }
            _ => self.replied(client, header, &mut reader),
        }
    }

    fn notified(&self, client: &mut Client, zxid: i64, reader: &mut Reader<'_>) -> Result<(), String> {
        let event = WatcherEvent::decode(reader).map_err(|error| error.to_string())?;
        let kind = EventType::from_code(event.event_type).ok_or("an unknown event type")?;
        let path = event.path.to_owned();
        client.watches.remove(&path);
        client.saw(zxid);
        let (client, connection) = (self.client, self.number);
        self.world.emit(Event::Notified { client, connection, zxid, event: kind, path });
        Ok(())
    }

    fn replied(
        &mut self,
        client: &mut Client,
        header: ReplyHeader,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Stop>, String> {
        let Some(waiting) = self.waiting.pop_front() else { return Err("a reply to nothing".into()) };
        let answer = match header.err {
            0 => Ok(decode(&waiting.op, reader)?),
            code => Err(code),
        };
        client.saw(header.zxid);
        if let (Op::Get { path, watch: true }, Ok(Answer::Data { stat, .. })) = (&waiting.op, &answer) {
            client.watches.insert(path.clone(), stat.mzxid.0);
        }
        self.world.emit(Event::Replied {
            client: self.client,
            connection: self.number,
            xid: header.xid,
            zxid: header.zxid,
            sent_ms: waiting.sent_ms,
            answer: answer.clone(),
        });
        if header.xid != waiting.xid {
            return Ok(Some(Stop::Lost("replies out of order")));
        }
        if waiting.op == Op::Close && answer.is_ok() {
            return Ok(Some(Stop::Closed));
        }
        client.script.answered(&client.world, &waiting.op, &answer);
        Ok(None)
    }
}

impl Client {
    fn saw(&mut self, zxid: i64) {
        if let Some(attached) = &mut self.attached {
            attached.zxid = attached.zxid.max(zxid);
        }
    }
}

fn encode(out: &mut BytesMut, xid: i32, op: &Op, seen: i64) {
    let code = match op {
        Op::Set { .. } => OpCode::SetData,
        Op::Get { .. } => OpCode::GetData,
        Op::Create { .. } | Op::CreateSequential { .. } | Op::CreateEphemeral { .. } => OpCode::Create,
        Op::Children { .. } => OpCode::GetChildren,
        Op::Sync { .. } => OpCode::Sync,
        Op::SetWatches { .. } => OpCode::SetWatches,
        Op::Close => OpCode::CloseSession,
    };
    RequestHeader { xid, op: code.code() }.encode(out);
    let create = |path, data, mode: CreateMode| CreateRequest {
        path,
        data: Some(data),
        acl: Some(AclList::open()),
        flags: mode as i32,
    };
    match op {
        Op::Set { path, value } => {
            SetDataRequest { path, data: Some(value.as_bytes()), version: -1 }.encode(out);
        }
        Op::Get { path, watch } => PathWatchRequest { path, watch: *watch }.encode(out),
        Op::Create { path } => create(path, b"", CreateMode::Persistent).encode(out),
        Op::CreateSequential { prefix, value } => {
            create(prefix, value.as_bytes(), CreateMode::PersistentSequential).encode(out);
        }
        Op::CreateEphemeral { path } => create(path, b"", CreateMode::Ephemeral).encode(out),
        Op::Children { path } => PathWatchRequest { path, watch: false }.encode(out),
        Op::Sync { path } => PathRequest { path }.encode(out),
        Op::SetWatches { paths } => {
            let data = paths.iter().map(String::as_str).collect();
            SetWatches { relative_zxid: Zxid(seen), data, exist: Vec::new(), child: Vec::new() }.encode(out);
        }
        Op::Close => {}
    }
}

fn decode(op: &Op, reader: &mut Reader<'_>) -> Result<Answer, String> {
    let answer = match op {
        Op::Set { .. } => StatResponse::decode(reader).map(|response| Answer::Stat(response.stat)),
        Op::Get { .. } => GetDataResponse::decode(reader).map(|response| Answer::Data {
            value: String::from_utf8_lossy(response.data.unwrap_or_default()).into_owned(),
            stat: response.stat,
        }),
        Op::Create { .. } | Op::CreateSequential { .. } | Op::CreateEphemeral { .. } => {
            PathResponse::decode(reader).map(|response| Answer::Path(response.path.to_owned()))
        }
        Op::Children { .. } => GetChildrenResponse::decode(reader).map(|response| {
            let mut names: Vec<String> = response.children.into_iter().map(str::to_owned).collect();
            names.sort_unstable();
            Answer::Names(names)
        }),
        Op::Sync { .. } | Op::SetWatches { .. } | Op::Close => Ok(Answer::Done),
    };
    answer.map_err(|error| error.to_string())
}
