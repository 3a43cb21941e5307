//! The processes of Menagerie, with nothing set beyond where they listen.

use std::fs;
use std::path::Path;

use menagerie_tests::{binary, free_range};

use super::{Component, Network, Role};

const LOOPBACK: &str = "127.0.0.1";

/// Where the `n`-th member of the log listens for its peers and for clients.
fn hosts(network: Option<&Network>, n: usize) -> (String, String) {
    match network {
        Some(network) => (network.peer_address(n), network.client_address(n)),
        None => (LOOPBACK.to_owned(), LOOPBACK.to_owned()),
    }
}

/// Runs `words` in the namespace of the `n`-th member.
fn within(network: Option<&Network>, n: usize, words: Vec<String>) -> Vec<String> {
    match network {
        Some(network) => network.within(n, words),
        None => words,
    }
}

/// Three classic servers.
pub fn ensemble(directory: &Path, network: Option<&Network>) -> anyhow::Result<Vec<Component>> {
    let base = free_range(12)?;
    let port = |group: u16, n: usize| base + 3 * group + n as u16;
    let members: String = (0..3)
        .map(|n| format!("server.{}={}:{}:{}\n", n + 1, hosts(network, n).0, port(0, n), port(1, n)))
        .collect();
    let mut components = Vec::new();
    for n in 0..3 {
        let name = format!("server-{}", n + 1);
        let data = directory.join(&name);
        fs::create_dir(&data)?;
        fs::write(data.join("myid"), format!("{}\n", n + 1))?;
        let host = hosts(network, n).1;
        let text = format!(
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={}\nclientPortAddress={host}\n{members}",
            data.display(),
            port(2, n),
        );
        let config = directory.join(format!("{name}.cfg"));
        fs::write(&config, text)?;
        let admin = format!("{host}:{}", port(3, n));
        let words = vec![
            binary()?.display().to_string(),
            "server".into(),
            "--config".into(),
            config.display().to_string(),
            "--admin-addr".into(),
            admin.clone(),
        ];
        components.push(Component {
            name,
            role: Role::Server,
            client: Some(format!("{host}:{}", port(2, n))),
            admin: Some(admin),
            words: within(network, n, words),
            process: None,
        });
    }
    Ok(components)
}

/// Three members of the log, two stores, two trackers, two gateways.
pub fn split(directory: &Path, network: Option<&Network>) -> anyhow::Result<Vec<Component>> {
    let base = free_range(60)?;
    let plan = Plan { directory, network, base };
    let mut components = Vec::new();
    for (role, count) in COMPONENTS {
        for n in 0..count {
            components.push(plan.component(role, n)?);
        }
    }
    Ok(components)
}

const COMPONENTS: [(Role, usize); 4] =
    [(Role::Consensus, 3), (Role::TreeStore, 2), (Role::SessionTracker, 2), (Role::Gateway, 2)];

struct Plan<'a> {
    directory: &'a Path,
    network: Option<&'a Network>,
    base: u16,
}

impl Plan<'_> {
    /// The address of a port of the `n`-th with the role: 0 for the others, 1 for status, 2 for clients.
    fn address(&self, role: Role, n: usize, which: u16) -> String {
        let group = COMPONENTS.iter().position(|(known, _)| *known == role).unwrap_or_default() as u16;
        let host = match (role, self.network) {
            (Role::Consensus, Some(network)) => network.peer_address(n),
            (_, Some(network)) => network.own_address(),
            (_, None) => LOOPBACK.to_owned(),
        };
        format!("{host}:{}", self.base + 15 * group + 5 * which + n as u16)
    }

    /// `1=host:port,2=host:port,...`
    fn members(&self, role: Role) -> String {
        let count = COMPONENTS.iter().find(|(known, _)| *known == role).map_or(0, |(_, count)| *count);
        let member = |n| format!("{}={}", n + 1, self.address(role, n, 0));
        (0..count).map(member).collect::<Vec<_>>().join(",")
    }

    fn component(&self, role: Role, n: usize) -> anyhow::Result<Component> {
        let (word, needs): (&str, &[(&str, Role)]) = match role {
            Role::Consensus => ("consensus", &[("--peers", Role::Consensus)]),
            Role::TreeStore => {
                ("tree-store", &[("--consensus", Role::Consensus), ("--stores", Role::TreeStore)])
            }
            Role::SessionTracker => {
                ("session-tracker", &[("--consensus", Role::Consensus), ("--stores", Role::TreeStore)])
            }
            Role::Gateway | Role::Server => (
                "gateway",
                &[
                    ("--consensus", Role::Consensus),
                    ("--stores", Role::TreeStore),
                    ("--trackers", Role::SessionTracker),
                ],
            ),
        };
        let name = format!("{word}-{}", n + 1);
        let (admin, client) = (self.address(role, n, 1), self.address(role, n, 2));
        let mut words = vec![binary()?.display().to_string(), word.to_owned()];
        let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        add("--id", (n + 1).to_string());
        add("--listen", self.address(role, n, 0));
        add("--admin-addr", admin.clone());
        for (flag, of) in needs {
            add(flag, self.members(*of));
        }
        if matches!(role, Role::Consensus | Role::TreeStore) {
            add("--data-dir", self.directory.join(&name).display().to_string());
        }
        if role == Role::Gateway {
            add("--client-addr", client.clone());
        }
        let network = self.network.filter(|_| role == Role::Consensus);
        Ok(Component {
            name,
            role,
            client: (role == Role::Gateway).then_some(client),
            admin: Some(admin),
            words: within(network, n, words),
            process: None,
        })
    }
}
