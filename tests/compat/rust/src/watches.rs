//! Watches of each kind.

use anyhow::{Result, ensure};
use zookeeper_client::AddWatchMode::{Persistent, PersistentRecursive};
use zookeeper_client::EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};

use crate::harness::{Case, OPEN, Outcome, connect, expect, fired, next, within};

pub async fn one_shot(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, &case.at("n"));
    let (stat, created) = zk.check_and_watch_stat(path).await?;
    ensure!(stat.is_none());
    let (_, _, children) = zk.get_and_watch_children(&case.root).await?;
    zk.create(path, b"", &OPEN).await?;
    ensure!(fired(created).await?.event_type == NodeCreated);
    ensure!(fired(children).await?.event_type == NodeChildrenChanged);
    let (_, _, changed) = zk.get_and_watch_data(path).await?;
    zk.set_data(path, b"x", None).await?;
    let event = fired(changed).await?;
    ensure!(event.event_type == NodeDataChanged && &event.path == path);
    let (_, deleted) = zk.check_and_watch_stat(path).await?;
    zk.delete(path, None).await?;
    ensure!(fired(deleted).await?.event_type == NodeDeleted);
    Ok(Outcome::Passed)
}

/// Since 3.9 a notification carries the zxid of the change.
pub async fn event_names_its_zxid(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, &case.at("n"));
    let (_, created) = zk.check_and_watch_stat(path).await?;
    let (stat, _) = zk.create(path, b"", &OPEN).await?;
    ensure!(fired(created).await?.zxid == stat.czxid);
    let (_, _, changed) = zk.get_and_watch_data(path).await?;
    let stat = zk.set_data(path, b"", None).await?;
    ensure!(fired(changed).await?.zxid == stat.mzxid);
    Ok(Outcome::Passed)
}

/// ClickHouse Keeper lacks addWatch: issue 59489.
pub async fn clickhouse_59489_persistent(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, case.at("n"));
    let mut watcher = within("addWatch", zk.watch(&path, Persistent)).await?;
    zk.create(&path, b"", &OPEN).await?;
    zk.set_data(&path, b"1", None).await?;
    zk.create(&case.at("n/c"), b"", &OPEN).await?;
    zk.set_data(&case.at("n/c"), b"1", None).await?;
    zk.delete(&case.at("n/c"), None).await?;
    zk.set_data(&path, b"2", None).await?;
    zk.delete(&path, None).await?;
    zk.create(&path, b"", &OPEN).await?;
    let events = [NodeCreated, NodeDataChanged, NodeChildrenChanged, NodeChildrenChanged, NodeDataChanged];
    for event in events.into_iter().chain([NodeDeleted, NodeCreated]) {
        expect(&mut watcher, &[(event, &path)]).await?;
    }
    Ok(Outcome::Passed)
}

pub async fn clickhouse_59489_recursive(case: &Case) -> Result<Outcome> {
    let (zk, n, deep) = (&case.zk, case.at("n"), case.at("n/c/d"));
    let mut watcher = within("addWatch", zk.watch(&case.root, PersistentRecursive)).await?;
    zk.create(&n, b"", &OPEN).await?;
    zk.create(&case.at("n/c"), b"", &OPEN).await?;
    zk.create(&deep, b"", &OPEN).await?;
    zk.set_data(&deep, b"1", None).await?;
    zk.delete(&deep, None).await?;
    zk.set_data(&case.root, b"1", None).await?;
    let c = case.at("n/c");
    let paths = [(NodeCreated, &n), (NodeCreated, &c), (NodeCreated, &deep), (NodeDataChanged, &deep)];
    for (event, path) in paths.into_iter().chain([(NodeDeleted, &deep), (NodeDataChanged, &case.root)]) {
        expect(&mut watcher, &[(event, path)]).await?;
    }
    Ok(Outcome::Passed)
}

/// There, the events of a recursive watch carry the watch's path instead: issue 115477.
pub async fn clickhouse_115477_recursive_events_carry_the_znodes_path(case: &Case) -> Result<Outcome> {
    let other = connect().await?;
    let mut watcher = within("addWatch", case.zk.watch(&case.root, PersistentRecursive)).await?;
    other.sync(&case.root).await?;
    let mut path = case.root.clone();
    for name in ["a", "b", "c", "d"] {
        path = format!("{path}/{name}");
        other.create(&path, b"", &OPEN).await?;
        expect(&mut watcher, &[(NodeCreated, &path)]).await?;
        other.set_data(&path, b"x", None).await?;
        expect(&mut watcher, &[(NodeDataChanged, &path)]).await?;
    }
    Ok(Outcome::Passed)
}

pub async fn clickhouse_59489_removed_when_dropped(case: &Case) -> Result<Outcome> {
    let (zk, n, m) = (&case.zk, case.at("n"), case.at("m"));
    zk.create(&n, b"", &OPEN).await?;
    // The client removes the watches of what it drops: removeWatches of each kind.
    drop(zk.get_and_watch_data(&n).await?);
    drop(zk.get_and_watch_children(&n).await?);
    drop(within("addWatch", zk.watch(&n, Persistent)).await?);
    drop(within("addWatch", zk.watch(&n, PersistentRecursive)).await?);
    zk.sync(&n).await?;
    let mut left = within("addWatch", zk.watch(&case.root, Persistent)).await?;
    zk.set_data(&n, b"1", None).await?;
    zk.create(&m, b"", &OPEN).await?;
    expect(&mut left, &[(NodeChildrenChanged, &case.root)]).await?;
    Ok(Outcome::Passed)
}

/// A change tells both of them, and only one of them stays.
pub async fn persistent_and_one_shot_together(case: &Case) -> Result<Outcome> {
    let (zk, n) = (&case.zk, case.at("n"));
    zk.create(&n, b"", &OPEN).await?;
    let mut persistent = within("addWatch", zk.watch(&case.root, PersistentRecursive)).await?;
    let (_, _, once) = zk.get_and_watch_data(&n).await?;
    let first = zk.set_data(&n, b"1", None).await?;
    let second = zk.set_data(&n, b"2", None).await?;
    ensure!(fired(once).await?.zxid == first.mzxid);
    ensure!(next(&mut persistent).await?.zxid == first.mzxid);
    ensure!(next(&mut persistent).await?.zxid == second.mzxid);
    Ok(Outcome::Passed)
}

pub async fn under_a_chroot(case: &Case) -> Result<Outcome> {
    let inside = connect().await?.chroot(case.root.clone()).map_err(|_| anyhow::anyhow!("chroot"))?;
    let mut watcher = within("addWatch", inside.watch("/", PersistentRecursive)).await?;
    inside.create("/n", b"", &OPEN).await?;
    expect(&mut watcher, &[(NodeCreated, "/n")]).await?;
    Ok(Outcome::Passed)
}
