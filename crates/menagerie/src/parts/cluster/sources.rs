//! Where a process learns who is there: its own member and replica, or else those of others, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menagerie_consensus::LocalConsensus;
use menagerie_gateway::Tracker;
use menagerie_proto::consensus::{Consensus, ConsensusStatus};
use menagerie_proto::tree_store::{Directory, TreeStore};
use menagerie_tree_store::LocalTreeStore;
use menagerie_types::command::registration::Role;
use menagerie_types::{LogIndex, NodeId};
use tracing::{debug, info, warn};

use super::calls::Calls;
use crate::cli;
use crate::parts::remote;

const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// How soon a tracker under another address is known.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(1);

/// Who tells of the ensemble. Each look asks the next one, so that one that is cut off does not keep this process in the
/// dark.
pub(super) struct MembershipSource {
    own: Option<LocalConsensus>,
    others: Asked<dyn Consensus>,
    /// The last that was heard of.
    at: LogIndex,
}

/// Who tells of the directory, in the same way.
pub(super) struct DirectorySource {
    own: Option<LocalTreeStore>,
    others: Asked<dyn TreeStore>,
    /// As of when by the log's clock.
    time_ms: i64,
}

/// Addresses to ask in turn: those of the start, and those heard of since.
struct Asked<C: ?Sized> {
    calls: Calls<C>,
    seeds: BTreeSet<String>,
    known: BTreeSet<String>,
    next: usize,
}

impl<C: ?Sized> Asked<C> {
    fn new(calls: Calls<C>, seeds: &cli::Members) -> Self {
        let seeds: BTreeSet<_> = seeds.iter().map(|(_, address)| address.to_owned()).collect();
        Self { calls, known: BTreeSet::new(), seeds, next: 0 }
    }

    /// The next client in turn.
    fn next(&mut self) -> Option<Arc<C>> {
        let addresses: Vec<&String> = self.known.iter().chain(self.seeds.difference(&self.known)).collect();
        let address = addresses.get(self.next % addresses.len().max(1))?;
        self.next = self.next.wrapping_add(1);
        self.calls.to(address)
    }

    fn heard_of(&mut self, addresses: impl Iterator<Item = String>) {
        self.known = addresses.filter(|address| !address.is_empty()).collect();
        let kept: Vec<&str> = self.known.union(&self.seeds).map(String::as_str).collect();
        self.calls.keep(&kept);
    }
}

impl MembershipSource {
    pub(super) fn new(seeds: &cli::Members, own: Option<LocalConsensus>) -> Self {
        Self { own, others: Asked::new(Calls::new(remote::log_member), seeds), at: LogIndex(0) }
    }

    /// The ensemble, once the entry that made it is committed; never an earlier one than before.
    pub(super) async fn look(&mut self) -> Option<ConsensusStatus> {
        if let Some(own) = &self.own {
            return own.status().await.ok();
        }
        let member = self.others.next()?;
        let status = answer(member.status()).await?;
        let settled = status.commit_index >= status.membership_index && !status.members.is_empty();
        if !settled || status.membership_index < self.at {
            return None;
        }
        self.at = status.membership_index;
        self.others.heard_of(status.members.iter().map(|member| member.address.clone()));
        Some(status)
    }
}

impl DirectorySource {
    pub(super) fn new(seeds: &cli::Members, own: Option<LocalTreeStore>) -> Self {
        Self { own, others: Asked::new(Calls::new(remote::store), seeds), time_ms: i64::MIN }
    }

    /// Who has registered; never an earlier state than before.
    pub(super) async fn look(&mut self) -> Option<Directory> {
        let directory = match &self.own {
            Some(own) => own.directory().await.ok()?,
            None => answer(self.others.next()?.directory()).await?,
        };
        if directory.time_ms < self.time_ms {
            return None;
        }
        self.time_ms = directory.time_ms;
        self.others.heard_of(directory.of(Role::TreeStore).map(|store| store.address.clone()));
        Some(directory)
    }
}

async fn answer<T>(call: impl Future<Output = menagerie_proto::ServiceResult<T>>) -> Option<T> {
    tokio::time::timeout(ANSWER_TIMEOUT, call).await.ok()?.ok()
}

/// The trackers that the process was told of, for as long as none has registered.
pub(super) struct TrackerSeeds {
    given: Option<cli::Trackers>,
    by_address: BTreeMap<String, Tracker>,
    resolved: Option<Instant>,
}

impl TrackerSeeds {
    pub(super) fn new(given: Option<cli::Trackers>) -> Self {
        Self { given, by_address: BTreeMap::new(), resolved: None }
    }

    /// Those of the list, or those that the name resolves to now.
    pub(super) async fn find(&mut self) -> Vec<Tracker> {
        match &self.given {
            None => return Vec::new(),
            Some(cli::Trackers::List(members)) => {
                for (id, address) in members.iter() {
                    if !self.by_address.contains_key(address)
                        && let Ok(tracker) = remote::tracker(address)
                    {
                        self.by_address.insert(address.to_owned(), (id, tracker));
                    }
                }
            }
            Some(cli::Trackers::Dns(name)) => {
                if self.resolved.is_none_or(|at| at.elapsed() >= RESOLVE_INTERVAL) {
                    resolve(name, &mut self.by_address).await;
                    self.resolved = Some(Instant::now());
                }
            }
        }
        self.by_address.values().cloned().collect()
    }
}

/// Addresses that go on being there keep their connections and ids.
async fn resolve(name: &str, by_address: &mut BTreeMap<String, Tracker>) {
    match tokio::net::lookup_host(name).await {
        Ok(found) => {
            let found: BTreeSet<_> = found.map(|address| address.to_string()).collect();
            if !found.iter().eq(by_address.keys()) {
                info!(name, addresses = ?found, "session trackers resolved");
            }
            by_address.retain(|address, _| found.contains(address));
            for address in found {
                if !by_address.contains_key(&address)
                    && let Ok(tracker) = remote::tracker(&address)
                {
                    by_address.insert(address, (NodeId(0), tracker));
                }
            }
        }
        Err(error) if by_address.is_empty() => warn!(name, %error, "session trackers do not resolve yet"),
        // Those known so far may well be there still.
        Err(error) => debug!(name, %error, "session trackers do not resolve now"),
    }
    learn_ids(by_address.values_mut()).await;
}

/// The log names the active tracker by its id, which an address does not tell.
async fn learn_ids(trackers: impl Iterator<Item = &mut Tracker>) {
    for (id, tracker) in trackers.filter(|(id, _)| id.0 == 0) {
        if let Some(status) = answer(tracker.status()).await {
            *id = status.id;
        }
    }
}
