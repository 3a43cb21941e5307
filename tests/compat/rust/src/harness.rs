//! Clients, waiting and the servers' remote control: what all files of this program share.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use zookeeper_client::{
    Acls, Client, Connector, CreateMode, CreateOptions, EventType, OneshotWatcher, PersistentWatcher,
    SessionState, WatchedEvent,
};

pub const WAIT: Duration = Duration::from_secs(15);
pub const OPEN: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
pub const EPHEMERAL: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());

/// How a case that did not fail went.
#[derive(PartialEq)]
pub enum Outcome {
    Passed,
    NotHere,
}

/// What a case is given: its client and an empty znode.
pub struct Case {
    pub zk: Client,
    pub root: String,
}

impl Case {
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }
}

/// One of the variables that the runner sets.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

pub fn hosts() -> String {
    variable("COMPAT_HOSTS")
}

/// The n-th server, from 1, counted round.
pub fn host(n: usize) -> String {
    let hosts = hosts();
    let list: Vec<&str> = hosts.split(',').collect();
    list[(n - 1) % list.len()].to_owned()
}

pub fn has_members() -> bool {
    hosts().contains(',')
}

pub fn connector() -> Connector {
    Client::connector().with_session_timeout(Duration::from_secs(30)).with_server_version(3, 9, 5)
}

pub async fn connect() -> Result<Client> {
    within("a session", connector().connect(&hosts())).await
}

/// The future's result, unless it fails or takes too long.
pub async fn within<T, E: Into<anyhow::Error>>(
    what: &str,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T> {
    match timeout(WAIT, future).await {
        Ok(done) => done.map_err(Into::into).with_context(|| what.to_owned()),
        Err(_) => bail!("not within {WAIT:?}: {what}"),
    }
}

/// Polls until `condition` gives true; its errors count as not yet.
pub async fn eventually<F: Future<Output = Result<bool>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> Result<()> {
    let poll = async {
        while !matches!(condition().await, Ok(true)) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    ensure!(timeout(2 * WAIT, poll).await.is_ok(), "not within {:?}: {what}", 2 * WAIT);
    Ok(())
}

/// Waits until a client's session is in a state.
pub async fn await_state(client: &Client, state: SessionState) -> Result<()> {
    eventually(&format!("session {state}"), || async { Ok(client.state() == state) }).await
}

pub async fn fired(watcher: OneshotWatcher) -> Result<WatchedEvent> {
    timeout(WAIT, watcher.changed()).await.context("no event of a one-shot watch")
}

/// The next event that is not about the session.
pub async fn next(watcher: &mut PersistentWatcher) -> Result<WatchedEvent> {
    loop {
        let event = timeout(WAIT, watcher.changed()).await.context("no event of a persistent watch")?;
        if event.event_type != EventType::Session {
            return Ok(event);
        }
    }
}

/// The next events are exactly these, in this order.
pub async fn expect(watcher: &mut PersistentWatcher, events: &[(EventType, &str)]) -> Result<()> {
    for (event_type, path) in events {
        let event = next(watcher).await.with_context(|| format!("{event_type} of {path}"))?;
        ensure!(
            event.event_type == *event_type && event.path == *path,
            "{event:?}, not {event_type} of {path}"
        );
    }
    Ok(())
}

/// Asks the runner, e.g. `restart 1`, and waits until it is done.
pub async fn control(command: &str) -> Result<()> {
    let ask = async {
        let mut socket = TcpStream::connect(variable("COMPAT_CONTROL")).await?;
        socket.write_all(format!("{command}\n").as_bytes()).await?;
        let mut reply = [0; 512];
        let length = socket.read(&mut reply).await?;
        let said = String::from_utf8_lossy(&reply[..length]).into_owned();
        ensure!(said.starts_with("ok"), "{command}: {said}");
        Ok(())
    };
    timeout(6 * WAIT, ask).await.with_context(|| format!("{command} takes too long"))?
}
