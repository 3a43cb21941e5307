//! Who watches what: one registration of a path and kind at the replica stands for all connections of the worker.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use menagerie_types::{EventType, WatchKind, WatchKinds};

use super::conn::{Conn, ConnToken};

/// Connections by watched path. A connection knows the paths, so that it can be forgotten.
#[derive(Debug, Default)]
pub struct Watchers {
    by_path: HashMap<Rc<str>, Watched>,
    /// How many recursive watches there are: without any, nobody looks above an event's path.
    recursive: usize,
}

/// Where one connection watches anything; nothing is there for the many that do not.
#[derive(Debug, Default)]
pub struct WatchedPaths(Option<Box<Paths>>);

#[derive(Debug, Default)]
struct Paths(BTreeSet<Rc<str>>);

impl WatchedPaths {
    /// The paths, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<str>> {
        self.0.iter().flat_map(|paths| paths.0.iter())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |paths| paths.0.len())
    }

    /// One more.
    pub fn insert(&mut self, path: Rc<str>) {
        self.0.get_or_insert_default().0.insert(path);
    }

    /// One less, if it is there.
    pub fn remove(&mut self, path: &str) {
        if let Some(paths) = &mut self.0 {
            paths.0.remove(path);
            if paths.0.is_empty() {
                self.0 = None;
            }
        }
    }

    /// All, which are forgotten.
    pub fn take(&mut self) -> BTreeSet<Rc<str>> {
        self.0.take().map(|paths| paths.0).unwrap_or_default()
    }
}

/// One path.
#[derive(Debug, Default)]
struct Watched {
    by_conn: BTreeMap<ConnToken, WatchKinds>,
    /// How many connections watch each kind, in the order of [`WatchKinds::EACH`].
    counts: [u32; 5],
    /// Reads under way that may register a watch here: what they register must not be taken back.
    asked: u32,
    /// Kinds that nobody needed any more while there were such reads.
    left: WatchKinds,
}

/// A connection that an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fired {
    /// Which.
    pub token: ConnToken,
    /// It watches nothing at the event's path any more.
    pub last: bool,
}

impl Watchers {
    /// Adds a watch of `conn`; adding it again changes nothing.
    pub fn add(&mut self, conn: &mut Conn, kind: WatchKind, path: &str) {
        let (path, watched) = self.entry(path);
        let kinds = watched.by_conn.entry(conn.token).or_default();
        if kinds.contains(kind) {
            return;
        }
        kinds.insert(kind);
        watched.count(WatchKinds(kind as u8), 1);
        conn.watches.insert(path);
        self.recursive += usize::from(kind == WatchKind::PersistentRecursive);
    }

    /// What a connection watches at the path.
    pub fn kinds(&self, token: ConnToken, path: &str) -> WatchKinds {
        self.by_path.get(path).and_then(|watched| watched.by_conn.get(&token)).copied().unwrap_or_default()
    }

    /// The connections that an event is for, each once; their one-shot watches that it fires are gone.
    pub fn fire(&mut self, event: EventType, path: &str) -> Vec<Fired> {
        let mut fired = self.fire_at(event, path);
        if self.recursive == 0 || WatchKinds::fired_above_by(event).is_empty() {
            return fired;
        }
        let at_path = fired.len();
        for above in ancestors(path) {
            let Some(watched) = self.by_path.get(above) else { continue };
            let recursive = watched
                .by_conn
                .iter()
                .filter(|(_, kinds)| !kinds.intersect(WatchKinds::RECURSIVE).is_empty());
            fired.extend(recursive.map(|(token, _)| Fired { token: *token, last: false }));
        }
        if fired.len() > at_path {
            // That of the path itself comes first of those of one connection: the sort is stable.
            fired.sort_by_key(|fired| fired.token);
            fired.dedup_by_key(|fired| fired.token);
        }
        fired
    }

    fn fire_at(&mut self, event: EventType, path: &str) -> Vec<Fired> {
        let kinds = WatchKinds::fired_by(event);
        let Some(watched) = self.by_path.get_mut(path) else { return Vec::new() };
        if watched.needed().intersect(kinds).is_empty() {
            return Vec::new();
        }
        let gone = kinds.intersect(WatchKinds::ONE_SHOT);
        let mut fired = Vec::new();
        let Watched { by_conn, .. } = watched;
        by_conn.retain(|token, watching| {
            if !watching.intersect(kinds).is_empty() {
                *watching = watching.without(gone);
                fired.push(Fired { token: *token, last: watching.is_empty() });
            }
            !watching.is_empty()
        });
        for (count, kind) in watched.counts.iter_mut().zip(WatchKinds::EACH) {
            *count = if gone.contains(kind) { 0 } else { *count };
        }
        self.tidy(path);
        fired
    }

