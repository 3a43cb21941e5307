//! Apache ZooKeeper, at its defaults.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use menagerie_tests::{free_range, root};

use super::{Component, Network, Role};

/// Where `make zookeeper` has put its jars.
fn library() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("ZOOKEEPER_LIB").map(PathBuf::from);
    let path = named.unwrap_or_else(|| root().join("build/zookeeper/lib"));
    anyhow::ensure!(path.is_dir(), "{} is missing: make zookeeper", path.display());
    path.canonicalize().context("ZOOKEEPER_LIB")
}

/// Three servers.
pub fn ensemble(directory: &Path, network: Option<&Network>) -> anyhow::Result<Vec<Component>> {
    let base = free_range(9)?;
    let class_path = format!("{}/*", library()?.display());
    let peer = |n: usize| network.map_or("127.0.0.1".to_owned(), |network| network.peer_address(n));
    let members: String = (0..3)
        .map(|n| format!("server.{}={}:{}:{}\n", n + 1, peer(n), base + n as u16, base + 3 + n as u16))
        .collect();
    let mut components = Vec::new();
    for n in 0..3 {
        let name = format!("zookeeper-{}", n + 1);
        let data = directory.join(&name);
        fs::create_dir(&data)?;
        fs::write(data.join("myid"), format!("{}\n", n + 1))?;
        let host = network.map_or("127.0.0.1".to_owned(), |network| network.client_address(n));
        let port = base + 6 + n as u16;
        let text = format!(
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={port}\nclientPortAddress={host}\nmaxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n{members}",
            data.display(),
        );
        let config = directory.join(format!("{name}.cfg"));
        fs::write(&config, text)?;
        let words =
            ["java", "-Xmx1g", "-cp", &class_path, "org.apache.zookeeper.server.quorum.QuorumPeerMain"];
        let mut words: Vec<String> = words.map(str::to_owned).to_vec();
        words.push(config.display().to_string());
        components.push(Component {
            name,
            role: Role::Server,
            client: Some(format!("{host}:{port}")),
            admin: None,
            words: network.map_or(words.clone(), |network| network.within(n, words)),
            process: None,
        });
    }
    Ok(components)
}
