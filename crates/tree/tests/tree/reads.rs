use bytes::BytesMut;
use menagerie_jute::multi_reply::{MultiResult, decode};
use menagerie_jute::{GetEphemeralsRequest, GetEphemeralsResponse, MultiOp, PathWatchRequest};
use menagerie_types::ErrorCode::*;
use menagerie_types::{OpCode, WatchKind};

use crate::multis::multi;
use crate::world::*;

pub fn family() -> World {
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
    assert_eq!(world.read(OpCode::Sync, "/a").error(), Some(Unimplemented));
}

#[test]
fn the_root_is_found_under_an_empty_path_by_reads_only() {
    let mut world = family();
    for op in [OpCode::GetData, OpCode::GetChildren2, OpCode::Exists, OpCode::GetAcl] {
        assert_eq!(world.read(op, "").body, world.read(op, "/").body, "{op:?}");
    }
    assert_eq!(world.read(OpCode::GetAllChildrenNumber, "").reader().i32(), Ok(8), "with the root itself");
    assert_eq!(world.create("", 0, NOBODY).error(), Some(BadArguments));
    assert_eq!(world.set("", b"", -1).error(), Some(BadArguments));
    assert_eq!(world.delete("", -1).error(), Some(BadArguments));
}

#[test]
fn null_paths_are_answered_as_zookeeper_answers_them() {
    let mut world = World::new();
    let null = |rest: &[u8]| BytesMut::from(&[&[0xff; 4][..], rest].concat()[..]);
    for op in [OpCode::Exists, OpCode::GetData, OpCode::GetAcl, OpCode::GetChildren, OpCode::GetChildren2] {
        assert_eq!(world.read_all(op, NOBODY, null(&[0])).0[0].error(), Some(MarshallingError), "{op:?}");
    }
    let mut rest = BytesMut::new();
    menagerie_jute::write::i32(&mut rest, -1);
    menagerie_jute::AclList::open().encode(&mut rest);
    for (flags, error) in [(0, MarshallingError), (7, BadArguments), (5, Unimplemented)] {
        let body = [&rest[..], &i32::to_be_bytes(flags)].concat();
        assert_eq!(world.run(OpCode::Create, NOBODY, null(&body)).error(), Some(error), "{flags}");
    }
    let minus_one = i32::to_be_bytes(-1);
    assert_eq!(world.run(OpCode::Delete, NOBODY, null(&minus_one)).error(), Some(MarshallingError));
    let data = [minus_one, minus_one].concat();
    assert_eq!(world.run(OpCode::SetData, NOBODY, null(&data)).error(), Some(BadArguments));
    assert_eq!(world.run(OpCode::SetData, NOBODY, null(&data[1..])).error(), Some(MarshallingError));
    let acl = [&rest[4..], &minus_one].concat();
    assert_eq!(world.run(OpCode::SetAcl, NOBODY, null(&acl)).error(), Some(BadArguments));
}

#[test]
fn paths_that_are_not_utf8_are_read_with_replacement_characters() {
    let mut world = World::new();
    let body = |rest: &[u8]| BytesMut::from(&[&b"\0\0\0\x02/\xff"[..], rest].concat()[..]);
    let (replies, watches) = world.read_all(OpCode::Exists, NOBODY, body(&[1]));
    assert_eq!(replies[0].error(), Some(NoNode));
    assert_eq!(watches, [(WatchKind::Exist, "/\u{fffd}".to_owned())]);
    let (replies, _) = world.read_all(OpCode::GetData, NOBODY, body(&[]));
    assert_eq!(replies[0].error(), Some(MarshallingError), "it ends too early, too");
    let minus_one = i32::to_be_bytes(-1);
    assert_eq!(world.run(OpCode::Delete, NOBODY, body(&minus_one)).error(), Some(NoNode));
    let data = [minus_one, minus_one].concat();
    assert_eq!(world.run(OpCode::SetData, NOBODY, body(&data)).error(), Some(BadArguments));
    world.create("/a", 0, NOBODY);
    let acl = b"\0\0\0\x01\0\0\0\x1f\0\0\0\x06digest\0\0\0\x05\xed\xa0\x80:b";
    let request = [&b"\0\0\0\x02/a"[..], acl, &minus_one].concat();
    assert_eq!(world.run(OpCode::SetAcl, NOBODY, BytesMut::from(&request[..])).error(), None);
    world.act_as(&[("super", "")]);
    let stored = world.read(OpCode::GetAcl, "/a").reader().acl_vec();
    assert_eq!(stored, Ok(Some(vec![crate::world::acl(31, "digest", "\u{fffd}:b")])));
}

#[test]
fn a_session_lists_its_own_ephemerals_by_prefix() {
    let mut world = World::new();
    let epoch = world.lease();
    let (session, other) = (world.open_session(7, epoch), world.open_session(8, epoch));
    for (path, owner) in [("/ab", session), ("/a", session), ("/b", session), ("/x", other)] {
        world.create(path, 1, owner);
    }
    for (prefix, expected) in [
        (Some("/a"), &["/a", "/ab"][..]),
        (None, &["/a", "/ab", "/b"]),
        (Some(" "), &["/a", "/ab", "/b"]),
        (Some(" / "), &["/a", "/ab", "/b"]),
    ] {
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
    assert_eq!((replies[0].err, replies[0].body.len()), (MarshallingError.code(), 9), "the terminator");
    let mut null_at_last = multi(&[get("/a")]);
    null_at_last.truncate(null_at_last.len() - 9);
    let whole = null_at_last.len();
    null_at_last.extend_from_slice(b"\0\0\0\x04\0\xff\xff\xff\xff\xff\xff\xff\xff\0");
    let (replies, _) = world.read_all(OpCode::MultiRead, NOBODY, null_at_last);
    assert_eq!(replies[0].err, MarshallingError.code());
    assert!(replies[0].body.len() > whole, "with the result before the null path");
    let null_write = BytesMut::from(&b"\0\0\0\x02\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"[..]);
    let (replies, _) = world.read_all(OpCode::MultiRead, NOBODY, null_write);
    assert_eq!(replies[0].error(), Some(MarshallingError), "without a body");
    let (replies, _) = world.read_all(OpCode::MultiRead, NOBODY, BytesMut::new());
    assert_eq!(replies[0].error(), Some(MarshallingError));
}