    /// Removes watches of `conn` at a path: which it had, and which of them nobody needs any more.
    pub fn remove(&mut self, conn: &mut Conn, path: &str, kinds: WatchKinds) -> (WatchKinds, WatchKinds) {
        let Some(watched) = self.by_path.get_mut(path) else { return Default::default() };
        let Some(watching) = watched.by_conn.get_mut(&conn.token) else { return Default::default() };
        let had = watching.intersect(kinds);
        *watching = watching.without(kinds);
        if watching.is_empty() {
            watched.by_conn.remove(&conn.token);
            conn.watches.remove(path);
        }
        self.recursive -= usize::from(had.contains(WatchKind::PersistentRecursive));
        watched.count(had, -1);
        let unneeded = watched.leave(had);
        self.tidy(path);
        (had, unneeded)
    }

    /// Removes all watches of `conn`; `unwatched` is told what nobody needs any more.
    pub fn remove_all(&mut self, conn: &mut Conn, mut unwatched: impl FnMut(&str, WatchKinds)) {
        for path in conn.watches.take() {
            let (_, unneeded) = self.remove(conn, &path, WatchKinds::ALL);
            if !unneeded.is_empty() {
                unwatched(&path, unneeded);
            }
        }
    }

    /// A read that may register a watch at the path is under way.
    pub fn ask(&mut self, path: &str) {
        self.entry(path).1.asked += 1;
    }

    /// Such a read was answered, and its watch added if somebody is there to have it. Returns what nobody needs.
    pub fn answered(&mut self, path: &str) -> WatchKinds {
        let Some(watched) = self.by_path.get_mut(path) else { return WatchKinds::default() };
        watched.asked = watched.asked.saturating_sub(1);
        let unneeded = watched.leave(WatchKinds::default());
        self.tidy(path);
        unneeded
    }

    /// The replica has registered a watch for a connection that went meanwhile. Returns what nobody needs.
    pub fn unclaimed(&mut self, path: &str, kind: WatchKind) -> WatchKinds {
        let (_, watched) = self.entry(path);
        let unneeded = watched.leave(WatchKinds(kind as u8));
        self.tidy(path);
        unneeded
    }

    /// What anybody watches at the path.
    pub fn needed(&self, path: &str) -> WatchKinds {
        self.by_path.get(path).map(Watched::needed).unwrap_or_default()
    }

    /// The connections that have watches which stay.
    pub fn persistent(&self) -> BTreeSet<ConnToken> {
        let all = self.by_path.values().flat_map(|watched| &watched.by_conn);
        all.filter(|(_, kinds)| !kinds.intersect(WatchKinds::PERSISTENT).is_empty())
            .map(|(token, _)| *token)
            .collect()
    }

    /// Every path that anybody watches, and how.
    pub fn all(&self) -> impl Iterator<Item = (WatchKind, &str)> {
        self.by_path.iter().flat_map(|(path, watched)| {
            let needed = watched.needed();
            WatchKinds::EACH
                .into_iter()
                .filter(move |kind| needed.contains(*kind))
                .map(|kind| (kind, &**path))
        })
    }

    fn entry(&mut self, path: &str) -> (Rc<str>, &mut Watched) {
        let path = match self.by_path.get_key_value(path) {
            Some((path, _)) => Rc::clone(path),
            None => Rc::from(path),
        };
        (Rc::clone(&path), self.by_path.entry(path).or_default())
    }

    fn tidy(&mut self, path: &str) {
        if self.by_path.get(path).is_some_and(|watched| watched.by_conn.is_empty() && watched.asked == 0) {
            self.by_path.remove(path);
        }
    }
}

impl Watched {
    fn needed(&self) -> WatchKinds {
        let watched = WatchKinds::EACH.into_iter().zip(self.counts).filter(|(_, count)| *count > 0);
        WatchKinds(watched.fold(0, |kinds, (kind, _)| kinds | kind as u8))
    }

    fn count(&mut self, kinds: WatchKinds, change: i32) {
        for (count, kind) in self.counts.iter_mut().zip(WatchKinds::EACH) {
            if kinds.contains(kind) {
                *count = count.saturating_add_signed(change);
            }
        }
    }

    /// Somebody has left watches of these kinds. Those are taken back that nobody needs, once no read is under way
    /// that may have registered them for somebody else.
    fn leave(&mut self, kinds: WatchKinds) -> WatchKinds {
        self.left = self.left.union(kinds).without(self.needed());
        if self.asked > 0 { WatchKinds::default() } else { std::mem::take(&mut self.left) }
    }
}

/// The paths above `path`, up to the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rfind('/')? {
        0 => (path.len() > 1).then_some("/"),
        at => Some(&path[..at]),
    })
    .skip(1)
}
