use bytes::BytesMut;
use menagerie_jute::{Reader, SetWatches, SetWatches2, WatcherEvent};
use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, OpCode, WatchKind, Zxid, perms};

use crate::reads::family;
use crate::world::*;

/// Zxid, type and path of an event's frame.
fn notified(frame: &Reply) -> (i64, EventType, String) {
    assert_eq!(frame.xid, -1);
    let event = WatcherEvent::decode(&mut Reader::new(&frame.body)).expect("an event");
    (frame.zxid, EventType::from_code(event.event_type).expect("a type"), event.path.to_owned())
}

#[test]
fn watches_are_left_where_zookeeper_leaves_them() {
    let mut world = family();
    world.run(OpCode::Create, NOBODY, create_with_acl("/locked", &[acl(perms::WRITE, "world", "anyone")]));
    for (op, path, error, left) in [
        (OpCode::Exists, "/a", None, Some(WatchKind::Data)),
        (OpCode::Exists, "/none", Some(NoNode), Some(WatchKind::Exist)),
        (OpCode::Exists, "/locked", Some(NoAuth), None),
        (OpCode::GetData, "/a", None, Some(WatchKind::Data)),
        (OpCode::GetData, "/none", Some(NoNode), None),
        (OpCode::GetData, "/locked", Some(NoAuth), None),
        (OpCode::GetChildren, "/a", None, Some(WatchKind::Child)),
        (OpCode::GetChildren2, "/a", None, Some(WatchKind::Child)),
        (OpCode::GetChildren, "/none", Some(NoNode), None),
    ] {
        let (replies, watches) = world.read_all(op, NOBODY, watching(path));
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].error(), error, "{op:?} {path}");
        assert_eq!(watches, left.map(|kind| (kind, path.to_owned())).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn persistent_watches_are_left_wherever_and_however_often() {
    let world = family();
    let add = |path: Option<&str>, mode| {
        let mut body = BytesMut::new();
        menagerie_jute::write::string(&mut body, path);
        menagerie_jute::write::i32(&mut body, mode);
        world.read_all(OpCode::AddWatch, NOBODY, body)
    };
    for (path, mode, kind) in [
        ("/a", 0, WatchKind::Persistent),
        ("/none", 1, WatchKind::PersistentRecursive),
        ("no path", 1, WatchKind::PersistentRecursive),
    ] {
        let (replies, watches) = add(Some(path), mode);
        assert_eq!((replies[0].err, &replies[0].body[..]), (0, &[0; 4][..]));
        assert_eq!(watches, [(kind, path.to_owned())]);
    }
    assert_eq!(add(None, 0).1, []);
    for mode in [-1, 2] {
        assert_eq!(add(Some("/a"), mode).0[0].error(), Some(MarshallingError));
    }
}

#[test]
fn watches_set_again_fire_for_what_was_missed() {
    let mut world = family();
    let since = world.state.zxid();
    world.set("/a", b"new", -1);
    world.create("/a/b/x", 0, NOBODY);
    world.delete("/a/c/d", -1);
    world.create("/made", 0, NOBODY);
    let request = SetWatches {
        relative_zxid: since,
        data: vec!["/a", "/a/b", "/a/c/d"],
        exist: vec!["/made", "/none"],
        child: vec!["/a/b", "/a", "/a/c/d", "/a/c"],
    };
    let mut body = BytesMut::new();
    request.encode(&mut body);
    let (replies, left) = world.read_all(OpCode::SetWatches, NOBODY, body);
    let (reply, events) = replies.split_last().expect("the reply");
    assert_eq!((reply.xid, reply.zxid, reply.err, reply.body.len()), (77, world.state.zxid().0, 0, 0));
    let events: Vec<_> = events.iter().map(notified).collect();
    let expected = [
        (EventType::NodeDataChanged, "/a"),
        (EventType::NodeDeleted, "/a/c/d"),
        (EventType::NodeCreated, "/made"),
        (EventType::NodeChildrenChanged, "/a/b"),
        (EventType::NodeDeleted, "/a/c/d"),
        (EventType::NodeChildrenChanged, "/a/c"),
    ];
    assert_eq!(events, expected.map(|(event, path)| (-1, event, path.to_owned())));
    let left_expected = [(WatchKind::Data, "/a/b"), (WatchKind::Exist, "/none"), (WatchKind::Child, "/a")];
    assert_eq!(left, left_expected.map(|(kind, path)| (kind, path.to_owned())));
    assert_eq!(world.state.missed(WatchKind::Data, "/a", since), Some(EventType::NodeDataChanged));
    assert_eq!(world.state.missed(WatchKind::Data, "/a", Zxid(since.0 + 1)), None);
}

type Told = Vec<(i64, EventType, String)>;

fn again(
    world: &World,
    since: Zxid,
    data: &[&str],
    exist: &[&str],
    child: &[&str],
    persistent: &[&str],
    recursive: &[&str],
) -> (Told, Vec<(WatchKind, String)>) {
    let mut body = BytesMut::new();
    SetWatches2 {
        relative_zxid: since,
        data: data.to_vec(),
        exist: exist.to_vec(),
        child: child.to_vec(),
        persistent: persistent.to_vec(),
        persistent_recursive: recursive.to_vec(),
    }
    .encode(&mut body);
    let (replies, left) = world.read_all(OpCode::SetWatches2, NOBODY, body);
    let (reply, events) = replies.split_last().expect("the reply");
    assert_eq!((reply.xid, reply.err, reply.body.len()), (77, 0, 0));
    (events.iter().map(notified).collect(), left)
}

fn owned(events: &[(i64, EventType, &str)]) -> Told {
    events.iter().map(|(zxid, event, path)| (*zxid, *event, (*path).to_owned())).collect()
}

#[test]
fn persistent_watches_get_all_that_they_have_missed() {
    use EventType::*;
    let mut world = family();
    let since = world.state.zxid();
    world.set("/a/b", b"1", -1); // 5
    world.create("/a/b/x", 0, NOBODY); // 6
    world.set("/a/b", b"2", -1); // 7
    world.delete("/a/b/x", -1); // 8
    world.create("/ab", 0, NOBODY); // 9
    let at = [(5, NodeDataChanged, "/a/b"), (6, NodeChildrenChanged, "/a/b"), (7, NodeDataChanged, "/a/b")];
    let (events, left) = again(&world, since, &[], &[], &[], &["/a/b"], &[]);
    assert_eq!(events, owned(&[&at[..], &[(8, NodeChildrenChanged, "/a/b")]].concat()));
    assert_eq!(left, [(WatchKind::Persistent, "/a/b".to_owned())]);
    let (events, left) = again(&world, Zxid(5), &[], &[], &[], &[], &["/a"]);
    let below = [(6, NodeCreated, "/a/b/x"), (7, NodeDataChanged, "/a/b"), (8, NodeDeleted, "/a/b/x")];
    assert_eq!(events, owned(&below));
    assert_eq!(left, [(WatchKind::PersistentRecursive, "/a".to_owned())]);
    let (events, _) = again(&world, Zxid(5), &[], &[], &[], &["/"], &["/"]);
    let all = [&below[..], &[(9, NodeCreated, "/ab"), (9, NodeChildrenChanged, "/")]].concat();
    assert_eq!(events, owned(&all), "each once, and the order of the transactions");
}

#[test]
fn a_one_shot_watch_that_a_persistent_ones_event_fires_is_spent() {
    use EventType::*;
    let mut world = family();
    let since = world.state.zxid();
    world.delete("/a/b", -1); // 5
    world.create("/a/b", 0, NOBODY); // 6
    let (events, left) = again(&world, since, &["/a/b", "/a/c"], &[], &["/a", "/a/b"], &[], &["/a/b"]);
    let expected = [(-1, NodeChildrenChanged, "/a"), (5, NodeDeleted, "/a/b"), (6, NodeCreated, "/a/b")];
    assert_eq!(events, owned(&expected));
    let expected = [(WatchKind::Data, "/a/c"), (WatchKind::PersistentRecursive, "/a/b")];
    assert_eq!(left, expected.map(|(kind, path)| (kind, path.to_owned())));
}

#[test]
fn what_the_history_does_not_know_or_the_caller_may_not_is_not_told() {
    let mut world = family();
    let since = world.state.zxid();
    let hidden = [acl(perms::ALL & !perms::READ, "world", "anyone"), acl(perms::READ, "digest", "u:h")];
    world.run(OpCode::Create, NOBODY, create_with_acl("/hidden", &hidden));
    let (events, left) = again(&world, since, &[], &[], &[], &[], &["/"]);
    assert_eq!((events.len(), left.len()), (0, 1));
    world.act_as(&[("digest", "u:h")]);
    assert_eq!(again(&world, since, &[], &[], &[], &[], &["/"]).0.len(), 1);
    world.state.set_event_history_bytes(0);
    let (events, left) = again(&world, since, &[], &[], &[], &[], &["/"]);
    assert_eq!((events.len(), left.len()), (0, 1));
    world.state.set_event_history_bytes(1000);
    world.set("/hidden", b"", -1);
    assert_eq!(again(&world, since, &[], &[], &[], &[], &["/"]).0, [], "older than the history");
    assert_eq!(again(&world, Zxid(since.0 + 1), &[], &[], &[], &[], &["/"]).0.len(), 1);
}

#[test]
fn what_was_told_already_is_not_told_again() {
    let mut world = family();
    let since = world.state.zxid();
    world.set("/a", b"1", -1); // 5
    world.set("/a", b"2", -1); // 6
    for (told, zxids) in [(4, &[5, 6][..]), (0, &[5, 6]), (5, &[6]), (6, &[]), (i64::MAX, &[])] {
        let mut body = BytesMut::new();
        let nothing = Vec::new;
        let (data, exist, child, persistent_recursive) = (nothing(), nothing(), nothing(), nothing());
        let persistent = vec!["/a"];
        SetWatches2 { relative_zxid: since, data, exist, child, persistent, persistent_recursive }
            .encode(&mut body);
        menagerie_jute::write::i64(&mut body, told);
        let (replies, left) = world.read_all(OpCode::SetWatches2, NOBODY, body);
        let events = &replies[..replies.len() - 1];
        assert!(events.iter().map(|event| event.zxid).eq(zxids.iter().copied()), "{told}");
        assert_eq!(left.len(), 1);
    }
}

#[test]
fn lists_that_are_null_do_not_decode() {
    let world = World::new();
    for at in 0..3 {
        let mut body = BytesMut::zeroed(8 + 3 * 4);
        body[8 + 4 * at..12 + 4 * at].fill(0xff);
        assert_eq!(world.read_all(OpCode::SetWatches, NOBODY, body).0[0].error(), Some(MarshallingError));
    }
}
