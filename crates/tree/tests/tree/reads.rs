use bytes::BytesMut;
use menagerie_jute::multi_reply::{MultiResult, decode};
use menagerie_jute::{
    GetEphemeralsRequest, GetEphemeralsResponse, MultiOp, PathWatchRequest, Reader, SetWatches, WatcherEvent,
};
use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, OpCode, WatchKind, Zxid, perms};

use crate::multis::multi;
use crate::world::*;

fn family() -> World {
    let mut world = World::new();
    for path in ["/a", "/a/b", "/a/c", "/a/c/d"] {
        world.create(path, 0, NOBODY);
    }
    world
}

#[test]
fn reads_answer_at_the_states_zxid() {
    let world = family();
    let reply = world.read(OpCode::GetData, "/a");
    assert_eq!((reply.xid, reply.zxid, reply.err), (77, 4, 0));
    let reader = &mut reply.reader();
    assert_eq!(reader.buffer(), Ok(Some(&b"data"[..])));
    assert_eq!(reader.stat(), Ok(world.stat("/a")));
    assert_eq!(world.children("/a"), ["b", "c"]);
    let reply = world.read(OpCode::GetChildren2, "/a");
    let reader = &mut reply.reader();
    assert_eq!(reader.string_vec().expect("names").expect("not null").len(), 2);
    assert_eq!(reader.stat(), Ok(world.stat("/a")));
    for (path, number) in [("/", 7), ("/a", 3), ("/a/b", 0)] {
        assert_eq!(world.read(OpCode::GetAllChildrenNumber, path).reader().i32(), Ok(number), "{path}");
    }
    for op in [OpCode::GetData, OpCode::GetChildren, OpCode::GetAcl, OpCode::Exists] {
        assert_eq!(world.read(op, "/none").error(), Some(NoNode));
        assert_eq!(world.read(op, "/a/").error(), Some(NoNode), "paths are looked up as they are");
        let (replies, _) = world.read_all(op, NOBODY, BytesMut::new());
        assert_eq!(replies[0].error(), Some(MarshallingError));
    }
    assert_eq!(world.read(OpCode::Exists, "/a\0").error(), Some(BadArguments));
    assert_eq!(world.read(OpCode::AddWatch, "/a").error(), Some(Unimplemented));
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
fn a_session_lists_its_own_ephemerals_by_prefix() {
    let mut world = World::new();
    let epoch = world.lease();
    let (session, other) = (world.open_session(7, epoch), world.open_session(8, epoch));
    for (path, owner) in [("/ab", session), ("/a", session), ("/b", session), ("/x", other)] {
        world.create(path, 1, owner);
    }
    for (prefix, expected) in
        [(Some("/a"), &["/a", "/ab"][..]), (None, &["/a", "/ab", "/b"]), (Some(" "), &["/a", "/ab", "/b"])]
    {
        let mut body = BytesMut::new();
        GetEphemeralsRequest { prefix }.encode(&mut body);
        let (replies, _) = world.read_all(OpCode::GetEphemerals, session, body);
        let response = GetEphemeralsResponse::decode(&mut replies[0].reader()).expect("paths");
        assert_eq!(response.ephemerals, expected);
    }
}

#[test]
fn results_of_a_multi_read_stand_for_themselves() {
    let world = family();
    let get = |path| MultiOp::GetData(PathWatchRequest { path, watch: true });
    let list = |path| MultiOp::GetChildren(PathWatchRequest { path, watch: true });
    let body = multi(&[get("/a"), get("/none"), list("/a"), list("/none")]);
    let (replies, watches) = world.read_all(OpCode::MultiRead, NOBODY, body);
    assert!(watches.is_empty());
    let results = decode(&mut replies[0].reader()).expect("results");
    assert!(matches!(&results[0], MultiResult::GetData(r) if r.data == Some(b"data")));
    assert_eq!(results[1], MultiResult::Error(NoNode.code()));
    assert!(matches!(&results[2], MultiResult::GetChildren(r) if r.children.len() == 2));
    assert_eq!(results[3], MultiResult::Error(NoNode.code()));
    let (replies, _) = world.read_all(OpCode::MultiRead, NOBODY, multi(&[crate::multis::remove("/a")]));
    assert_eq!(replies[0].error(), Some(MarshallingError));
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
    let events: Vec<_> = events
        .iter()
        .map(|frame| {
            assert_eq!((frame.xid, frame.zxid), (-1, -1));
            let event = WatcherEvent::decode(&mut Reader::new(&frame.body)).expect("an event");
            (EventType::from_code(event.event_type).expect("a type"), event.path.to_owned())
        })
        .collect();
    let expected = [
        (EventType::NodeDataChanged, "/a"),
        (EventType::NodeDeleted, "/a/c/d"),
        (EventType::NodeCreated, "/made"),
        (EventType::NodeChildrenChanged, "/a/b"),
        (EventType::NodeDeleted, "/a/c/d"),
        (EventType::NodeChildrenChanged, "/a/c"),
    ];
    assert_eq!(events, expected.map(|(event, path)| (event, path.to_owned())));
    let left_expected = [(WatchKind::Data, "/a/b"), (WatchKind::Exist, "/none"), (WatchKind::Child, "/a")];
    assert_eq!(left, left_expected.map(|(kind, path)| (kind, path.to_owned())));
    assert_eq!(world.state.missed(WatchKind::Data, "/a", since), Some(EventType::NodeDataChanged));
    assert_eq!(world.state.missed(WatchKind::Data, "/a", Zxid(since.0 + 1)), None);
}
