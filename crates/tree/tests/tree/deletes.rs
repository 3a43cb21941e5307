use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, OpCode, perms};

use crate::world::*;

#[test]
fn a_delete_fires_deleted_once_then_children_changed() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    world.create("/a/b", 0, NOBODY);
    let reply = world.delete("/a/b", 0);
    assert_eq!((reply.error(), reply.body.len()), (None, 0));
    assert_eq!(world.events(), [(EventType::NodeDeleted, "/a/b"), (EventType::NodeChildrenChanged, "/a")]);
    world.delete("/a", -1);
    assert_eq!(world.events(), [(EventType::NodeDeleted, "/a"), (EventType::NodeChildrenChanged, "/")]);
    assert_eq!(world.state.znode_count(), 4);
}

#[test]
fn the_first_failing_check_of_a_delete_decides() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    world.create("/a/b", 0, NOBODY);
    world.run(OpCode::Create, NOBODY, create_with_acl("/locked", &[acl(perms::READ, "world", "anyone")]));
    for (path, version, error) in [
        ("ab", -1, BadArguments),
        ("/a\0", -1, BadArguments),
        ("/", -1, BadArguments),
        ("/zookeeper/quota", -1, BadArguments),
        ("/zookeeper/config", -1, BadArguments),
        ("/no/x", -1, NoNode),
        ("/locked/x", -1, NoAuth),
        ("/a/x", -1, NoNode),
        ("/a/", -1, NoNode),
        ("a/b", -1, NoNode),
        ("//a", -1, NoNode),
        ("/a", 3, BadVersion),
        ("/a", 0, NotEmpty),
    ] {
        assert_eq!(world.delete(path, version).error(), Some(error), "{path}");
        assert!(world.events().is_empty());
    }
    let mut null_path = bytes::BytesMut::new();
    menagerie_jute::write::string(&mut null_path, None);
    assert_eq!(world.run(OpCode::Delete, NOBODY, null_path).error(), Some(MarshallingError));
}

#[test]
fn clients_may_not_reap() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    world.run(OpCode::CreateContainer, NOBODY, create("/c", None, 4));
    let mut body = bytes::BytesMut::new();
    menagerie_jute::write::string(&mut body, Some("/c"));
    assert_eq!(world.run(OpCode::DeleteContainer, session, body).error(), Some(NoAuth));
}
