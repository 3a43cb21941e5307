//! What a gateway can say of the server that it is part of.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What `conf` shows beyond the gateway's own settings; of a gateway without other components in its process,
/// nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Id in the ensemble; 0 for a server alone, as ZooKeeper has it.
    pub server_id: u64,
    /// Milliseconds of a tick.
    pub tick_time_ms: u32,
    /// Smallest and largest session timeout in milliseconds.
    pub session_timeouts_ms: (u32, u32),
    /// Where the checkpoints are.
    pub data_dir: PathBuf,
    /// Where the log is.
    pub log_dir: PathBuf,
    /// The ensemble, if the server is in one.
    pub quorum: Option<Quorum>,
}

/// A member's settings that concern the ensemble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// Ticks.
    pub init_limit: u32,
    /// Ticks.
    pub sync_limit: u32,
    /// As in the member's line.
    pub election_port: u16,
    /// As in the member's line.
    pub quorum_port: u16,
    /// False for an observer.
    pub votes: bool,
}

impl About {
    /// Bytes of the two directories; 0 of what cannot be read. Blocks.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        (size(&self.data_dir), size(&self.log_dir))
    }
}

/// Bytes of the files below `dir`, to a depth that no data directory has.
fn size(dir: &Path) -> u64 {
    let (mut bytes, mut dirs) = (0, vec![(dir.to_owned(), 0)]);
    while let Some((dir, depth)) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() && depth < 8 => dirs.push((entry.path(), depth + 1)),
                Ok(found) if found.is_file() => bytes += found.len(),
                _ => {}
            }
        }
    }
    bytes
}

/// The port, or -1 for none.
pub(crate) fn port(address: Option<SocketAddr>) -> i32 {
    address.map_or(-1, |address| address.port().into())
}
