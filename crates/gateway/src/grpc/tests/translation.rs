use bytes::{Bytes, BytesMut};
use menagerie_jute::multi_reply::{self, error_result, result_header};
use menagerie_jute::{
    AclList, Create2Response, CreateRequest, DeleteRequest, GetChildren2Response, GetDataResponse, MultiOp,
    PathWatchRequest, Reader, SetDataRequest, StatResponse, multi_ops,
};
use menagerie_proto::pb::v1::{self as pb, operation::Kind, operation_result};
use menagerie_types::{CreateMode, ErrorCode, OpCode, SessionId, Stat, WatchKind, Zxid};
use proptest::prelude::*;

use crate::ApiReply;
use crate::grpc::{replies, requests};

const SESSION: i64 = 0x1_0000_0001;

fn stat() -> Stat {
    Stat {
        czxid: Zxid(1),
        mzxid: Zxid(2),
        ctime: 3,
        mtime: 4,
        version: 5,
        cversion: 6,
        aversion: 7,
        ephemeral_owner: SessionId(SESSION),
        data_length: 9,
        num_children: 10,
        pzxid: Zxid(11),
    }
}

fn pb_stat() -> pb::Stat {
    pb::Stat {
        czxid: 1,
        mzxid: 2,
        ctime_ms: 3,
        mtime_ms: 4,
        version: 5,
        cversion: 6,
        aversion: 7,
        ephemeral_owner: SESSION,
        data_length: 9,
        num_children: 10,
        pzxid: 11,
    }
}

fn create(path: &str, mode: pb::CreateMode) -> pb::CreateRequest {
    pb::CreateRequest { path: path.into(), data: "data".into(), mode: mode.into(), ..Default::default() }
}

fn operation(kind: Kind) -> pb::Operation {
    pb::Operation { kind: Some(kind) }
}

fn reply(encode: impl FnOnce(&mut BytesMut)) -> ApiReply {
    let mut body = BytesMut::new();
    encode(&mut body);
    ApiReply { zxid: Zxid(42), err: 0, body: body.freeze() }
}

#[test]
fn a_create_carries_its_mode_and_the_open_acl_where_none_is_given() {
    let modes = [
        (pb::CreateMode::Persistent, CreateMode::Persistent),
        (pb::CreateMode::Ephemeral, CreateMode::Ephemeral),
        (pb::CreateMode::PersistentSequential, CreateMode::PersistentSequential),
        (pb::CreateMode::EphemeralSequential, CreateMode::EphemeralSequential),
    ];
    for (mode, flags) in modes {
        let body = requests::create(&pb::CreateRequest { session: SESSION, ..create("/a", mode) });
        let body = body.expect("a good request");
        let record = CreateRequest::decode(&mut Reader::new(&body)).expect("a record");
        let expected = CreateRequest {
            path: "/a",
            data: Some(b"data"),
            acl: Some(AclList::open()),
            flags: flags as i32,
        };
        assert_eq!(record, expected);
    }
}

#[test]
fn a_create_carries_the_acl_that_is_given() {
    let acl = vec![
        pb::Acl { perms: 1, scheme: "world".into(), id: "anyone".into() },
        pb::Acl { perms: -1, scheme: String::new(), id: "x".into() },
    ];
    let body = requests::create(&pb::CreateRequest { acl, ..create("/a", pb::CreateMode::Persistent) });
    let body = body.expect("whether an ACL is good is not judged here");
    let record = CreateRequest::decode(&mut Reader::new(&body)).expect("a record");
    let entries: Vec<_> = record.acl.expect("a list").iter().flatten().collect();
    let entries: Vec<_> = entries.iter().map(|e| (e.perms, e.scheme, e.id)).collect();
    assert_eq!(entries, [(1, Some("world"), Some("anyone")), (-1, Some(""), Some("x"))]);
}

