//! What is there before the clients begin, and what is left when they have ended.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures::future::join_all;
use menagerie_client::{Client, ClientError, ConnectOptions};
use menagerie_types::{CreateMode, ErrorCode};
use tokio::time::{Instant, sleep};

use super::{POLL, ROOT, Shared, counters, ephemerals, locks, sequences, sets, watches};
use crate::history::Line;

const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// Reads under way at once.
const AT_ONCE: usize = 200;

/// Makes the znodes that the clients expect.
pub async fn setup(shared: &Shared) -> anyhow::Result<()> {
    let client = connect(shared).await?;
    let mut paths: Vec<String> =
        vec![ROOT.into(), locks::GUARDED.into(), ephemerals::parent(), locks::parent()];
    paths.extend(["register", "sequence", "set", "counter", "watch"].map(|name| format!("{ROOT}/{name}")));
    for path in paths {
        client.create(&path, b"", CreateMode::Persistent).await.context(path)?;
    }
    for path in (0..counters::COUNTERS).map(counters::path).chain((0..watches::ZNODES).map(watches::path)) {
        client.create(&path, b"0", CreateMode::Persistent).await.context(path)?;
    }
    Ok(client.close().await?)
}

/// Waits until nothing is left of any session, and writes down all that is left of the rest.
pub async fn end(shared: &Shared, within: Duration) -> anyhow::Result<()> {
    let client = connect(shared).await?;
    for parent in [ephemerals::parent(), locks::parent()] {
        wait_empty(&client, &parent, within).await?;
    }
    client.sync(ROOT).await?;
    for path in (0..counters::COUNTERS).map(counters::path) {
        shared.history.write(&read(&client, path).await?);
    }
    for parent in (0..=shared.cycle()).flat_map(|cycle| [sequences::parent(cycle), sets::parent(cycle)]) {
        list(shared, &client, &parent).await?;
    }
    Ok(client.close().await?)
}

async fn connect(shared: &Shared) -> anyhow::Result<Client> {
    let options = ConnectOptions { connect_timeout: CONNECT_WITHIN, ..ConnectOptions::default() };
    Ok(Client::connect_with(&shared.hosts, options).await?)
}

async fn wait_empty(client: &Client, parent: &str, within: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + within;
    loop {
        client.sync(parent).await?;
        let (left, _) = client.get_children2(parent).await?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let path = format!("{parent}/{}", left[0]);
            let owner = client.exists(&path).await?.map(|stat| stat.ephemeral_owner.to_string());
            bail!("{} ephemerals are left after {} s, {path} of {owner:?}", left.len(), within.as_secs());
        }
        sleep(POLL).await;
    }
}

async fn list(shared: &Shared, client: &Client, parent: &str) -> anyhow::Result<()> {
    let (children, _) = match client.get_children2(parent).await {
        // Nobody came to make it.
        Err(ClientError::Server(ErrorCode::NoNode)) => return Ok(()),
        listed => listed?,
    };
    shared.history.write(&Line::Listed { path: parent.to_owned(), count: children.len() });
    for some in children.chunks(AT_ONCE) {
        let reads = some.iter().map(|child| read(client, format!("{parent}/{child}")));
        for line in join_all(reads).await {
            shared.history.write(&line?);
        }
    }
    Ok(())
}

async fn read(client: &Client, path: String) -> anyhow::Result<Line> {
    let (data, stat) = client.get(&path).await.with_context(|| path.clone())?;
    let data = String::from_utf8(data.unwrap_or_default().to_vec())?;
    ensure!(stat.ephemeral_owner.0 == 0, "{path} is ephemeral");
    Ok(Line::Final { path, data, czxid: stat.czxid.0, version: stat.version })
}
