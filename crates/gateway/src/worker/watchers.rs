//! Who watches what: one registration at the replica stands for all connections of the worker.

use std::collections::HashMap;
use std::rc::Rc;

use menagerie_types::{WatchKind, WatchKinds};

use super::conn::{Conn, ConnToken};

/// Connections by watched path. Which kinds a connection watches is in the connection.
#[derive(Debug, Default)]
pub struct Watchers {
    by_path: HashMap<Rc<str>, Vec<ConnToken>>,
}

impl Watchers {
    /// Adds a watch of `conn`; adding it again changes nothing.
    pub fn add(&mut self, conn: &mut Conn, kind: WatchKind, path: &str) {
        if let Some(kinds) = conn.watches.get_mut(path) {
            kinds.insert(kind);
            return;
        }
        let path = match self.by_path.get_key_value(path) {
            Some((path, _)) => Rc::clone(path),
            None => Rc::from(path),
        };
        let mut kinds = WatchKinds::default();
        kinds.insert(kind);
        conn.watches.insert(Rc::clone(&path), kinds);
        self.by_path.entry(path).or_default().push(conn.token);
    }

    /// The connections that may watch `path`; [`Self::fire`] tells for each.
    pub fn at(&self, path: &str) -> Vec<ConnToken> {
        self.by_path.get(path).cloned().unwrap_or_default()
    }

    /// Takes the `fired` kinds from `conn`'s watches at `path`; true if there was one.
    pub fn fire(&mut self, conn: &mut Conn, path: &str, fired: WatchKinds) -> bool {
        let Some(kinds) = conn.watches.get_mut(path) else { return false };
        let hit = !kinds.intersect(fired).is_empty();
        *kinds = kinds.without(fired);
        if kinds.is_empty() {
            conn.watches.remove(path);
            self.forget(conn.token, path);
        }
        hit
    }

    /// Removes all watches of `conn`; `unwatched` is told each path that nobody watches any more.
    pub fn remove_all(&mut self, conn: &mut Conn, mut unwatched: impl FnMut(&str)) {
        for (path, _) in conn.watches.drain() {
            if self.forget(conn.token, &path) {
                unwatched(&path);
            }
        }
    }

    /// Every watched path, and what anybody watches there, given each connection's kinds.
    pub fn paths(&self) -> impl Iterator<Item = (&Rc<str>, &[ConnToken])> {
        self.by_path.iter().map(|(path, tokens)| (path, tokens.as_slice()))
    }

    /// True if nobody is left at the path.
    fn forget(&mut self, token: ConnToken, path: &str) -> bool {
        let Some(tokens) = self.by_path.get_mut(path) else { return false };
        if let Some(at) = tokens.iter().position(|t| *t == token) {
            tokens.swap_remove(at);
        }
        let last = tokens.is_empty();
        if last {
            self.by_path.remove(path);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use menagerie_types::EventType;

    use super::*;
    use crate::worker::conn::Peer;

    fn conn(token: u64) -> Conn {
        let peer = Peer::Socket(([127, 0, 0, 1], 1).into());
        Conn::new(ConnToken(token), peer, Bytes::new(), Instant::now())
    }

    #[test]
    fn a_watch_fires_once_for_each_connection_that_set_it() {
        let mut watchers = Watchers::default();
        let (mut a, mut b) = (conn(1), conn(2));
        watchers.add(&mut a, WatchKind::Data, "/x");
        watchers.add(&mut a, WatchKind::Data, "/x");
        watchers.add(&mut a, WatchKind::Child, "/x");
        watchers.add(&mut b, WatchKind::Child, "/x");
        assert_eq!(watchers.at("/x").len(), 2);
        let changed = WatchKinds::fired_by(EventType::NodeDataChanged);
        assert!(watchers.fire(&mut a, "/x", changed));
        assert!(!watchers.fire(&mut a, "/x", changed));
        assert!(!watchers.fire(&mut b, "/x", changed));
        let deleted = WatchKinds::fired_by(EventType::NodeDeleted);
        assert!(watchers.fire(&mut a, "/x", deleted));
        assert!(watchers.fire(&mut b, "/x", deleted));
        assert!(watchers.at("/x").is_empty());
    }

    #[test]
    fn the_last_to_leave_is_noticed() {
        let mut watchers = Watchers::default();
        let (mut a, mut b) = (conn(1), conn(2));
        watchers.add(&mut a, WatchKind::Data, "/x");
        watchers.add(&mut b, WatchKind::Exist, "/x");
        let mut left = Vec::new();
        watchers.remove_all(&mut a, |path| left.push(path.to_owned()));
        assert!(left.is_empty());
        watchers.remove_all(&mut b, |path| left.push(path.to_owned()));
        assert_eq!(left, ["/x"]);
    }
}
