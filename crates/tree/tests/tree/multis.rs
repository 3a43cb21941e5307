use bytes::BytesMut;
use menagerie_jute::multi_reply::{MultiResult, decode};
use menagerie_jute::{
    AclList, CheckVersionRequest, CreateRequest, DeleteRequest, MultiOp, PathWatchRequest, SetDataRequest,
    encode_multi,
};
use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, OpCode};

use crate::world::*;

pub fn multi(ops: &[MultiOp<'_>]) -> BytesMut {
    let mut body = BytesMut::new();
    encode_multi(&mut body, ops);
    body
}

pub fn check(path: &str, version: i32) -> MultiOp<'_> {
    MultiOp::Check(CheckVersionRequest { path, version })
}

pub fn make(path: &str, flags: i32, op: OpCode) -> MultiOp<'_> {
    MultiOp::Create(CreateRequest { path, data: Some(b"m"), acl: Some(AclList::open()), flags }, op.code())
}

pub fn remove(path: &str) -> MultiOp<'_> {
    MultiOp::Delete(DeleteRequest { path, version: -1 })
}

pub fn put(path: &str, version: i32) -> MultiOp<'_> {
    MultiOp::SetData(SetDataRequest { path, data: Some(b"put"), version })
}

/// The codes of a reply with nothing but error results.
pub fn errors(reply: &Reply) -> Vec<i32> {
    let results = decode(&mut reply.reader()).expect("results");
    let codes = results.into_iter().map(|result| match result {
        MultiResult::Error(code) => code,
        other => panic!("{other:?}"),
    });
    codes.collect()
}

#[test]
fn operations_see_those_before_them_and_share_a_zxid() {
    let mut world = World::new();
    let body = multi(&[
        make("/a", 0, OpCode::Create),
        make("/a/s-", 2, OpCode::Create2),
        make("/a/s-", 2, OpCode::Create),
        put("/a", 0),
        check("/a", 1),
        remove("/a/s-0000000000"),
    ]);
    let reply = world.run(OpCode::Multi, NOBODY, body);
    let results = decode(&mut reply.reader()).expect("results");
    assert!(matches!(&results[0], MultiResult::Create(r) if r.path == "/a"));
    assert!(
        matches!(&results[1], MultiResult::Create2(r) if r.path == "/a/s-0000000000" && r.stat.czxid.0 == 1)
    );
    assert!(matches!(&results[2], MultiResult::Create(r) if r.path == "/a/s-0000000001"));
    assert!(matches!(&results[3], MultiResult::SetData(stat) if stat.version == 1 && stat.num_children == 2));
    assert!(matches!(&results[4..], [MultiResult::Check, MultiResult::Delete]));
    assert_eq!(
        world.events(),
        [
            (EventType::NodeCreated, "/a"),
            (EventType::NodeChildrenChanged, "/"),
            (EventType::NodeCreated, "/a/s-0000000000"),
            (EventType::NodeChildrenChanged, "/a"),
            (EventType::NodeCreated, "/a/s-0000000001"),
            (EventType::NodeChildrenChanged, "/a"),
            (EventType::NodeDataChanged, "/a"),
            (EventType::NodeDeleted, "/a/s-0000000000"),
            (EventType::NodeChildrenChanged, "/a"),
        ]
    );
    assert_eq!(world.state.zxid().0, 1);
}

#[test]
fn a_failed_multi_changes_nothing_but_the_zxid() {
    let mut world = World::new();
    world.create("/a", 0, NOBODY);
    world.create("/a/b", 0, NOBODY);
    world.create("/d", 0, NOBODY);
    let before: Vec<_> = ["/", "/a", "/a/b", "/d"].map(|path| world.stat(path)).into();
    let (bytes, count) = (world.state.data_bytes(), world.state.znode_count());
    let body = multi(&[
        put("/a/b", -1),
        put("/a/b", 1),
        remove("/a/b"),
        remove("/a"),
        make("/a", 0, OpCode::Create),
        make("/a/s", 2, OpCode::Create),
        remove("/d"),
        check("/a", 5),
        make("/z", 0, OpCode::Create),
    ]);
    let reply = world.run(OpCode::Multi, NOBODY, body);
    let mut expected = vec![0; 7];
    expected.extend([BadVersion.code(), RuntimeInconsistency.code()]);
    assert_eq!(errors(&reply), expected);
    assert!(world.events().is_empty());
    let after: Vec<_> = ["/", "/a", "/a/b", "/d"].map(|path| world.stat(path)).into();
    assert_eq!(after, before);
    assert_eq!((world.state.data_bytes(), world.state.znode_count()), (bytes, count));
    assert_eq!(world.read(OpCode::GetData, "/a/b").reader().buffer(), Ok(Some(&b"data"[..])));
    assert_eq!(world.create("/a/s", 2, NOBODY).path(), "/a/s0000000001", "the counter was rolled back");
}

#[test]
fn an_empty_multi_is_answered_with_its_terminator() {
    let mut world = World::new();
    let reply = world.run(OpCode::Multi, NOBODY, multi(&[]));
    assert_eq!((reply.error(), reply.body.len()), (None, 9));
}

#[test]
fn what_is_no_multi_of_writes_does_not_decode() {
    let mut world = World::new();
    let read = MultiOp::GetData(PathWatchRequest { path: "/", watch: false });
    for body in [multi(&[read]), multi(&[make("/a", 5, OpCode::Create)]), BytesMut::new()] {
        assert_eq!(world.run(OpCode::Multi, NOBODY, body).error(), Some(MarshallingError));
    }
}

#[test]
fn ephemerals_of_a_failed_multi_do_not_stay_with_the_session() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    world.create("/e1", 1, session);
    let body = multi(&[make("/e2", 1, OpCode::Create), remove("/e1"), remove("/none")]);
    assert_eq!(errors(&world.run(OpCode::Multi, session, body)), [0, 0, NoNode.code()]);
    assert_eq!(world.state.ephemeral_count(), 1);
    world.run(OpCode::CloseSession, session, BytesMut::new());
    assert_eq!(world.events(), [(EventType::NodeDeleted, "/e1"), (EventType::NodeChildrenChanged, "/")]);
}
