//! A network on which each process has a namespace and an address of its own, and links that can be cut.
//!
//! A link from A to B is cut where its packets arrive: B drops what comes from A, and A notices nothing but silence.

use std::net::Ipv4Addr;

use crate::command::run;

/// The address of whoever is not a node: the clients, and this program.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Where processes are if they cannot have networks of their own.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
const BRIDGE: &str = "chaos0";
const RULES: &str = "table ip chaos {
    set unheard { type ipv4_addr; }
    chain cut { type filter hook input priority 0; ip saddr @unheard drop; }
    chain loss { type filter hook input priority 1; }
}";

/// The address of the node with this number, counted from 1.
pub fn address(number: u8, networks: bool) -> Ipv4Addr {
    let [a, b, c, _] = if networks { OUTSIDE } else { LOOPBACK }.octets();
    Ipv4Addr::new(a, b, c, 10 + number)
}

/// Makes the network, without nodes.
pub async fn create() -> anyhow::Result<()> {
    // Names of namespaces are files: they are not to be seen outside.
    run(&["mount", "-t", "tmpfs", "none", "/run/netns"]).await?;
    run(&["ip", "link", "set", "lo", "up"]).await?;
    run(&["ip", "link", "add", BRIDGE, "type", "bridge"]).await?;
    run(&["ip", "address", "add", &format!("{OUTSIDE}/24"), "dev", BRIDGE]).await?;
    run(&["ip", "link", "set", BRIDGE, "up"]).await?;
    run(&["nft", RULES]).await.map(drop)
}

/// A place on the network; the outside is one too.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its address.
    pub address: Ipv4Addr,
    namespace: Option<String>,
}

impl Place {
    /// Where clients are.
    pub fn outside() -> Self {
        Self { address: OUTSIDE, namespace: None }
    }

    /// An address of this machine, without a network of its own.
    pub fn at(address: Ipv4Addr) -> Self {
        Self { address, namespace: None }
    }

    /// Makes a namespace and links it to the bridge.
    pub async fn create(name: &str, address: Ipv4Addr) -> anyhow::Result<Self> {
        // Names of interfaces are short.
        let link = format!("chaos-{}", address.octets()[3]);
        run(&["ip", "netns", "add", name]).await?;
        run(&["ip", "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", name]).await?;
        run(&["ip", "link", "set", &link, "master", BRIDGE, "up"]).await?;
        run(&["ip", "-n", name, "address", "add", &format!("{address}/24"), "dev", "eth0"]).await?;
        run(&["ip", "-n", name, "link", "set", "lo", "up"]).await?;
        run(&["ip", "-n", name, "link", "set", "eth0", "up"]).await?;
        let place = Self { address, namespace: Some(format!("/run/netns/{name}")) };
        place.rules(RULES).await?;
        Ok(place)
    }

    /// The words that start a program here.
    pub fn entry(&self) -> Vec<String> {
        match &self.namespace {
            // Not `ip netns exec`: that would give it mounts of its own, too.
            Some(namespace) => vec!["nsenter".into(), format!("--net={namespace}"), "--".into()],
            None => Vec::new(),
        }
    }

    /// Hears nothing from `other` any more.
    pub async fn stop_hearing(&self, other: Ipv4Addr) -> anyhow::Result<()> {
        self.rules(&format!("add element ip chaos unheard {{ {other} }}")).await
    }

    /// Loses so many of 100 packets that come in.
    pub async fn lose(&self, percent: u8) -> anyhow::Result<()> {
        let rule = format!("iifname eth0 numgen random mod 100 < {percent} drop");
        self.rules(&format!("flush chain ip chaos loss; add rule ip chaos loss {rule}")).await
    }

    /// Hears everything again.
    pub async fn heal(&self) -> anyhow::Result<()> {
        self.rules("flush set ip chaos unheard; flush chain ip chaos loss").await
    }

    async fn rules(&self, rules: &str) -> anyhow::Result<()> {
        let mut words = self.entry();
        words.extend(["nft".to_owned(), rules.to_owned()]);
        run(&words.iter().map(String::as_str).collect::<Vec<_>>()).await.map(drop)
    }
}
