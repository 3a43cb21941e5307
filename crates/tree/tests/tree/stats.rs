//! Golden Stats: what each event changes (reference 2.3, 2.19).

use menagerie_types::{OpCode, SessionId, Stat, Zxid};

use crate::world::*;

#[test]
fn the_special_znodes_have_the_stats_of_an_empty_zookeeper() {
    let world = World::new();
    let plain = Stat::default();
    assert_eq!(world.stat("/"), Stat { cversion: -1, num_children: 1, ..plain });
    assert_eq!(world.stat("/zookeeper"), Stat { cversion: -2, num_children: 2, ..plain });
    assert_eq!(world.stat("/zookeeper/quota"), plain);
    assert_eq!(world.stat("/zookeeper/config"), Stat { aversion: -1, ..plain });
    assert_eq!(world.state.znode_count(), 4);
    assert_eq!(world.read(OpCode::GetData, "/zookeeper/config").reader().buffer(), Ok(Some(&b""[..])));
}

#[test]
fn each_event_changes_its_fields_and_no_others() {
    let mut world = World::new();
    world.create("/p", 0, NOBODY); // zxid 1, time 1001
    let new = Stat {
        czxid: Zxid(1),
        mzxid: Zxid(1),
        pzxid: Zxid(1),
        ctime: 1001,
        mtime: 1001,
        data_length: 4,
        ..Stat::default()
    };
    assert_eq!(world.stat("/p"), new);
    world.create("/p/c", 0, NOBODY);
    let with_child = Stat { pzxid: Zxid(2), cversion: 1, num_children: 1, ..new };
    assert_eq!(world.stat("/p"), with_child);
    world.set("/p/c", b"x", -1);
    world.create("/p/c/d", 0, NOBODY);
    world.set_acl("/p/c", &[acl(31, "world", "anyone")], -1);
    assert_eq!(world.stat("/p"), with_child, "grandchildren and a child's data and acl do not count");
    let child = world.stat("/p/c");
    assert_eq!((child.version, child.aversion, child.cversion), (1, 1, 1));
    assert_eq!((child.mzxid, child.pzxid, child.mtime, child.ctime), (Zxid(3), Zxid(4), 1003, 1002));
    world.set("/p", b"longer", -1);
    let set = Stat { mzxid: Zxid(6), mtime: 1006, version: 1, data_length: 6, ..with_child };
    assert_eq!(world.stat("/p"), set);
    world.delete("/p/c/d", -1);
    world.delete("/p/c", -1);
    assert_eq!(world.stat("/p"), Stat { pzxid: Zxid(8), cversion: 2, num_children: 0, ..set });
}

#[test]
fn an_ephemeral_names_its_session_and_its_end_counts_as_a_deletion() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(0x1234, epoch);
    world.create("/p", 0, NOBODY);
    world.create("/p/e", 1, session);
    assert_eq!(world.stat("/p/e").ephemeral_owner, SessionId(0x1234));
    world.run(OpCode::CloseSession, session, bytes::BytesMut::new());
    let parent = world.stat("/p");
    assert_eq!((parent.cversion, parent.num_children, parent.pzxid), (2, 0, world.state.zxid()));
}
