//! Settings of one member.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use menagerie_host::Host;
use menagerie_log::{Fs, OsFs};
use menagerie_proto::consensus::Member;
use menagerie_types::NodeId;

use crate::ConsensusError;

/// Tells the wall clock in ms since 1970. It may jump; the time in the log does not follow it backwards.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Settings of one member of the log.
#[derive(Clone)]
pub struct ConsensusOptions {
    /// This member.
    pub id: NodeId,
    /// Where the log lives; no other process may use it.
    pub data_dir: PathBuf,
    /// The ensemble at its first start, this member included. Later the log itself says who belongs to it.
    pub members: Vec<Member>,
    /// This member may be missing among `members`: then it founds nothing and waits to be added.
    pub joins: bool,
    /// How often a leader without traffic shows that it is alive.
    pub heartbeat: Duration,
    /// A follower that hears no leader for a random time between these two asks for an election.
    pub election_timeout: (Duration, Duration),
    /// How long a new voter may take to get what was committed when it was added.
    pub join_timeout: Duration,
    /// Size of a log segment.
    pub segment_bytes: u64,
    /// Zero-filled or recycled segments kept at hand.
    pub spare_segments: usize,
    /// Recent entries kept in memory for followers and tails.
    pub log_cache_bytes: usize,
    /// The wall clock.
    pub clock: Clock,
    /// The file system that the log is on.
    pub fs: Arc<dyn Fs>,
    /// From where the other members are called.
    pub host: Arc<dyn Host>,
}

impl ConsensusOptions {
    /// Defaults for the member `id` of `members`, with its log in `data_dir`.
    pub fn new(id: NodeId, data_dir: PathBuf, members: Vec<Member>) -> Self {
        // Nobody follows a lone member, and a store in its process is not behind.
        let log_cache_bytes = if members.len() > 1 { 32 << 20 } else { 2 << 20 };
        Self {
            id,
            data_dir,
            members,
            joins: false,
            // A follower waits out the longest timeout (the lease of the leader) and then a random one: 0.6 to 0.8 s
            // after the last heartbeat. Gateways of a hung leader's peers must find the log writable again, and a session
            // tracker active, within a third of the smallest session timeout (1.3 s).
            heartbeat: Duration::from_millis(50),
            election_timeout: (Duration::from_millis(200), Duration::from_millis(400)),
            join_timeout: Duration::from_secs(10),
            segment_bytes: 64 << 20,
            // The log is truncated by several segments at once: with room for fewer, purged ones are removed and others
            // filled with zeros in their place, which is a third of all CPU under sustained writes.
            spare_segments: 8,
            log_cache_bytes,
            clock: Arc::new(wall_clock),
            fs: Arc::new(OsFs),
            host: menagerie_host::system(),
        }
    }

    /// Ids of the initial voters.
    pub(crate) fn voters(&self) -> impl Iterator<Item = u64> {
        self.members.iter().filter(|member| member.voter).map(|member| member.id.0)
    }

    pub(crate) fn check(&self) -> Result<(), ConsensusError> {
        let fail = |what: &str| Err(ConsensusError::Options(what.into()));
        let mut ids: Vec<_> = self.members.iter().map(|member| member.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        if ids.len() != count {
            return fail("members: an id is listed twice");
        }
        if self.id.0 == 0 || ids.first().is_some_and(|id| id.0 == 0) {
            return fail("members: id 0 means \"no member\"");
        }
        if !self.joins && !ids.contains(&self.id) {
            return fail("members: this member is not among them");
        }
        if !self.joins && self.voters().next().is_none() {
            return fail("members: there is no voter");
        }
        let (min, max) = self.election_timeout;
        if self.heartbeat.as_millis() == 0 || self.heartbeat >= min || min >= max {
            return fail("election_timeout: must be heartbeat < min < max, in whole ms");
        }
        Ok(())
    }
}

fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
