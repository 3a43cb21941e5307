use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, OpCode, perms};

use crate::world::*;

#[test]
fn a_set_replaces_the_data_and_fires_even_if_it_is_the_same() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    for (version, data) in [(0, &b"data"[..]), (1, b"longer data"), (2, b"")] {
        let reply = world.set("/a", data, version);
        assert_eq!((reply.stat().version, reply.stat().data_length), (version + 1, data.len() as i32));
        assert_eq!(reply.stat(), world.stat("/a"));
        assert_eq!(world.events(), [(EventType::NodeDataChanged, "/a")]);
        assert_eq!(world.read(OpCode::GetData, "/a").reader().buffer(), Ok(Some(data)));
    }
}

#[test]
fn the_first_failing_check_of_a_set_decides() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    world.run(OpCode::Create, NOBODY, create_with_acl("/locked", &[acl(perms::READ, "world", "anyone")]));
    for (path, version, error) in [
        ("/no/", -1, BadArguments),
        ("/no", -1, NoNode),
        ("/locked", 9, NoAuth),
        ("/a", 1, BadVersion),
        ("/zookeeper/config", -1, NoAuth),
    ] {
        assert_eq!(world.set(path, b"", version).error(), Some(error), "{path}");
    }
}

#[test]
fn an_acl_is_replaced_without_an_event() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    let before = world.stat("/a");
    let open = [acl(perms::ALL, "world", "anyone")];
    let reply = world.set_acl("/a", &[acl(perms::ADMIN, "world", "anyone")], 0);
    assert_eq!(reply.stat().aversion, 1);
    assert!(world.events().is_empty());
    assert_eq!(world.read(OpCode::GetData, "/a").error(), Some(NoAuth));
    for (path, acls, version, error) in [
        ("a", &[][..], -1, BadArguments),
        ("/no", &[][..], -1, InvalidAcl),
        ("/no", &open[..], -1, NoNode),
        ("/zookeeper/config", &open[..], 7, NoAuth),
        ("/a", &open[..], 0, BadVersion),
    ] {
        assert_eq!(world.set_acl(path, acls, version).error(), Some(error), "{path}");
    }
    assert_eq!(world.set_acl("/a", &open, 1).error(), None);
    assert_eq!(world.stat("/a"), menagerie_types::Stat { aversion: 2, ..before });
}

#[test]
fn a_write_that_is_unknown_or_switched_off_is_unimplemented() {
    let mut world = World::new();
    for op in [OpCode::Check, OpCode::GetData] {
        assert_eq!(world.run(op, NOBODY, bytes::BytesMut::new()).error(), Some(Unimplemented), "{op:?}");
    }
}
