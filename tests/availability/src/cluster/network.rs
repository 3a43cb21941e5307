//! Network namespaces: one for each holder of the log, with a cable to its peers and one to the clients.

use std::process::Command;

use anyhow::Context;

/// Namespaces and bridges, removed when dropped. Making them takes root.
#[derive(Debug)]
pub struct Network {
    /// Unique on the machine, and short: names of interfaces have 15 characters.
    name: String,
    /// The third number of its addresses.
    subnet: u8,
    count: usize,
}

impl Network {
    /// `count` namespaces, all connected.
    pub fn create(count: usize) -> anyhow::Result<Self> {
        let id = std::process::id();
        let network = Self { name: format!("mav{}", id % 100_000), subnet: (id % 120) as u8 * 2, count };
        for (bridge, address) in [("p", network.peer_gateway()), ("c", network.own_address())] {
            let bridge = network.interface(bridge, None);
            ip(&format!("link add {bridge} type bridge"))?;
            ip(&format!("addr add {address}/24 dev {bridge}"))?;
            ip(&format!("link set {bridge} up"))?;
        }
        for n in 0..count {
            let space = network.space(n);
            ip(&format!("netns add {space}"))?;
            ip(&format!("-n {space} link set lo up"))?;
            for (cable, address) in [("p", network.peer_address(n)), ("c", network.client_address(n))] {
                let (here, there) = (network.interface(cable, Some(n)), format!("{cable}0"));
                ip(&format!("link add {here} type veth peer name {there} netns {space}"))?;
                ip(&format!("link set {here} master {} up", network.interface(cable, None)))?;
                ip(&format!("-n {space} addr add {address}/24 dev {there}"))?;
                ip(&format!("-n {space} link set {there} up"))?;
            }
        }
        Ok(network)
    }

    /// Where the `n`-th is for its peers.
    pub fn peer_address(&self, n: usize) -> String {
        format!("10.213.{}.{}", self.subnet, n + 1)
    }

    /// Where the `n`-th is for clients.
    pub fn client_address(&self, n: usize) -> String {
        format!("10.213.{}.{}", self.subnet + 1, n + 1)
    }

    /// Where processes outside of the namespaces are.
    pub fn own_address(&self) -> String {
        format!("10.213.{}.254", self.subnet + 1)
    }

    fn peer_gateway(&self) -> String {
        format!("10.213.{}.254", self.subnet)
    }

    /// The words that run `words` in the `n`-th namespace.
    pub fn within(&self, n: usize, words: Vec<String>) -> Vec<String> {
        let prefix = ["ip", "netns", "exec", &self.space(n)].map(str::to_owned);
        prefix.into_iter().chain(words).collect()
    }

    /// Plugs the cable of the `n`-th to its peers in or out: packets are lost without a word.
    pub fn connect_peers(&self, n: usize, connected: bool) -> anyhow::Result<()> {
        self.plug("p", n, connected)
    }

    /// The same with its cable to the clients.
    pub fn connect_clients(&self, n: usize, connected: bool) -> anyhow::Result<()> {
        self.plug("c", n, connected)
    }

    fn plug(&self, cable: &str, n: usize, connected: bool) -> anyhow::Result<()> {
        let port = self.interface(cable, Some(n));
        match connected {
            true => ip(&format!("link set {port} master {}", self.interface(cable, None))),
            false => ip(&format!("link set {port} nomaster")),
        }
    }

    fn space(&self, n: usize) -> String {
        format!("{}-{}", self.name, n + 1)
    }

    fn interface(&self, kind: &str, n: Option<usize>) -> String {
        format!("{}{kind}{}", self.name, n.map_or(String::new(), |n| (n + 1).to_string()))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for n in 0..self.count {
            // Of a network that was not made in full some are missing.
            let _ = ip(&format!("netns del {}", self.space(n)));
        }
        for bridge in ["p", "c"] {
            let _ = ip(&format!("link del {}", self.interface(bridge, None)));
        }
    }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output();
    let output = output.context("the program ip is needed (Debian: iproute2)")?;
    let problem = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "ip {arguments}: {} (namespaces need root)", problem.trim());
    Ok(())
}
