//! Znodes that go by themselves: containers and those with a TTL (reference 2.18; ZooKeeper's `ContainerManager`).

use std::collections::BTreeSet;

use super::Tree;
use super::arena::Id;
use super::znode::{CONTAINER_OWNER, Znode};

/// The znodes that a reaper has to look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Reapable {
    /// Containers without children.
    containers: BTreeSet<Id>,
    /// When their TTL runs out if they are not modified before, by the log's clock.
    ttls: BTreeSet<(i64, Id)>,
}

impl Reapable {
    /// A znode came to its place, without children.
    pub(super) fn attached(&mut self, id: Id, node: Znode<'_>) {
        if node.rare().owner == CONTAINER_OWNER {
            self.containers.insert(id);
        } else if let Some(end) = node.ttl_end() {
            self.ttls.insert((end, id));
        }
    }

    /// A znode without children left its place.
    pub(super) fn detached(&mut self, id: Id, node: Znode<'_>) {
        if node.rare().owner == CONTAINER_OWNER {
            self.containers.remove(&id);
        } else if let Some(end) = node.ttl_end() {
            self.ttls.remove(&(end, id));
        }
    }

    /// A container got its first child, or lost its last.
    pub(super) fn container(&mut self, id: Id, is_empty: bool) {
        match is_empty {
            true => self.containers.insert(id),
            false => self.containers.remove(&id),
        };
    }

    /// The TTL runs out at another time.
    pub(super) fn moved(&mut self, id: Id, from: Option<i64>, to: Option<i64>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.ttls.remove(&(from, id));
            self.ttls.insert((to, id));
        }
    }
}

impl Tree {
    /// Up to `limit` znodes that are due at `now_ms`. A container that never had a child is due after
    /// `max_never_used_ms`; never, if that is 0.
    pub(crate) fn due(&self, now_ms: i64, max_never_used_ms: i64, limit: usize) -> Vec<Id> {
        let is_over =
            |node: Znode<'_>| max_never_used_ms != 0 && now_ms - node.rare().mtime > max_never_used_ms;
        let containers = self.reapable.containers.iter().copied().filter(|id| {
            let node = self.get(*id);
            node.rare().cversion > 0 || is_over(node)
        });
        let ttls = self.reapable.ttls.range(..(now_ms, 0)).map(|(_, id)| *id);
        let ttls = ttls.filter(|id| self.get(*id).rare().num_children == 0);
        containers.chain(ttls).take(limit).collect()
    }
}
