//! Whom to measure, and where the measurement's znodes go.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use menagerie_jute::{AclList, CreateRequest, DeleteRequest, PathRequest};
use menagerie_types::{CreateMode, ErrorCode, OpCode};

use crate::cli::TargetArgs;
use crate::error::{BenchError, Result};
use crate::progress::Progress;
use crate::wire::{Fleet, Opened, Opening, call};

/// What ZooKeeper and Menagerie take from one address by default.
const CONNECTIONS_DEFAULT: usize = 60;

/// Servers by address, and the prefix.
#[derive(Clone, Debug)]
pub struct Target {
    /// Addresses of the servers.
    pub addresses: Vec<SocketAddr>,
    /// The znode that all others are put under.
    pub prefix: String,
    /// The rest, as given.
    pub args: TargetArgs,
}

impl Target {
    /// Resolves the servers' names.
    pub fn new(args: &TargetArgs) -> Result<Self> {
        let mut addresses = Vec::new();
        for host in &args.hosts {
            let mut found = host.to_socket_addrs().map_err(|error| {
                BenchError::Usage(format!("--hosts: {host}: {error}; give HOST:PORT, such as 127.0.0.1:2181"))
            })?;
            let nowhere = || BenchError::Usage(format!("--hosts: {host} has no address"));
            addresses.push(found.next().ok_or_else(nowhere)?);
        }
        let prefix = args.prefix.clone().unwrap_or_else(fresh_prefix);
        if !prefix.starts_with('/') || prefix.len() < 2 || prefix.ends_with('/') {
            return Err(BenchError::Usage(format!(
                "--prefix: {prefix} is not the path of a znode, such as /bench"
            )));
        }
        Ok(Self { addresses, prefix, args: args.clone() })
    }

    /// Opens `count` sessions in a fleet of their own. Failed handshakes are in what is returned.
    pub fn try_open(&self, count: usize, payload: Arc<[u8]>, base: Instant) -> Result<(Fleet, Opened)> {
        crate::limits::make_room(count)?;
        let mut fleet = Fleet::new(payload, base)?;
        let mut progress = self.progress();
        let opening = Opening {
            hosts: &self.addresses,
            sources: &self.args.source_addresses,
            count,
            at_once: self.args.connect_at_once,
            timeout_ms: self.args.timeout_ms,
        };
        let opened = fleet.open(&opening, |open| {
            if progress.is_due() {
                progress.show(&format!("{open} of {count} sessions open"));
            }
        })?;
        Ok((fleet, opened))
    }

    /// Opens `count` sessions, or fails.
    pub fn open(&self, count: usize, payload: Arc<[u8]>, base: Instant) -> Result<Fleet> {
        let (fleet, opened) = self.try_open(count, payload, base)?;
        match opened.faults.first_errors.first() {
            None => Ok(fleet),
            Some(fault) => {
                let doing = format!("opening {count} sessions at {}", self.args.hosts.join(","));
                let hint = if count < CONNECTIONS_DEFAULT {
                    ""
                } else {
                    "; servers take 60 from one address unless maxClientCnxns says otherwise"
                };
                Err(BenchError::setup(
                    doing,
                    format!("{} failed, the first: {fault}{hint}", opened.faults.errors),
                ))
            }
        }
    }

    /// A line of progress for this target.
    pub fn progress(&self) -> Progress {
        Progress::new(&self.args.label, !self.args.quiet)
    }
}

/// Creates a znode without data, and what is above it; that it is there already is as good.
pub fn ensure(fleet: &mut Fleet, id: usize, path: &str) -> Result<()> {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    ends.chain([path.len()]).try_for_each(|end| ensure_one(fleet, id, &path[..end]))
}

fn ensure_one(fleet: &mut Fleet, id: usize, path: &str) -> Result<()> {
    let (err, _) = call(fleet, id, OpCode::Create, |out| {
        let acl = Some(AclList::open());
        CreateRequest { path, data: Some(b""), acl, flags: CreateMode::Persistent as i32 }.encode(out);
    })?;
    succeeded(err, &[ErrorCode::NodeExists], || format!("create {path}"))
}

/// Deletes a znode; that it is gone already is as good.
pub fn remove(fleet: &mut Fleet, id: usize, path: &str) -> Result<()> {
    let (err, _) = call(fleet, id, OpCode::Delete, |out| DeleteRequest { path, version: -1 }.encode(out))?;
    succeeded(err, &[ErrorCode::NoNode], || format!("delete {path}"))
}

/// Brings what serves a session up to date.
pub fn sync(fleet: &mut Fleet, id: usize, path: &str) -> Result<()> {
    let (err, _) = call(fleet, id, OpCode::Sync, |out| PathRequest { path }.encode(out))?;
    succeeded(err, &[], || format!("sync {path}"))
}

fn succeeded(err: i32, as_good: &[ErrorCode], doing: impl FnOnce() -> String) -> Result<()> {
    if err == 0 || as_good.iter().any(|code| code.code() == err) {
        return Ok(());
    }
    Err(BenchError::setup(doing(), describe(err)))
}

/// An error code in words.
pub fn describe(err: i32) -> String {
    ErrorCode::from_code(err).map_or_else(|| format!("error {err}"), |code| code.name().to_owned())
}

/// Bytes that look like nothing in particular, the same every time.
pub fn payload(len: u32) -> Arc<[u8]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = (0..len).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.collect()
}

fn fresh_prefix() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("/bench-{}-{}", std::process::id(), since_1970.as_millis())
}
