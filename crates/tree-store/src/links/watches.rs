//! Which link watches what: one registration for each link, path and kind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use menagerie_types::{EventType, WatchKind, WatchKinds};

/// Names a link for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkKey(pub(crate) u64);

/// One-shot watches by path, and the paths of each link so that a link that goes takes its own with it.
#[derive(Debug, Default)]
pub(crate) struct WatchTable {
    by_path: HashMap<Arc<str>, Vec<(LinkKey, WatchKinds)>>,
    by_link: HashMap<LinkKey, HashSet<Arc<str>>>,
    count: usize,
}

impl WatchTable {
    /// Registers one watch; a second one of the same kind changes nothing.
    pub(crate) fn insert(&mut self, link: LinkKey, path: &str, kind: WatchKind) {
        let path = match self.by_path.get_key_value(path) {
            Some((path, _)) => Arc::clone(path),
            None => Arc::from(path),
        };
        let watchers = self.by_path.entry(Arc::clone(&path)).or_default();
        let at = watchers.iter().position(|(key, _)| *key == link).unwrap_or_else(|| {
            watchers.push((link, WatchKinds::default()));
            self.by_link.entry(link).or_default().insert(path);
            watchers.len() - 1
        });
        let kinds = &mut watchers[at].1;
        if !kinds.contains(kind) {
            kinds.insert(kind);
            self.count += 1;
        }
    }

    /// Removes the watches that `event` at `path` fires and appends the links that had any to `fired`.
    pub(crate) fn fire(&mut self, path: &str, event: EventType, fired: &mut Vec<LinkKey>) {
        if self.by_path.is_empty() {
            return;
        }
        let kinds = WatchKinds::fired_by(event);
        self.remove_where(path, kinds, |_| true, |link| fired.push(link));
    }

    /// Removes watches that nobody behind `link` needs any more.
    pub(crate) fn remove(&mut self, link: LinkKey, path: &str, kinds: WatchKinds) {
        self.remove_where(path, kinds, |key| key == link, |_| {});
    }

    /// Removes all watches of a link.
    pub(crate) fn remove_link(&mut self, link: LinkKey) {
        for path in self.by_link.remove(&link).unwrap_or_default() {
            let Some(watchers) = self.by_path.get_mut(&path) else { continue };
            watchers.retain(|(key, kinds)| {
                if *key == link {
                    self.count -= kinds.0.count_ones() as usize;
                }
                *key != link
            });
            if watchers.is_empty() {
                self.by_path.remove(&path);
            }
        }
    }

    /// Registrations, each kind counted.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn remove_where(
        &mut self,
        path: &str,
        kinds: WatchKinds,
        whose: impl Fn(LinkKey) -> bool,
        mut removed: impl FnMut(LinkKey),
    ) {
        let Some(watchers) = self.by_path.get_mut(path) else { return };
        watchers.retain_mut(|(link, registered)| {
            let gone = registered.intersect(kinds);
            if gone.is_empty() || !whose(*link) {
                return true;
            }
            removed(*link);
            self.count -= gone.0.count_ones() as usize;
            *registered = registered.without(gone);
            if registered.is_empty()
                && let Some(paths) = self.by_link.get_mut(link)
            {
                paths.remove(path);
            }
            !registered.is_empty()
        });
        if watchers.is_empty() {
            self.by_path.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [WatchKind; 3] = [WatchKind::Data, WatchKind::Exist, WatchKind::Child];
    const EVENTS: [EventType; 4] = [
        EventType::NodeCreated,
        EventType::NodeDeleted,
        EventType::NodeDataChanged,
        EventType::NodeChildrenChanged,
    ];

    proptest! {
        #[test]
        fn the_table_is_a_set_of_link_path_and_kind(
            steps in prop::collection::vec((0..4u8, 0..3u64, 0..3usize, 0..4usize), 0..200),
        ) {
            let paths = ["/a", "/b", "/c"];
            let mut table = WatchTable::default();
            let mut model = std::collections::BTreeSet::new();
            for (step, link, path, which) in steps {
                let (link, kind) = (LinkKey(link), KINDS[which % 3]);
                match step {
                    0 => {
                        table.insert(link, paths[path], kind);
                        model.insert((link, path, kind));
                    }
                    1 => {
                        let mut fired = Vec::new();
                        table.fire(paths[path], EVENTS[which], &mut fired);
                        let kinds = WatchKinds::fired_by(EVENTS[which]);
                        let hit = |w: &(LinkKey, usize, WatchKind)| w.1 == path && kinds.contains(w.2);
                        let mut expected: Vec<_> = model.iter().filter(|w| hit(w)).map(|w| w.0).collect();
                        expected.dedup();
                        fired.sort();
                        prop_assert_eq!(fired, expected, "each link once");
                        model.retain(|w| !hit(w));
                    }
                    2 => {
                        table.remove(link, paths[path], WatchKinds(kind as u8));
                        model.remove(&(link, path, kind));
                    }
                    _ => {
                        table.remove_link(link);
                        model.retain(|w| w.0 != link);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for link in 0..3 {
                table.remove_link(LinkKey(link));
            }
            prop_assert!(table.by_path.is_empty() && table.by_link.is_empty() && table.len() == 0);
        }
    }
}
