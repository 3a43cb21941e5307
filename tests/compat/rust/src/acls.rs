//! ACLs and identities.

use anyhow::{Result, ensure};
use zookeeper_client::{Acl, Acls, AuthId, CreateMode, Error, Permission, SaslOptions};

use crate::harness::{Case, OPEN, Outcome, connect, connector, hosts, within};

pub async fn default_and_versions(case: &Case) -> Result<Outcome> {
    let zk = &case.zk;
    let (acl, stat) = zk.get_acl(&case.root).await?;
    ensure!(acl == Acls::anyone_all().to_vec() && stat.aversion == 0);
    let reader = [Acl::new(Permission::READ | Permission::ADMIN, AuthId::anyone())];
    ensure!(zk.set_acl(&case.root, &reader, Some(0)).await?.aversion == 1);
    ensure!(zk.create(&case.at("n"), b"", &OPEN).await == Err(Error::NoAuth));
    ensure!(zk.set_acl(&case.root, &Acls::anyone_all(), Some(0)).await == Err(Error::BadVersion));
    zk.set_acl(&case.root, &Acls::anyone_all(), None).await?;
    let unknown = [Acl::new(Permission::ALL, AuthId::new("nobody", "knows"))];
    let created = zk.create(&case.at("n"), b"", &CreateMode::Persistent.with_acls(Acls::new(&unknown))).await;
    ensure!(created == Err(Error::InvalidAcl));
    Ok(Outcome::Passed)
}

pub async fn digest_identities(case: &Case) -> Result<Outcome> {
    let path = &case.at("hers");
    let alice =
        within("a session", connector().with_auth("digest", b"alice:secret").connect(&hosts())).await?;
    alice.create(path, b"v", &CreateMode::Persistent.with_acls(Acls::creator_all())).await?;
    let (acl, _) = alice.get_acl(path).await?;
    ensure!(acl.len() == 1 && acl[0].id() == "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=", "{acl:?}");
    case.zk.sync(path).await?;
    ensure!(case.zk.get_data(path).await == Err(Error::NoAuth));
    let users = within("whoAmI", alice.list_auth_users()).await?;
    let seen: Vec<(&str, &str)> = users.iter().map(|user| (user.scheme(), user.user())).collect();
    ensure!(seen.contains(&("digest", "alice")) && seen.contains(&("ip", "127.0.0.1")), "{seen:?}");
    let admin = connect().await?;
    within("auth", admin.auth("digest", b"super:test")).await?;
    admin.sync(path).await?;
    ensure!(admin.get_data(path).await?.0 == b"v");
    Ok(Outcome::Passed)
}

pub async fn sasl_digest_md5(case: &Case) -> Result<Outcome> {
    let options = SaslOptions::digest_md5("bob", "bobsecret");
    let bob = within("a session", connector().with_sasl(options).connect(&hosts())).await?;
    let path = &case.at("his");
    let his = [Acl::new(Permission::ALL, AuthId::new("sasl", "bob"))];
    bob.create(path, b"v", &CreateMode::Persistent.with_acls(Acls::new(&his))).await?;
    ensure!(bob.get_data(path).await?.0 == b"v");
    case.zk.sync(path).await?;
    ensure!(case.zk.get_data(path).await == Err(Error::NoAuth));
    Ok(Outcome::Passed)
}

pub async fn wrong_sasl_password(_: &Case) -> Result<Outcome> {
    let options = SaslOptions::digest_md5("bob", "wrong");
    let hosts = hosts();
    let denied = connector().with_fail_eagerly().with_sasl(options).connect(&hosts);
    let outcome = tokio::time::timeout(crate::harness::WAIT, denied).await;
    ensure!(!matches!(outcome, Ok(Ok(_))), "let in");
    Ok(Outcome::Passed)
}
