//! Which link watches what: one registration for each link, path and kind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use menagerie_types::{EventType, WatchKind, WatchKinds, path};

/// Names a link for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkKey(pub(crate) u64);

/// Watches by path, and the paths of each link so that a link that goes takes its own with it.
#[derive(Debug, Default)]
pub(crate) struct WatchTable {
    /// The links at a path in rising order: keys rise with time, so a new one nearly always goes to the end.
    by_path: HashMap<Arc<str>, Vec<(LinkKey, WatchKinds)>>,
    by_link: HashMap<LinkKey, HashSet<Arc<str>>>,
    count: usize,
    /// How many of them see what happens below their path: without any, nobody looks at an event's ancestors.
    recursive: usize,
}

impl WatchTable {
    /// Registers one watch; a second one of the same kind changes nothing.
    pub(crate) fn insert(&mut self, link: LinkKey, path: &str, kind: WatchKind) {
        let path = match self.by_path.get_key_value(path) {
            Some((path, _)) => Arc::clone(path),
            None => Arc::from(path),
        };
        let watchers = self.by_path.entry(Arc::clone(&path)).or_default();
        let at = position(watchers, link).unwrap_or_else(|at| {
            watchers.insert(at, (link, WatchKinds::default()));
            self.by_link.entry(link).or_default().insert(path);
            at
        });
        let kinds = &mut watchers[at].1;
        if !kinds.contains(kind) {
            kinds.insert(kind);
            self.count += 1;
            self.recursive += usize::from(WatchKinds::RECURSIVE.contains(kind));
        }
    }

    /// Appends the links that `event` at `path` concerns to `fired`, each once, and removes their one-shot watches that
    /// it fires.
    pub(crate) fn fire(&mut self, path: &str, event: EventType, fired: &mut Vec<LinkKey>) {
        if self.by_path.is_empty() {
            return;
        }
        let before = fired.len();
        self.fire_at(path, WatchKinds::fired_by(event), fired);
        let above = self.above(path, event);
        let direct = fired.len();
        fired.extend(above.flatten().filter(|(_, kinds)| sees_below(*kinds)).map(|(link, _)| *link));
        if fired.len() > direct {
            fired[before..].sort_unstable();
            fired.dedup();
        }
    }

    /// As [`Self::fire`], for one link; true if the event concerns it.
    pub(crate) fn fire_for(&mut self, link: LinkKey, path: &str, event: EventType) -> bool {
        let fired = WatchKinds::fired_by(event);
        let hit = !self.take(link, path, fired, fired.intersect(WatchKinds::ONE_SHOT)).is_empty();
        let kinds_at = |watchers: &Vec<_>| position(watchers, link).ok().map(|at| watchers[at].1);
        hit || self.above(path, event).filter_map(kinds_at).any(sees_below)
    }

    /// Removes watches that nobody behind `link` needs any more.
    pub(crate) fn remove(&mut self, link: LinkKey, path: &str, kinds: WatchKinds) {
        self.take(link, path, kinds, kinds);
    }

    /// Removes all watches of a link.
    pub(crate) fn remove_link(&mut self, link: LinkKey) {
        for path in self.by_link.remove(&link).unwrap_or_default() {
            let Some(watchers) = self.by_path.get_mut(&path) else { continue };
            if let Ok(at) = position(watchers, link) {
                let (_, kinds) = watchers.remove(at);
                self.uncount(kinds);
            }
            self.forget_if_empty(&path);
        }
    }

    /// Registrations, each kind counted.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn fire_at(&mut self, path: &str, kinds: WatchKinds, fired: &mut Vec<LinkKey>) {
        let Some(watchers) = self.by_path.get_mut(path) else { return };
        let one_shot = kinds.intersect(WatchKinds::ONE_SHOT);
        watchers.retain_mut(|(link, registered)| {
            if registered.intersect(kinds).is_empty() {
                return true;
            }
            fired.push(*link);
            self.count -= registered.intersect(one_shot).0.count_ones() as usize;
            *registered = registered.without(one_shot);
            if registered.is_empty()
                && let Some(paths) = self.by_link.get_mut(link)
            {
                paths.remove(path);
            }
            !registered.is_empty()
        });
        self.forget_if_empty(path);
    }

    /// The watchers at each path above `path`, if the event concerns any of them.
    fn above(&self, path: &str, event: EventType) -> impl Iterator<Item = &Vec<(LinkKey, WatchKinds)>> {
        let concerned = self.recursive > 0 && !WatchKinds::fired_above_by(event).is_empty();
        let first = if concerned { parent(path) } else { None };
        std::iter::successors(first, |path| parent(path)).filter_map(|path| self.by_path.get(path))
    }

    /// Removes `gone` from a link's watches at a path; returns which of `kinds` it had.
    fn take(&mut self, link: LinkKey, path: &str, kinds: WatchKinds, gone: WatchKinds) -> WatchKinds {
        let Some(watchers) = self.by_path.get_mut(path) else { return WatchKinds::default() };
        let Ok(at) = position(watchers, link) else { return WatchKinds::default() };
        let registered = watchers[at].1;
        let gone = registered.intersect(gone);
        watchers[at].1 = registered.without(gone);
        if watchers[at].1.is_empty() {
            watchers.remove(at);
            if let Some(paths) = self.by_link.get_mut(&link) {
                paths.remove(path);
            }
            self.forget_if_empty(path);
        }
        self.uncount(gone);
        registered.intersect(kinds)
    }

    fn uncount(&mut self, kinds: WatchKinds) {
        self.count -= kinds.0.count_ones() as usize;
        self.recursive -= usize::from(sees_below(kinds));
    }

    fn forget_if_empty(&mut self, path: &str) {
        if self.by_path.get(path).is_some_and(Vec::is_empty) {
            self.by_path.remove(path);
        }
    }
}

fn position(watchers: &[(LinkKey, WatchKinds)], link: LinkKey) -> Result<usize, usize> {
    watchers.binary_search_by_key(&link, |(key, _)| *key)
}

fn sees_below(kinds: WatchKinds) -> bool {
    !kinds.intersect(WatchKinds::RECURSIVE).is_empty()
}

fn parent(path: &str) -> Option<&str> {
    path::split(path).map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests;
