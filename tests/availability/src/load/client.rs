//! One client of the load.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use menagerie_client::{Client, ClientError, ConnectOptions, Session};
use menagerie_jute::SetWatches;
use menagerie_types::{CreateMode, ErrorCode};
use tokio::sync::RwLock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::tally::{Mishap, Tally};
use super::{ROOT, locked};

const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// The smallest that both grant at their defaults.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Between two operations of a client.
const THINK: Duration = Duration::from_millis(1);
const OPENER_THINK: Duration = Duration::from_millis(5);
/// What the holders watch.
pub const WATCHED: &str = "/availability/watched";

/// What a client does all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Changes a znode of its own.
    Writer,
    /// Reads one.
    Reader,
    /// Holds an ephemeral, and watches a znode, with the smallest timeout there is.
    Holder,
    /// Opens a session and closes it.
    Opener,
}

/// A session and what it has seen.
pub struct Member {
    /// What it does.
    pub kind: Kind,
    /// Its znode.
    pub path: String,
    client: RwLock<Client>,
    hosts: Vec<String>,
    // The client cannot be asked while it is being replaced.
    host: Mutex<(String, Session)>,
    tally: Mutex<Tally>,
}

/// A session that starts at the `n`-th of `hosts`, counted round and round.
pub async fn connect(hosts: &[String], n: usize) -> Result<Client, ClientError> {
    connect_for(hosts, n, SESSION_TIMEOUT).await
}

async fn connect_for(hosts: &[String], n: usize, session_timeout: Duration) -> Result<Client, ClientError> {
    let mut hosts = hosts.to_vec();
    let by = n % hosts.len().max(1);
    hosts.rotate_left(by);
    let options =
        ConnectOptions { session_timeout, connect_timeout: CONNECT_TIMEOUT, ..ConnectOptions::default() };
    Client::connect_with(&hosts, options).await
}

/// Whether the znode is there after this.
pub fn exists_now(created: &Result<String, ClientError>) -> bool {
    match created {
        Ok(_) => true,
        Err(error) => error.code() == Some(ErrorCode::NodeExists),
    }
}

impl Member {
    /// Opens its session and makes its znode.
    pub async fn new(kind: Kind, n: usize, hosts: &[String]) -> Result<Self, ClientError> {
        let timeout = if kind == Kind::Holder { HOLDER_TIMEOUT } else { SESSION_TIMEOUT };
        let client = connect_for(hosts, n, timeout).await?;
        let path = format!("{ROOT}/{kind:?}-{n}").to_lowercase();
        if kind == Kind::Holder {
            client.create(&path, b"held", CreateMode::Ephemeral).await?;
            client.get_and_watch(WATCHED).await?;
        } else {
            let created = client.create(&path, b"made", CreateMode::Persistent).await;
            if !exists_now(&created) {
                created?;
            }
        }
        let host = Mutex::new((client.host().to_owned(), client.session()));
        let tally = Mutex::new(Tally::new(Instant::now()));
        Ok(Self { kind, path, client: RwLock::new(client), hosts: hosts.to_vec(), host, tally })
    }

    /// Where it is connected, or was last.
    pub fn host(&self) -> String {
        locked(&self.host, |(host, _)| host.clone())
    }

    /// Its session.
    pub fn session(&self) -> Session {
        locked(&self.host, |(_, session)| *session)
    }

    /// Looks at what it has seen.
    pub fn tally<R>(&self, f: impl FnOnce(&Tally) -> R) -> R {
        locked(&self.tally, |tally| f(tally))
    }

    /// Works until told to stop.
    pub async fn run(self: std::sync::Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            outcome = self.work() => outcome,
        }
    }

    /// Ends its session.
    pub async fn end(&self) {
        // A session that could not be closed ends by itself.
        let request = self.client.read().await.send(menagerie_types::OpCode::CloseSession.code(), &[]).await;
        if let Ok(reply) = request {
            let _ = reply.await;
        }
    }

    async fn work(&self) -> anyhow::Result<()> {
        loop {
            let outcome = match self.kind {
                Kind::Writer => self.client.read().await.set(&self.path, b"written", -1).await.map(drop),
                Kind::Reader => self.client.read().await.get(&self.path).await.map(drop),
                Kind::Holder => self.hold().await,
                Kind::Opener => self.open().await,
            };
            match outcome {
                Ok(()) => locked(&self.tally, |tally| tally.answered(Instant::now())),
                Err(error) => self.failed(error).await?,
            }
            match self.kind {
                Kind::Writer | Kind::Reader => sleep(THINK).await,
                Kind::Opener => sleep(OPENER_THINK).await,
                Kind::Holder => {}
            }
        }
    }

    /// Waits for an event. Losing the connection is no failed operation: none was under way.
    async fn hold(&self) -> Result<(), ClientError> {
        let client = self.client.read().await;
        tokio::select! {
            error = client.disconnected() => Err(error),
            _ = client.next_event() => Ok(()),
        }
    }

    /// A session and its end, beginning where this client's own session is.
    async fn open(&self) -> Result<(), ClientError> {
        let own = self.host();
        let at = self.hosts.iter().position(|host| *host == own).unwrap_or_default();
        connect(&self.hosts, at).await?.close().await
    }

    async fn failed(&self, error: ClientError) -> anyhow::Result<()> {
        let lost = matches!(
            error,
            ClientError::ConnectionLoss
                | ClientError::Io(_)
                | ClientError::Frame(_)
                | ClientError::EventsOverflow
        );
        let now = Instant::now();
        locked(&self.tally, |tally| {
            if self.kind != Kind::Holder || !lost {
                tally.mishap(now, Mishap::Error(error.to_string()));
            }
            if lost {
                tally.mishap(now, Mishap::ConnectionLost);
            }
        });
        // What the opener lost was not the session it began with.
        if lost && self.kind != Kind::Opener { self.come_back().await } else { Ok(()) }
    }

    /// Takes the session to the next server, as clients do.
    async fn come_back(&self) -> anyhow::Result<()> {
        loop {
            let client = self.client.read().await;
            let relative_zxid = client.session().last_zxid;
            match client.reconnect().await {
                Ok(()) => {
                    if self.kind == Kind::Holder {
                        let watches = SetWatches {
                            relative_zxid,
                            data: vec![WATCHED],
                            exist: Vec::new(),
                            child: Vec::new(),
                        };
                        if client.set_watches(&watches).await.is_err() {
                            continue;
                        }
                    }
                    let now = (client.host().to_owned(), client.session());
                    locked(&self.host, |host| *host = now);
                    return Ok(());
                }
                Err(ClientError::SessionExpired) => {
                    locked(&self.tally, |tally| tally.mishap(Instant::now(), Mishap::SessionLost));
                    drop(client);
                    // Without its ephemeral: that it is gone is to be seen.
                    *self.client.write().await = connect(&self.hosts, 0).await?;
                }
                // The client has tried for a while; it goes on trying.
                Err(_) => {}
            }
        }
    }
}
