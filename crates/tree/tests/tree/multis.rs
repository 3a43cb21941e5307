use bytes::BytesMut;
use menagerie_jute::multi_reply::{MultiResult, decode};
use menagerie_jute::{
    AclList, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, PathWatchRequest,
    SetDataRequest, encode_multi,
};
use menagerie_types::ErrorCode::*;
use menagerie_types::command::Policy;
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
fn flags_and_numbers_together_decide_what_is_made_and_answered() {
    let mut world = World::new();
    world.policy = Policy::EXTENDED_TYPES;
    let request = |path, flags| CreateRequest { path, data: None, acl: Some(AclList::open()), flags };
    let with_ttl = |path, flags, ttl| {
        MultiOp::CreateTtl(CreateTtlRequest { path, data: None, acl: Some(AclList::open()), flags, ttl })
    };
    // What is sent, whether it is answered with a Stat, and whether it makes a container.
    let cases = [
        (MultiOp::Create(request("/a", 0), 1), false, false),
        (MultiOp::Create(request("/b", 0), 15), true, false),
        (MultiOp::Create(request("/c", 4), 1), true, true),
        (MultiOp::Create(request("/d", 4), 15), true, true),
        (MultiOp::CreateContainer(request("/e", 0)), true, true),
        (with_ttl("/f", 0, 9), false, false),
        (with_ttl("/g", 4, 9), true, true),
        (with_ttl("/h", 5, 9), true, false),
    ];
    let body = multi(&cases.each_ref().map(|(op, ..)| *op));
    let reply = world.run(OpCode::Multi, NOBODY, body);
    let results = decode(&mut reply.reader()).expect("results");
    let mut paths = Vec::new();
    for (result, (op, has_stat, is_container)) in results.iter().zip(&cases) {
        let path = match result {
            MultiResult::Create(response) if !has_stat => response.path,
            MultiResult::Create2(response) if *has_stat => response.path,
            other => panic!("{op:?}: {other:?}"),
        };
        if *is_container {
            paths.push(path);
        }
        world.create(&format!("{path}/x"), 0, NOBODY);
        world.delete(&format!("{path}/x"), -1);
    }
    let mut body = BytesMut::zeroed(8);
    menagerie_jute::write::i32(&mut body, 9);
    let (replies, _) = world.read_all(OpCode::ReapCandidates, NOBODY, body);
    let due = replies[0].reader().string_vec().expect("strings").expect("not null").into_iter();
    assert!(due.filter(|path| *path != "/h").eq(paths));
    for op in [with_ttl("/i", 7, 9), with_ttl("/i", 5, 0), with_ttl("/i", 6, 1 << 40)] {
        assert_eq!(errors(&world.run(OpCode::Multi, NOBODY, multi(&[op]))), [BadArguments.code()]);
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
