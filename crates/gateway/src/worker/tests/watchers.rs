//! The watch table.

use menagerie_types::WatchKind::*;

use super::*;
use crate::worker::watchers::Watchers;

fn conn(token: u64) -> Conn {
    let peer = Peer::Socket(([127, 0, 0, 1], 1).into());
    Conn::new(ConnToken(token), peer, Identities::default(), Instant::now())
}

fn tokens(watchers: &mut Watchers, event: EventType, path: &str) -> Vec<u64> {
    watchers.fire(event, path).iter().map(|fired| fired.token.0).collect()
}

#[test]
fn a_one_shot_watch_fires_once_for_each_connection_and_a_persistent_one_stays() {
    let mut watchers = Watchers::default();
    let (mut a, mut b) = (conn(1), conn(2));
    watchers.add(&mut a, Data, "/x");
    watchers.add(&mut a, Data, "/x");
    watchers.add(&mut a, Child, "/x");
    watchers.add(&mut b, Persistent, "/x");
    assert_eq!(tokens(&mut watchers, EventType::NodeDataChanged, "/x"), [1, 2]);
    assert_eq!(tokens(&mut watchers, EventType::NodeDataChanged, "/x"), [2]);
    assert_eq!(
        watchers.fire(EventType::NodeDeleted, "/x").iter().map(|f| f.last).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(tokens(&mut watchers, EventType::NodeChildrenChanged, "/x"), [2]);
    assert_eq!(watchers.all().collect::<Vec<_>>(), [(Persistent, "/x")]);
}

#[test]
fn a_recursive_watch_tells_of_everything_below_but_of_no_children() {
    let mut watchers = Watchers::default();
    let (mut a, mut b, mut c) = (conn(1), conn(2), conn(3));
    watchers.add(&mut a, PersistentRecursive, "/");
    watchers.add(&mut a, PersistentRecursive, "/x/y");
    watchers.add(&mut a, Data, "/x/y");
    watchers.add(&mut b, PersistentRecursive, "/x");
    watchers.add(&mut c, Persistent, "/x");
    for event in [EventType::NodeCreated, EventType::NodeDataChanged, EventType::NodeDeleted] {
        assert_eq!(tokens(&mut watchers, event, "/x/y"), [1, 2], "each connection once");
        assert_eq!(tokens(&mut watchers, event, "/xy"), [1], "not by the beginning of the name alone");
    }
    assert_eq!(tokens(&mut watchers, EventType::NodeChildrenChanged, "/x"), [3]);
    assert_eq!(tokens(&mut watchers, EventType::NodeDataChanged, "/"), [1]);
}

#[test]
fn the_last_to_leave_a_kind_is_noticed() {
    let mut watchers = Watchers::default();
    let (mut a, mut b) = (conn(1), conn(2));
    watchers.add(&mut a, Data, "/x");
    watchers.add(&mut a, Persistent, "/x");
    watchers.add(&mut b, Persistent, "/x");
    let kinds = |kinds: &[WatchKind]| WatchKinds(kinds.iter().fold(0, |all, kind| all | *kind as u8));
    let removed = watchers.remove(&mut a, "/x", WatchKinds::ALL);
    assert_eq!(removed, (kinds(&[Data, Persistent]), kinds(&[Data])));
    assert_eq!(watchers.remove(&mut a, "/x", WatchKinds::ALL), Default::default());
    let mut left = Vec::new();
    watchers.remove_all(&mut b, |path, kinds| left.push((path.to_owned(), kinds)));
    assert_eq!(left, [("/x".to_owned(), kinds(&[Persistent]))]);
    assert!(a.watches.len() + b.watches.len() == 0 && watchers.all().next().is_none());
}

#[test]
fn what_a_read_under_way_may_register_is_not_taken_back() {
    let mut watchers = Watchers::default();
    let (mut a, mut b) = (conn(1), conn(2));
    let child = WatchKinds(Child as u8);
    watchers.add(&mut a, Child, "/x");
    watchers.ask("/x");
    watchers.ask("/x");
    assert_eq!(watchers.remove(&mut a, "/x", WatchKinds::ALL), (child, WatchKinds::default()));
    watchers.add(&mut b, Child, "/x");
    assert!(watchers.answered("/x").is_empty());
    assert!(watchers.answered("/x").is_empty(), "another connection has it");
    watchers.ask("/x");
    assert!(watchers.remove(&mut b, "/x", child).1.is_empty());
    assert!(watchers.unclaimed("/x", Data).is_empty());
    assert_eq!(watchers.answered("/x"), WatchKinds(Child as u8 | Data as u8));
}

/// Ten thousand connections at one path: all of them told, then all of them gone.
#[test]
fn many_watchers_of_one_path_are_told_and_forgotten_without_a_search_for_each() {
    let count = 100_000;
    let mut watchers = Watchers::default();
    let mut conns: Vec<_> = (0..count).map(conn).collect();
    let started = Instant::now();
    for conn in &mut conns {
        watchers.add(conn, Data, "/x");
        watchers.add(conn, Persistent, "/x");
    }
    assert_eq!(watchers.fire(EventType::NodeDataChanged, "/x").len(), count as usize);
    let mut unwatched = 0;
    for conn in &mut conns {
        watchers.remove_all(conn, |_, _| unwatched += 1);
    }
    assert_eq!(unwatched, 1);
    // A search for each takes minutes in a debug build, this less than a second.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