#[test]
fn creates_that_cannot_be_are_refused_with_the_reason() {
    let cases = [
        (create("/a", pb::CreateMode::Ephemeral), "session"),
        (create("/a", pb::CreateMode::EphemeralSequential), "session"),
        (pb::CreateRequest { mode: 4, ..create("/a", pb::CreateMode::Persistent) }, "create mode 4"),
        (pb::CreateRequest { mode: -1, ..create("/a", pb::CreateMode::Persistent) }, "create mode -1"),
        (create("", pb::CreateMode::Persistent), "empty"),
        (create("a", pb::CreateMode::Persistent), "start with /"),
        (create("/a/", pb::CreateMode::Persistent), "end with /"),
        (create("/a//", pb::CreateMode::PersistentSequential), "empty name"),
    ];
    for (request, reason) in cases {
        let failure = requests::create(&request).expect_err(reason);
        assert_eq!(failure.code, ErrorCode::BadArguments.code());
        assert!(failure.message.contains(reason), "{}", failure.message);
        assert_eq!((failure.path.as_str(), failure.operation), (request.path.as_str(), None));
    }
}

#[test]
fn a_sequential_znode_may_be_named_by_its_number_alone() {
    assert!(requests::create(&create("/a/", pb::CreateMode::PersistentSequential)).is_ok());
}

#[test]
fn an_absent_version_is_any_and_others_are_passed_on() {
    for (version, expected) in [(None, -1), (Some(0), 0), (Some(-1), -1), (Some(i32::MIN), i32::MIN)] {
        let set = pb::SetRequest { path: "/a".into(), data: Bytes::new(), version, session: 0 };
        let body = requests::set(&set).expect("a good request");
        let record = SetDataRequest::decode(&mut Reader::new(&body)).expect("a record");
        assert_eq!(record, SetDataRequest { path: "/a", data: Some(b""), version: expected });
        let delete = pb::DeleteRequest { path: "/a".into(), version, session: 0 };
        let body = requests::delete(&delete).expect("a good request");
        let record = DeleteRequest::decode(&mut Reader::new(&body)).expect("a record");
        assert_eq!(record, DeleteRequest { path: "/a", version: expected });
    }
}

#[test]
fn a_read_sets_no_watch() {
    let body = requests::read("/a").expect("a good path");
    let record = PathWatchRequest::decode(&mut Reader::new(&body)).expect("a record");
    assert_eq!(record, PathWatchRequest { path: "/a", watch: false });
    assert_eq!(requests::read("/a/").expect_err("a bad path").path, "/a/");
}

#[test]
fn a_multi_carries_its_operations_in_order() {
    let operations = vec![
        operation(Kind::Create(create("/a", pb::CreateMode::Ephemeral))),
        operation(Kind::Set(pb::SetRequest { path: "/b".into(), version: Some(3), ..Default::default() })),
        operation(Kind::Delete(pb::DeleteRequest {
            path: "/c".into(),
            session: SESSION,
            ..Default::default()
        })),
        operation(Kind::Check(pb::CheckVersion { path: "/d".into(), version: None })),
    ];
    let body = requests::multi(&pb::MultiRequest { operations, session: SESSION }).expect("a good request");
    let ops: Result<Vec<_>, _> = multi_ops(&body).collect();
    let ops: Vec<_> = ops.expect("operations").into_iter().map(|(_, op)| op).collect();
    assert!(
        matches!(ops[0], MultiOp::Create(CreateRequest { path: "/a", flags: 1, .. }, op) if op == OpCode::Create2.code())
    );
    assert!(matches!(ops[1], MultiOp::SetData(SetDataRequest { path: "/b", version: 3, .. })));
    assert!(matches!(ops[2], MultiOp::Delete(DeleteRequest { path: "/c", version: -1 })));
    assert!(matches!(ops[3], MultiOp::Check(check) if check.path == "/d" && check.version == -1));
    assert_eq!(ops.len(), 4);
}

