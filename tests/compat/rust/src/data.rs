//! Znodes.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::join_all;
use zookeeper_client::{Acls, CreateMode, EnsembleUpdate, Error};

use crate::harness::{Case, EPHEMERAL, OPEN, Outcome, connect, eventually, has_members, variable, within};

pub async fn create_get_set_delete(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, &case.at("n"));
    let (created, _) = within("create", zk.create(path, b"one", &OPEN)).await?;
    ensure!(within("get", zk.get_data(path)).await? == (b"one".to_vec(), created));
    let set = within("set", zk.set_data(path, b"three", Some(0))).await?;
    ensure!(set.version == 1 && set.mzxid > set.czxid && set.data_length == 5 && set.pzxid == created.pzxid);
    ensure!(zk.set_data(path, b"", Some(0)).await == Err(Error::BadVersion));
    ensure!(zk.delete(path, Some(0)).await == Err(Error::BadVersion));
    within("delete", zk.delete(path, Some(1))).await?;
    ensure!(within("stat", zk.check_stat(path)).await?.is_none());
    Ok(Outcome::Passed)
}

pub async fn create_modes(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    for (number, mode) in
        [CreateMode::PersistentSequential, CreateMode::EphemeralSequential].into_iter().enumerate()
    {
        let (stat, sequence) = zk.create(&case.at("s-"), b"", &mode.with_acls(Acls::anyone_all())).await?;
        ensure!(sequence.into_i64() == number as i64);
        let owner = if mode == CreateMode::EphemeralSequential { zk.session_id().0 } else { 0 };
        ensure!(stat.ephemeral_owner == owner, "{stat:?}");
        ensure!(zk.check_stat(&case.at(&format!("s-{sequence}"))).await? == Some(stat));
    }
    Ok(Outcome::Passed)
}

pub async fn errors_of_the_tree(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    ensure!(zk.create(&case.at("no/parent"), b"", &OPEN).await == Err(Error::NoNode));
    ensure!(zk.create(&case.root, b"", &OPEN).await == Err(Error::NodeExists));
    zk.create(&case.at("e"), b"", &EPHEMERAL).await?;
    ensure!(zk.create(&case.at("e/c"), b"", &OPEN).await == Err(Error::NoChildrenForEphemerals));
    ensure!(zk.delete(&case.root, None).await == Err(Error::NotEmpty));
    ensure!(zk.get_data(&case.at("none")).await == Err(Error::NoNode));
    ensure!(zk.list_children(&case.at("none")).await == Err(Error::NoNode));
    ensure!(zk.delete(&case.at("none"), None).await == Err(Error::NoNode));
    Ok(Outcome::Passed)
}

pub async fn children(case: &Case) -> Result<Outcome> {
    let (zk, wanted) = (&case.zk, ["a", "b", "c"]);
    for name in wanted {
        zk.create(&case.at(name), b"", &OPEN).await?;
    }
    let (mut names, stat) = zk.get_children(&case.root).await?;
    names.sort();
    ensure!(names == wanted && stat.num_children == 3 && stat.cversion == 3);
    zk.delete(&case.at("a"), None).await?;
    let after = zk.check_stat(&case.root).await?;
    ensure!(
        after.is_some_and(|after| after.pzxid > stat.pzxid
            && after.cversion == 4
            && after.mzxid == stat.mzxid)
    );
    Ok(Outcome::Passed)
}

pub async fn containers_and_ttl_nodes_are_reaped(case: &Case) -> Result<Outcome> {
    let (zk, container, ttl) = (&case.zk, &case.at("box"), &case.at("ttl"));
    zk.create(container, b"", &CreateMode::Container.with_acls(Acls::anyone_all())).await?;
    zk.create(ttl, b"", &OPEN.with_ttl(Duration::from_millis(300))).await?;
    zk.create(&format!("{container}/c"), b"", &OPEN).await?;
    zk.delete(&format!("{container}/c"), None).await?;
    eventually("the container ends", || async { Ok(zk.check_stat(container).await?.is_none()) }).await?;
    eventually("the znode ends", || async { Ok(zk.check_stat(ttl).await?.is_none()) }).await?;
    Ok(Outcome::Passed)
}

