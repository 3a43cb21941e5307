//! Watches of connections: told in order, filtered, asked about, removed, taken along to another replica.

use menagerie_jute::WatchTypeRequest;
use menagerie_types::{Acl, Identity, perms};

use super::*;

#[test]
fn a_watch_fires_once_and_before_what_follows() {
    let mut bench = Bench::new(true);
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    assert_eq!(bench.replies(), [(1, 0)]);
    bench.request(OpCode::SetData, 2);
    let event = || LinkItem::Event {
        zxid: Zxid(10),
        event: EventType::NodeDataChanged,
        path: "/a".into(),
        acl: None,
    };
    bench.core.deliver(event());
    bench.core.deliver(event());
    bench.results(1, &[(2, 0)]);
    let output = bench.output();
    let mut expected = BytesMut::new();
    notification(&mut expected, 10, EventType::NodeDataChanged, "/a");
    reply(&mut expected, 2, 10, 0);
    assert_eq!(output, expected);
}

#[test]
fn a_watch_of_a_connection_that_went_is_taken_back() {
    let mut bench = Bench::new(true);
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    bench.core.disconnect(bench.conn);
    assert_eq!(*bench.replica.unwatched.lock(), [("/a".to_owned(), WatchKinds(WatchKind::Data as u8))]);
}

fn add_watch(xid: i32, path: &str, mode: i32) -> BytesMut {
    frame_of(OpCode::AddWatch, xid, |out| AddWatchRequest { path, mode }.encode(out))
}

fn about_watches(op: OpCode, xid: i32, path: &str, watch_type: i32) -> BytesMut {
    frame_of(op, xid, |out| WatchTypeRequest { path, watch_type }.encode(out))
}

fn changed(zxid: i64, path: &str, readers: Option<&[Acl]>) -> LinkItem {
    let acl = readers.map(|acls| {
        let mut out = BytesMut::new();
        write::acl_vec(&mut out, acls);
        out.freeze()
    });
    LinkItem::Event { zxid: Zxid(zxid), event: EventType::NodeDataChanged, path: path.into(), acl }
}

const NO_WATCHER: i32 = -121;
const UNDECODABLE: i32 = -5;

#[test]
fn watches_are_asked_about_and_removed_by_their_type() {
    // What is set, and the types that find it.
    for (set, found) in [
        (request(OpCode::GetData.code(), 1, true), [2, 3].as_slice()),
        (add_watch(1, "/a", 0), &[3, 4]),
        (add_watch(1, "/a", 1), &[3, 5]),
    ] {
        for watch_type in -1..7 {
            let mut bench = Bench::new(true);
            bench.feed(&set);
            bench.feed(&about_watches(OpCode::CheckWatches, 2, "/a", watch_type));
            bench.feed(&about_watches(OpCode::CheckWatches, 3, "/a/b", watch_type));
            bench.feed(&about_watches(OpCode::RemoveWatches, 4, "/a", watch_type));
            bench.feed(&about_watches(OpCode::RemoveWatches, 5, "/a", watch_type));
            let is_type = (1..6).contains(&watch_type);
            let missing = if is_type { NO_WATCHER } else { UNDECODABLE };
            let hit = if found.contains(&watch_type) { 0 } else { missing };
            assert_eq!(
                bench.replies(),
                [(1, 0), (2, hit), (3, missing), (4, hit), (5, missing)],
                "{watch_type}"
            );
            assert_eq!(bench.replica.unwatched.lock().len(), usize::from(hit == 0));
            bench.core.deliver(changed(9, "/a", None));
            assert_eq!(bench.replies().len(), usize::from(hit != 0), "type {watch_type}");
        }
    }
}

#[test]
fn nobody_watches_what_has_no_path() {
    for (watch_type, err) in [(3, NO_WATCHER), (9, UNDECODABLE)] {
        let mut bench = Bench::new(true);
        bench.feed(&frame_of(OpCode::RemoveWatches, 1, |out| {
            write::string(out, None);
            write::i32(out, watch_type);
        }));
        assert_eq!(bench.replies(), [(1, err)]);
    }
}

#[test]
fn a_question_about_watches_stands_in_its_place() {
    let mut bench = Bench::new(false);
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    bench.feed(&about_watches(OpCode::CheckWatches, 2, "/a", 2));
    assert!(bench.replies().is_empty());
    bench.read_reply(1, vec![(WatchKind::Data, "/a".into())]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0)]);
}

