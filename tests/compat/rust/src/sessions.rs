//! Sessions, and servers that end and begin.

use std::time::Duration;

use anyhow::{Result, ensure};
use zookeeper_client::EventType::{NodeCreated, NodeDataChanged};
use zookeeper_client::{Acls, Error, LockPrefix, SessionState};

use crate::harness::{
    Case, EPHEMERAL, OPEN, Outcome, await_state, connect, connector, control, eventually, fired, has_members,
    host, hosts, within,
};

pub async fn taken_over(case: &Case) -> Result<Outcome> {
    let path = &case.at("e");
    let first = within("a session", connector().with_detached().connect(&host(1))).await?;
    first.create(path, b"", &EPHEMERAL).await?;
    let session = first.into_session();
    let second = within("the same", connector().with_session(session.clone()).connect(&host(2))).await?;
    ensure!(second.session_id() == session.id());
    second.sync(path).await?;
    ensure!(second.check_stat(path).await?.is_some_and(|stat| stat.ephemeral_owner == session.id().0));
    drop(second);
    eventually("the ephemeral ends with it", || async { Ok(case.zk.check_stat(path).await?.is_none()) })
        .await?;
    Ok(Outcome::Passed)
}

pub async fn wrong_password(case: &Case) -> Result<Outcome> {
    let ended = within("a session", connector().connect(&host(1))).await?.into_session();
    // It was closed: to a server, a session that is gone and a wrong password are the same.
    eventually("the session is over", || async {
        let again = connector().with_fail_eagerly().with_session(ended.clone()).connect(&host(1)).await;
        Ok(again.is_err_and(|error| error == Error::SessionExpired))
    })
    .await?;
    ensure!(case.zk.check_stat(&case.root).await?.is_some());
    Ok(Outcome::Passed)
}

pub async fn timeout(_: &Case) -> Result<Outcome> {
    for (asked, given) in [(2000, 4000), (12345, 12345), (90000, 40000)] {
        let connector = connector().with_session_timeout(Duration::from_millis(asked));
        let client = within("a session", connector.connect(&hosts())).await?;
        ensure!(client.session_timeout() == Duration::from_millis(given), "{:?}", client.session_timeout());
    }
    Ok(Outcome::Passed)
}

pub async fn end_of_ephemerals(case: &Case) -> Result<Outcome> {
    let other = connect().await?;
    other.create(&case.at("e"), b"", &EPHEMERAL).await?;
    case.zk.sync(&case.root).await?;
    let (stat, watcher) = case.zk.check_and_watch_stat(&case.at("e")).await?;
    ensure!(stat.is_some());
    drop(other);
    fired(watcher).await?;
    ensure!(case.zk.check_stat(&case.at("e")).await?.is_none());
    Ok(Outcome::Passed)
}

pub async fn lock_is_handed_on(case: &Case) -> Result<Outcome> {
    let (first, second) = (connect().await?, connect().await?);
    let prefix = || LockPrefix::new_curator(&case.root, "lock-");
    let held = within("the lock", first.lock(prefix()?, b"1", Acls::anyone_all())).await?;
    let waiting = second.lock(prefix()?, b"2", Acls::anyone_all());
    tokio::pin!(waiting);
    ensure!(
        tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err(),
        "two hold the lock"
    );
    within("a write under the lock", held.create(&case.at("guarded"), b"", &OPEN)).await?;
    drop(held);
    within("the lock, handed on", waiting).await?;
    Ok(Outcome::Passed)
}

pub async fn restart_keeps_everything(case: &Case) -> Result<Outcome> {
    let (e, n) = (case.at("e"), case.at("n"));
    let client = within("a session", connector().connect(&host(1))).await?;
    let id = client.session_id();
    client.create(&e, b"", &EPHEMERAL).await?;
    // Only one-shot watches: version 0.11.2 of the client does not send the persistent ones again.
    let (_, _, changed) = client.get_and_watch_data(&e).await?;
    let (_, created) = client.check_and_watch_stat(&n).await?;
    control("restart 1").await?;
    await_state(&client, SessionState::SyncConnected).await?;
    eventually("it answers again", || async { Ok(client.check_stat(&e).await?.is_some()) }).await?;
    ensure!(client.session_id() == id);
    client.create(&n, b"", &OPEN).await?;
    ensure!(fired(created).await?.event_type == NodeCreated);
    client.set_data(&e, b"x", Some(0)).await?;
    ensure!(fired(changed).await?.event_type == NodeDataChanged);
    Ok(Outcome::Passed)
}

pub async fn moved_by_a_killed_server(case: &Case) -> Result<Outcome> {
    if !has_members() {
        return Ok(Outcome::NotHere);
    }
    let e = case.at("e");
    let client = within("a session", connector().connect(&format!("{},{}", host(1), host(2)))).await?;
    client.create(&e, b"", &EPHEMERAL).await?;
    for n in 1..=2 {
        control(&format!("kill {n}")).await?;
        eventually("it answers again", || async { Ok(client.check_stat(&e).await?.is_some()) }).await?;
        control(&format!("start {n}")).await?;
    }
    ensure!(client.check_stat(&e).await?.is_some_and(|stat| stat.ephemeral_owner == client.session_id().0));
    Ok(Outcome::Passed)
}