#[test]
fn a_multi_of_nothing_is_a_multi() {
    let body = requests::multi(&pb::MultiRequest::default()).expect("a good request");
    assert_eq!(multi_ops(&body).count(), 0);
}

#[test]
fn what_is_wrong_in_a_multi_is_named_by_its_operation() {
    let good = operation(Kind::Check(pb::CheckVersion { path: "/a".into(), version: None }));
    let other_session = pb::DeleteRequest { path: "/b".into(), session: SESSION + 1, ..Default::default() };
    let cases = [
        (pb::Operation { kind: None }, "empty", ""),
        (operation(Kind::Create(create("/b", pb::CreateMode::Ephemeral))), "session", "/b"),
        (operation(Kind::Delete(other_session)), "another session", "/b"),
        (operation(Kind::Set(pb::SetRequest { path: "b".into(), ..Default::default() })), "start with", "b"),
    ];
    for (bad, reason, path) in cases {
        let request = pb::MultiRequest { operations: vec![good.clone(), bad], session: 0 };
        let failure = requests::multi(&request).expect_err(reason);
        assert!(failure.message.contains(reason), "{}", failure.message);
        assert_eq!((failure.operation, failure.path.as_str()), (Some(1), path));
    }
}

#[test]
fn a_watch_takes_each_target_once() {
    let target = |path: &str, node, children| pb::watch_request::Target { path: path.into(), node, children };
    let watch = |targets| requests::targets(&pb::WatchRequest { targets, session: 0 });
    let targets = watch(vec![target("/a", true, true), target("/a", true, false), target("/b", false, true)]);
    let targets = targets.expect("good targets");
    let targets: Vec<_> = targets.iter().map(|(kind, path)| (*kind, &**path)).collect();
    assert_eq!(targets, [(WatchKind::Data, "/a"), (WatchKind::Child, "/a"), (WatchKind::Child, "/b")]);
    for bad in [
        vec![],
        vec![target("/a", false, false)],
        vec![target("a", true, false)],
        vec![target("/a", true, false); requests::TARGETS_MAX + 1],
    ] {
        assert_eq!(watch(bad).expect_err("bad targets").code, ErrorCode::BadArguments.code());
    }
}

#[test]
fn replies_are_told_field_by_field_with_their_zxid() {
    let created = replies::create(&reply(|out| Create2Response { path: "/a1", stat: stat() }.encode(out)));
    let expected = pb::CreateResponse { zxid: 42, path: "/a1".into(), stat: Some(pb_stat()) };
    assert_eq!(created, Ok(expected));

    let got = replies::get(&reply(|out| GetDataResponse { data: Some(b"x"), stat: stat() }.encode(out)));
    assert_eq!(got, Ok(pb::GetResponse { zxid: 42, data: "x".into(), stat: Some(pb_stat()) }));
    let null = replies::get(&reply(|out| GetDataResponse { data: None, stat: stat() }.encode(out)));
    assert_eq!(null.expect("a reply").data, "");

    let set = replies::set(&reply(|out| StatResponse { stat: stat() }.encode(out)));
    assert_eq!(set, Ok(pb::SetResponse { zxid: 42, stat: Some(pb_stat()) }));

    let children = GetChildren2Response { children: vec!["b", "a"], stat: stat() };
    let listed = replies::list_children(&reply(|out| children.encode(out)));
    let expected =
        pb::ListChildrenResponse { zxid: 42, children: vec!["b".into(), "a".into()], stat: Some(pb_stat()) };
    assert_eq!(listed, Ok(expected));
}