pub async fn ephemerals_of_a_session(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    zk.create(&case.at("b"), b"", &EPHEMERAL).await?;
    zk.create(&case.at("a"), b"", &EPHEMERAL).await?;
    let other = connect().await?;
    other.create(&case.at("c"), b"", &EPHEMERAL).await?;
    let mut mine = within("getEphemerals", zk.list_ephemerals(&case.root)).await?;
    mine.sort();
    ensure!(mine == [case.at("a"), case.at("b")], "{mine:?}");
    Ok(Outcome::Passed)
}

pub async fn descendants(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    for name in ["a", "a/b", "a/b/c", "d"] {
        zk.create(&case.at(name), b"", &OPEN).await?;
    }
    ensure!(within("getAllChildrenNumber", zk.count_descendants_number(&case.root)).await? == 4);
    Ok(Outcome::Passed)
}

pub async fn config_and_reconfig(case: &Case) -> Result<Outcome> {
    let (data, _) = within("getConfig", case.zk.get_config()).await?;
    let text = String::from_utf8(data)?;
    // Clients of the split deployment know a Service and no members.
    let told = has_members() && variable("COMPAT_SHAPE") != "split";
    ensure!(!told || text.contains("server.1=") && text.contains("version="), "{text:?}");
    let (none, ninth): (&[&str], &[&str]) = (&[], &["9"]);
    let update =
        EnsembleUpdate::Incremental { joinings: none.iter().copied(), leavings: ninth.iter().copied() };
    ensure!(case.zk.update_ensemble(update, None).await == Err(Error::ReconfigDisabled));
    Ok(Outcome::Passed)
}

pub async fn a_pipeline_keeps_its_order(case: &Case) -> Result<Outcome> {
    let (zk, path) = (&case.zk, &case.at("n"));
    zk.create(path, b"", &OPEN).await?;
    let mut sets = Vec::new();
    let mut gets = Vec::new();
    for version in 0..500 {
        sets.push(zk.set_data(path, version.to_string().as_bytes(), Some(version)));
        gets.push(zk.get_data(path));
    }
    let sets = within("writes", async { anyhow::Ok(join_all(sets).await) }).await?;
    let gets = within("reads", async { anyhow::Ok(join_all(gets).await) }).await?;
    for (version, (set, get)) in sets.into_iter().zip(gets).enumerate() {
        let stat = set?;
        ensure!(get? == (version.to_string().into_bytes(), stat) && stat.version as usize == version + 1);
    }
    Ok(Outcome::Passed)
}

/// ClickHouse Keeper lacks it: issue 59489.
pub async fn clickhouse_59489_create_with_stat(case: &Case) -> Result<Outcome> {
    let (stat, _) = case.zk.create(&case.at("n"), b"v", &OPEN).await?;
    ensure!(!stat.is_invalid() && case.zk.check_stat(&case.at("n")).await? == Some(stat));
    Ok(Outcome::Passed)
}

/// There, create2 and createTTL end the connection: issue 55595.
pub async fn clickhouse_55595_no_create_ends_in_connection_loss(case: &Case) -> Result<Outcome> {
    use CreateMode::{Container, Ephemeral, EphemeralSequential, Persistent, PersistentSequential};
    let (zk, session) = (&case.zk, case.zk.session_id());
    for (n, mode) in
        [Persistent, PersistentSequential, Ephemeral, EphemeralSequential, Container].iter().enumerate()
    {
        within("create", zk.create(&case.at(&format!("n{n}-")), b"", &mode.with_acls(Acls::anyone_all())))
            .await?;
    }
    within("create with a TTL", zk.create(&case.at("ttl"), b"", &OPEN.with_ttl(Duration::from_secs(60))))
        .await?;
    ensure!(zk.session_id() == session);
    Ok(Outcome::Passed)
}
