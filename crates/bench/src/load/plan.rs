//! What a load consists of.

use std::sync::Arc;

use crate::cli::LoadArgs;
use crate::error::Result;
use crate::keys::Keys;
use crate::mix::Kind;
use crate::target::{Target, payload};
use crate::wire::path;

/// The arguments, made up for use.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As given.
    pub args: LoadArgs,
    /// Servers and prefix.
    pub target: Target,
    /// Which znode is next.
    pub keys: Keys,
    /// The data of every znode.
    pub payload: Arc<[u8]>,
}

/// From when to when is measured, in nanoseconds since the fleet's time 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When the load begins.
    pub begin_ns: u64,
    /// From here on it counts.
    pub from_ns: u64,
    /// Up to before here.
    pub to_ns: u64,
}

impl Window {
    /// Begins at `begin_ns`.
    pub fn new(begin_ns: u64, warmup_s: f64, seconds: f64) -> Self {
        let from_ns = begin_ns + (warmup_s * 1e9) as u64;
        Self { begin_ns, from_ns, to_ns: from_ns + (seconds * 1e9) as u64 }
    }

    /// Whether this moment counts.
    pub fn has(&self, ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&ns)
    }

    /// Seconds that count.
    pub fn seconds(&self) -> f64 {
        (self.to_ns - self.from_ns) as f64 / 1e9
    }
}

impl Plan {
    /// Resolves names; does nothing yet.
    pub fn new(args: &LoadArgs) -> Result<Self> {
        let mut args = args.clone();
        // A thread without sessions has nothing to do.
        args.threads = args.threads.min(args.sessions);
        Ok(Self {
            target: Target::new(&args.target)?,
            keys: Keys::new(u64::from(args.nodes), args.keys),
            payload: payload(args.payload),
            args,
        })
    }

    /// The znode that requests go to, by number.
    pub fn key(&self, number: u64) -> String {
        path(&self.target.prefix, 'k', number)
    }

    /// A znode that the load creates.
    pub fn made(&self, ephemeral: bool, number: u64) -> String {
        path(&self.target.prefix, if ephemeral { 'e' } else { 'c' }, number)
    }

    /// The znode whose children are read.
    pub fn parent(&self) -> String {
        format!("{}/children", self.target.prefix)
    }

    /// Whether any request needs the keys.
    pub fn uses_keys(&self) -> bool {
        [Kind::Get, Kind::Set, Kind::Exists, Kind::Multi].iter().any(|kind| self.args.mix.has(*kind))
    }
}