#[test]
fn that_a_znode_does_not_exist_is_an_answer() {
    let there = replies::exists(reply(|out| StatResponse { stat: stat() }.encode(out)), "/a");
    assert_eq!(there, Ok(pb::ExistsResponse { zxid: 42, stat: Some(pb_stat()) }));
    let error = |code: ErrorCode| ApiReply { zxid: Zxid(42), err: code.code(), body: Bytes::new() };
    let absent = replies::exists(error(ErrorCode::NoNode), "/a");
    assert_eq!(absent, Ok(pb::ExistsResponse { zxid: 42, stat: None }));
    let failure = replies::exists(error(ErrorCode::NoAuth), "/a").expect_err("an error");
    assert_eq!((failure.code, failure.path.as_str(), failure.zxid), (-102, "/a", Zxid(42)));
}

fn operations() -> Vec<pb::Operation> {
    vec![
        operation(Kind::Create(create("/a", pb::CreateMode::Persistent))),
        operation(Kind::Set(pb::SetRequest { path: "/b".into(), ..Default::default() })),
        operation(Kind::Delete(pb::DeleteRequest { path: "/c".into(), ..Default::default() })),
        operation(Kind::Check(pb::CheckVersion { path: "/d".into(), version: Some(1) })),
    ]
}

#[test]
fn a_multi_has_a_result_for_each_operation() {
    let good = reply(|out| {
        result_header(out, OpCode::Create2.code());
        Create2Response { path: "/a", stat: stat() }.encode(out);
        result_header(out, OpCode::SetData.code());
        StatResponse { stat: stat() }.encode(out);
        result_header(out, OpCode::Delete.code());
        result_header(out, OpCode::Check.code());
        multi_reply::end(out);
    });
    let answer = replies::multi(&good, &operations()).expect("a good multi");
    let kinds: Vec<_> = answer.results.into_iter().filter_map(|result| result.kind).collect();
    let expected = [
        operation_result::Kind::Create(pb::CreateResponse {
            zxid: 42,
            path: "/a".into(),
            stat: Some(pb_stat()),
        }),
        operation_result::Kind::Set(pb::SetResponse { zxid: 42, stat: Some(pb_stat()) }),
        operation_result::Kind::Delete(pb::DeleteResponse { zxid: 42 }),
        operation_result::Kind::Check(pb::CheckVersion { path: "/d".into(), version: Some(1) }),
    ];
    assert_eq!((answer.zxid, kinds), (42, expected.to_vec()));
    let failure = replies::multi(&good, &operations()[..3]).expect_err("a result too many");
    assert_eq!(failure.code, ErrorCode::SystemError.code());
}

#[test]
fn a_failed_multi_is_the_failure_of_the_operation_that_failed() {
    let failed = reply(|out| {
        for code in [0, 0, -101, ErrorCode::RuntimeInconsistency.code()] {
            error_result(out, code);
        }
        multi_reply::end(out);
    });
    let failure = replies::multi(&failed, &operations()).expect_err("a failure");
    assert_eq!((failure.code, failure.path.as_str(), failure.operation), (-101, "/c", Some(2)));
    assert_eq!((failure.message.as_str(), failure.zxid), ("NoNode for /c", Zxid(42)));
}

proptest! {
    #[test]
    fn no_answer_makes_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let reply = ApiReply { zxid: Zxid(1), err: 0, body: body.into() };
        let _ = replies::create(&reply);
        let _ = replies::get(&reply);
        let _ = replies::set(&reply);
        let _ = replies::list_children(&reply);
        let _ = replies::exists(reply.clone(), "/a");
        let _ = replies::multi(&reply, &operations());
    }

    #[test]
    fn no_request_makes_a_panic(path in ".{0,30}", mode in any::<i32>(), session in any::<i64>(), version in any::<i32>()) {
        let create = pb::CreateRequest { path: path.clone(), mode, session, ..Default::default() };
        let single = requests::create(&create);
        let delete = pb::DeleteRequest { path, version: Some(version), session };
        let operations = vec![operation(Kind::Create(create)), operation(Kind::Delete(delete.clone()))];
        let multi = requests::multi(&pb::MultiRequest { operations, session });
        prop_assert_eq!(multi.is_ok(), single.is_ok() && requests::delete(&delete).is_ok());
    }
}
