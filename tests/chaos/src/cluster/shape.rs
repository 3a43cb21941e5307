//! The two shapes, and how each process is started.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use clap::ValueEnum;

use super::node::{Component, Plan};

const CLIENT_PORT: u16 = 2181;
const MEMBER_PORT: u16 = 2888;
const ELECTION_PORT: u16 = 3888;
const ADMIN_PORT: u16 = 8080;

/// How the components are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Three classic servers.
    Ensemble,
    /// Three members of the log, two stores, two trackers and two gateways.
    Split,
}

impl Shape {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ensemble => "ensemble",
            Self::Split => "split",
        }
    }

    /// Its processes: a name and a component for each.
    pub fn nodes(self) -> Vec<(String, Component)> {
        let counts: &[(Component, usize)] = match self {
            Self::Ensemble => &[(Component::Server, 3)],
            Self::Split => &[
                (Component::Consensus, 3),
                (Component::TreeStore, 2),
                (Component::SessionTracker, 2),
                (Component::Gateway, 2),
            ],
        };
        let named = |(component, count): &(Component, usize)| {
            let component = *component;
            (1..=*count).map(move |n| (format!("{}-{n}", component.name()), component))
        };
        counts.iter().flat_map(named).collect()
    }
}

/// A process with its address, and where its data and configuration are.
pub struct Site<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub component: Component,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its data, if it has any.
    pub data: Option<&'a Path>,
}

/// Where clients of `address` connect.
pub fn client_host(address: Ipv4Addr) -> String {
    format!("{address}:{CLIENT_PORT}")
}

/// Plans the process at `site`, one of `all`; what it reads goes below `dir`.
pub fn plan(
    binary: &Path,
    dir: &Path,
    site: &Site<'_>,
    all: &[(Component, Ipv4Addr)],
) -> anyhow::Result<Plan> {
    let mut words = vec![binary.display().to_string(), site.component.name().to_owned()];
    let admin = format!("{}:{ADMIN_PORT}", site.address);
    words.extend(["--admin-addr".to_owned(), admin]);
    if site.component == Component::Server {
        let config = zoo_cfg(dir, site, all)?;
        words.extend(["--config".to_owned(), config]);
    } else {
        words.extend(flags(site, all));
    }
    Ok(Plan { name: site.name.to_owned(), component: site.component, words, admin_port: ADMIN_PORT })
}

/// The processes of one kind, in the order of their numbers.
fn of_kind(all: &[(Component, Ipv4Addr)], component: Component) -> impl Iterator<Item = (usize, Ipv4Addr)> {
    let addresses: Vec<_> =
        all.iter().filter(|(c, _)| *c == component).map(|(_, address)| *address).collect();
    addresses.into_iter().enumerate().map(|(n, address)| (n + 1, address))
}

fn number(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or("1")
}

fn zoo_cfg(dir: &Path, site: &Site<'_>, all: &[(Component, Ipv4Addr)]) -> anyhow::Result<String> {
    let data = site.data.unwrap_or(dir);
    let servers: String = of_kind(all, Component::Server)
        .map(|(n, address)| format!("server.{n}={address}:{MEMBER_PORT}:{ELECTION_PORT}\n"))
        .collect();
    fs::write(data.join("myid"), format!("{}\n", number(site.name)))?;
    let config = dir.join("config").join(format!("{}.cfg", site.name));
    let text = format!(
        "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={CLIENT_PORT}\n\
         clientPortAddress={}\nmaxClientCnxns=0\n{servers}",
        data.display(),
        site.address,
    );
    fs::write(&config, text)?;
    Ok(config.display().to_string())
}

fn flags(site: &Site<'_>, all: &[(Component, Ipv4Addr)]) -> Vec<String> {
    let members = |component| {
        let list: Vec<_> = of_kind(all, component).map(|(n, a)| format!("{n}={a}:{MEMBER_PORT}")).collect();
        list.join(",")
    };
    let mut words = vec!["--id".to_owned(), number(site.name).to_owned()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    flag("--listen", format!("{}:{MEMBER_PORT}", site.address));
    if let Some(data) = site.data {
        flag("--data-dir", data.display().to_string());
    }
    match site.component {
        Component::Consensus => flag("--peers", members(Component::Consensus)),
        _ => {
            flag("--consensus", members(Component::Consensus));
            flag("--stores", members(Component::TreeStore));
        }
    }
    if site.component == Component::Gateway {
        flag("--trackers", members(Component::SessionTracker));
        flag("--client-addr", client_host(site.address));
        flag("--max-client-cnxns", "0".into());
    }
    words
}
