use menagerie_types::ErrorCode::*;
use menagerie_types::command::Policy;
use menagerie_types::{EventType, OpCode, SessionId, perms};

use crate::world::*;

#[test]
fn a_create_answers_with_its_path_and_fires_created_then_children_changed() {
    let mut world = World::new();
    let reply = world.create("/a", 0, NOBODY);
    assert_eq!((reply.err, reply.path().as_str(), reply.zxid), (0, "/a", 1));
    assert_eq!(world.events(), [(EventType::NodeCreated, "/a"), (EventType::NodeChildrenChanged, "/")]);
    let reply = world.run(OpCode::Create2, NOBODY, create("/a/b", None, 0));
    assert_eq!(reply.path(), "/a/b");
    assert_eq!(&reply.body[8..], {
        let mut out = bytes::BytesMut::new();
        menagerie_jute::write::stat(&mut out, &world.stat("/a/b"));
        out
    });
    assert_eq!(world.events(), [(EventType::NodeCreated, "/a/b"), (EventType::NodeChildrenChanged, "/a")]);
}

#[test]
fn the_first_failing_check_of_a_create_decides() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    world.create("/a", 0, NOBODY);
    world.create("/e", 1, session);
    let read_only = [acl(perms::READ, "world", "anyone")];
    world.run(OpCode::Create, NOBODY, create_with_acl("/locked", &read_only));
    world.create("/locked/x", 0, NOBODY);
    let cases = [
        (create("/a", None, 7), BadArguments, "unknown flags"),
        (create("bad", None, 5), Unimplemented, "ttl before the path"),
        (create("bad", None, 1), SessionExpired, "no session before the path"),
        (create("ab", None, 0), BadArguments, "no slash"),
        (create("/\0", None, 0), BadArguments, "nul"),
        (create_with_acl("/a", &[]), InvalidAcl, "acl before existence"),
        (create_with_acl("/no/x", &[acl(1, "no", "x")]), InvalidAcl, "acl before the parent"),
        (create("a/b", None, 0), NoNode, "parent before the path's form"),
        (create("/no/\u{1}", None, 0), NoNode, "parent before the path's form"),
        (create("/locked/\u{1}", None, 0), NoAuth, "permission before the path's form"),
        (create("/a/\u{1}", None, 0), BadArguments, "form"),
        (create("/a/", None, 0), BadArguments, "trailing slash"),
        (create("/a/..", None, 0), BadArguments, "relative"),
        (create("/", None, 0), NodeExists, "root"),
        (create("/a", None, 0), NodeExists, "existence"),
        (create("/e/x", None, 0), NoChildrenForEphemerals, "ephemeral parent"),
    ];
    for (body, error, case) in cases {
        let (digest, zxid) = (world.state.digest(), world.state.zxid());
        let reply = world.run(OpCode::Create, NOBODY, body);
        assert_eq!(reply.error(), Some(error), "{case}");
        assert_eq!(world.state.zxid(), zxid.next(), "a failed write takes a zxid: {case}");
        assert_ne!(world.state.digest(), digest, "the incarnation's row moved");
        assert!(world.events().is_empty());
    }
    assert_eq!(world.run(OpCode::Create, NOBODY, bytes::BytesMut::new()).error(), Some(MarshallingError));
    let mut null_path = bytes::BytesMut::new();
    menagerie_jute::write::string(&mut null_path, None);
    assert_eq!(world.run(OpCode::Create, NOBODY, null_path).error(), Some(MarshallingError));
}

#[test]
fn sequence_numbers_count_all_creations_of_the_parent() {
    let mut world = World::new();
    world.create("/p", 0, NOBODY);
    assert_eq!(world.create("/p/s-", 2, NOBODY).path(), "/p/s-0000000000");
    world.create("/p/x", 0, NOBODY);
    world.delete("/p/x", -1);
    assert_eq!(world.create("/p/", 2, NOBODY).path(), "/p/0000000002");
    assert_eq!(world.create("/p", 0, NOBODY).error(), Some(NodeExists));
    assert_eq!(world.create("/p/t", 2, NOBODY).path(), "/p/t0000000003");
    assert_eq!(world.create("/", 2, NOBODY).path(), "/0000000001", "the built-in children do not count");
}

#[test]
fn owners_of_containers_and_ttl_nodes_are_hidden() {
    let mut world = World::new();
    world.policy = Policy::EXTENDED_TYPES;
    let reply = world.run(OpCode::CreateContainer, NOBODY, create("/c", None, 4));
    assert_eq!(reply.path(), "/c");
    assert!(reply.body.len() > 68, "answered as create2");
    assert_eq!(world.run(OpCode::CreateTtl, NOBODY, create_ttl("/t", 5, 100)).path(), "/t");
    assert_eq!(world.run(OpCode::CreateTtl, NOBODY, create_ttl("/t-", 6, 100)).path(), "/t-0000000002");
    for path in ["/c", "/t"] {
        assert_eq!(world.stat(path).ephemeral_owner, SessionId::NONE);
        assert_eq!(world.create(&format!("{path}/x"), 0, NOBODY).error(), None);
    }
    for (flags, ttl) in [(5, 0), (5, 1 << 40), (5, -1), (0, -1), (0, 5)] {
        let reply = world.run(OpCode::CreateTtl, NOBODY, create_ttl("/u", flags, ttl));
        assert_eq!(reply.error(), Some(BadArguments), "{flags} {ttl}");
    }
    assert_eq!(world.create("/u", 5, NOBODY).error(), Some(BadArguments), "create has no ttl");
    assert_eq!(world.create("/plain", 4, NOBODY).error(), None);
    world.time_ms += 1000;
    let reap = |path| {
        let mut body = bytes::BytesMut::new();
        menagerie_jute::write::string(&mut body, Some(path));
        body
    };
    for (path, error) in [
        ("/c", Some(NotEmpty)),
        ("/plain", Some(BadVersion)),
        ("/none", Some(NoNode)),
        ("/zookeeper", Some(BadArguments)),
    ] {
        assert_eq!(world.run(OpCode::DeleteContainer, NOBODY, reap(path)).error(), error, "{path}");
    }
    world.delete("/c/x", -1);
    assert_eq!(world.run(OpCode::DeleteContainer, NOBODY, reap("/c")).error(), None);
    world.set("/t-0000000002", b"", -1);
    let reply = world.run(OpCode::DeleteContainer, NOBODY, reap("/t-0000000002"));
    assert_eq!(reply.error(), Some(BadVersion), "it was modified since the reaper looked");
    world.time_ms += 1000;
    assert_eq!(world.run(OpCode::DeleteContainer, NOBODY, reap("/t-0000000002")).error(), None);
}
