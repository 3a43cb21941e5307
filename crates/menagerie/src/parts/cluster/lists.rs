//! The lists that the components of this process work with, kept up to date.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_gateway::{Tracker, Trackers};
use menagerie_link::{Ensemble, LogMember, StoreReplica};
use menagerie_proto::consensus::{Consensus, ConsensusStatus};
use menagerie_proto::session_tracker::SessionTracker;
use menagerie_proto::tree_store::{Directory, TreeStore};
use menagerie_types::command::registration::Role;
use menagerie_types::{LogIndex, NodeId};
use tracing::info;

use super::calls::Calls;
use super::{Own, Seeds, StoreList};
use crate::cli::Members;
use crate::parts::remote;

/// Ids with the addresses where they are called.
type Addresses = BTreeMap<NodeId, String>;

/// All lists, and what stands in them.
pub(super) struct Lists {
    ensembles: Vec<Ensemble>,
    /// The first of each ensemble is this process's own member.
    own: Option<NodeId>,
    stores: Vec<StoreList>,
    trackers: Option<(Trackers, Option<Tracker>)>,
    members_at: LogIndex,
    known: [Addresses; 3],
    log_calls: Calls<dyn Consensus>,
    store_calls: Calls<dyn TreeStore>,
    tracker_calls: Calls<dyn SessionTracker>,
}

const MEMBERS: usize = 0;
const STORES: usize = 1;
const TRACKERS: usize = 2;

impl Lists {
    pub(super) fn new(
        ensembles: Vec<Ensemble>,
        stores: Vec<StoreList>,
        trackers: Option<(Trackers, Option<Tracker>)>,
        own: Option<NodeId>,
        seeds: &Seeds,
    ) -> Self {
        let others = |members: &Members| -> Addresses {
            members.iter().filter(|(id, _)| Some(*id) != own).map(|(id, a)| (id, a.to_owned())).collect()
        };
        let members = others(&seeds.consensus);
        let listed = seeds.stores.iter().map(|(id, address)| (id, address.to_owned())).collect();
        Self {
            ensembles,
            own,
            stores,
            trackers,
            members_at: LogIndex(0),
            known: [members, listed, Addresses::new()],
            log_calls: Calls::new(remote::log_member),
            store_calls: Calls::new(remote::store),
            tracker_calls: Calls::new(remote::tracker),
        }
    }

    /// The log's members as they are called now.
    pub(super) fn members(&self) -> Arc<[LogMember]> {
        self.ensembles.first().map_or_else(|| Vec::new().into(), Ensemble::members)
    }

    /// Calls the members that the log names.
    pub(super) fn adopt_members(&mut self, status: &ConsensusStatus) {
        if status.membership_index <= self.members_at {
            return;
        }
        self.members_at = status.membership_index;
        let named = status.members.iter().filter(|member| Some(member.id) != self.own);
        let addresses: Addresses = named.map(|member| (member.id, member.address.clone())).collect();
        if !self.is_news(MEMBERS, &addresses) {
            return;
        }
        info!(at = %status.membership_index, others = shown(&addresses), "the log has other members");
        self.log_calls.keep(&texts(&addresses));
        for ensemble in &self.ensembles {
            let own = self.own.and_then(|own| ensemble.members().iter().find(|(id, _)| *id == own).cloned());
            let others =
                addresses.iter().filter_map(|(id, address)| Some((*id, self.log_calls.to(address)?)));
            ensemble.set_members(own.into_iter().chain(others).collect());
        }
    }

    /// Calls the stores and trackers that have registered. While none has, those of the start stay.
    pub(super) fn adopt_directory(&mut self, directory: &Directory) {
        let of = |role| -> Addresses {
            let callable = directory.of(role).filter(|component| !component.address.is_empty());
            callable.map(|component| (component.id, component.address.clone())).collect()
        };
        let stores = of(Role::TreeStore);
        if !stores.is_empty() && self.is_news(STORES, &stores) {
            info!(stores = shown(&stores), "other tree stores have registered");
            self.store_calls.keep(&texts(&stores));
            for list in &self.stores {
                let all =
                    stores.iter().filter_map(|(id, address)| Some((*id, self.store_calls.to(address)?)));
                list.stores.set(list.ordered(all.collect()));
            }
        }
        let trackers = of(Role::SessionTracker);
        if let Some((list, own)) = &self.trackers
            && !trackers.is_empty()
            && trackers != self.known[TRACKERS]
        {
            info!(trackers = shown(&trackers), "other session trackers have registered");
            self.tracker_calls.keep(&texts(&trackers));
            let own_id = own.as_ref().map(|(id, _)| *id);
            let others = trackers
                .iter()
                .filter(|(id, _)| Some(**id) != own_id)
                .filter_map(|(id, address)| Some((*id, self.tracker_calls.to(address)?)));
            list.set(own.iter().cloned().chain(others).collect());
            self.known[TRACKERS] = trackers;
        }
    }

