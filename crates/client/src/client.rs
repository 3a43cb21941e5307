//! The client: a session on one connection at a time.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use menagerie_types::{EventType, OpCode, Zxid};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use crate::link::Link;
use crate::pipe::{Number, Pipe};
use crate::{ClientError, ConnectOptions, PendingReply, Session};

/// Between two rounds over servers that all refused.
const ROUND_PAUSE: Duration = Duration::from_millis(50);

/// A watch that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// The transaction that fired it; -1 from older servers, and for what setWatches found.
    pub zxid: Zxid,
    /// What happened.
    pub event_type: EventType,
    /// Where.
    pub path: String,
    /// Its place in what this client has received: as [`Reply::arrival`](crate::Reply::arrival).
    pub arrival: u64,
}

/// A session with one of several servers. All methods take `&self`: requests of concurrent callers are pipelined.
///
/// When the connection is lost everything in flight fails with [`ClientError::ConnectionLoss`], and so does every
/// later request until [`reconnect`](Self::reconnect). Dropping a client leaves its session to time out.
pub struct Client {
    hosts: Vec<String>,
    options: ConnectOptions,
    current: Mutex<Current>,
    reconnecting: tokio::sync::Mutex<()>,
    inbox: Inbox,
    received: tokio::sync::Mutex<mpsc::Receiver<WatchEvent>>,
}

/// Where the events of all connections of a client go, and what numbers all that arrives.
#[derive(Clone)]
pub(crate) struct Inbox {
    pub(crate) events: mpsc::Sender<WatchEvent>,
    pub(crate) arrivals: Arc<AtomicU64>,
}

struct Current {
    link: Link,
    host: usize,
}

impl Client {
    /// Opens a session of `session_timeout` with the first of `hosts` (`host:port`) that lets it.
    pub async fn connect<S: ToString>(hosts: &[S], session_timeout: Duration) -> Result<Self, ClientError> {
        Self::connect_with(hosts, ConnectOptions { session_timeout, ..ConnectOptions::default() }).await
    }

    /// Comes back to `session` over a connection of its own.
    ///
    /// # Errors
    /// [`ClientError::SessionExpired`] if a server says that there is no such session.
    pub async fn reattach<S: ToString>(hosts: &[S], session: Session) -> Result<Self, ClientError> {
        Self::connect_with(hosts, ConnectOptions { session: Some(session), ..ConnectOptions::default() })
            .await
    }

    /// Opens a session, or comes back to one, as `options` say.
    pub async fn connect_with<S: ToString>(
        hosts: &[S],
        options: ConnectOptions,
    ) -> Result<Self, ClientError> {
        let hosts: Vec<String> = hosts.iter().map(S::to_string).collect();
        let (events, received) = mpsc::channel(options.events_max.max(1));
        let inbox = Inbox { events, arrivals: Arc::default() };
        let session = options.session.unwrap_or_else(|| Session::none(options.session_timeout));
        let current = open(&hosts, 0, &session, &options, &inbox).await?;
        Ok(Self {
            hosts,
            options,
            current: Mutex::new(current),
            reconnecting: tokio::sync::Mutex::new(()),
            inbox,
            received: tokio::sync::Mutex::new(received),
        })
    }

    /// Gives up the connection and takes the session to the next server.
    ///
    /// # Errors
    /// [`ClientError::SessionExpired`] if a server says that it is gone, [`ClientError::NoServer`] if none answered in
    /// time: then it may be tried again.
    pub async fn reconnect(&self) -> Result<(), ClientError> {
        let _one_at_a_time = self.reconnecting.lock().await;
        self.disconnect();
        let (session, next) = {
            let current = self.lock();
            (current.link.session(), current.host + 1)
        };
        let opened = open(&self.hosts, next, &session, &self.options, &self.inbox).await?;
        *self.lock() = opened;
        Ok(())
    }

    /// Drops the connection without a word, as a crash would. The session stays until it expires.
    pub fn disconnect(&self) {
        self.pipe().end(ClientError::ConnectionLoss);
    }

    /// The session: enough to come back to it.
    pub fn session(&self) -> Session {
        self.lock().link.session()
    }

    /// The server in use, as it was given.
    pub fn host(&self) -> &str {
        let host = self.lock().host;
        &self.hosts[host]
    }

    /// When anything, if only the answer to a ping, last came over the present connection.
    pub fn last_heard(&self) -> Instant {
        self.pipe().last_heard()
    }

    /// Waits until the connection is lost and says why.
    pub async fn disconnected(&self) -> ClientError {
        self.pipe().ended().await
    }

    /// The next watch event, of this connection or an earlier one.
    pub async fn next_event(&self) -> Option<WatchEvent> {
        self.received.lock().await.recv().await
    }

    /// A watch event that has already come.
    pub async fn try_event(&self) -> Option<WatchEvent> {
        self.received.lock().await.try_recv().ok()
    }

    /// Sends a request of any kind. Requests go out in the order in which these calls return; await the pending reply
    /// at leisure. Waits only while too many replies are outstanding.
    pub async fn send(&self, op: i32, body: &[u8]) -> Result<PendingReply, ClientError> {
        self.pipe().submit(Number::Next, op, |out| out.extend_from_slice(body)).await
    }

    /// Like [`send`](Self::send), with the body encoded straight into the output.
    pub async fn send_with(
        &self,
        op: OpCode,
        body: impl FnOnce(&mut BytesMut),
    ) -> Result<PendingReply, ClientError> {
        self.pipe().submit(Number::Next, op.code(), body).await
    }

    pub(crate) fn pipe(&self) -> Arc<Pipe> {
        self.lock().link.pipe.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Nothing under this lock panics; a poisoned lock still holds a whole value.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries the servers in turn, from `first` on, until one gives the session or the time is over.
async fn open(
    hosts: &[String],
    first: usize,
    session: &Session,
    options: &ConnectOptions,
    inbox: &Inbox,
) -> Result<Current, ClientError> {
    let deadline = Instant::now() + options.connect_timeout;
    let share = options.connect_timeout / u32::try_from(hosts.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    while !hosts.is_empty() {
        for offset in 0..hosts.len() {
            let host = (first + offset) % hosts.len();
            let until = deadline.min(Instant::now() + share);
            match timeout_at(until, Link::open(&hosts[host], session, options, inbox.clone())).await {
                Ok(Ok(link)) => return Ok(Current { link, host }),
                Ok(Err(ClientError::SessionExpired)) => return Err(ClientError::SessionExpired),
                Ok(Err(error)) => last = Some(Box::new(error)),
                Err(_) => {}
            }
        }
        if Instant::now() + ROUND_PAUSE >= deadline {
            break;
        }
        sleep(ROUND_PAUSE).await;
    }
    Err(ClientError::NoServer { last })
}