#[test]
fn an_event_is_told_to_those_who_may_read_and_takes_the_watches_of_all() {
    let reader = Identity::new("digest", "u:h");
    let readers = [Acl { perms: perms::READ, identity: reader.clone() }];
    for (who, skip_acl, told) in [
        (Identity::new("digest", "other:h"), false, false),
        (reader, false, true),
        (Identity::new("super", ""), false, true),
        (Identity::new("digest", "other:h"), true, true),
    ] {
        let options = GatewayOptions { skip_acl, ..GatewayOptions::default() };
        let mut bench = Bench::with_options(true, options.clone());
        bench.conn().identities.add(vec![who.clone()], &options.registry).expect("it fits");
        bench.feed(&request(OpCode::GetData.code(), 1, true));
        bench.feed(&add_watch(2, "/a", 0));
        bench.replies();
        bench.core.deliver(changed(9, "/a", Some(&readers)));
        assert_eq!(bench.replies().len(), usize::from(told), "{who:?}");
        let at = bench.core.watchers.needed("/a");
        assert_eq!(at, WatchKinds(WatchKind::Persistent as u8), "only what stays is left");
    }
}

#[test]
fn one_change_is_one_event_however_it_is_watched() {
    let mut bench = Bench::new(true);
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    for (xid, path, mode) in [(2, "/a", 0), (3, "/a", 1), (4, "/", 1)] {
        bench.feed(&add_watch(xid, path, mode));
    }
    bench.replies();
    bench.core.deliver(changed(9, "/a", None));
    assert_eq!(bench.replies(), [(-1, 0)]);
    bench.core.deliver(changed(10, "/a/b/c", None));
    assert_eq!(bench.replies(), [(-1, 0)]);
}

#[test]
fn the_next_link_is_told_of_every_kind_and_what_left_meanwhile_is_taken_back() {
    let mut bench = Bench::new(true);
    bench.feed(&add_watch(1, "/a", 0));
    bench.feed(&add_watch(2, "/a", 1));
    bench.core.unlink();
    let mut watches = bench.core.hello().watches;
    watches.sort();
    let persistent = [WatchKind::Persistent, WatchKind::PersistentRecursive];
    assert_eq!(watches, persistent.map(|kind| (kind, "/a".to_owned())));
    bench.feed(&about_watches(OpCode::RemoveWatches, 3, "/a", 4));
    let other = Arc::new(Replica::default());
    bench.core.relink(Box::new(FakeLink(Arc::clone(&other))));
    assert_eq!(*other.unwatched.lock(), [("/a".to_owned(), WatchKinds(WatchKind::Persistent as u8))]);
}

#[test]
fn when_events_are_lost_those_with_persistent_watches_must_connect_again() {
    for mode in [None, Some(0), Some(1)] {
        let mut bench = Bench::new(true);
        bench.feed(&request(OpCode::GetData.code(), 1, true));
        if let Some(mode) = mode {
            bench.feed(&add_watch(2, "/a", mode));
        }
        let start = LinkItem::Start {
            index: LogIndex(9),
            zxid: Zxid(9),
            owned: vec![SESSION],
            events_complete: false,
        };
        bench.core.deliver(start);
        assert_eq!(bench.conn().dead, mode.is_some());
    }
}

#[test]
fn a_watch_that_another_connection_is_about_to_get_is_not_taken_back() {
    let mut bench = Bench::new(false);
    let first = bench.conn;
    bench.conn = accept(&mut bench.core);
    bench.handshake(SessionId(0x101));
    let second = std::mem::replace(&mut bench.conn, first);
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    bench.read_reply(1, vec![(WatchKind::Data, "/a".into())]);
    bench.conn = second;
    bench.feed(&request(OpCode::GetData.code(), 1, true));
    bench.core.disconnect(first);
    assert!(bench.replica.unwatched.lock().is_empty(), "the replica has it for the second by now");
    bench.read_reply(1, vec![(WatchKind::Data, "/a".into())]);
    bench.core.deliver(changed(9, "/a", None));
    assert_eq!(bench.replies(), [(1, 0), (-1, 0)]);
    assert!(bench.replica.unwatched.lock().is_empty());
}