    /// No tracker has registered yet.
    pub(super) fn lacks_trackers(&self) -> bool {
        self.trackers.is_some() && self.known[TRACKERS].is_empty()
    }

    /// The trackers that the process was told of.
    pub(super) fn set_tracker_seeds(&self, seeds: Vec<Tracker>) {
        if let Some((list, own)) = &self.trackers {
            let own_id = own.as_ref().map(|(id, _)| *id);
            let others = seeds.into_iter().filter(|(id, _)| Some(*id) != own_id);
            list.set(own.iter().cloned().chain(others).collect());
        }
    }

    fn is_news(&mut self, of: usize, addresses: &Addresses) -> bool {
        let news = self.known[of] != *addresses;
        if news {
            self.known[of].clone_from(addresses);
        }
        news
    }
}

/// As on a command line.
fn shown(addresses: &Addresses) -> String {
    let each: Vec<_> = addresses.iter().map(|(id, address)| format!("{id}={address}")).collect();
    each.join(",")
}

fn texts(addresses: &Addresses) -> Vec<&str> {
    addresses.values().map(String::as_str).collect()
}

impl StoreList {
    /// The order in which this list's callers prefer the stores, given by id.
    pub fn ordered(&self, mut all: Vec<StoreReplica>) -> Vec<StoreReplica> {
        let own = match &self.own {
            Own::None => None,
            Own::First((id, _)) | Own::LeftOut(id) => Some(*id),
        };
        all.retain(|(id, _)| Some(*id) != own);
        if let Some(by) = self.spread.checked_rem(all.len() as u64) {
            all.rotate_left(usize::try_from(by).unwrap_or(0));
        }
        if let Own::First(own) = &self.own {
            all.insert(0, own.clone());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use menagerie_link::Stores;
    use menagerie_proto::consensus::Member;
    use menagerie_proto::tree_store::Registered;
    use menagerie_types::IncarnationId;

    use super::*;

    fn replica(id: u64) -> StoreReplica {
        (NodeId(id), remote::store("127.0.0.1:9").expect("an address"))
    }

    fn order(own: Own, spread: u64) -> Vec<u64> {
        let list = StoreList { stores: Stores::new(Vec::new()), own, spread };
        list.ordered((1..=3).map(replica).collect()).iter().map(|(id, _)| id.0).collect()
    }

    #[tokio::test]
    async fn callers_spread_over_the_stores_and_prefer_their_own() {
        assert_eq!(
            [order(Own::None, 0), order(Own::None, 1), order(Own::None, 5)],
            [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
        );
        assert_eq!(order(Own::First(replica(2)), 2), [2, 1, 3]);
        assert_eq!(order(Own::LeftOut(NodeId(2)), 1), [3, 1]);
        let alone = StoreList { stores: Stores::new(Vec::new()), own: Own::LeftOut(NodeId(2)), spread: 7 };
        assert!(alone.ordered(vec![replica(2)]).is_empty());
    }

    #[tokio::test]
    async fn lists_follow_the_log_and_the_directory() {
        let seeds = Seeds { consensus: "1=a:1".parse().expect("a list"), ..Seeds::default() };
        let ensemble = remote::ensemble(&seeds.consensus, None).expect("addresses");
        let stores = StoreList { stores: Stores::new(Vec::new()), own: Own::None, spread: 0 };
        let trackers = Trackers::default();
        let all = vec![stores.clone()];
        let mut lists = Lists::new(vec![ensemble.clone()], all, Some((trackers.clone(), None)), None, &seeds);
        let member = |id| Member { id: NodeId(id), address: format!("m{id}:1"), ..Member::default() };
        let at = |index, members| ConsensusStatus {
            membership_index: LogIndex(index),
            members,
            ..Default::default()
        };
        lists.adopt_members(&at(9, vec![member(2), member(3)]));
        lists.adopt_members(&at(8, vec![member(1)]));
        let ids = |members: &[LogMember]| members.iter().map(|(id, _)| id.0).collect::<Vec<_>>();
        assert_eq!(ids(&ensemble.members()), [2, 3], "an earlier ensemble is none");
        assert!(lists.lacks_trackers());
        let entry = |role, id, address: &str| Registered {
            role,
            id: NodeId(id),
            address: address.to_owned(),
            life: IncarnationId(1),
            seen_ms: 0,
            checkpoint: LogIndex(0),
        };
        let components = vec![
            entry(Role::TreeStore, 1, "s1:1"),
            entry(Role::TreeStore, 2, ""),
            entry(Role::SessionTracker, 7, "t7:1"),
            entry(Role::Gateway, 1, "g1:1"),
        ];
        lists.adopt_directory(&Directory { components, time_ms: 1 });
        assert_eq!(
            stores.stores.list().iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
            [1],
            "2 cannot be called"
        );
        assert_eq!(trackers.list().iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [7]);
        lists.adopt_directory(&Directory::default());
        assert_eq!(stores.stores.list().len(), 1, "an empty directory says nothing");
    }
}
